package io.quern.attention;

import io.quern.DType;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import java.lang.foreign.MemorySegment;

/**
 * One thread's part of {@link PrefillVector}, and its scratch memory: some panels of queries that share a key head, and for
 * each of them O^T and {@link RowSums}. A row r of the part's heads is query {@code r % queries} of the group's head
 * {@code r / queries}.
 *
 * <p>A block of keys is used where it lies, unless its type is a 16-bit one or it has fewer rows than a tile. A block of
 * values is always laid out anew, an odd number of cache lines from a row to the next: its tiles are columns, and those of 128
 * channels would meet in an eighth of the first-level cache. A value that is not finite becomes 0 there where it meets a weight
 * of zero because its key is hidden, and is added apart: 0 times infinity must not reach a query that does not see it.
 */
final class PrefillPart {
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final int BLOCK = PrefillVector.BLOCK;
    private static final int TILE = MicroKernel.ROWS;

    private final Sequences sequences;
    private final Band band;
    private final ScoreTerms terms;
    private final RowSums sums;
    private final boolean plain;
    private final HeadRows query;
    private final HeadRows keys;
    private final HeadRows values;
    private final HeadRows out;
    private final MicroKernel kernel;
    private final PanelMath math;
    private final DType dtype;
    private final boolean narrow;
    private final int headDim;
    private final int valueDim;
    private final int group;
    private final int columns;
    private final long row;
    private final int bytes;

    private final long queryPanels;
    private final long queryPanelBytes;
    private final long outPanels;
    private final long outPanelBytes;
    private final long scores;
    private final long logits;
    private final long begins;
    private final long ends;
    private final long stagedKeys;
    private final long stagedValues;
    private final long valueStride;
    private final long end;

    // Of each column of each panel: the keys within the band.
    private final int panels;
    private final int[] begin;
    private final int[] stop;

    // Of each panel, over its columns.
    private final int[] leastBegin;
    private final int[] mostBegin;
    private final int[] leastEnd;
    private final int[] mostEnd;

    // The part and the block at hand.
    private int sequence;
    private int batch;
    private int keyHead;
    private int queries;
    private int firstRow;
    private int rows;
    private long keyRows;
    private long keyStride;
    private boolean valuesChecked;
    private boolean valuesFinite;
    private final boolean[] apart = new boolean[BLOCK];

    PrefillPart(Forward forward, Sequences sequences, int panels, long scratch) {
        Inputs inputs = forward.inputs();
        this.sequences = sequences;
        this.band = inputs.attention().band();
        this.query = HeadRows.of(inputs.query());
        this.keys = HeadRows.of(inputs.keys());
        this.values = HeadRows.of(inputs.values());
        this.out = HeadRows.of(forward.out());
        this.dtype = inputs.query().dtype();
        this.narrow = dtype != dtype.accumulator();
        this.headDim = inputs.attention().headDim();
        this.valueDim = inputs.attention().valueDim();
        this.group = inputs.keys().size(1) == 0
                ? 0
                : (int) (inputs.heads() / inputs.keys().size(1));
        this.kernel = PrefillVector.microKernel(dtype);
        this.math = PrefillVector.panelMath(dtype);
        this.columns = kernel.columns();
        this.row = kernel.rowBytes();
        this.bytes = kernel.elementBytes();
        this.panels = panels;
        this.queryPanelBytes = HostMemory.lines(headDim * row);
        this.outPanelBytes = HostMemory.lines(tiled(valueDim) * row);
        this.valueStride = HostMemory.lines(tiled(valueDim) * (long) bytes) | HostMemory.ALIGNMENT;
        long numbers = HostMemory.lines(row);
        long panelBytes = HostMemory.lines((BLOCK + TILE) * row);

        queryPanels = scratch;
        outPanels = queryPanels + panels * queryPanelBytes;
        scores = outPanels + panels * outPanelBytes;
        logits = scores + panelBytes;
        begins = logits + (forward.statistics().entropy() == null ? 0 : panelBytes);
        ends = begins + numbers;
        stagedKeys = ends + numbers;
        stagedValues = stagedKeys + HostMemory.lines((BLOCK + TILE) * (long) headDim * bytes);
        long ofTerms = stagedValues + BLOCK * valueStride;
        terms = new ScoreTerms(inputs, kernel, math, ofTerms);
        plain = ScoreTerms.plain(inputs);
        long ofSums = ofTerms + ScoreTerms.scratchBytes(kernel);
        sums = new RowSums(forward, kernel, math, panels, ofSums);
        end = ofSums + RowSums.scratchBytes(kernel, panels);

        begin = new int[panels * columns];
        stop = new int[panels * columns];
        leastBegin = new int[panels];
        mostBegin = new int[panels];
        leastEnd = new int[panels];
        mostEnd = new int[panels];
    }

