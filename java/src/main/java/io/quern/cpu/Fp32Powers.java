package io.quern.cpu;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Powers of two of contiguous FP32, whole vectors of them; the bits of {@link Exp2#of(float)}. As in {@link Fp32PanelMath},
 * 2^n is made as integers and used as floating point by way of memory, in passes.
 */
public final class Fp32Powers {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int LANES = Lanes.FLOAT.length();

    private static final FloatVector LEAST = FloatVector.broadcast(Lanes.FLOAT, -Exp2.FLOAT_BIAS);
    private static final FloatVector TO_INTEGER = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_TO_INTEGER);
    private static final FloatVector ONE = FloatVector.broadcast(Lanes.FLOAT, 1);
    private static final FloatVector C1 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C1);
    private static final FloatVector C2 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C2);
    private static final FloatVector C3 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C3);
    private static final FloatVector C4 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C4);
    private static final FloatVector C5 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C5);
    private static final FloatVector C6 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C6);
    private static final IntVector BIAS = IntVector.broadcast(Lanes.INT, Exp2.FLOAT_BIAS);

    private Fp32Powers() {}

    /**
     * Replaces x by (x - shift) factor.
     *
     * @param count a multiple of the lanes of a vector
     */
    public static void shift(MemorySegment x, int count, float shift, float factor) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector.fromMemorySegment(Lanes.FLOAT, x, 4L * i, ORDER)
                    .sub(shift)
                    .mul(factor)
                    .intoMemorySegment(x, 4L * i, ORDER);
        }
    }

    /**
     * Replaces x by 2^x.
     *
     * @param scratch as large
     * @param count a multiple of the lanes of a vector
     */
    public static void powers(MemorySegment x, MemorySegment scratch, int count) {
        polynomials(x, scratch, count);
        exponents(scratch, count);
        for (int i = 0; i < count; i += LANES) {
            FloatVector.fromMemorySegment(Lanes.FLOAT, x, 4L * i, ORDER)
                    .mul(FloatVector.fromMemorySegment(Lanes.FLOAT, scratch, 4L * i, ORDER))
                    .intoMemorySegment(x, 4L * i, ORDER);
        }
    }

    /** Replaces x by p(f), and leaves n in the low bits of the scratch memory. */
    private static void polynomials(MemorySegment x, MemorySegment scratch, int count) {
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = FloatVector.fromMemorySegment(Lanes.FLOAT, x, 4L * i, ORDER);
            FloatVector least = v.blend(LEAST, v.compare(VectorOperators.LT, LEAST)); // NaN stays
            FloatVector shifted = least.add(TO_INTEGER);
            shifted.intoMemorySegment(scratch, 4L * i, ORDER);
            FloatVector f = least.sub(shifted.sub(TO_INTEGER));
            FloatVector p = C6.fma(f, C5);
            p = p.fma(f, C4);
            p = p.fma(f, C3);
            p = p.fma(f, C2);
            p = p.fma(f, C1);
            p.fma(f, ONE).intoMemorySegment(x, 4L * i, ORDER);
        }
    }

    /** Replaces n by 2^n. */
    private static void exponents(MemorySegment scratch, int count) {
        for (int i = 0; i < count; i += LANES) {
            IntVector.fromMemorySegment(Lanes.INT, scratch, 4L * i, ORDER)
                    .add(BIAS)
                    .lanewise(VectorOperators.LSHL, 23)
                    .intoMemorySegment(scratch, 4L * i, ORDER);
        }
    }
}
