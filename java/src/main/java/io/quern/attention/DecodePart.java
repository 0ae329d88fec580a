package io.quern.attention;

import io.quern.DType;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Bf16RowKernel;
import io.quern.cpu.Exp2;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Fp32RowKernel;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One thread's part of {@link DecodeVector}, and its scratch memory: one stretch of keys, and all rows that share it: those of
 * each head of the group, its queries one behind the other.
 *
 * <p>Keys and values are taken where they are if they are FP32 or BF16 in whole vectors, otherwise they are copied to scratch
 * memory a block at a time, FP16 widened. Beside BF16 rows, those of queries and outputs have {@link Bf16RowKernel}'s order.
 * Scores of a row lie one behind the other as rows of a panel; where there are fewer than a block, or a query does not see a key,
 * they are -infinity.
 */
final class DecodePart {
    /** Keys of a block: whole rows of a panel at any lane width. */
    private static final int BLOCK = 96;

    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final ValueLayout.OfFloat ELEMENT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final PanelMath MATH = PanelMath.FP32;
    private static final int COLUMNS = MicroKernel.FP32.columns();
    private static final long ROW = MicroKernel.FP32.rowBytes();
    private static final int PANEL_ROWS = BLOCK / COLUMNS;
    private static final long SCORES = BLOCK * (long) Float.BYTES;

    private final Sequences sequences;
    private final DecodeStates states;
    private final RowResult result;
    private final ScoreTerms terms;
    private final Band band;
    private final HeadRows query;
    private final CacheRows keys;
    private final CacheRows values;
    private final DType dtype;
    private final boolean bf16; // keys and values, whatever the queries are
    private final long bytes; // of an element of keys and values, as the kernel takes them
    private final int keyHeads;
    private final int group;
    private final int queries; // of a sequence
    private final int used; // rows
    private final int rows; // in whole fours
    private final int headDim;
    private final int valueDim;
    private final int keyLength;
    private final int valueLength;

    private final long queryRows;
    private final long outs;
    private final long scores;
    private final long logits;
    private final long shifts;
    private final long sums;
    private final long stagedKeys;
    private final long stagedValues;
    private final long partials;
    private final long end;

    private final float[] most;
    private final int[] begin; // of each row: the keys that it sees
    private final int[] stop;

    DecodePart(
            Forward forward, CacheRows keys, CacheRows values, Sequences sequences, DecodeStates states, long scratch) {
        Inputs inputs = forward.inputs();
        this.sequences = sequences;
        this.states = states;
        this.result = new RowResult(forward);
        this.band = inputs.attention().band();
        this.query = HeadRows.of(inputs.query());
        this.keys = keys;
        this.values = values;
        this.dtype = inputs.query().dtype();
        this.bf16 = keys != null && keys.placed() == DType.BF16;
        this.bytes = bf16 ? DType.BF16.bytes() : Float.BYTES;
        this.keyHeads = (int) inputs.keys().size(1);
        this.group = keyHeads == 0 ? 0 : (int) inputs.heads() / keyHeads;
        this.queries = (int) inputs.query().size(2);
        this.used = group * queries;
        this.rows = whole(used, Fp32RowKernel.ROWS);
        this.headDim = inputs.attention().headDim();
        this.valueDim = inputs.attention().valueDim();
        int lanes = bf16 ? Bf16RowKernel.LANES : Fp32RowKernel.LANES;
        this.keyLength = whole(headDim, lanes);
        this.valueLength = whole(valueDim, lanes);
        this.most = new float[rows];
        this.begin = new int[rows];
        this.stop = new int[rows];

        // Room for rows of either kernel: the cache may have another type than the queries have.
        int keyRoom = whole(headDim, Bf16RowKernel.LANES);
        int valueRoom = whole(valueDim, Bf16RowKernel.LANES);
        queryRows = scratch;
        outs = queryRows + bytes(rows * keyRoom);
        scores = outs + bytes(rows * valueRoom);
        logits = scores + rows * SCORES;
        shifts = logits + SCORES;
        sums = shifts + rows * HostMemory.lines(ROW);
        stagedKeys = sums + rows * HostMemory.lines(3 * ROW);
        stagedValues = stagedKeys + bytes(BLOCK * keyRoom);
        partials = stagedValues + bytes(BLOCK * valueRoom);
        long ofTerms = partials + HostMemory.lines(Fp32RowKernel.scratchBytes());
        terms = new ScoreTerms(inputs, MicroKernel.FP32, MATH, ofTerms);
        end = ofTerms + ScoreTerms.scratchBytes(MicroKernel.FP32);
    }

    static long scratchBytes(Forward forward) {
        return new DecodePart(forward, null, null, null, null, 0).end;
    }

    private static int whole(int length, int of) {
        return Math.ceilDiv(length, of) * of;
    }

    private static long bytes(int floats) {
        return HostMemory.lines(floats * (long) Float.BYTES);
    }

    /**
     * Scans a stretch.
     *
     * @param sequenceAndHead sequence * keyHeads + key head
     */
    void run(int sequenceAndHead, int split) {
        int sequence = sequenceAndHead / keyHeads;
        int keyHead = sequenceAndHead % keyHeads;
        int batch = sequences.row[sequence];
        int count = sequences.keys[sequence];
        int first = count;
        int last = 0;
        for (int r = 0; r < used; r++) {
            begin[r] = (int) band.begin(r % queries, queries, count);
            stop[r] = (int) band.end(r % queries, queries, count);
            first = Math.min(first, begin[r]);
            last = Math.max(last, stop[r]);
        }
        int from = Math.max(first, split * DecodeVector.SPLIT);
        int to = Math.min(last, (split + 1) * DecodeVector.SPLIT);
        open(batch, keyHead);
        for (int block = from; block < to; block += BLOCK) {
            attend(batch, keyHead, block, Math.min(BLOCK, to - block));
        }
        for (int r = 0; r < used; r++) {
            long sum = sums(r);
            long out = outs + r * valueLength * 4L;
            if (bf16) {
                Bf16RowKernel.join(valueLength, out, stagedValues);
            }
            states.put(
                    sequence,
                    keyHead * used + r,
                    split,
                    most[r],
                    total(sum),
                    total(sum + ROW),
                    total(sum + 2 * ROW),
                    bf16 ? stagedValues : out);
        }
    }

