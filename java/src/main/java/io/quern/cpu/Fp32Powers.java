package io.quern.cpu;

import static io.quern.cpu.AddressSpace.ADDRESS;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Powers of two of contiguous FP32, whole vectors of them; the bits of {@link Exp2#of(float)}. */
public final class Fp32Powers {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final int LANES = Lanes.FLOAT.length();

    private static final FloatVector LEAST = FloatVector.broadcast(Lanes.FLOAT, -Exp2.FLOAT_BIAS);

    private static final FloatVector TO_INTEGER = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_TO_INTEGER);
    private static final IntVector BIAS = IntVector.broadcast(Lanes.INT, Exp2.FLOAT_BIAS);

    private static final FloatVector ONE = FloatVector.broadcast(Lanes.FLOAT, 1);
    private static final FloatVector C1 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C1);
    private static final FloatVector C2 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C2);
    private static final FloatVector C3 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C3);
    private static final FloatVector C4 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C4);
    private static final FloatVector C5 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C5);
    private static final FloatVector C6 = FloatVector.broadcast(Lanes.FLOAT, Exp2.FLOAT_C6);

    private Fp32Powers() {}

    /**
     * Replaces x by 2^((x - shift) factor).
     *
     * @param count a multiple of the lanes of a vector
     */
    public static void shiftedAndScaled(long x, int count, float shift, float factor) {
        x &= ADDRESS;
        FloatVector shifts = FloatVector.broadcast(Lanes.FLOAT, shift);
        FloatVector factors = FloatVector.broadcast(Lanes.FLOAT, factor);
        for (int i = 0; i < count; i += LANES) {
            FloatVector v = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 4L * i, ORDER)
                    .sub(shifts)
                    .mul(factors);
            FloatVector least = v.blend(LEAST, v.compare(VectorOperators.LT, LEAST)); // NaN stays
            FloatVector shifted = least.add(TO_INTEGER);
            FloatVector f = least.sub(shifted.sub(TO_INTEGER));
            FloatVector p = C6.fma(f, C5);
            p = p.fma(f, C4);
            p = p.fma(f, C3);
            p = p.fma(f, C2);
            p = p.fma(f, C1);
            FloatVector power = shifted.reinterpretAsInts()
                    .add(BIAS)
                    .lanewise(VectorOperators.LSHL, 23)
                    .reinterpretAsFloats();
            p.fma(f, ONE).mul(power).intoMemorySegment(ALL, x + 4L * i, ORDER);
        }
    }
}
