package io.quern.rope;

import io.quern.cpu.FloatLanes;
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
 * The last vector of each half ends with the half. Where the pairs are no multiple of a vector it overlaps the one before,
 * and is computed twice from the same numbers: it is loaded before anything is stored, for x may be out. Heads with fewer
 * pairs than a vector has lanes go to {@link RopeScalar}.
 *
 * <p>One method a type: a shared loop with a choice inside would be one profile for all types, and C2 boxes the vectors of
 * a call that it does not inline.
 */
final class RopeHalves {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private RopeHalves() {}

    static void fp64(HeadRows r, long xAt, long outAt, long turnsAt) {
        int last = r.pairs() - Lanes.DOUBLE.length();
        if (last < 0) {
            RopeScalar.fp64(r, xAt, outAt, turnsAt);
            return;
        }
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        MemorySegment turns = r.turns();
        long half = 8L * r.pairs();
        long cosines = turnsAt;
        long sines = turnsAt + 8L * r.pairs();
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            DoubleVector end0 = loadFp64(x, from + 8L * last);
            DoubleVector end1 = loadFp64(x, from + half + 8L * last);
            for (int k = 0; k < last; k += Lanes.DOUBLE.length()) {
                DoubleVector x0 = loadFp64(x, from + 8L * k);
                DoubleVector x1 = loadFp64(x, from + half + 8L * k);
                DoubleVector c = loadFp64(turns, cosines + 8L * k);
                DoubleVector s = loadFp64(turns, sines + 8L * k);
                x0.fma(c, x1.mul(s).neg()).intoMemorySegment(out, to + 8L * k, ORDER);
                x1.fma(c, x0.mul(s)).intoMemorySegment(out, to + half + 8L * k, ORDER);
            }
            DoubleVector c = loadFp64(turns, cosines + 8L * last);
            DoubleVector s = loadFp64(turns, sines + 8L * last);
            end0.fma(c, end1.mul(s).neg()).intoMemorySegment(out, to + 8L * last, ORDER);
            end1.fma(c, end0.mul(s)).intoMemorySegment(out, to + half + 8L * last, ORDER);
        }
    }

    static void fp32(HeadRows r, long xAt, long outAt, long turnsAt) {
        int last = r.pairs() - Lanes.FLOAT.length();
        if (last < 0) {
            RopeScalar.fp32(r, xAt, outAt, turnsAt);
            return;
        }
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        MemorySegment turns = r.turns();
        long half = 4L * r.pairs();
        long cosines = turnsAt;
        long sines = turnsAt + 4L * r.pairs();
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            FloatVector end0 = loadFp32(x, from + 4L * last);
            FloatVector end1 = loadFp32(x, from + half + 4L * last);
            for (int k = 0; k < last; k += Lanes.FLOAT.length()) {
                FloatVector x0 = loadFp32(x, from + 4L * k);
                FloatVector x1 = loadFp32(x, from + half + 4L * k);
                FloatVector c = loadFp32(turns, cosines + 4L * k);
                FloatVector s = loadFp32(turns, sines + 4L * k);
                x0.fma(c, x1.mul(s).neg()).intoMemorySegment(out, to + 4L * k, ORDER);
                x1.fma(c, x0.mul(s)).intoMemorySegment(out, to + half + 4L * k, ORDER);
            }
            FloatVector c = loadFp32(turns, cosines + 4L * last);
            FloatVector s = loadFp32(turns, sines + 4L * last);
            end0.fma(c, end1.mul(s).neg()).intoMemorySegment(out, to + 4L * last, ORDER);
            end1.fma(c, end0.mul(s)).intoMemorySegment(out, to + half + 4L * last, ORDER);
        }
    }

    static void fp16(HeadRows r, long xAt, long outAt, long turnsAt) {
        int last = r.pairs() - Lanes.FLOAT.length();
        if (last < 0) {
            RopeScalar.fp16(r, xAt, outAt, turnsAt);
            return;
        }
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        MemorySegment turns = r.turns();
        long half = 2L * r.pairs();
        long cosines = turnsAt;
        long sines = turnsAt + 4L * r.pairs();
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            FloatVector end0 = FloatLanes.loadFp16(x, from + 2L * last);
            FloatVector end1 = FloatLanes.loadFp16(x, from + half + 2L * last);
            for (int k = 0; k < last; k += Lanes.FLOAT.length()) {
                FloatVector x0 = FloatLanes.loadFp16(x, from + 2L * k);
                FloatVector x1 = FloatLanes.loadFp16(x, from + half + 2L * k);
                FloatVector c = loadFp32(turns, cosines + 4L * k);
                FloatVector s = loadFp32(turns, sines + 4L * k);
                FloatLanes.storeFp16(x0.fma(c, x1.mul(s).neg()), out, to + 2L * k);
                FloatLanes.storeFp16(x1.fma(c, x0.mul(s)), out, to + half + 2L * k);
            }
            FloatVector c = loadFp32(turns, cosines + 4L * last);
            FloatVector s = loadFp32(turns, sines + 4L * last);
            FloatLanes.storeFp16(end0.fma(c, end1.mul(s).neg()), out, to + 2L * last);
            FloatLanes.storeFp16(end1.fma(c, end0.mul(s)), out, to + half + 2L * last);
        }
    }

    static void bf16(HeadRows r, long xAt, long outAt, long turnsAt) {
        int last = r.pairs() - Lanes.FLOAT.length();
        if (last < 0) {
            RopeScalar.bf16(r, xAt, outAt, turnsAt);
            return;
        }
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        MemorySegment turns = r.turns();
        long half = 2L * r.pairs();
        long cosines = turnsAt;
        long sines = turnsAt + 4L * r.pairs();
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            FloatVector end0 = FloatLanes.loadBf16(x, from + 2L * last);
            FloatVector end1 = FloatLanes.loadBf16(x, from + half + 2L * last);
            for (int k = 0; k < last; k += Lanes.FLOAT.length()) {
                FloatVector x0 = FloatLanes.loadBf16(x, from + 2L * k);
                FloatVector x1 = FloatLanes.loadBf16(x, from + half + 2L * k);
                FloatVector c = loadFp32(turns, cosines + 4L * k);
                FloatVector s = loadFp32(turns, sines + 4L * k);
                FloatLanes.storeBf16(x0.fma(c, x1.mul(s).neg()), out, to + 2L * k);
                FloatLanes.storeBf16(x1.fma(c, x0.mul(s)), out, to + half + 2L * k);
            }
            FloatVector c = loadFp32(turns, cosines + 4L * last);
            FloatVector s = loadFp32(turns, sines + 4L * last);
            FloatLanes.storeBf16(end0.fma(c, end1.mul(s).neg()), out, to + 2L * last);
            FloatLanes.storeBf16(end1.fma(c, end0.mul(s)), out, to + half + 2L * last);
        }
    }

    private static FloatVector loadFp32(MemorySegment memory, long at) {
        return FloatVector.fromMemorySegment(Lanes.FLOAT, memory, at, ORDER);
    }

    private static DoubleVector loadFp64(MemorySegment memory, long at) {
        return DoubleVector.fromMemorySegment(Lanes.DOUBLE, memory, at, ORDER);
    }
}
