package io.quern.attention;

import static io.quern.attention.BackwardLayout.QUERIES;

import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import java.lang.foreign.MemorySegment;

/**
 * One thread's part of {@link BackwardVector}, and its scratch memory: a block of keys of one key head, which all queries
 * that see some of it pass by.
 *
 * <p>Rows of keys or values that are not finite are zeros in the panels, as 0 times infinity must not reach a query that does
 * not see them; scores of such keys are computed apart. What does see them is not finite by its logSumExp or its D.
 */
final class BackwardPart {
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final int TILE = MicroKernel.ROWS;

    private final BackwardLayout layout;
    private final Sequences sequences;
    private final BackwardRows constants;
    private final PairTerms terms;
    private final BiasGradient bias;
    private final BiasGradient keyBias;
    private final Band band;
    private final HeadRows query;
    private final HeadRows keys;
    private final HeadRows values;
    private final HeadRows outGradient;
    private final HeadRows queryGradient;
    private final HeadRows keysGradient;
    private final HeadRows valuesGradient;
    private final boolean plain;
    private final boolean entropy;
    private final double ofScale; // the scale of scores in nats over what queries are multiplied by

    private final MicroKernel kernel;
    private final PanelMath math;
    private final int columns;
    private final int bytes;
    private final long row;
    private final int headDim;
    private final int valueDim;
    private final long queryRow;
    private final long outRow;

    // Of each panel of keys: K^T and V^T, the gradients' transposes; and of the block K with channels in the lanes.
    private final long keyPanels;
    private final long valuePanels;
    private final long keyGradients;
    private final long valueGradients;
    private final long keyPanelBytes;
    private final long valuePanelBytes;
    private final long keyRows;
    private final long keyRow;

    // Of a block of queries.
    private final long queryBlock;
    private final long outBlock;
    private final long shifts;
    private final long shiftPanel; // with the sign turned, the same in all columns
    private final long bases;

    // Of a block of queries and a panel.
    private final long weights;
    private final long products;
    private final long kept;
    private final long scores;
    private final long begins;
    private final long ends;
    private final long unused;
    private final long end;

    private final int[] first; // of each column of the block: the queries that see the key
    private final int[] stop;
    private final boolean[] apart;
    private final double[] entropyGradients = new double[QUERIES];

    // The sequence, the key head and the block at hand.
    private int sequence;
    private int batch;
    private int keyHead;
    private int queries;
    private int keyCount;
    private int block;
    private int count;
    private boolean anyApart;

    BackwardPart(
            BackwardLayout layout,
            Sequences sequences,
            BackwardRows constants,
            BiasGradient bias,
            BiasGradient keyBias,
            long scratch) {
        this.layout = layout;
        this.sequences = sequences;
        this.constants = constants;
        this.bias = bias;
        this.keyBias = keyBias;
        Backward backward = layout.backward;
        Inputs inputs = layout.inputs;
        Backward.Gradients gradients = backward.gradients();
        this.band = inputs.attention().band();
        this.query = HeadRows.of(inputs.query());
        this.keys = HeadRows.of(inputs.keys());
        this.values = HeadRows.of(inputs.values());
        this.outGradient = HeadRows.of(backward.incoming().outGradient());
        this.queryGradient = HeadRows.of(gradients.queryGradient());
        this.keysGradient = HeadRows.of(gradients.keysGradient());
        this.valuesGradient = HeadRows.of(gradients.valuesGradient());
        this.plain = ScoreTerms.plain(inputs);
        this.entropy = backward.incoming().entropyGradient() != null;
        this.ofScale = inputs.attention().softcap() == 0 ? 1 / ScoreTerms.LOG2_E : 1;
        this.kernel = layout.kernel;
        this.math = layout.math;
        this.columns = layout.columns;
        this.bytes = layout.bytes;
        this.row = layout.row;
        this.headDim = layout.headDim;
        this.valueDim = layout.valueDim;
        this.queryRow = BackwardLayout.oddLines((long) BackwardLayout.tiled(headDim) * bytes);
        this.outRow = BackwardLayout.oddLines((long) BackwardLayout.tiled(valueDim) * bytes);
        this.keyPanelBytes = HostMemory.lines(BackwardLayout.tiled(headDim) * row);
        this.valuePanelBytes = HostMemory.lines(BackwardLayout.tiled(valueDim) * row);
        this.keyRow = BackwardLayout.oddLines(layout.gradientChannels);

        // Not a multiple of 4 KiB apart: a load there would wait for a store to the same place of the other panel.
        long panelBytes = HostMemory.lines(QUERIES * row + 3520);
        long numbers = HostMemory.lines(row);
        keyPanels = scratch;
        valuePanels = keyPanels + layout.panels * keyPanelBytes;
        keyGradients = valuePanels + layout.panels * valuePanelBytes;
        valueGradients = keyGradients + layout.panels * keyPanelBytes;
        keyRows = valueGradients + layout.panels * valuePanelBytes;
        queryBlock = keyRows + layout.panels * columns * keyRow;
        outBlock = queryBlock + QUERIES * queryRow;
        shifts = outBlock + QUERIES * outRow;
        bases = shifts + HostMemory.lines((long) QUERIES * bytes);
        shiftPanel = bases + HostMemory.lines((long) QUERIES * bytes);
        weights = shiftPanel + panelBytes;
        products = weights + panelBytes;
        boolean drops = inputs.attention().randomness().dropout() != 0;
        kept = drops ? products + panelBytes : weights;
        scores = products + (drops ? 2 : 1) * panelBytes;
        begins = scores + (entropy ? panelBytes : 0);
        ends = begins + numbers;
        unused = ends + numbers;
        long ofTerms = unused + numbers;
        terms = new PairTerms(inputs, kernel, math, QUERIES, ofTerms);
        end = ofTerms + PairTerms.scratchBytes(kernel, QUERIES);

        first = new int[layout.panels * columns];
        stop = new int[layout.panels * columns];
        apart = new boolean[layout.panels * columns];
    }

