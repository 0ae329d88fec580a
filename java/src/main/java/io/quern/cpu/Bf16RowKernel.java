package io.quern.cpu;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.STRIDE;
import static io.quern.cpu.Lanes.FLOAT_VECTOR;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link Fp32RowKernel} for rows of K and V in BF16, which are read where they lie and widened in registers; Q and O stay FP32.
 *
 * <p>A vector of integers holds two neighbours in a lane: shifted, it is the FP32 of the even ones, and without the lower bits
 * that of the odd ones. So of as many elements as two vectors have, Q and O keep the even ones before the odd ones ({@link
 * #separate}, {@link #join}).
 *
 * <p>Everything is written out: each method is longer than what C2 inlines into others ({@code FreqInlineSize}, 325 bytes), so
 * that nothing in it meets the loops of others.
 */
public final class Bf16RowKernel {
    /** Elements of two vectors of FP32: the length of a row is a multiple of it. */
    public static final int LANES = 2 * Fp32RowKernel.LANES;

    private static final VectorSpecies<Float> SPECIES = Lanes.FLOAT;
    private static final VectorSpecies<Integer> PAIRS = Lanes.INT;
    private static final long V = SPECIES.vectorByteSize();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat ELEMENT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final IntVector UPPER = IntVector.broadcast(PAIRS, 0xffff_0000);

    private Bf16RowKernel() {}

    /** Copies FP32 elements, of each {@link #LANES} the even ones first. */
    public static void separate(int length, long from, long to) {
        for (int i = 0; i < length; i++) {
            ALL.set(ELEMENT, to + place(i) * 4L, ALL.get(ELEMENT, from + i * 4L));
        }
    }

    /** The inverse of {@link #separate}. */
    public static void join(int length, long from, long to) {
        for (int i = 0; i < length; i++) {
            ALL.set(ELEMENT, to + i * 4L, ALL.get(ELEMENT, from + place(i) * 4L));
        }
    }

    private static int place(int i) {
        int within = i % LANES;
        return i - within + (within & 1) * (LANES / 2) + within / 2;
    }

    /** {@link Fp32RowKernel#dots} with rows of K in BF16. */
    public static void dots(
            int keys, int length, long queries, long keyRows, long keyRow, long scores, long scoreRow, long scratch) {
        for (int j = 0; j < keys; j++) {
            products(length, queries, keyRows + j * keyRow, scratch);
            Fp32RowKernel.scores(scratch, scores + j * 4L, scoreRow);
        }
    }

    /** Even and odd channels have sums of their own: eight, as many as a core has additions under way. */
    private static void products(int length, long queries, long key, long to) {
        long row = length * 4L & STRIDE;
        FloatVector x0 = FloatVector.zero(SPECIES);
        FloatVector x1 = x0;
        FloatVector y0 = x0;
        FloatVector y1 = x0;
        FloatVector z0 = x0;
        FloatVector z1 = x0;
        FloatVector w0 = x0;
        FloatVector w1 = x0;
        for (int c = 0; c != length; c += LANES) {
            queries &= ADDRESS;
            key &= ADDRESS;
            IntVector pairs = IntVector.fromMemorySegment(PAIRS, ALL, key, ORDER);
            FloatVector even = pairs.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector odd = pairs.and(UPPER).reinterpretAsFloats();
            x0 = FloatVector.fromMemorySegment(SPECIES, ALL, queries, ORDER).fma(even, x0);
            x1 = FloatVector.fromMemorySegment(SPECIES, ALL, queries + V, ORDER).fma(odd, x1);
            y0 = FloatVector.fromMemorySegment(SPECIES, ALL, queries + row, ORDER)
                    .fma(even, y0);
            y1 = FloatVector.fromMemorySegment(SPECIES, ALL, queries + row + V, ORDER)
                    .fma(odd, y1);
            z0 = FloatVector.fromMemorySegment(SPECIES, ALL, queries + 2 * row, ORDER)
                    .fma(even, z0);
            z1 = FloatVector.fromMemorySegment(SPECIES, ALL, queries + 2 * row + V, ORDER)
                    .fma(odd, z1);
            w0 = FloatVector.fromMemorySegment(SPECIES, ALL, queries + 3 * row, ORDER)
                    .fma(even, w0);
            w1 = FloatVector.fromMemorySegment(SPECIES, ALL, queries + 3 * row + V, ORDER)
                    .fma(odd, w1);
            queries += 2 * V;
            key += V;
        }
        FLOAT_VECTOR.cast(x0).add(x1).intoMemorySegment(ALL, to, ORDER);
        FLOAT_VECTOR.cast(y0).add(y1).intoMemorySegment(ALL, to + V, ORDER);
        FLOAT_VECTOR.cast(z0).add(z1).intoMemorySegment(ALL, to + 2 * V, ORDER);
        FLOAT_VECTOR.cast(w0).add(w1).intoMemorySegment(ALL, to + 3 * V, ORDER);
    }

    /** {@link Fp32RowKernel#accumulate} with rows of V in BF16. */
    public static void accumulate(
            int keys, int length, long weights, long weightRow, long values, long valueRow, long outs) {
        for (int c = 0; c < length; c += LANES) {
            accumulateTwo(keys, valueRow, weights, weightRow, values + c * 2L, outs + c * 4L, length * 4L);
        }
    }

    private static void accumulateTwo(
            int keys, long valueRow, long weights, long weightRow, long values, long outs, long row) {
        valueRow &= STRIDE;
        weightRow &= STRIDE;
        row &= STRIDE;
        outs &= ADDRESS;
        FloatVector x0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs, ORDER);
        FloatVector y0 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + V, ORDER);
        FloatVector x1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row, ORDER);
        FloatVector y1 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + row + V, ORDER);
        FloatVector x2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 2 * row, ORDER);
        FloatVector y2 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 2 * row + V, ORDER);
        FloatVector x3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 3 * row, ORDER);
        FloatVector y3 = FloatVector.fromMemorySegment(SPECIES, ALL, outs + 3 * row + V, ORDER);
        for (int j = 0; j < keys; j++) {
            values &= ADDRESS;
            weights &= ADDRESS;
            IntVector pairs = IntVector.fromMemorySegment(PAIRS, ALL, values, ORDER);
            FloatVector even = pairs.lanewise(LSHL, 16).reinterpretAsFloats();
            FloatVector odd = pairs.and(UPPER).reinterpretAsFloats();
            FloatVector p0 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, weights));
            x0 = p0.fma(even, x0);
            y0 = p0.fma(odd, y0);
            FloatVector p1 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, weights + weightRow));
            x1 = p1.fma(even, x1);
            y1 = p1.fma(odd, y1);
            FloatVector p2 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, weights + 2 * weightRow));
            x2 = p2.fma(even, x2);
            y2 = p2.fma(odd, y2);
            FloatVector p3 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, weights + 3 * weightRow));
            x3 = p3.fma(even, x3);
            y3 = p3.fma(odd, y3);
            values += valueRow;
            weights += Float.BYTES;
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
}