    static long scratchBytes(Forward forward, int panels) {
        return new PrefillPart(forward, null, panels, 0).end;
    }

    private static int tiled(int length) {
        return Math.ceilDiv(length, TILE) * TILE;
    }

    /**
     * Computes the panels of a part.
     *
     * @param firstRow the part's first row, counted among those of the key head
     */
    void run(int sequence, int keyHead, int firstRow) {
        this.sequence = sequence;
        this.batch = sequences.row[sequence];
        this.queries = sequences.queries[sequence];
        this.keyHead = keyHead;
        this.firstRow = firstRow;
        rows = Math.min(group * queries - firstRow, panels * columns);
        int keyCount = sequences.keys[sequence];
        terms.sequence(sequence, batch, sequences.firstKey[sequence], queries, keyCount);
        int used = Math.ceilDiv(rows, columns);
        int begin = Integer.MAX_VALUE;
        int end = 0;
        for (int p = 0; p < used; p++) {
            open(p, keyCount);
            begin = Math.min(begin, leastBegin[p]);
            end = Math.max(end, mostEnd[p]);
        }
        for (int block = begin / BLOCK * BLOCK; block < end; block += BLOCK) {
            int count = Math.min(BLOCK, end - block);
            place(block, count);
            for (int p = 0; p < used; p++) {
                attend(p, block, count);
            }
        }
        for (int p = 0; p < used; p++) {
            close(p);
        }
    }

    private int count(int panel) {
        return Math.min(columns, rows - panel * columns);
    }

    private int head(int panel, int column) {
        return keyHead * group + (firstRow + panel * columns + column) / queries;
    }

    private int query(int panel, int column) {
        return (firstRow + panel * columns + column) % queries;
    }

    /** Packs the panel's queries, notes what they see, and clears O^T and the sums. */
    private void open(int panel, int keyCount) {
        long to = queryPanels + panel * queryPanelBytes;
        int count = count(panel);
        if (count < columns) {
            HostMemory.clear(to, headDim * row);
        }
        leastBegin[panel] = leastEnd[panel] = Integer.MAX_VALUE;
        mostBegin[panel] = mostEnd[panel] = 0;
        for (int j = 0; j < count; j++) {
            int head = head(panel, j);
            int i = query(panel, j);
            int first = (int) band.begin(i, queries, keyCount);
            int last = (int) band.end(i, queries, keyCount);
            long from = row(query, batch, head, sequences.firstQuery[sequence] + i, headDim);
            math.packColumn(headDim, from, terms.scale(head, i, first, last), to, j);
            begin[panel * columns + j] = first;
            stop[panel * columns + j] = last;
            leastBegin[panel] = Math.min(leastBegin[panel], first);
            mostBegin[panel] = Math.max(mostBegin[panel], first);
            leastEnd[panel] = Math.min(leastEnd[panel], last);
            mostEnd[panel] = Math.max(mostEnd[panel], last);
        }
        HostMemory.clear(outPanels + panel * outPanelBytes, tiled(valueDim) * row);
        sums.open(panel);
    }

    /** {@return where a row lies as FP32 or FP64; a 16-bit one until the next} */
    private long row(HeadRows rows, int batch, int head, int i, int length) {
        long at = rows.at(batch, head, i);
        return narrow ? Fp32Blocks.ofThread().load(0, dtype, ALL, at, length).address() : at;
    }

    /** Says where the rows of a block lie, after laying them out anew if need be. */
    private void place(int block, int count) {
        valuesChecked = false;
        if (narrow || count < TILE) {
            keyRows = stagedKeys;
            keyStride = (long) headDim * bytes;
            stage(keys, block, count, headDim, stagedKeys, keyStride);
        } else {
            keyRows = keys.at(batch, keyHead, sequences.firstKey[sequence] + block);
            keyStride = keys.rowStride();
        }
        stage(values, block, count, valueDim, stagedValues, valueStride);
    }

    private void stage(HeadRows from, int first, int count, int length, long to, long stride) {
        long at = from.at(batch, keyHead, sequences.firstKey[sequence] + first);
        WideRows.copy(dtype, dtype.accumulator(), at, from.rowStride(), count, length, (int) (stride / bytes), to);
    }

