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
 * each of them m, l and O^T. A row r of the part's heads is query {@code r % queries} of the group's head {@code r / queries}.
 *
 * <p>A block of keys or values is used where it lies. It is laid out anew in scratch memory where its type is a 16-bit one,
 * where it has fewer rows or columns than a tile, and where a value that is not finite meets a weight of zero because of a
 * mask: 0 times infinity must not reach a query that does not see it.
 */
final class PrefillPart {
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final int BLOCK = PrefillVector.BLOCK;
    private static final int TILE = MicroKernel.ROWS;
    private static final double LN_2 = Math.log(2);

    private final Prefill problem;
    private final MicroKernel kernel;
    private final PanelMath math;
    private final DType dtype;
    private final int columns;
    private final long row;
    private final int bytes;
    private final int rows;

    private final long queryPanels;
    private final long queryPanelBytes;
    private final long outPanels;
    private final long outPanelBytes;
    private final long maxima;
    private final long sums;
    private final long scores;
    private final long factors;
    private final long begins;
    private final long ends;
    private final long powers;
    private final long stagedKeys;
    private final long stagedValues;
    private final long end;

    // Of each panel, over its columns.
    private final int[] leastBegin;
    private final int[] mostBegin;
    private final int[] leastEnd;
    private final int[] mostEnd;

    // The part and the block at hand.
    private int batch;
    private int keyHead;
    private int firstRow;
    private long keyRows;
    private long keyStride;
    private long valueRows;
    private long valueStride;
    private boolean valuesChecked;
    private boolean valuesFinite;
    private final boolean[] apart = new boolean[BLOCK];

    PrefillPart(Prefill problem, int panels, long scratch) {
        this.problem = problem;
        this.dtype = problem.query().dtype();
        this.kernel = PrefillVector.microKernel(dtype);
        this.math = PrefillVector.panelMath(dtype);
        this.columns = kernel.columns();
        this.row = kernel.rowBytes();
        this.bytes = kernel.elementBytes();
        this.rows = problem.group() * problem.queries();
        this.queryPanelBytes = lines(problem.headDim() * row);
        this.outPanelBytes = lines(tiled(problem.valueDim()) * row);
        long numbers = lines(row);

        queryPanels = scratch;
        outPanels = queryPanels + panels * queryPanelBytes;
        maxima = outPanels + panels * outPanelBytes;
        sums = maxima + panels * numbers;
        scores = sums + panels * numbers;
        factors = scores + lines((BLOCK + TILE) * row);
        begins = factors + numbers;
        ends = begins + numbers;
        powers = ends + numbers;
        stagedKeys = powers + lines(PanelMath.scratchBytes());
        stagedValues = stagedKeys + lines((BLOCK + TILE) * (long) problem.headDim() * bytes);
        end = stagedValues + lines((long) BLOCK * tiled(problem.valueDim()) * bytes);

        leastBegin = new int[panels];
        mostBegin = new int[panels];
        leastEnd = new int[panels];
        mostEnd = new int[panels];
    }

    static long scratchBytes(Prefill problem, int panels) {
        return new PrefillPart(problem, panels, 0).end;
    }

    private static long lines(long bytes) {
        return Math.ceilDiv(bytes, HostMemory.ALIGNMENT) * HostMemory.ALIGNMENT;
    }

    private static int tiled(int length) {
        return Math.ceilDiv(length, TILE) * TILE;
    }

    /**
     * Computes panels from first to their number, or to the last of the head.
     *
     * @param first the part's first panel, counted among those of the key head
     */
    void run(int batch, int keyHead, int first) {
        this.batch = batch;
        this.keyHead = keyHead;
        this.firstRow = first * columns;
        int panels = Math.min(leastBegin.length, Math.ceilDiv(rows - firstRow, columns));
        int begin = Integer.MAX_VALUE;
        int end = 0;
        for (int p = 0; p < panels; p++) {
            open(p);
            begin = Math.min(begin, leastBegin[p]);
            end = Math.max(end, mostEnd[p]);
        }
        for (int block = begin / BLOCK * BLOCK; block < end; block += BLOCK) {
            int count = Math.min(BLOCK, end - block);
            place(block, count);
            for (int p = 0; p < panels; p++) {
                attend(p, block, count);
            }
        }
        for (int p = 0; p < panels; p++) {
            close(p);
        }
    }

    private int count(int panel) {
        return Math.min(columns, rows - firstRow - panel * columns);
    }

    private int head(int r) {
        return keyHead * problem.group() + r / problem.queries();
    }