    private long sums(int r) {
        return sums + r * HostMemory.lines(3 * ROW);
    }

    private static double total(long row) {
        double total = 0;
        for (int j = 0; j < COLUMNS; j++) {
            total += ALL.get(ELEMENT, row + j * 4L);
        }
        return total;
    }

    private void open(int batch, int keyHead) {
        HostMemory.clear(queryRows, bytes(rows * keyLength));
        HostMemory.clear(outs, bytes(rows * valueLength));
        HostMemory.clear(sums, rows * HostMemory.lines(3 * ROW));
        for (int r = 0; r < rows; r++) {
            most[r] = -Float.MAX_VALUE;
        }
        for (int r = 0; r < used; r++) {
            int head = keyHead * group + r / queries;
            int i = r % queries;
            float scale = (float) terms.scale(head, i, begin[r], stop[r]);
            long from = row(query, batch, head, i, headDim);
            long to = queryRows + r * keyLength * 4L;
            if (bf16) {
                MATH.scaleVector(headDim, from, scale, stagedKeys);
                Bf16RowKernel.separate(headDim, stagedKeys, to);
            } else {
                MATH.scaleVector(headDim, from, scale, to);
            }
        }
    }

    /** {@return where a row lies as FP32; a 16-bit one until the next} */
    private long row(HeadRows rows, int batch, int head, int i, int length) {
        long at = rows.at(batch, head, i);
        return dtype == DType.FP32
                ? at
                : Fp32Blocks.ofThread().load(0, dtype, ALL, at, length).address();
    }

    private void attend(int batch, int keyHead, int block, int count) {
        long key = keys.place(batch, keyHead, block, count, keyLength, stagedKeys);
        long keyRow = key == stagedKeys ? keyLength * bytes : keys.rowStride();
        for (int r = 0; r < rows; r += Fp32RowKernel.ROWS) {
            long of = queryRows + r * keyLength * 4L;
            long to = scores + r * SCORES;
            if (bf16) {
                Bf16RowKernel.dots(count, keyLength, of, key, keyRow, to, SCORES, partials);
            } else {
                Fp32RowKernel.dots(count, keyLength, of, key, keyRow, to, SCORES, partials);
            }
        }
        for (int r = 0; r < used; r++) {
            soften(r, block, count);
        }
        long value = values.place(batch, keyHead, block, count, valueLength, stagedValues);
        long valueRow = value == stagedValues ? valueLength * bytes : values.rowStride();
        for (int r = 0; r < rows; r += Fp32RowKernel.ROWS) {
            long weights = scores + r * SCORES;
            long out = outs + r * valueLength * 4L;
            if (bf16) {
                Bf16RowKernel.accumulate(count, valueLength, weights, SCORES, value, valueRow, out);
            } else {
                Fp32RowKernel.accumulate(count, valueLength, weights, SCORES, value, valueRow, out);
            }
        }
    }

    /** One step of the online softmax of a row. */
    private void soften(int r, int block, int count) {
        long row = scores + r * SCORES;
        hide(row, 0, Math.min(count, begin[r] - block));
        hide(row, Math.clamp(stop[r] - block, 0, count), BLOCK);
        float before = most[r];
        float max = Fp32RowKernel.maximum(BLOCK / Fp32RowKernel.LANES, row, before, partials);
        long sum = sums(r);
        long shift = shifts + r * HostMemory.lines(ROW);
        if (max != before || before == -Float.MAX_VALUE) {
            follow(r, before, max, sum, shift);
        }
        if (result.wantsEntropy()) {
            MemorySegment.copy(ALL, row, ALL, logits, SCORES);
        }
        MATH.exponentials(PANEL_ROWS, row, shift, sum);
        if (result.wantsEntropy()) {
            MATH.moments(PANEL_ROWS, row, logits, shift, sum + ROW);
        }
        if (result.wantsSquares()) {
            MATH.squares(PANEL_ROWS, row, sum + 2 * ROW);
        }
    }

    private static void hide(long row, int from, int to) {
        for (int j = from; j < to; j++) {
            ALL.set(ELEMENT, row + j * 4L, Float.NEGATIVE_INFINITY);
        }
    }

    /** As {@link RowSums} does it. */
    private void follow(int r, float before, float max, long sum, long shift) {
        float below = Math.max(before - max, -127f);
        float factor = Exp2.of(below);
        for (int j = 0; j < COLUMNS; j++) {
            float l = ALL.get(ELEMENT, sum + j * 4L);
            float u = ALL.get(ELEMENT, sum + ROW + j * 4L);
            float w = ALL.get(ELEMENT, sum + 2 * ROW + j * 4L);
            ALL.set(ELEMENT, sum + j * 4L, l * factor);
            ALL.set(ELEMENT, sum + ROW + j * 4L, (u + l * below) * factor);
            ALL.set(ELEMENT, sum + 2 * ROW + j * 4L, w * factor * factor);
            ALL.set(ELEMENT, shift + j * 4L, max);
        }
        long out = outs + r * valueLength * 4L;
        MATH.scaleVector(valueLength, out, factor, out);
        most[r] = max;
    }
}
