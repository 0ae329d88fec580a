package io.quern.cpu;

import static io.quern.cpu.Lanes.FLOAT_VECTOR;
import static jdk.incubator.vector.VectorOperators.GT;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Products of four rows with many: what is left of attention where there are too few queries for the {@link MicroKernel}.
 * Rows of Q and O are FP32, one behind the other, each of a whole number of vectors; K and V have rows as long, at any distance.
 *
 * <pre>
 *   dots        S[r][j] = Q[r] . K[j]            Q (4, length), K (keys, length)
 *   accumulate  O[r] += sum_j P[r][j] V[j]       V (keys, length), O (4, length)
 * </pre>
 *
 * <p>K and V go by one row behind the other, in whole rows where registers allow it, with the arithmetic of each between them: from
 * memory that is worth more than the least arithmetic.
 *
 * <p>Sums over lanes are taken by halves, of four rows together: what {@code reduceLanes} adds first depends on whether it has
 * been compiled yet, and with it the bits. All addresses are absolute and trusted ({@link AddressSpace}). Nothing is allocated.
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

    // By how many lanes values move, to the other side of a pair of blocks as wide.
    private static final VectorShuffle<Float> HALF = pairs(LANES / 2);
    private static final VectorShuffle<Float> QUARTER = pairs(LANES / 4);
    private static final VectorShuffle<Float> EIGHTH = pairs(Math.max(1, LANES / 8));
    private static final VectorShuffle<Float> SIXTEENTH = pairs(Math.max(1, LANES / 16));
    private static final VectorMask<Float> UPPER_HALF = upper(LANES / 2);
    private static final VectorMask<Float> UPPER_QUARTERS = upper(LANES / 4);

    // Where the sums of four rows lie after that.
    private static final long SECOND = V / 2;
    private static final long THIRD = V / 4;
    private static final long FOURTH = 3 * V / 4;

    private Fp32RowKernel() {}

    private static VectorShuffle<Float> pairs(int lanes) {
        return VectorShuffle.fromOp(SPECIES, lane -> lane ^ lanes);
    }

    private static VectorMask<Float> upper(int lanes) {
        boolean[] upper = new boolean[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            upper[lane] = (lane & lanes) != 0;
        }
        return VectorMask.fromArray(SPECIES, upper, 0);
    }

    /** {@return the scratch memory of {@link #dots} in bytes} */
    public static long scratchBytes() {
        return ROWS * V;
    }

    /**
     * Computes S.
     *
     * @param keyRow from a row of K to the next, in bytes
     * @param scores where S[0][0] lies; written
     * @param scoreRow from a row of S to the next, in bytes
     * @param scratch {@link #scratchBytes}, aligned to a vector
     */
    public static void dots(
            int keys, int length, long queries, long keyRows, long keyRow, long scores, long scoreRow, long scratch) {
        for (int j = 0; j < keys; j++) {
            products(length, queries, keyRows + j * keyRow, scratch);
            scores(scratch, scores + j * 4L, scoreRow);
        }
    }

    /** Leaves the products with four rows, as many sums of each as a vector has lanes. */
    private static void products(int length, long queries, long key, long to) {
        FloatVector x = FloatVector.zero(SPECIES);
        FloatVector y = x;
        FloatVector z = x;
        FloatVector w = x;
        int fours = length - length % (4 * LANES);
        int c = 0;
        for (; c != fours; c += 4 * LANES) {
            long at = queries + c * 4L;
            long second = at + length * 4L;
            long third = at + length * 8L;
            long fourth = at + length * 12L;
            long row = key + c * 4L;
            FloatVector k0 = FloatVector.fromMemorySegment(SPECIES, ALL, row, ORDER);
            x = FloatVector.fromMemorySegment(SPECIES, ALL, at, ORDER).fma(k0, x);
            y = FloatVector.fromMemorySegment(SPECIES, ALL, second, ORDER).fma(k0, y);
            z = FloatVector.fromMemorySegment(SPECIES, ALL, third, ORDER).fma(k0, z);
            w = FloatVector.fromMemorySegment(SPECIES, ALL, fourth, ORDER).fma(k0, w);
            FloatVector k1 = FloatVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER);
            x = FloatVector.fromMemorySegment(SPECIES, ALL, at + V, ORDER).fma(k1, x);
            y = FloatVector.fromMemorySegment(SPECIES, ALL, second + V, ORDER).fma(k1, y);
            z = FloatVector.fromMemorySegment(SPECIES, ALL, third + V, ORDER).fma(k1, z);
            w = FloatVector.fromMemorySegment(SPECIES, ALL, fourth + V, ORDER).fma(k1, w);
            FloatVector k2 = FloatVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER);
            x = FloatVector.fromMemorySegment(SPECIES, ALL, at + 2 * V, ORDER).fma(k2, x);
            y = FloatVector.fromMemorySegment(SPECIES, ALL, second + 2 * V, ORDER)
                    .fma(k2, y);
            z = FloatVector.fromMemorySegment(SPECIES, ALL, third + 2 * V, ORDER)
                    .fma(k2, z);
            w = FloatVector.fromMemorySegment(SPECIES, ALL, fourth + 2 * V, ORDER)
                    .fma(k2, w);
            FloatVector k3 = FloatVector.fromMemorySegment(SPECIES, ALL, row + 3 * V, ORDER);
            x = FloatVector.fromMemorySegment(SPECIES, ALL, at + 3 * V, ORDER).fma(k3, x);
            y = FloatVector.fromMemorySegment(SPECIES, ALL, second + 3 * V, ORDER)
                    .fma(k3, y);
            z = FloatVector.fromMemorySegment(SPECIES, ALL, third + 3 * V, ORDER)
                    .fma(k3, z);
            w = FloatVector.fromMemorySegment(SPECIES, ALL, fourth + 3 * V, ORDER)
                    .fma(k3, w);
        }
        for (; c != length; c += LANES) {
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
        FLOAT_VECTOR.cast(x).intoMemorySegment(ALL, to, ORDER);
        FLOAT_VECTOR.cast(y).intoMemorySegment(ALL, to + V, ORDER);
        FLOAT_VECTOR.cast(z).intoMemorySegment(ALL, to + 2 * V, ORDER);
        FLOAT_VECTOR.cast(w).intoMemorySegment(ALL, to + 3 * V, ORDER);
    }

    /**
     * Writes the scores of a key.
     *
     * @param products four vectors, of which each has the sum over lanes that is a row's score; written
     */
    static void scores(long products, long to, long scoreRow) {
        FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, products, ORDER);
        FloatVector y = FloatVector.fromMemorySegment(SPECIES, ALL, products + V, ORDER);
        FloatVector z = FloatVector.fromMemorySegment(SPECIES, ALL, products + 2 * V, ORDER);
        FloatVector w = FloatVector.fromMemorySegment(SPECIES, ALL, products + 3 * V, ORDER);
        x = x.add(x.rearrange(HALF));
        y = y.add(y.rearrange(HALF));
        z = z.add(z.rearrange(HALF));
        w = w.add(w.rearrange(HALF));
        // Each sum in a quarter of the lanes: x, z, y, w.
        x = x.blend(y, UPPER_HALF);
        z = z.blend(w, UPPER_HALF);
        x = x.add(x.rearrange(QUARTER));
        z = z.add(z.rearrange(QUARTER));
        x = x.blend(z, UPPER_QUARTERS);
        if (LANES >= 8) {
            x = x.add(x.rearrange(EIGHTH));
        }
        if (LANES >= 16) {
            x = x.add(x.rearrange(SIXTEENTH));
        }
        x.intoMemorySegment(ALL, products, ORDER);
        ALL.set(ELEMENT, to, ALL.get(ELEMENT, products));
        ALL.set(ELEMENT, to + scoreRow, ALL.get(ELEMENT, products + SECOND));
        ALL.set(ELEMENT, to + 2 * scoreRow, ALL.get(ELEMENT, products + THIRD));
        ALL.set(ELEMENT, to + 3 * scoreRow, ALL.get(ELEMENT, products + FOURTH));
    }

    /**
     * {@return the largest of some scores and of one more number; NaN is passed over}
     *
     * @param vectors how many lie there
     * @param scratch {@link #scratchBytes}, aligned to a vector
     */
    public static float maximum(int vectors, long scores, float least, long scratch) {
        FloatVector max = FloatVector.broadcast(SPECIES, least);
        for (int i = 0; i != vectors; i++) {
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, scores + i * V, ORDER);
            max = FLOAT_VECTOR.cast(max).blend(x, x.compare(GT, max));
        }
        max = FLOAT_VECTOR.cast(max);
        FloatVector other = max.rearrange(HALF);
        max = max.blend(other, other.compare(GT, max));
        other = max.rearrange(QUARTER);
        max = max.blend(other, other.compare(GT, max));
        if (LANES >= 8) {
            other = max.rearrange(EIGHTH);
            max = max.blend(other, other.compare(GT, max));
        }
        if (LANES >= 16) {
            other = max.rearrange(SIXTEENTH);
            max = max.blend(other, other.compare(GT, max));
        }
        max.intoMemorySegment(ALL, scratch, ORDER);
        return ALL.get(ELEMENT, scratch);
    }

    /**
     * Adds to O.
     *
     * @param weights where P[0][0] lies
     * @param weightRow from a row of P to the next, in bytes
     * @param valueRow from a row of V to the next, in bytes
     */
    public static void accumulate(
            int keys, int length, long weights, long weightRow, long values, long valueRow, long outs) {
        long row = length * 4L;
        int c = 0;
        for (; Lanes.BITS == 512 && c + 8 * LANES <= length; c += 8 * LANES) {
            long at = outs + c * 4L;
            accumulateEight(keys, valueRow, weights, weightRow, values + c * 4L, at, row);
            accumulateEight(keys, valueRow, weights + 2 * weightRow, weightRow, values + c * 4L, at + 2 * row, row);
        }
        for (; c + 2 * LANES <= length; c += 2 * LANES) {
            accumulateTwo(keys, valueRow, weights, weightRow, values + c * 4L, outs + c * 4L, row);
        }
        if (c < length) {
            accumulateOne(keys, valueRow, weights, weightRow, values + c * 4L, outs + c * 4L, row);
        }
    }

    /** Two rows of O: sixteen accumulators, of the 32 registers that go with 512 bits. */
    private static void accumulateEight(
            int keys, long valueRow, long weights, long weightRow, long values, long outs, long row) {
        FloatVector a0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs, ORDER);
        FloatVector a1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + V, ORDER);
        FloatVector a2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 2 * V, ORDER);
        FloatVector a3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 3 * V, ORDER);
        FloatVector a4 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 4 * V, ORDER);
        FloatVector a5 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 5 * V, ORDER);
        FloatVector a6 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 6 * V, ORDER);
        FloatVector a7 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 7 * V, ORDER);
        FloatVector b0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row, ORDER);
        FloatVector b1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + V, ORDER);
        FloatVector b2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + 2 * V, ORDER);
        FloatVector b3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + 3 * V, ORDER);
        FloatVector b4 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + 4 * V, ORDER);
        FloatVector b5 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + 5 * V, ORDER);
        FloatVector b6 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + 6 * V, ORDER);
        FloatVector b7 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + 7 * V, ORDER);
        for (int j = 0; j < keys; j++) {
            long value = values + j * valueRow;
            FloatVector p = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, weights + j * 4L));
            FloatVector q = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, weights + weightRow + j * 4L));
            FloatVector v0 = FloatVector.fromMemorySegment(SPECIES, ALL, value, ORDER);
            a0 = p.fma(v0, a0);
            b0 = q.fma(v0, b0);
            FloatVector v1 = FloatVector.fromMemorySegment(SPECIES, ALL, value + V, ORDER);
            a1 = p.fma(v1, a1);
            b1 = q.fma(v1, b1);
            FloatVector v2 = FloatVector.fromMemorySegment(SPECIES, ALL, value + 2 * V, ORDER);
            a2 = p.fma(v2, a2);
            b2 = q.fma(v2, b2);
            FloatVector v3 = FloatVector.fromMemorySegment(SPECIES, ALL, value + 3 * V, ORDER);
            a3 = p.fma(v3, a3);
            b3 = q.fma(v3, b3);
            FloatVector v4 = FloatVector.fromMemorySegment(SPECIES, ALL, value + 4 * V, ORDER);
            a4 = p.fma(v4, a4);
            b4 = q.fma(v4, b4);
            FloatVector v5 = FloatVector.fromMemorySegment(SPECIES, ALL, value + 5 * V, ORDER);
            a5 = p.fma(v5, a5);
            b5 = q.fma(v5, b5);
            FloatVector v6 = FloatVector.fromMemorySegment(SPECIES, ALL, value + 6 * V, ORDER);
            a6 = p.fma(v6, a6);
            b6 = q.fma(v6, b6);
            FloatVector v7 = FloatVector.fromMemorySegment(SPECIES, ALL, value + 7 * V, ORDER);
            a7 = p.fma(v7, a7);
            b7 = q.fma(v7, b7);
        }
        FLOAT_VECTOR.cast(a0).intoMemorySegment(ALL, outs, ORDER);
        FLOAT_VECTOR.cast(a1).intoMemorySegment(ALL, outs + V, ORDER);
        FLOAT_VECTOR.cast(a2).intoMemorySegment(ALL, outs + 2 * V, ORDER);
        FLOAT_VECTOR.cast(a3).intoMemorySegment(ALL, outs + 3 * V, ORDER);
        FLOAT_VECTOR.cast(a4).intoMemorySegment(ALL, outs + 4 * V, ORDER);
        FLOAT_VECTOR.cast(a5).intoMemorySegment(ALL, outs + 5 * V, ORDER);
        FLOAT_VECTOR.cast(a6).intoMemorySegment(ALL, outs + 6 * V, ORDER);
        FLOAT_VECTOR.cast(a7).intoMemorySegment(ALL, outs + 7 * V, ORDER);
        FLOAT_VECTOR.cast(b0).intoMemorySegment(ALL, outs + row, ORDER);
        FLOAT_VECTOR.cast(b1).intoMemorySegment(ALL, outs + row + V, ORDER);
        FLOAT_VECTOR.cast(b2).intoMemorySegment(ALL, outs + row + 2 * V, ORDER);
        FLOAT_VECTOR.cast(b3).intoMemorySegment(ALL, outs + row + 3 * V, ORDER);
        FLOAT_VECTOR.cast(b4).intoMemorySegment(ALL, outs + row + 4 * V, ORDER);
        FLOAT_VECTOR.cast(b5).intoMemorySegment(ALL, outs + row + 5 * V, ORDER);
        FLOAT_VECTOR.cast(b6).intoMemorySegment(ALL, outs + row + 6 * V, ORDER);
        FLOAT_VECTOR.cast(b7).intoMemorySegment(ALL, outs + row + 7 * V, ORDER);
    }

    private static void accumulateTwo(
            int keys, long valueRow, long weights, long weightRow, long values, long outs, long row) {
        FloatVector x0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs, ORDER);
        FloatVector y0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + V, ORDER);
        FloatVector x1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row, ORDER);
        FloatVector y1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + V, ORDER);
        FloatVector x2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 2 * row, ORDER);
        FloatVector y2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 2 * row + V, ORDER);
        FloatVector x3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 3 * row, ORDER);
        FloatVector y3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 3 * row + V, ORDER);
        for (int j = 0; j < keys; j++) {
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, values + j * valueRow, ORDER);
            FloatVector y = FloatVector.fromMemorySegment(SPECIES, ALL, values + j * valueRow + V, ORDER);
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
        FLOAT_VECTOR.cast(x0).intoMemorySegment(ALL, outs, ORDER);
        FLOAT_VECTOR.cast(y0).intoMemorySegment(ALL, outs + V, ORDER);
        FLOAT_VECTOR.cast(x1).intoMemorySegment(ALL, outs + row, ORDER);
        FLOAT_VECTOR.cast(y1).intoMemorySegment(ALL, outs + row + V, ORDER);
        FLOAT_VECTOR.cast(x2).intoMemorySegment(ALL, outs + 2 * row, ORDER);
        FLOAT_VECTOR.cast(y2).intoMemorySegment(ALL, outs + 2 * row + V, ORDER);
        FLOAT_VECTOR.cast(x3).intoMemorySegment(ALL, outs + 3 * row, ORDER);
        FLOAT_VECTOR.cast(y3).intoMemorySegment(ALL, outs + 3 * row + V, ORDER);
    }

    private static void accumulateOne(
            int keys, long valueRow, long weights, long weightRow, long values, long outs, long row) {
        FloatVector x0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs, ORDER);
        FloatVector x1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row, ORDER);
        FloatVector x2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 2 * row, ORDER);
        FloatVector x3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 3 * row, ORDER);
        for (int j = 0; j < keys; j++) {
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, values + j * valueRow, ORDER);
            long at = weights + j * 4L;
            x0 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at)).fma(x, x0);
            x1 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at + weightRow))
                    .fma(x, x1);
            x2 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at + 2 * weightRow))
                    .fma(x, x2);
            x3 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, at + 3 * weightRow))
                    .fma(x, x3);
        }
        FLOAT_VECTOR.cast(x0).intoMemorySegment(ALL, outs, ORDER);
        FLOAT_VECTOR.cast(x1).intoMemorySegment(ALL, outs + row, ORDER);
        FLOAT_VECTOR.cast(x2).intoMemorySegment(ALL, outs + 2 * row, ORDER);
        FLOAT_VECTOR.cast(x3).intoMemorySegment(ALL, outs + 3 * row, ORDER);
    }
}
