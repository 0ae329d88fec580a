package io.quern.cpu;

import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.I2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * FP16 and BF16 elements as lanes of FP32, and back, {@link Lanes#FLOAT} at a time. Widening is exact; narrowing rounds to
 * nearest, ties to even, as {@code io.quern.DType} does element by element; a NaN stays a NaN.
 *
 * <p>The Vector API has no conversion for 16-bit floats, so these work on the bit patterns.
 */
public final class FloatLanes {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    /** What the exponent of an FP16 number grows by as FP32: 127 - 15. */
    private static final float FP16_SCALE = 0x1p112f;

    private static final int FP16_REBIAS = 112 << 23;
    private static final int FP16_INFINITY = 0x7c00;
    private static final int FP16_NAN = 0x7e00;
    private static final int FP32_INFINITY = 0x7f800000;

    /** 2^-14, the least normal FP16 number, as FP32 bits. */
    private static final int FP16_LEAST_NORMAL = 0x38800000;

    /** A number whose ulp in FP32 is 2^-24, the least FP16 number: adding it rounds a smaller number to a multiple. */
    private static final float FP16_ROUNDER = 0.5f;

    private FloatLanes() {}

    /** {@return FP16 elements from {@code offset} bytes on} */
    public static FloatVector loadFp16(MemorySegment memory, long offset) {
        IntVector bits = load(memory, offset);
        IntVector magnitude = bits.and(0x7fff);
        IntVector sign = bits.sub(magnitude).lanewise(LSHL, 16);
        // As FP32 bits the number is 2^112 too small, subnormal ones included.
        IntVector value = magnitude
                .lanewise(LSHL, 13)
                .reinterpretAsFloats()
                .mul(FP16_SCALE)
                .reinterpretAsInts();
        IntVector infinite = value.or(FP32_INFINITY);
        return value.blend(infinite, magnitude.compare(GE, FP16_INFINITY))
                .or(sign)
                .reinterpretAsFloats();
    }

    /** Writes lanes as FP16 elements from {@code offset} bytes on. */
    public static void storeFp16(FloatVector values, MemorySegment memory, long offset) {
        IntVector bits = values.reinterpretAsInts();
        IntVector magnitude = bits.and(0x7fffffff);
        IntVector sign = bits.lanewise(LSHR, 16).and(0x8000);
        // Half a unit of the 13 bits that go, less one where the bit that stays is even: ties go to even.
        IntVector odd = magnitude.lanewise(LSHR, 13).and(1);
        IntVector normal =
                magnitude.add(0xfff - FP16_REBIAS).add(odd).lanewise(LSHR, 13).min(FP16_INFINITY);
        IntVector subnormal = magnitude
                .reinterpretAsFloats()
                .add(FP16_ROUNDER)
                .reinterpretAsInts()
                .sub(Float.floatToRawIntBits(FP16_ROUNDER));
        IntVector rounded = normal.blend(subnormal, magnitude.compare(LT, FP16_LEAST_NORMAL))
                .blend(FP16_NAN, magnitude.compare(GT, FP32_INFINITY))
                .or(sign);
        store(rounded, memory, offset);
    }

    /** {@return BF16 elements from {@code offset} bytes on} */
    public static FloatVector loadBf16(MemorySegment memory, long offset) {
        return load(memory, offset).lanewise(LSHL, 16).reinterpretAsFloats();
    }

    /** Writes lanes as BF16 elements from {@code offset} bytes on. */
    public static void storeBf16(FloatVector values, MemorySegment memory, long offset) {
        IntVector bits = values.reinterpretAsInts();
        IntVector upper = bits.lanewise(LSHR, 16);
        IntVector rounded = bits.add(0x7fff).add(upper.and(1)).lanewise(LSHR, 16);
        IntVector magnitude = bits.and(0x7fffffff);
        store(rounded.blend(upper.or(0x40), magnitude.compare(GT, FP32_INFINITY)), memory, offset);
    }

    private static IntVector load(MemorySegment memory, long offset) {
        return (IntVector) ShortVector.fromMemorySegment(Lanes.HALF_SHORT, memory, offset, ORDER)
                .convertShape(ZERO_EXTEND_S2I, Lanes.INT, 0);
    }

    private static void store(IntVector bits, MemorySegment memory, long offset) {
        ((ShortVector) bits.convertShape(I2S, Lanes.HALF_SHORT, 0)).intoMemorySegment(memory, offset, ORDER);
    }
}
