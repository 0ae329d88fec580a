package io.quern.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of four rows with many: what is left of attention where there are too few queries for the {@link MicroKernel}.
 * Rows are FP32, one behind the other, each of a whole number of vectors.
 *
 * <pre>
 *   dots        S[r][j] = Q[r] . K[j]            Q (4, length), K (keys, length)
 *   accumulate  O[r] += sum_j P[r][j] V[j]       V (keys, length), O (4, length)
 * </pre>
 *
 * <p>Sums over lanes are taken in memory, lane after lane: what {@code reduceLanes} adds first depends on whether it has been
 * compiled yet, and with it the bits. All addresses are absolute and trusted ({@link AddressSpace}). Nothing is allocated.
 */
public final class Fp32RowKernel {
    /** Rows of Q and O. */
    public static final int ROWS = 4;

    /** Lanes of a vector: the length of a row is a multiple of it. */
    public static final int LANES = Lanes.FLOAT.length();

    private static final VectorSpecies<Float> SPECIES = Lanes.FLOAT;
    private static final long V = SPECIES.vectorByteSize();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat ELEMENT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final MemorySegment ALL = AddressSpace.ALL;

    private Fp32RowKernel() {}

    /** {@return the scratch memory of {@link #dots} in bytes} */
    public static long scratchBytes(int keys) {
        return keys * ROWS * V;
    }

    /**
     * Computes S.
     *
     * @param scores where S[0][0] lies; written
     * @param scoreRow from a row of S to the next, in bytes
     * @param scratch {@link #scratchBytes}, aligned to a vector
     */
    public static void dots(
            int keys, int length, long queries, long keyRows, long scores, long scoreRow, long scratch) {
        for (int j = 0; j < keys; j++) {
            products(length, queries, keyRows + j * (length * 4L), scratch + j * (ROWS * V));
        }
        for (int r = 0; r < ROWS; r++) {
            for (int j = 0; j < keys; j++) {
                ALL.set(ELEMENT, scores + r * scoreRow + j * 4L, lanes(scratch + (j * ROWS + r) * V));
            }
        }
    }

    private static void products(int length, long queries, long key, long to) {
        FloatVector x = FloatVector.zero(SPECIES);
        FloatVector y = x;
        FloatVector z = x;
        FloatVector w = x;
        for (int c = 0; c < length; c += LANES) {
            long at = queries + c * 4L;
            FloatVector k = FloatVector.fromMemorySegment(SPECIES, ALL, key + c * 4L, ORDER);
            x = FloatVector.fromMemorySegment(SPECIES, ALL, at, ORDER).fma(k, x);
            y = FloatVector.fromMemorySegment(SPECIES, ALL, at + length * 4L, ORDER)
                    .fma(k, y);
            z = FloatVector.fromMemorySegment(SPECIES, ALL, at + length * 8L, ORDER)
                    .fma(k, z);
            w = FloatVector.fromMemorySegment(SPECIES, ALL, at + length * 12L, ORDER)
                    .fma(k, w);
        }
        x.intoMemorySegment(ALL, to, ORDER);
        y.intoMemorySegment(ALL, to + V, ORDER);
        z.intoMemorySegment(ALL, to + 2 * V, ORDER);
        w.intoMemorySegment(ALL, to + 3 * V, ORDER);
    }

    /** Two at a time, so that one addition need not wait for the one before. */
    private static float lanes(long vector) {
        float even = 0;
        float odd = 0;
        for (int i = 0; i < LANES; i += 2) {
            even += ALL.get(ELEMENT, vector + i * 4L);
            odd += ALL.get(ELEMENT, vector + i * 4L + 4);
        }
        return even + odd;
    }

    /**
     * Adds to O.
     *
     * @param weights where P[0][0] lies
     * @param weightRow from a row of P to the next, in bytes
     */
    public static void accumulate(int keys, int length, long weights, long weightRow, long values, long outs) {
        int c = 0;
        for (; c + 2 * LANES <= length; c += 2 * LANES) {
            accumulateTwo(keys, length * 4L, weights, weightRow, values + c * 4L, outs + c * 4L);
        }
        if (c < length) {
            accumulateOne(keys, length * 4L, weights, weightRow, values + c * 4L, outs + c * 4L);
        }
    }

    private static void accumulateTwo(int keys, long row, long weights, long weightRow, long values, long outs) {
        FloatVector x0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs, ORDER);
        FloatVector y0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + V, ORDER);
        FloatVector x1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row, ORDER);
        FloatVector y1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + V, ORDER);
        FloatVector x2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 2 * row, ORDER);
        FloatVector y2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 2 * row + V, ORDER);
        FloatVector x3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 3 * row, ORDER);
        FloatVector y3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 3 * row + V, ORDER);
        for (int j = 0; j < keys; j++) {
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, values + j * row, ORDER);
            FloatVector y = FloatVector.fromMemorySegment(SPECIES, ALL, values + j * row + V, ORDER);
            long at = weights + j * 4L;
            FloatVector p0 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at));
            x0 = p0.fma(x, x0);
            y0 = p0.fma(y, y0);
            FloatVector p1 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at + weightRow));
            x1 = p1.fma(x, x1);
            y1 = p1.fma(y, y1);
            FloatVector p2 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at + 2 * weightRow));
            x2 = p2.fma(x, x2);
            y2 = p2.fma(y, y2);
            FloatVector p3 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at + 3 * weightRow));
            x3 = p3.fma(x, x3);
            y3 = p3.fma(y, y3);
        }
        x0.intoMemorySegment(ALL, outs, ORDER);
        y0.intoMemorySegment(ALL, outs + V, ORDER);
        x1.intoMemorySegment(ALL, outs + row, ORDER);
        y1.intoMemorySegment(ALL, outs + row + V, ORDER);
        x2.intoMemorySegment(ALL, outs + 2 * row, ORDER);
        y2.intoMemorySegment(ALL, outs + 2 * row + V, ORDER);
        x3.intoMemorySegment(ALL, outs + 3 * row, ORDER);
        y3.intoMemorySegment(ALL, outs + 3 * row + V, ORDER);
    }

    private static void accumulateOne(int keys, long row, long weights, long weightRow, long values, long outs) {
        FloatVector x0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs, ORDER);
        FloatVector x1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row, ORDER);
        FloatVector x2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 2 * row, ORDER);
        FloatVector x3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 3 * row, ORDER);
        for (int j = 0; j < keys; j++) {
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, values + j * row, ORDER);
            long at = weights + j * 4L;
            x0 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at)).fma(x, x0);
            x1 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at + weightRow))
                    .fma(x, x1);
            x2 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at + 2 * weightRow))
                    .fma(x, x2);
            x3 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at + 3 * weightRow))
                    .fma(x, x3);
        }
        x0.intoMemorySegment(ALL, outs, ORDER);
        x1.intoMemorySegment(ALL, outs + row, ORDER);
        x2.intoMemorySegment(ALL, outs + 2 * row, ORDER);
        x3.intoMemorySegment(ALL, outs + 3 * row, ORDER);
    }
}
