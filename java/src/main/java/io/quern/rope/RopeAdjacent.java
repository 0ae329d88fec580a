package io.quern.rope;

import io.quern.cpu.FloatLanes;
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
 * which is the pair's formula bit by bit, since x1 * -s is -(x1 * s). For the last vector, and for the choice of methods,
 * see {@link RopeHalves}.
 */
final class RopeAdjacent {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private static final VectorShuffle<Float> EXCHANGE_FLOATS = VectorShuffle.fromOp(Lanes.FLOAT, i -> i ^ 1);
    private static final VectorShuffle<Double> EXCHANGE_DOUBLES = VectorShuffle.fromOp(Lanes.DOUBLE, i -> i ^ 1);

    private RopeAdjacent() {}

    static void fp64(HeadRows r, long xAt, long outAt, long turnsAt) {
        int channels = 2 * r.pairs();
        int last = channels - Lanes.DOUBLE.length();
        if (last < 0) {
            RopeScalar.fp64(r, xAt, outAt, turnsAt);
            return;
        }
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        MemorySegment turns = r.turns();
        long cosines = turnsAt;
        long sines = turnsAt + 8L * channels;
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            DoubleVector end = loadFp64(x, from + 8L * last);
            for (int i = 0; i < last; i += Lanes.DOUBLE.length()) {
                DoubleVector both = loadFp64(x, from + 8L * i);
                DoubleVector c = loadFp64(turns, cosines + 8L * i);
                DoubleVector s = loadFp64(turns, sines + 8L * i);
                both.fma(c, both.rearrange(EXCHANGE_DOUBLES).mul(s)).intoMemorySegment(out, to + 8L * i, ORDER);
            }
            DoubleVector c = loadFp64(turns, cosines + 8L * last);
            DoubleVector s = loadFp64(turns, sines + 8L * last);
            end.fma(c, end.rearrange(EXCHANGE_DOUBLES).mul(s)).intoMemorySegment(out, to + 8L * last, ORDER);
        }
    }

    static void fp32(HeadRows r, long xAt, long outAt, long turnsAt) {
        int channels = 2 * r.pairs();
        int last = channels - Lanes.FLOAT.length();
        if (last < 0) {
            RopeScalar.fp32(r, xAt, outAt, turnsAt);
            return;
        }
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        MemorySegment turns = r.turns();
        long cosines = turnsAt;
        long sines = turnsAt + 4L * channels;
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            FloatVector end = loadFp32(x, from + 4L * last);
            for (int i = 0; i < last; i += Lanes.FLOAT.length()) {
                FloatVector both = loadFp32(x, from + 4L * i);
                FloatVector c = loadFp32(turns, cosines + 4L * i);
                FloatVector s = loadFp32(turns, sines + 4L * i);
                both.fma(c, both.rearrange(EXCHANGE_FLOATS).mul(s)).intoMemorySegment(out, to + 4L * i, ORDER);
            }
            FloatVector c = loadFp32(turns, cosines + 4L * last);
            FloatVector s = loadFp32(turns, sines + 4L * last);
            end.fma(c, end.rearrange(EXCHANGE_FLOATS).mul(s)).intoMemorySegment(out, to + 4L * last, ORDER);
        }
    }

    static void fp16(HeadRows r, long xAt, long outAt, long turnsAt) {
        int channels = 2 * r.pairs();
        int last = channels - Lanes.FLOAT.length();
        if (last < 0) {
            RopeScalar.fp16(r, xAt, outAt, turnsAt);
            return;
        }
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        MemorySegment turns = r.turns();
        long cosines = turnsAt;
        long sines = turnsAt + 4L * channels;
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            FloatVector end = FloatLanes.loadFp16(x, from + 2L * last);
            for (int i = 0; i < last; i += Lanes.FLOAT.length()) {
                FloatVector both = FloatLanes.loadFp16(x, from + 2L * i);
                FloatVector c = loadFp32(turns, cosines + 4L * i);
                FloatVector s = loadFp32(turns, sines + 4L * i);
                FloatLanes.storeFp16(both.fma(c, both.rearrange(EXCHANGE_FLOATS).mul(s)), out, to + 2L * i);
            }
            FloatVector c = loadFp32(turns, cosines + 4L * last);
            FloatVector s = loadFp32(turns, sines + 4L * last);
            FloatLanes.storeFp16(end.fma(c, end.rearrange(EXCHANGE_FLOATS).mul(s)), out, to + 2L * last);
        }
    }

    static void bf16(HeadRows r, long xAt, long outAt, long turnsAt) {
        int channels = 2 * r.pairs();
        int last = channels - Lanes.FLOAT.length();
        if (last < 0) {
            RopeScalar.bf16(r, xAt, outAt, turnsAt);
            return;
        }
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        MemorySegment turns = r.turns();
        long cosines = turnsAt;
        long sines = turnsAt + 4L * channels;
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            FloatVector end = FloatLanes.loadBf16(x, from + 2L * last);
            for (int i = 0; i < last; i += Lanes.FLOAT.length()) {
                FloatVector both = FloatLanes.loadBf16(x, from + 2L * i);
                FloatVector c = loadFp32(turns, cosines + 4L * i);
                FloatVector s = loadFp32(turns, sines + 4L * i);
                FloatLanes.storeBf16(both.fma(c, both.rearrange(EXCHANGE_FLOATS).mul(s)), out, to + 2L * i);
            }
            FloatVector c = loadFp32(turns, cosines + 4L * last);
            FloatVector s = loadFp32(turns, sines + 4L * last);
            FloatLanes.storeBf16(end.fma(c, end.rearrange(EXCHANGE_FLOATS).mul(s)), out, to + 2L * last);
        }
    }

    private static FloatVector loadFp32(MemorySegment memory, long at) {
        return FloatVector.fromMemorySegment(Lanes.FLOAT, memory, at, ORDER);
    }

    private static DoubleVector loadFp64(MemorySegment memory, long at) {
        return DoubleVector.fromMemorySegment(Lanes.DOUBLE, memory, at, ORDER);
    }
}