    static long scratchBytes(BackwardLayout layout) {
        return new BackwardPart(layout, null, null, null, null, 0).end;
    }

    /**
     * Computes the gradients by a chunk of keys, and what the chunk gives to that by the queries.
     *
     * @param gradients where row 0 of the key head's first head lies in the queries' gradient; written
     */
    void run(int sequence, int keyHead, int chunk, long gradients) {
        this.sequence = sequence;
        this.keyHead = keyHead;
        batch = sequences.row[sequence];
        queries = sequences.queries[sequence];
        keyCount = sequences.keys[sequence];
        terms.sequence(sequence, batch, sequences.firstKey[sequence], queries, keyCount);
        for (int g = 0; g < layout.group; g++) {
            HostMemory.clear(gradientAt(gradients, g, 0), BackwardLayout.tiled(queries) * layout.gradientRow);
        }
        int end = Math.min(keyCount, (chunk + 1) * layout.chunkKeys);
        for (int from = chunk * layout.chunkKeys; from < end; from += layout.panels * columns) {
            open(from, Math.min(layout.panels * columns, end - from));
            for (int g = 0; g < layout.group; g++) {
                meet(keyHead * layout.group + g, gradientAt(gradients, g, 0));
            }
            close();
        }
    }

    private long gradientAt(long gradients, int head, int query) {
        return gradients + ((long) head * layout.rowsPerHead + constants.place(sequence, query)) * layout.gradientRow;
    }

    /** Writes the queries' gradient of the key head. */
    void write(int sequence, int keyHead, long gradients) {
        this.sequence = sequence;
        batch = sequences.row[sequence];
        for (int g = 0; g < layout.group; g++) {
            int head = keyHead * layout.group + g;
            for (int i = 0; i < sequences.queries[sequence]; i++) {
                double scale = BackwardRows.scale(constants.at(sequence, head, i)) * ofScale;
                long to = queryGradient.at(batch, head, sequences.firstQuery[sequence] + i);
                write(headDim, gradientAt(gradients, g, i), scale, to);
            }
        }
    }

    private void write(int length, long from, double factor, long to) {
        if (!layout.narrow) {
            math.scaleVector(length, from, factor, to);
            return;
        }
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        math.scaleVector(length, from, factor, blocks.address(0));
        blocks.store(0, layout.dtype, ALL, to, length);
    }

    /** {@return where a row lies as FP32 or FP64; a 16-bit one until the next} */
    private long row(HeadRows rows, int head, int i, int length) {
        long at = rows.at(batch, head, i);
        return layout.narrow
                ? Fp32Blocks.ofThread().load(0, layout.dtype, ALL, at, length).address()
                : at;
    }

    /** Packs a block of keys and notes who sees them. */
    private void open(int block, int count) {
        this.block = block;
        this.count = count;
        int used = Math.ceilDiv(count, columns);
        if (count < used * columns) {
            HostMemory.clear(keyPanels + (used - 1) * keyPanelBytes, headDim * row);
            HostMemory.clear(valuePanels + (used - 1) * valuePanelBytes, valueDim * row);
        }
        for (int p = 0; p < used; p++) {
            HostMemory.clear(keyGradients + p * keyPanelBytes, keyPanelBytes);
            HostMemory.clear(valueGradients + p * valuePanelBytes, valuePanelBytes);
        }
        anyApart = false;
        for (int j = 0; j < used * columns; j++) {
            boolean within = j < count;
            first[j] = within ? (int) band.firstQuery(block + j, queries, keyCount) : 0;
            stop[j] = within ? (int) band.endOfQueries(block + j, queries, keyCount) : 0;
            if (within) {
                pack(j);
            }
        }
    }

