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
 * C2 does not inline gets its vectors boxed.
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
        int vectorised = Lanes.DOUBLE.loopBound(pairs);
        long half = 8L * pairs;
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (int k = 0; k < vectorised; k += Lanes.DOUBLE.length()) {
                DoubleVector x0 = loadFp64(x, from + 8L * k);
                DoubleVector x1 = loadFp64(x, from + half + 8L * k);
                DoubleVector c = loadFp64(turns, turnsAt + 8L * k);
                DoubleVector s = loadFp64(turns, turnsAt + half + 8L * k);
                x0.fma(c, x1.mul(s).neg()).intoMemorySegment(out, to + 8L * k, ORDER);
                x1.fma(c, x0.mul(s)).intoMemorySegment(out, to + half + 8L * k, ORDER);
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
        int vectorised = Lanes.FLOAT.loopBound(pairs);
        long half = 4L * pairs;
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (int k = 0; k < vectorised; k += Lanes.FLOAT.length()) {
                FloatVector x0 = loadFp32(x, from + 4L * k);
                FloatVector x1 = loadFp32(x, from + half + 4L * k);
                FloatVector c = loadFp32(turns, turnsAt + 4L * k);
                FloatVector s = loadFp32(turns, turnsAt + half + 4L * k);
                x0.fma(c, x1.mul(s).neg()).intoMemorySegment(out, to + 4L * k, ORDER);
                x1.fma(c, x0.mul(s)).intoMemorySegment(out, to + half + 4L * k, ORDER);
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
