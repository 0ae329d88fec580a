package io.quern.rope;

import static io.quern.cpu.AddressSpace.ALL;

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
 * which is the pair's formula bit by bit, since x1 * -s is -(x1 * s). Parameters and what is left over as in {@link
 * RopeHalves}.
 */
final class RopeAdjacent {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private static final VectorShuffle<Float> EXCHANGE_FLOATS = VectorShuffle.fromOp(Lanes.FLOAT, i -> i ^ 1);
    private static final VectorShuffle<Double> EXCHANGE_DOUBLES = VectorShuffle.fromOp(Lanes.DOUBLE, i -> i ^ 1);

    private RopeAdjacent() {}

    static void fp64(long xAt, long xStep, long outAt, long outStep, long heads, long turnsAt, int pairs) {
        long vectorised = 8L * Lanes.DOUBLE.loopBound(2 * pairs);
        long sines = turnsAt + 16L * pairs;
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (long i = 0; i != vectorised; i += Lanes.DOUBLE.vectorByteSize()) {
                DoubleVector both = loadFp64(from + i);
                DoubleVector c = loadFp64(turnsAt + i);
                DoubleVector s = loadFp64(sines + i);
                both.fma(c, both.rearrange(EXCHANGE_DOUBLES).mul(s)).intoMemorySegment(ALL, to + i, ORDER);
            }
        }
    }

    static void fp32(long xAt, long xStep, long outAt, long outStep, long heads, long turnsAt, int pairs) {
        long vectorised = 4L * Lanes.FLOAT.loopBound(2 * pairs);
        long sines = turnsAt + 8L * pairs;
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (long i = 0; i != vectorised; i += Lanes.FLOAT.vectorByteSize()) {
                FloatVector both = loadFp32(from + i);
                FloatVector c = loadFp32(turnsAt + i);
                FloatVector s = loadFp32(sines + i);
                both.fma(c, both.rearrange(EXCHANGE_FLOATS).mul(s)).intoMemorySegment(ALL, to + i, ORDER);
            }
        }
    }

    private static FloatVector loadFp32(long at) {
        return FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, at, ORDER);
    }

    private static DoubleVector loadFp64(long at) {
        return DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, at, ORDER);
    }
}
