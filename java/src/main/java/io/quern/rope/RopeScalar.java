package io.quern.rope;

import io.quern.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Rotates the heads of one token pair by pair: heads narrower than a vector. */
final class RopeScalar {
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT;

    private RopeScalar() {}

    static void fp64(HeadRows r, long xAt, long outAt, long turnsAt) {
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        long step = 8L * r.pairStep();
        long partner = 8L * r.partnerStep();
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            for (int k = 0; k < r.pairs(); k++) {
                long i = k * step;
                double x0 = x.get(DOUBLE, from + i);
                double x1 = x.get(DOUBLE, from + i + partner);
                double c = r.turns().get(DOUBLE, turnsAt + 8L * r.cosineIndex(k));
                double s = r.turns().get(DOUBLE, turnsAt + 8L * r.sineIndex(k));
                out.set(DOUBLE, to + i, Math.fma(x0, c, -(x1 * s)));
                out.set(DOUBLE, to + i + partner, Math.fma(x1, c, x0 * s));
            }
        }
    }

    static void fp32(HeadRows r, long xAt, long outAt, long turnsAt) {
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        long step = 4L * r.pairStep();
        long partner = 4L * r.partnerStep();
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            for (int k = 0; k < r.pairs(); k++) {
                long i = k * step;
                float x0 = x.get(FLOAT, from + i);
                float x1 = x.get(FLOAT, from + i + partner);
                float c = r.turns().get(FLOAT, turnsAt + 4L * r.cosineIndex(k));
                float s = r.turns().get(FLOAT, turnsAt + 4L * r.sineIndex(k));
                out.set(FLOAT, to + i, Math.fma(x0, c, -(x1 * s)));
                out.set(FLOAT, to + i + partner, Math.fma(x1, c, x0 * s));
            }
        }
    }

    static void fp16(HeadRows r, long xAt, long outAt, long turnsAt) {
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        long step = 2L * r.pairStep();
        long partner = 2L * r.partnerStep();
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            for (int k = 0; k < r.pairs(); k++) {
                long i = k * step;
                float x0 = Float.float16ToFloat(x.get(SHORT, from + i));
                float x1 = Float.float16ToFloat(x.get(SHORT, from + i + partner));
                float c = r.turns().get(FLOAT, turnsAt + 4L * r.cosineIndex(k));
                float s = r.turns().get(FLOAT, turnsAt + 4L * r.sineIndex(k));
                out.set(SHORT, to + i, Float.floatToFloat16(Math.fma(x0, c, -(x1 * s))));
                out.set(SHORT, to + i + partner, Float.floatToFloat16(Math.fma(x1, c, x0 * s)));
            }
        }
    }

    static void bf16(HeadRows r, long xAt, long outAt, long turnsAt) {
        MemorySegment x = r.x();
        MemorySegment out = r.out();
        long step = 2L * r.pairStep();
        long partner = 2L * r.partnerStep();
        for (long h = 0; h < r.heads(); h++) {
            long from = xAt + h * r.xStep();
            long to = outAt + h * r.outStep();
            for (int k = 0; k < r.pairs(); k++) {
                long i = k * step;
                float x0 = DType.bf16ToFloat(x.get(SHORT, from + i));
                float x1 = DType.bf16ToFloat(x.get(SHORT, from + i + partner));
                float c = r.turns().get(FLOAT, turnsAt + 4L * r.cosineIndex(k));
                float s = r.turns().get(FLOAT, turnsAt + 4L * r.sineIndex(k));
                out.set(SHORT, to + i, DType.floatToBf16(Math.fma(x0, c, -(x1 * s))));
                out.set(SHORT, to + i + partner, DType.floatToBf16(Math.fma(x1, c, x0 * s)));
            }
        }
    }
}
