package io.quern.rope;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;
import static io.quern.cpu.AddressSpace.STRIDE;
import static io.quern.rope.TurnLayout.FLOAT_SIGNS;
import static io.quern.rope.TurnLayout.LOWER_FLOATS;
import static io.quern.rope.TurnLayout.UPPER_FLOATS;

import io.quern.cpu.Lanes;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;

/**
 * Rotates the heads of one token whose pairs are channels 2k and 2k + 1, a lane a channel:
 *
 * <pre>
 *   y = fma(x, c, x' s)      x' is x with the channels of each pair exchanged, c = (c0 c0 c1 c1 ...), s = (-s0 s0 -s1 s1 ...)
 * </pre>
 *
 * which is the pair's formula bit by bit, since x1 * -s is -(x1 * s). Parameters, what is left over and the shape of the loops
 * as in {@link RopeHalves}.
 */
final class RopeAdjacent {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final long FLOAT_BYTES = Lanes.FLOAT.vectorByteSize();
    private static final long DOUBLE_BYTES = Lanes.DOUBLE.vectorByteSize();

    private static final VectorShuffle<Float> EXCHANGE_FLOATS = VectorShuffle.fromOp(Lanes.FLOAT, i -> i ^ 1);
    private static final VectorShuffle<Double> EXCHANGE_DOUBLES = VectorShuffle.fromOp(Lanes.DOUBLE, i -> i ^ 1);

    private RopeAdjacent() {}