    /** One step of the online softmax: a panel and a block of keys. */
    private void attend(int panel, int block, int count) {
        int from = Math.max(0, leastBegin[panel] - block) / TILE * TILE;
        if (keyRows != stagedKeys) {
            from = Math.min(from, count - TILE);
        }
        int keys = Math.min(count, mostEnd[panel] - block) - from;
        if (keys <= 0) {
            return;
        }
        if (!plain) {
            columns(panel);
            if (terms.empty(block + from, keys)) {
                return;
            }
        }
        score(panel, from, keys, count);
        if (!plain) {
            terms.apply(block + from, keys, scores);
        }
        boolean masked = mostBegin[panel] > block + from || leastEnd[panel] < block + from + keys;
        if (masked) {
            mask(panel, block + from, keys);
        }
        long outs = outPanels + panel * outPanelBytes;
        sums.step(panel, keys, scores, logits, outs, tiled(valueDim));
        if (terms.drops()) {
            columns(panel);
            terms.drop(block + from, keys, scores);
        }
        // Asked first: it may lay the values out anew.
        boolean rowsApart = (masked || terms.hides() || valuesChecked) && !finiteValues(count);
        accumulate(outs, stagedValues + from * valueStride, keys);
        if (rowsApart) {
            accumulateApart(panel, block, from, keys);
        }
    }

    private void columns(int panel) {
        int count = count(panel);
        for (int j = 0; j < count; j++) {
            terms.column(j, head(panel, j), query(panel, j));
        }
        terms.columns(count);
    }

    /** S = K Q^T, in whole tiles. One that would go beyond the block begins earlier: what it computes twice is the same. */
    private void score(int panel, int from, int keys, int count) {
        long query = queryPanels + panel * queryPanelBytes;
        for (int i = 0; i < keys; i += TILE) {
            int first = keyRows == stagedKeys ? i : Math.min(i, count - from - TILE);
            kernel.multiplyAdd(
                    headDim,
                    keyRows + (from + first) * keyStride,
                    keyStride,
                    bytes,
                    query,
                    MicroKernel.zeros(),
                    0,
                    scores + first * row,
                    row);
        }
    }

    private void mask(int panel, int first, int keys) {
        int last = count(panel) - 1;
        for (int j = 0; j < columns; j++) {
            int of = panel * columns + Math.min(j, last);
            math.set(begins, j, begin[of] - first);
            math.set(ends, j, stop[of] - first);
        }
        math.keep(0, keys, scores, begins, ends);
    }

    /** {@return whether all values of the block are finite; if not, those rows are zeros from here on} */
    private boolean finiteValues(int count) {
        if (!valuesChecked) {
            valuesChecked = true;
            valuesFinite = math.allFinite(count, valueDim, stagedValues, valueStride);
            if (!valuesFinite) {
                setApart(count);
            }
        }
        return valuesFinite;
    }

    private void setApart(int count) {
        for (int i = 0; i < count; i++) {
            long at = stagedValues + i * valueStride;
            apart[i] = !math.allFinite(1, valueDim, at, valueStride);
            for (int d = 0; d < valueDim && apart[i]; d++) {
                math.set(at, d, 0);
            }
        }
    }

    /** Adds rows of values that are not finite to the queries that see them, and to no other. */
    private void accumulateApart(int panel, int block, int from, int keys) {
        for (int i = 0; i < keys; i++) {
            if (apart[from + i]) {
                int key = block + from + i;
                long value = row(values, batch, keyHead, sequences.firstKey[sequence] + key, valueDim);
                for (int j = 0; j < count(panel); j++) {
                    boolean within = key >= begin[panel * columns + j] && key < stop[panel * columns + j];
                    if (within && terms.visible(head(panel, j), query(panel, j), key)) {
                        accumulate(panel, j, math.get(scores + i * row, j), value);
                    }
                }
            }
        }
    }

    private void accumulate(int panel, int column, double weight, long value) {
        for (int d = 0; d < valueDim; d++) {
            long at = outPanels + panel * outPanelBytes + d * row;
            math.set(at, column, math.get(at, column) + weight * math.get(value, d));
        }
    }

    /** O^T += V^T P. */
    private void accumulate(long outs, long values, int keys) {
        for (int i = 0; i < valueDim; i += TILE) {
            kernel.multiplyAdd(
                    keys,
                    values + (long) i * bytes,
                    bytes,
                    valueStride,
                    scores,
                    outs + i * row,
                    row,
                    outs + i * row,
                    row);
        }
    }

    /** Divides by the sums and writes the panel's rows. */
    private void close(int panel) {
        for (int j = 0; j < count(panel); j++) {
            int head = head(panel, j);
            int i = sequences.firstQuery[sequence] + query(panel, j);
            write(panel, j, sums.close(panel, j, batch, head, i), out.at(batch, head, i));
        }
    }

    private void write(int panel, int column, double factor, long to) {
        long outs = outPanels + panel * outPanelBytes;
        if (!narrow) {
            math.unpackColumn(valueDim, outs, column, factor, to);
            return;
        }
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        math.unpackColumn(valueDim, outs, column, factor, blocks.address(0));
        blocks.store(0, dtype, ALL, to, valueDim);
    }
}
