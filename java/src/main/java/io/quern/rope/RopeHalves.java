package io.quern.rope;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;
import static io.quern.cpu.AddressSpace.STRIDE;

import io.quern.cpu.Lanes;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;

/**
 * Rotates the heads of one token whose pairs are channels k and k + pairs:
 *
 * <pre>
 *   y[k] = fma(x[k], c[k], -(x[k+pairs] s[k]))      y[k+pairs] = fma(x[k+pairs], c[k], x[k] s[k])
 * </pre>
 *
 * Pairs beyond the last whole vector go to {@link RopeScalar}.
 *
 * <p>From memory, what counts is how few instructions lie between one cache line and the next: under way are those lines that
 * lie in the some 256 instructions which the processor looks ahead over. With the checks of segments a vector of each half took 43,
 * and heads had .75 of the speed of a loop in C straight through the same memory; over addresses cut to their bits ({@link
 * io.quern.cpu.AddressSpace}) and four vectors a turn it takes 19, and they have .94.
 *
 * <p>Loops end by {@code !=}: C2 would cut one that ends by {@code <} into a loop before, a main loop and a loop after, which
 * for the few vectors of a head cost more than the work. Each method is written out, and that makes it longer than what C2
 * inlines into others ({@code FreqInlineSize}, 325 bytes): two of them in one method would be past what C2 inlines there, and
 * their vectors boxed.
 *
 * <p>{@code x}, {@code out}: the address where the first head begins; {@code xStep}, {@code outStep}: from head to head;
 * {@code cosines}, {@code sines}: the addresses where {@link TurnLayout} has them; all in bytes.
 */
final class RopeHalves {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final long FLOAT_BYTES = Lanes.FLOAT.vectorByteSize();
    private static final long DOUBLE_BYTES = Lanes.DOUBLE.vectorByteSize();

    private RopeHalves() {}