    /** Packs the panel's queries, notes what they see, and clears m, l and O^T. */
    private void open(int panel) {
        long to = queryPanels + panel * queryPanelBytes;
        int count = count(panel);
        if (count < columns) {
            clear(to, problem.headDim());
        }
        leastBegin[panel] = leastEnd[panel] = Integer.MAX_VALUE;
        mostBegin[panel] = mostEnd[panel] = 0;
        for (int j = 0; j < count; j++) {
            int r = firstRow + panel * columns + j;
            int query = r % problem.queries();
            math.packColumn(problem.headDim(), queryRow(head(r), query), PrefillVector.packedScale(problem), to, j);
            int begin = problem.visibility().begin(query, problem.keyCount());
            int end = problem.visibility().end(query, problem.keyCount());
            leastBegin[panel] = Math.min(leastBegin[panel], begin);
            mostBegin[panel] = Math.max(mostBegin[panel], begin);
            leastEnd[panel] = Math.min(leastEnd[panel], end);
            mostEnd[panel] = Math.max(mostEnd[panel], end);
        }
        clear(outPanels + panel * outPanelBytes, tiled(problem.valueDim()));
        for (int j = 0; j < columns; j++) {
            math.set(maxima + panel * lines(row), j, lowest());
            math.set(sums + panel * lines(row), j, 0);
        }
    }

    /** The maximum of no scores. Finite, so that masked scores less than it are -infinity and not NaN. */
    private double lowest() {
        return dtype == DType.FP64 ? -Double.MAX_VALUE : -Float.MAX_VALUE;
    }

    private long queryRow(int head, int query) {
        HeadRows rows = problem.query();
        return narrow()
                ? widen(rows, rows.at(batch, head, query), problem.headDim())
                : rows.address(batch, head, query);
    }

    /** {@return where a 16-bit row lies as FP32, until the next one} */
    private long widen(HeadRows rows, long at, int length) {
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        if (rows.dtype() == DType.FP16) {
            blocks.loadFp16(0, rows.segment(), at, length);
        } else {
            blocks.loadBf16(0, rows.segment(), at, length);
        }
        return blocks.segment(0).address();
    }

    /** Says where the rows of a block lie, after laying them out anew if need be. */
    private void place(int block, int count) {
        valuesChecked = false;
        if (narrow() || count < TILE) {
            keyRows = stagedKeys;
            keyStride = (long) problem.headDim() * bytes;
            stage(problem.keys(), block, count, problem.headDim(), stagedKeys, keyStride);
        } else {
            keyRows = problem.keys().address(batch, keyHead, block);
            keyStride = problem.keys().rowBytes();
        }
        if (narrow() || problem.valueDim() < TILE) {
            stageValues(block, count);
        } else {
            valueRows = problem.values().address(batch, keyHead, block);
            valueStride = problem.values().rowBytes();
        }
    }

    private void stageValues(int block, int count) {
        valueRows = stagedValues;
        valueStride = (long) tiled(problem.valueDim()) * bytes;
        stage(problem.values(), block, count, problem.valueDim(), stagedValues, valueStride);
    }

    private void stage(HeadRows from, int first, int count, int length, long to, long stride) {
        for (int i = 0; i < count; i++) {
            long source = narrow()
                    ? widen(from, from.at(batch, keyHead, first + i), length)
                    : from.address(batch, keyHead, first + i);
            MemorySegment.copy(ALL, source, ALL, to + i * stride, (long) length * bytes);
        }
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
        boolean masked = mostBegin[panel] > block + from || leastEnd[panel] < block + from + keys;
        score(panel, from, keys, count);
        if (masked) {
            mask(panel, block + from, keys);
        }
        long max = maxima + panel * lines(row);
        long sum = sums + panel * lines(row);
        long outs = outPanels + panel * outPanelBytes;
        MemorySegment.copy(ALL, max, ALL, factors, row);
        math.maxima(keys, scores, max);
        if (MemorySegment.mismatch(ALL, max, max + row, ALL, factors, factors + row) >= 0) {
            math.exponentials(1, factors, max, ends, powers);
            math.scale(1, sum, factors);
            math.scale(tiled(problem.valueDim()), outs, factors);
        }
        math.exponentials(keys, scores, max, sum, powers);
        if ((masked || valuesChecked) && !finiteValues(block, count)) {
            accumulate(outs, valueRows + from * valueStride, keys);
            accumulateApart(panel, block, from, keys);
        } else {
            accumulate(outs, valueRows + from * valueStride, keys);
        }
    }