    static void fp64(long x, long xStep, long out, long outStep, long heads, long cosines, long sines, int pairs) {
        xStep &= STRIDE;
        outStep &= STRIDE;
        cosines &= ADDRESS;
        sines &= ADDRESS;
        long whole = 8L * Lanes.DOUBLE.loopBound(2 * pairs);
        long fours = whole - whole % (4 * DOUBLE_BYTES);
        for (long h = 0; h < heads; h++) {
            x &= ADDRESS;
            out &= ADDRESS;
            long i = 0;
            while (i != fours) {
                long from = x + i;
                long to = out + i;
                long c = cosines + i;
                long s = sines + i;
                DoubleVector x0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from, ORDER);
                DoubleVector c0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c, ORDER);
                DoubleVector s0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s, ORDER);
                x0.fma(c0, x0.rearrange(EXCHANGE_DOUBLES).mul(s0)).intoMemorySegment(ALL, to, ORDER);
                DoubleVector x1 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + DOUBLE_BYTES, ORDER);
                DoubleVector c1 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c + DOUBLE_BYTES, ORDER);
                DoubleVector s1 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s + DOUBLE_BYTES, ORDER);
                x1.fma(c1, x1.rearrange(EXCHANGE_DOUBLES).mul(s1)).intoMemorySegment(ALL, to + DOUBLE_BYTES, ORDER);
                DoubleVector x2 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + 2 * DOUBLE_BYTES, ORDER);
                DoubleVector c2 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c + 2 * DOUBLE_BYTES, ORDER);
                DoubleVector s2 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s + 2 * DOUBLE_BYTES, ORDER);
                x2.fma(c2, x2.rearrange(EXCHANGE_DOUBLES).mul(s2)).intoMemorySegment(ALL, to + 2 * DOUBLE_BYTES, ORDER);
                DoubleVector x3 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + 3 * DOUBLE_BYTES, ORDER);
                DoubleVector c3 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c + 3 * DOUBLE_BYTES, ORDER);
                DoubleVector s3 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s + 3 * DOUBLE_BYTES, ORDER);
                x3.fma(c3, x3.rearrange(EXCHANGE_DOUBLES).mul(s3)).intoMemorySegment(ALL, to + 3 * DOUBLE_BYTES, ORDER);
                i = (i + 4 * DOUBLE_BYTES) & STRIDE;
            }
            while (i != whole) {
                long from = x + i;
                long to = out + i;
                long c = cosines + i;
                long s = sines + i;
                DoubleVector both = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from, ORDER);
                DoubleVector cosine = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c, ORDER);
                DoubleVector sine = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s, ORDER);
                both.fma(cosine, both.rearrange(EXCHANGE_DOUBLES).mul(sine)).intoMemorySegment(ALL, to, ORDER);
                i = (i + DOUBLE_BYTES) & STRIDE;
            }
            x += xStep;
            out += outStep;
        }
    }

    static void fp32(long x, long xStep, long out, long outStep, long heads, long cosines, long sines, int pairs) {
        xStep &= STRIDE;
        outStep &= STRIDE;
        cosines &= ADDRESS;
        sines &= ADDRESS;
        long whole = 4L * Lanes.FLOAT.loopBound(2 * pairs);
        long fours = whole - whole % (4 * FLOAT_BYTES);
        for (long h = 0; h < heads; h++) {
            x &= ADDRESS;
            out &= ADDRESS;
            long i = 0;
            while (i != fours) {
                long from = x + i;
                long to = out + i;
                long c = cosines + i;
                long s = sines + i;
                FloatVector x0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from, ORDER);
                FloatVector c0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c, ORDER);
                FloatVector s0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s, ORDER);
                x0.fma(c0, x0.rearrange(EXCHANGE_FLOATS).mul(s0)).intoMemorySegment(ALL, to, ORDER);
                FloatVector x1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + FLOAT_BYTES, ORDER);
                FloatVector c1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c + FLOAT_BYTES, ORDER);
                FloatVector s1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s + FLOAT_BYTES, ORDER);
                x1.fma(c1, x1.rearrange(EXCHANGE_FLOATS).mul(s1)).intoMemorySegment(ALL, to + FLOAT_BYTES, ORDER);
                FloatVector x2 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + 2 * FLOAT_BYTES, ORDER);
                FloatVector c2 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c + 2 * FLOAT_BYTES, ORDER);
                FloatVector s2 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s + 2 * FLOAT_BYTES, ORDER);
                x2.fma(c2, x2.rearrange(EXCHANGE_FLOATS).mul(s2)).intoMemorySegment(ALL, to + 2 * FLOAT_BYTES, ORDER);
                FloatVector x3 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + 3 * FLOAT_BYTES, ORDER);
                FloatVector c3 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c + 3 * FLOAT_BYTES, ORDER);
                FloatVector s3 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s + 3 * FLOAT_BYTES, ORDER);
                x3.fma(c3, x3.rearrange(EXCHANGE_FLOATS).mul(s3)).intoMemorySegment(ALL, to + 3 * FLOAT_BYTES, ORDER);
                i = (i + 4 * FLOAT_BYTES) & STRIDE;
            }
            while (i != whole) {
                long from = x + i;
                long to = out + i;
                long c = cosines + i;
                long s = sines + i;
                FloatVector both = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from, ORDER);
                FloatVector cosine = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c, ORDER);
                FloatVector sine = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s, ORDER);
                both.fma(cosine, both.rearrange(EXCHANGE_FLOATS).mul(sine)).intoMemorySegment(ALL, to, ORDER);
                i = (i + FLOAT_BYTES) & STRIDE;
            }
            x += xStep;
            out += outStep;
        }
    }

    /** Whether {@link #fp32InRegisters} is for heads of so many pairs. */
    static boolean fitsRegisters(int pairs) {
        return Lanes.FLOAT.length() == 16 && pairs == 4 * Lanes.FLOAT.length();
    }

    /**
     * As {@link #fp32}, for heads of eight vectors of 512 bits. Cosines and sines, one a pair as for {@link RopeHalves}, are
     * spread once and stay in 16 of the 32 registers that such vectors have: in cache half the time, from memory .93. Laid out in
     * memory first, they gained nothing there.
     */
    static void fp32InRegisters(long x, long xStep, long out, long outStep, long heads, long cosines, long sines) {
        xStep &= STRIDE;
        outStep &= STRIDE;
        cosines &= ADDRESS;
        sines &= ADDRESS;
        FloatVector cosines0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, cosines, ORDER);
        FloatVector cosines1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, cosines + FLOAT_BYTES, ORDER);
        FloatVector cosines2 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, cosines + 2 * FLOAT_BYTES, ORDER);
        FloatVector cosines3 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, cosines + 3 * FLOAT_BYTES, ORDER);
        FloatVector sines0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, sines, ORDER);
        FloatVector sines1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, sines + FLOAT_BYTES, ORDER);
        FloatVector sines2 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, sines + 2 * FLOAT_BYTES, ORDER);
        FloatVector sines3 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, sines + 3 * FLOAT_BYTES, ORDER);
        FloatVector c0 = cosines0.rearrange(LOWER_FLOATS);
        FloatVector c1 = cosines0.rearrange(UPPER_FLOATS);
        FloatVector c2 = cosines1.rearrange(LOWER_FLOATS);
        FloatVector c3 = cosines1.rearrange(UPPER_FLOATS);
        FloatVector c4 = cosines2.rearrange(LOWER_FLOATS);
        FloatVector c5 = cosines2.rearrange(UPPER_FLOATS);
        FloatVector c6 = cosines3.rearrange(LOWER_FLOATS);
        FloatVector c7 = cosines3.rearrange(UPPER_FLOATS);
        FloatVector s0 = sines0.rearrange(LOWER_FLOATS).mul(FLOAT_SIGNS);
        FloatVector s1 = sines0.rearrange(UPPER_FLOATS).mul(FLOAT_SIGNS);
        FloatVector s2 = sines1.rearrange(LOWER_FLOATS).mul(FLOAT_SIGNS);
        FloatVector s3 = sines1.rearrange(UPPER_FLOATS).mul(FLOAT_SIGNS);
        FloatVector s4 = sines2.rearrange(LOWER_FLOATS).mul(FLOAT_SIGNS);
        FloatVector s5 = sines2.rearrange(UPPER_FLOATS).mul(FLOAT_SIGNS);
        FloatVector s6 = sines3.rearrange(LOWER_FLOATS).mul(FLOAT_SIGNS);
        FloatVector s7 = sines3.rearrange(UPPER_FLOATS).mul(FLOAT_SIGNS);
        for (long h = 0; h < heads; h++) {
            x &= ADDRESS;
            out &= ADDRESS;
            FloatVector x0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x, ORDER);
            x0.fma(c0, x0.rearrange(EXCHANGE_FLOATS).mul(s0)).intoMemorySegment(ALL, out, ORDER);
            FloatVector x1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + FLOAT_BYTES, ORDER);
            x1.fma(c1, x1.rearrange(EXCHANGE_FLOATS).mul(s1)).intoMemorySegment(ALL, out + FLOAT_BYTES, ORDER);
            FloatVector x2 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 2 * FLOAT_BYTES, ORDER);
            x2.fma(c2, x2.rearrange(EXCHANGE_FLOATS).mul(s2)).intoMemorySegment(ALL, out + 2 * FLOAT_BYTES, ORDER);
            FloatVector x3 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 3 * FLOAT_BYTES, ORDER);
            x3.fma(c3, x3.rearrange(EXCHANGE_FLOATS).mul(s3)).intoMemorySegment(ALL, out + 3 * FLOAT_BYTES, ORDER);
            FloatVector x4 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 4 * FLOAT_BYTES, ORDER);
            x4.fma(c4, x4.rearrange(EXCHANGE_FLOATS).mul(s4)).intoMemorySegment(ALL, out + 4 * FLOAT_BYTES, ORDER);
            FloatVector x5 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 5 * FLOAT_BYTES, ORDER);
            x5.fma(c5, x5.rearrange(EXCHANGE_FLOATS).mul(s5)).intoMemorySegment(ALL, out + 5 * FLOAT_BYTES, ORDER);
            FloatVector x6 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 6 * FLOAT_BYTES, ORDER);
            x6.fma(c6, x6.rearrange(EXCHANGE_FLOATS).mul(s6)).intoMemorySegment(ALL, out + 6 * FLOAT_BYTES, ORDER);
            FloatVector x7 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 7 * FLOAT_BYTES, ORDER);
            x7.fma(c7, x7.rearrange(EXCHANGE_FLOATS).mul(s7)).intoMemorySegment(ALL, out + 7 * FLOAT_BYTES, ORDER);
            x += xStep;
            out += outStep;
        }
    }
}