    static void fp64(long x, long xStep, long out, long outStep, long heads, long cosines, long sines, int pairs) {
        xStep &= STRIDE;
        outStep &= STRIDE;
        cosines &= ADDRESS;
        sines &= ADDRESS;
        long half = 8L * pairs & STRIDE;
        long whole = 8L * Lanes.DOUBLE.loopBound(pairs);
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
                DoubleVector lower0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from, ORDER);
                DoubleVector upper0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + half, ORDER);
                DoubleVector c0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c, ORDER);
                DoubleVector s0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s, ORDER);
                lower0.fma(c0, upper0.mul(s0).neg()).intoMemorySegment(ALL, to, ORDER);
                upper0.fma(c0, lower0.mul(s0)).intoMemorySegment(ALL, to + half, ORDER);
                DoubleVector lower1 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + DOUBLE_BYTES, ORDER);
                DoubleVector upper1 =
                        DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + half + DOUBLE_BYTES, ORDER);
                DoubleVector c1 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c + DOUBLE_BYTES, ORDER);
                DoubleVector s1 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s + DOUBLE_BYTES, ORDER);
                lower1.fma(c1, upper1.mul(s1).neg()).intoMemorySegment(ALL, to + DOUBLE_BYTES, ORDER);
                upper1.fma(c1, lower1.mul(s1)).intoMemorySegment(ALL, to + half + DOUBLE_BYTES, ORDER);
                DoubleVector lower2 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + 2 * DOUBLE_BYTES, ORDER);
                DoubleVector upper2 =
                        DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + half + 2 * DOUBLE_BYTES, ORDER);
                DoubleVector c2 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c + 2 * DOUBLE_BYTES, ORDER);
                DoubleVector s2 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s + 2 * DOUBLE_BYTES, ORDER);
                lower2.fma(c2, upper2.mul(s2).neg()).intoMemorySegment(ALL, to + 2 * DOUBLE_BYTES, ORDER);
                upper2.fma(c2, lower2.mul(s2)).intoMemorySegment(ALL, to + half + 2 * DOUBLE_BYTES, ORDER);
                DoubleVector lower3 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + 3 * DOUBLE_BYTES, ORDER);
                DoubleVector upper3 =
                        DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + half + 3 * DOUBLE_BYTES, ORDER);
                DoubleVector c3 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c + 3 * DOUBLE_BYTES, ORDER);
                DoubleVector s3 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s + 3 * DOUBLE_BYTES, ORDER);
                lower3.fma(c3, upper3.mul(s3).neg()).intoMemorySegment(ALL, to + 3 * DOUBLE_BYTES, ORDER);
                upper3.fma(c3, lower3.mul(s3)).intoMemorySegment(ALL, to + half + 3 * DOUBLE_BYTES, ORDER);
                i = (i + 4 * DOUBLE_BYTES) & STRIDE;
            }
            while (i != whole) {
                long from = x + i;
                long to = out + i;
                long c = cosines + i;
                long s = sines + i;
                DoubleVector lower = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from, ORDER);
                DoubleVector upper = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, from + half, ORDER);
                DoubleVector cosine = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, c, ORDER);
                DoubleVector sine = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, s, ORDER);
                lower.fma(cosine, upper.mul(sine).neg()).intoMemorySegment(ALL, to, ORDER);
                upper.fma(cosine, lower.mul(sine)).intoMemorySegment(ALL, to + half, ORDER);
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
        long half = 4L * pairs & STRIDE;
        long whole = 4L * Lanes.FLOAT.loopBound(pairs);
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
                FloatVector lower0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from, ORDER);
                FloatVector upper0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + half, ORDER);
                FloatVector c0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c, ORDER);
                FloatVector s0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s, ORDER);
                lower0.fma(c0, upper0.mul(s0).neg()).intoMemorySegment(ALL, to, ORDER);
                upper0.fma(c0, lower0.mul(s0)).intoMemorySegment(ALL, to + half, ORDER);
                FloatVector lower1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + FLOAT_BYTES, ORDER);
                FloatVector upper1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + half + FLOAT_BYTES, ORDER);
                FloatVector c1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c + FLOAT_BYTES, ORDER);
                FloatVector s1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s + FLOAT_BYTES, ORDER);
                lower1.fma(c1, upper1.mul(s1).neg()).intoMemorySegment(ALL, to + FLOAT_BYTES, ORDER);
                upper1.fma(c1, lower1.mul(s1)).intoMemorySegment(ALL, to + half + FLOAT_BYTES, ORDER);
                FloatVector lower2 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + 2 * FLOAT_BYTES, ORDER);
                FloatVector upper2 =
                        FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + half + 2 * FLOAT_BYTES, ORDER);
                FloatVector c2 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c + 2 * FLOAT_BYTES, ORDER);
                FloatVector s2 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s + 2 * FLOAT_BYTES, ORDER);
                lower2.fma(c2, upper2.mul(s2).neg()).intoMemorySegment(ALL, to + 2 * FLOAT_BYTES, ORDER);
                upper2.fma(c2, lower2.mul(s2)).intoMemorySegment(ALL, to + half + 2 * FLOAT_BYTES, ORDER);
                FloatVector lower3 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + 3 * FLOAT_BYTES, ORDER);
                FloatVector upper3 =
                        FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + half + 3 * FLOAT_BYTES, ORDER);
                FloatVector c3 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c + 3 * FLOAT_BYTES, ORDER);
                FloatVector s3 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s + 3 * FLOAT_BYTES, ORDER);
                lower3.fma(c3, upper3.mul(s3).neg()).intoMemorySegment(ALL, to + 3 * FLOAT_BYTES, ORDER);
                upper3.fma(c3, lower3.mul(s3)).intoMemorySegment(ALL, to + half + 3 * FLOAT_BYTES, ORDER);
                i = (i + 4 * FLOAT_BYTES) & STRIDE;
            }
            while (i != whole) {
                long from = x + i;
                long to = out + i;
                long c = cosines + i;
                long s = sines + i;
                FloatVector lower = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from, ORDER);
                FloatVector upper = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, from + half, ORDER);
                FloatVector cosine = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, c, ORDER);
                FloatVector sine = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, s, ORDER);
                lower.fma(cosine, upper.mul(sine).neg()).intoMemorySegment(ALL, to, ORDER);
                upper.fma(cosine, lower.mul(sine)).intoMemorySegment(ALL, to + half, ORDER);
                i = (i + FLOAT_BYTES) & STRIDE;
            }
            x += xStep;
            out += outStep;
        }
    }
}