    private void pack(int j) {
        int p = j / columns;
        int i = sequences.firstKey[sequence] + block + j;
        long key = row(keys, keyHead, i, headDim);
        apart[j] = !math.allFinite(1, headDim, key, 0);
        anyApart |= apart[j];
        key = finite(apart[j], key);
        MemorySegment.copy(ALL, key, ALL, keyRows + j * keyRow, (long) headDim * bytes);
        math.packColumn(headDim, key, 1, keyPanels + p * keyPanelBytes, j % columns);
        long value = row(values, keyHead, i, valueDim);
        boolean finite = math.allFinite(1, valueDim, value, 0);
        math.packColumn(valueDim, finite(!finite, value), 1, valuePanels + p * valuePanelBytes, j % columns);
    }

    /** {@return a row's address, or where a row of zeros lies} */
    private long finite(boolean not, long at) {
        if (not) {
            HostMemory.clear(queryBlock, Math.max(queryRow, outRow));
        }
        return not ? queryBlock : at;
    }

    /** Lets the queries of a head pass by the block. */
    private void meet(int head, long gradients) {
        int begin = Integer.MAX_VALUE;
        int end = 0;
        for (int j = 0; j < count; j++) {
            begin = first[j] < stop[j] ? Math.min(begin, first[j]) : begin;
            end = Math.max(end, stop[j]);
        }
        for (int from = begin / QUERIES * QUERIES; from < end; from += QUERIES) {
            int rows = Math.min(QUERIES, queries - from);
            stage(head, from, rows);
            for (int p = 0; p * columns < count; p++) {
                pair(head, from, rows, p, gradients + from * layout.gradientRow);
            }
        }
    }

    /** Lays queries and gradients of outputs out, whole tiles of them; what sees nothing is zeros. */
    private void stage(int head, int from, int rows) {
        for (int i = 0; i < BackwardLayout.tiled(rows); i++) {
            long toQuery = queryBlock + i * queryRow;
            long toOut = outBlock + i * outRow;
            long at = i < rows ? constants.at(sequence, head, from + i) : 0;
            if (i >= rows || constants.blind(at)) {
                HostMemory.clear(toQuery, (long) headDim * bytes);
                HostMemory.clear(toOut, (long) valueDim * bytes);
            } else {
                int token = sequences.firstQuery[sequence] + from + i;
                math.scaleVector(headDim, row(query, head, token, headDim), BackwardRows.scale(at), toQuery);
                math.scaleVector(valueDim, row(outGradient, head, token, valueDim), 1, toOut);
            }
            if (i < rows) {
                math.set(shifts, i, BackwardRows.shift(at));
                math.set(bases, i, BackwardRows.base(at));
                entropyGradients[i] = BackwardRows.entropyGradient(at);
            }
        }
        if (plain && !entropy) {
            HostMemory.clear(shiftPanel, rows * row);
            math.subtractRows(rows, shiftPanel, shifts);
        }
    }

    /** A block of queries and a panel of keys: everything that the pairs of both give. */
    private void pair(int head, int from, int rows, int panel, long gradients) {
        int width = Math.min(columns, count - panel * columns);
        int last = panel * columns + width - 1;
        // What follows begins and ends at whole tiles.
        int begin = Math.max(0, first[panel * columns] - from) / TILE * TILE;
        int end = Math.min(rows, BackwardLayout.tiled(Math.max(0, stop[last] - from)));
        if (begin >= end) {
            return;
        }
        int n = end - begin;
        long weight = weights + begin * row;
        long product = products + begin * row;
        boolean shifted = plain && !entropy && !anyApart;
        long c = shifted ? shiftPanel + begin * row : MicroKernel.zeros();
        long queryRows = queryBlock + begin * queryRow;
        multiply(n, headDim, queryRows, queryRow, keyPanels + panel * keyPanelBytes, c, shifted ? row : 0, weight);
        if (anyApart) {
            scoreApart(begin, end, panel, width);
        }
        if (!plain) {
            terms.apply(head, from + begin, n, block + panel * columns, width, weight);
        }
        if (width < columns || first[last] > from + begin || stop[panel * columns] < from + end) {
            mask(panel, from + begin, n, weight);
        }
        if (entropy) {
            MemorySegment.copy(ALL, weight, ALL, scores + begin * row, n * row);
        }
        if (!shifted) {
            math.subtractRows(n, weight, shifts + (long) begin * bytes);
        }
        math.exponentials(n, weight, MicroKernel.zeros(), unused);
        long outRows = outBlock + begin * outRow;
        multiply(n, valueDim, outRows, outRow, valuePanels + panel * valuePanelBytes, MicroKernel.zeros(), 0, product);
        if (terms.drops()) {
            long keep = kept + begin * row;
            terms.drop(head, from + begin, n, block + panel * columns, width, weight, keep, product);
        }
        accumulate(n, valueDim, outRows, outRow, kept + begin * row, valueGradients + panel * valuePanelBytes);
        if (entropy) {
            addInformation(begin, end, width);
        }
        math.weigh(n, weight, product, bases + (long) begin * bytes);
        if (bias != null || keyBias != null) {
            addBiases(head, from + begin, n, panel, width, product);
        }
        terms.uncap(n, width, product);
        accumulate(n, headDim, queryRows, queryRow, product, keyGradients + panel * keyPanelBytes);
        accumulateQueries(n, width, panel, product, gradients + begin * layout.gradientRow);
    }