    /** S = K Q^T, in whole tiles. One that would go beyond the block begins earlier: what it computes twice is the same. */
    private void score(int panel, int from, int keys, int count) {
        long query = queryPanels + panel * queryPanelBytes;
        for (int i = 0; i < keys; i += TILE) {
            int first = keyRows == stagedKeys ? i : Math.min(i, count - from - TILE);
            kernel.multiplyAdd(
                    problem.headDim(),
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
        for (int j = 0; j < columns; j++) {
            int r = firstRow + panel * columns + Math.min(j, count(panel) - 1);
            int query = r % problem.queries();
            math.set(begins, j, problem.visibility().begin(query, problem.keyCount()) - first);
            math.set(ends, j, problem.visibility().end(query, problem.keyCount()) - first);
        }
        math.keep(0, keys, scores, begins, ends);
    }

    /** {@return whether all values of the block are finite; if not, those rows are zeros from here on} */
    private boolean finiteValues(int block, int count) {
        if (!valuesChecked) {
            valuesChecked = true;
            valuesFinite = math.allFinite(count, problem.valueDim(), valueRows, valueStride);
            if (!valuesFinite) {
                setApart(block, count);
            }
        }
        return valuesFinite;
    }

    private void setApart(int block, int count) {
        stageValues(block, count);
        for (int i = 0; i < count; i++) {
            long at = valueRows + i * valueStride;
            apart[i] = !math.allFinite(1, problem.valueDim(), at, valueStride);
            for (int d = 0; d < problem.valueDim() && apart[i]; d++) {
                math.set(at, d, 0);
            }
        }
    }

    /** Adds rows of values that are not finite to the queries that see them, and to no other. */
    private void accumulateApart(int panel, int block, int from, int keys) {
        for (int i = 0; i < keys; i++) {
            if (apart[from + i]) {
                int key = block + from + i;
                HeadRows values = problem.values();
                long value = narrow()
                        ? widen(values, values.at(batch, keyHead, key), problem.valueDim())
                        : values.address(batch, keyHead, key);
                for (int j = 0; j < count(panel); j++) {
                    int query = (firstRow + panel * columns + j) % problem.queries();
                    if (key >= problem.visibility().begin(query, problem.keyCount())
                            && key < problem.visibility().end(query, problem.keyCount())) {
                        accumulate(panel, j, math.get(scores + i * row, j), value);
                    }
                }
            }
        }
    }

    private void accumulate(int panel, int column, double weight, long value) {
        for (int d = 0; d < problem.valueDim(); d++) {
            long out = outPanels + panel * outPanelBytes + outRow(d) * row;
            math.set(out, column, math.get(out, column) + weight * math.get(value, d));
        }
    }

    /** {@return the row of O^T that holds element d of the values' sum} */
    private int outRow(int d) {
        int whole = wholeTiles();
        return d < whole ? d : whole + d - Math.max(0, problem.valueDim() - TILE);
    }

    /** {@return the length of the tiles that are not begun early} */
    private int wholeTiles() {
        return problem.valueDim() / TILE * TILE;
    }

    /** O^T += V^T P. The last tile of O^T holds the last rows of V^T, some of them a second time. */
    private void accumulate(long outs, long values, int keys) {
        int length = problem.valueDim();
        for (int i = 0; i < length; i += TILE) {
            long first = Math.max(0, Math.min(i, length - TILE));
            kernel.multiplyAdd(
                    keys, values + first * bytes, bytes, valueStride, scores, outs + i * row, row, outs + i * row, row);
        }
    }

    /** Divides by the sums and writes the panel's rows. */
    private void close(int panel) {
        for (int j = 0; j < count(panel); j++) {
            int r = firstRow + panel * columns + j;
            double sum = math.get(sums + panel * lines(row), j);
            double max = math.get(maxima + panel * lines(row), j);
            write(panel, j, head(r), r % problem.queries(), sum == 0 ? 0 : 1 / sum);
            if (problem.logSumExp() != null) {
                double logSumExp = sum == 0 ? Double.NEGATIVE_INFINITY : max * LN_2 + Math.log(sum);
                math.set(problem.logSumExp().address(batch, head(r), r % problem.queries()), 0, logSumExp);
            }
        }
    }

    private void write(int panel, int column, int head, int query, double factor) {
        HeadRows out = problem.out();
        if (!narrow()) {
            unpack(panel, column, factor, out.address(batch, head, query));
            return;
        }
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        unpack(panel, column, factor, blocks.segment(0).address());
        if (dtype == DType.FP16) {
            blocks.storeFp16(0, out.segment(), out.at(batch, head, query), problem.valueDim());
        } else {
            blocks.storeBf16(0, out.segment(), out.at(batch, head, query), problem.valueDim());
        }
    }

    private void unpack(int panel, int column, double factor, long to) {
        int whole = wholeTiles();
        int rest = problem.valueDim() - whole;
        long outs = outPanels + panel * outPanelBytes;
        math.unpackColumn(whole, outs, column, factor, to);
        if (rest > 0) {
            math.unpackColumn(rest, outs + outRow(whole) * row, column, factor, to + (long) whole * bytes);
        }
    }

    private boolean narrow() {
        return dtype == DType.FP16 || dtype == DType.BF16;
    }

    private void clear(long to, long rowCount) {
        for (int i = 0; i < rowCount; i++) {
            MemorySegment.copy(ALL, MicroKernel.zeros(), ALL, to + i * row, row);
        }
    }
}
