package io.quern.rope;

import io.quern.cpu.Lanes;
import java.lang.foreign.MemorySegment;
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
 * Pairs beyond the last whole vector go to {@link RopeScalar}. One method a type, and nothing in it but its loop: what
 * C2 does not inline gets its vectors boxed. The loops end by {@code !=}: C2 would cut one that ends by {@code <} into a
 * loop before, a main loop and a loop after, which for the few vectors of a head cost more than the work (25 against 14 ns
 * a head of 128 channels in FP32).
 *
 * <p>{@code xAt}, {@code outAt}: where the first head begins in x and out; {@code xStep}, {@code outStep}: from head to
 * head; {@code turnsAt}: where {@link TurnLayout} laid out cosines and sines; all in bytes.
 */
final class RopeHalves {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private RopeHalves() {}

    static void fp64(
            MemorySegment x,
            long xAt,
            long xStep,
            MemorySegment out,
            long outAt,
            long outStep,
            long heads,
            MemorySegment turns,
            long turnsAt,
            int pairs) {
        long vectorised = 8L * Lanes.DOUBLE.loopBound(pairs);
        long half = 8L * pairs;
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (long i = 0; i != vectorised; i += Lanes.DOUBLE.vectorByteSize()) {
                DoubleVector x0 = loadFp64(x, from + i);
                DoubleVector x1 = loadFp64(x, from + half + i);
                DoubleVector c = loadFp64(turns, turnsAt + i);
                DoubleVector s = loadFp64(turns, turnsAt + half + i);
                x0.fma(c, x1.mul(s).neg()).intoMemorySegment(out, to + i, ORDER);
                x1.fma(c, x0.mul(s)).intoMemorySegment(out, to + half + i, ORDER);
            }
        }
    }

    static void fp32(
            MemorySegment x,
            long xAt,
            long xStep,
            MemorySegment out,
            long outAt,
            long outStep,
            long heads,
            MemorySegment turns,
            long turnsAt,
            int pairs) {
        long vectorised = 4L * Lanes.FLOAT.loopBound(pairs);
        long half = 4L * pairs;
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (long i = 0; i != vectorised; i += Lanes.FLOAT.vectorByteSize()) {
                FloatVector x0 = loadFp32(x, from + i);
                FloatVector x1 = loadFp32(x, from + half + i);
                FloatVector c = loadFp32(turns, turnsAt + i);
                FloatVector s = loadFp32(turns, turnsAt + half + i);
                x0.fma(c, x1.mul(s).neg()).intoMemorySegment(out, to + i, ORDER);
                x1.fma(c, x0.mul(s)).intoMemorySegment(out, to + half + i, ORDER);
            }
        }
    }

    private static FloatVector loadFp32(MemorySegment memory, long at) {
        return FloatVector.fromMemorySegment(Lanes.FLOAT, memory, at, ORDER);
    }

    private static DoubleVector loadFp64(MemorySegment memory, long at) {
        return DoubleVector.fromMemorySegment(Lanes.DOUBLE, memory, at, ORDER);
    }
}