    /** A sum of C and a product of rows and a panel, in whole tiles; its rows of C are a panel's, or all the same. */
    private void multiply(int rows, int depth, long from, long stride, long panel, long c, long cRow, long to) {
        for (int i = 0; i < rows; i += TILE) {
            kernel.multiplyAdd(depth, from + i * stride, stride, bytes, panel, c + i * cRow, cRow, to + i * row, row);
        }
    }

    /** Adds a product of transposed rows and a panel of pairs. */
    private void accumulate(int rows, int length, long from, long stride, long pairs, long to) {
        for (int c = 0; c < length; c += TILE) {
            kernel.multiplyAdd(
                    rows, from + (long) c * bytes, bytes, stride, pairs, to + c * row, row, to + c * row, row);
        }
    }

    /** Adds a product of a panel of pairs and the keys' rows. */
    private void accumulateQueries(int rows, int width, int panel, long pairs, long to) {
        long stride = layout.gradientRow;
        long from = keyRows + (long) panel * columns * keyRow;
        for (long c = 0; c < layout.gradientChannels; c += layout.channelTile) {
            for (int i = 0; i < rows; i += TILE) {
                long at = to + i * stride + c;
                kernel.multiplyAddRows(width, pairs + i * row, row, bytes, from + c, keyRow, at, stride, at, stride);
            }
        }
    }

    private void scoreApart(int begin, int end, int panel, int width) {
        for (int j = 0; j < width; j++) {
            if (apart[panel * columns + j]) {
                int token = sequences.firstKey[sequence] + block + panel * columns + j;
                long key = row(keys, keyHead, token, headDim);
                for (int i = begin; i < end; i++) {
                    double sum = 0;
                    for (int c = 0; c < headDim; c++) {
                        sum += math.get(queryBlock + i * queryRow, c) * math.get(key, c);
                    }
                    math.set(weights + i * row, j, sum);
                }
            }
        }
    }

    /** Down the columns: a key is seen by the queries from its first to its last. */
    private void mask(int panel, int from, int rows, long panelOfPairs) {
        for (int j = 0; j < columns; j++) {
            math.set(begins, j, first[panel * columns + j] - from);
            math.set(ends, j, stop[panel * columns + j] - from);
        }
        math.keep(0, rows, panelOfPairs, begins, ends);
    }

    /** What the entropy's gradient adds to that by a weight, but for what all pairs of a row have in common. */
    private void addInformation(int begin, int end, int width) {
        for (int i = begin; i < end; i++) {
            double factor = entropyGradients[i] / ScoreTerms.LOG2_E;
            for (int j = 0; j < width && factor != 0; j++) {
                double score = math.get(scores + i * row, j);
                if (score != Double.NEGATIVE_INFINITY) {
                    math.set(products + i * row, j, math.get(products + i * row, j) - factor * score);
                }
            }
        }
    }

    private void addBiases(int head, int from, int rows, int panel, int width, long pairs) {
        int key = sequences.firstKey[sequence] + block + panel * columns;
        if (bias != null) {
            bias.add(batch, head, from, rows, key, width, pairs, row);
        }
        if (keyBias != null) {
            keyBias.add(batch, head, from, rows, key, width, pairs, row);
        }
    }

    /** Writes the gradients by the block's keys and values. */
    private void close() {
        for (int j = 0; j < count; j++) {
            int i = sequences.firstKey[sequence] + block + j;
            int p = j / columns;
            unpack(headDim, keyGradients + p * keyPanelBytes, j % columns, ofScale, keysGradient.at(batch, keyHead, i));
            unpack(
                    valueDim,
                    valueGradients + p * valuePanelBytes,
                    j % columns,
                    1,
                    valuesGradient.at(batch, keyHead, i));
        }
    }

    private void unpack(int length, long panel, int column, double factor, long to) {
        if (!layout.narrow) {
            math.unpackColumn(length, panel, column, factor, to);
            return;
        }
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        math.unpackColumn(length, panel, column, factor, blocks.address(0));
        blocks.store(0, layout.dtype, ALL, to, length);
    }
}
