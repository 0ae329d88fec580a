package io.quern.attention;

import io.quern.DType;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What {@link DecodeVector}'s stretches of keys leave behind, a state for each row and stretch: m, l, u, w in FP64 and O in
 * FP32, unscaled.
 */
final class DecodeStates {
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final long NUMBERS = 4 * Double.BYTES;

    private final Sequences sequences;
    private final RowResult result;
    private final HeadRows out;
    private final DType dtype;
    private final int queries;
    private final int rows; // of a sequence: heads times queries
    private final int splits;
    private final int valueDim;
    private final long base;
    private final long stateBytes;

    DecodeStates(Forward forward, Sequences sequences, int splits, long base) {
        this.sequences = sequences;
        this.result = new RowResult(forward);
        this.out = HeadRows.of(forward.out());
        this.dtype = forward.out().dtype();
        this.queries = (int) forward.inputs().query().size(2);
        this.rows = (int) forward.inputs().heads() * queries;
        this.splits = splits;
        this.valueDim = forward.inputs().attention().valueDim();
        this.base = base;
        this.stateBytes = stateBytes(valueDim);
    }

    private static long stateBytes(int valueDim) {
        return NUMBERS + valueDim * (long) Float.BYTES;
    }

    static long bytes(Forward forward, int splits) {
        Inputs inputs = forward.inputs();
        return inputs.sequences()
                * inputs.heads()
                * inputs.query().size(2)
                * splits
                * stateBytes(inputs.attention().valueDim());
    }

    private long at(int sequence, int row, int split) {
        return base + ((long) (sequence * rows + row) * splits + split) * stateBytes;
    }

    /**
     * Keeps a state.
     *
     * @param row head times queries and query
     */
    void put(int sequence, int row, int split, double m, double l, double u, double w, long outs) {
        long to = at(sequence, row, split);
        ALL.set(DOUBLE, to, m);
        ALL.set(DOUBLE, to + 8, l);
        ALL.set(DOUBLE, to + 16, u);
        ALL.set(DOUBLE, to + 24, w);
        MemorySegment.copy(ALL, outs, ALL, to + NUMBERS, valueDim * (long) Float.BYTES);
    }

    /** Adds up a row's states, and writes its output and statistics. */
    void merge(int sequenceAndRow) {
        int sequence = sequenceAndRow / rows;
        int row = sequenceAndRow % rows;
        int head = row / queries;
        int query = row % queries;
        int used = Math.ceilDiv(sequences.keys[sequence], DecodeVector.SPLIT);
        double m = Double.NEGATIVE_INFINITY;
        for (int split = 0; split < used; split++) {
            long from = at(sequence, row, split);
            m = ALL.get(DOUBLE, from + 8) == 0 ? m : Math.max(m, ALL.get(DOUBLE, from));
        }
        double l = 0;
        double u = 0;
        double w = 0;
        for (int split = 0; split < used; split++) {
            long from = at(sequence, row, split);
            double part = ALL.get(DOUBLE, from + 8);
            double below = part == 0 ? 0 : ALL.get(DOUBLE, from) - m;
            double factor = part == 0 ? 0 : Math.exp(below * RowResult.LN_2);
            l += factor * part;
            u += factor * (ALL.get(DOUBLE, from + 16) + part * Math.max(below, -Float.MAX_VALUE));
            w += factor * factor * ALL.get(DOUBLE, from + 24);
            // The first state's place takes the sum.
            add(at(sequence, row, 0) + NUMBERS, split == 0, factor, from + NUMBERS);
        }
        double factor = result.write(sequences.row[sequence], head, query, m, l, u, w);
        write(at(sequence, row, 0) + NUMBERS, used == 0, factor, out.at(sequences.row[sequence], head, query));
    }

    private void add(long sum, boolean first, double factor, long outs) {
        float times = (float) factor;
        for (int d = 0; d < valueDim; d++) {
            float term = times * ALL.get(FLOAT, outs + d * 4L);
            ALL.set(FLOAT, sum + d * 4L, first ? term : ALL.get(FLOAT, sum + d * 4L) + term);
        }
    }

    private void write(long sum, boolean nothing, double factor, long to) {
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        long result = dtype == DType.FP32 ? to : blocks.address(0);
        for (int d = 0; d < valueDim; d++) {
            ALL.set(FLOAT, result + d * 4L, nothing ? 0 : (float) (factor * ALL.get(FLOAT, sum + d * 4L)));
        }
        if (dtype != DType.FP32) {
            blocks.store(0, dtype, ALL, to, valueDim);
        }
    }
}
