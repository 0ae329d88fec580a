package io.quern.rope;

import io.quern.cpu.Lanes;
import java.lang.foreign.MemorySegment;
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
 * which is the pair's formula bit by bit, since x1 * -s is -(x1 * s). Parameters and what is left over as in {@link
 * RopeHalves}.
 */
final class RopeAdjacent {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private static final VectorShuffle<Float> EXCHANGE_FLOATS = VectorShuffle.fromOp(Lanes.FLOAT, i -> i ^ 1);
    private static final VectorShuffle<Double> EXCHANGE_DOUBLES = VectorShuffle.fromOp(Lanes.DOUBLE, i -> i ^ 1);

    private RopeAdjacent() {}

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
        long vectorised = 8L * Lanes.DOUBLE.loopBound(2 * pairs);
        long sines = turnsAt + 16L * pairs;
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (long i = 0; i != vectorised; i += Lanes.DOUBLE.vectorByteSize()) {
                DoubleVector both = loadFp64(x, from + i);
                DoubleVector c = loadFp64(turns, turnsAt + i);
                DoubleVector s = loadFp64(turns, sines + i);
                both.fma(c, both.rearrange(EXCHANGE_DOUBLES).mul(s)).intoMemorySegment(out, to + i, ORDER);
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
        long vectorised = 4L * Lanes.FLOAT.loopBound(2 * pairs);
        long sines = turnsAt + 8L * pairs;
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (long i = 0; i != vectorised; i += Lanes.FLOAT.vectorByteSize()) {
                FloatVector both = loadFp32(x, from + i);
                FloatVector c = loadFp32(turns, turnsAt + i);
                FloatVector s = loadFp32(turns, sines + i);
                both.fma(c, both.rearrange(EXCHANGE_FLOATS).mul(s)).intoMemorySegment(out, to + i, ORDER);
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
