package io.quern;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The type of a tensor's elements. Kernels compute in the floating types; the integer types carry positions, lengths and
 * tables.
 *
 * <p>FP16 and BF16 have no Java type: an element is the 16-bit pattern, held in a {@code short}. Conversions round to
 * nearest, ties to even, and round once.
 */
public enum DType {
    /** IEEE 754 binary64. */
    FP64(8),
    /** IEEE 754 binary32. */
    FP32(4),
    /** IEEE 754 binary16: 11 bits of significand, largest value 65,504. */
    FP16(2),
    /** bfloat16: the upper half of a binary32, 8 bits of significand and the binary32 range. */
    BF16(2),
    /** Signed 32-bit integer. */
    INT32(4),
    /** Signed 64-bit integer. */
    INT64(8);

    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** {@return the size of one element in bytes} */
    public int bytes() {
        return bytes;
    }

    /** {@return whether kernels can compute in this type} */
    public boolean floating() {
        return this == FP64 || this == FP32 || this == FP16 || this == BF16;
    }

    /** {@return the type in which sums over this type are kept: FP64 for FP64, FP32 for the narrower types} */
    public DType accumulator() {
        return switch (this) {
            case FP64 -> FP64;
            case FP32, FP16, BF16 -> FP32;
            case INT32, INT64 -> throw new IllegalArgumentException(this + " has no accumulator: it is not floating");
        };
    }

    /**
     * Reads element {@code index}, exactly, except that an INT64 beyond 2^53 is rounded.
     *
     * @param memory elements of this type, densely packed
     * @param index in elements
     */
    public double get(MemorySegment memory, long index) {
        long offset = index * bytes;
        return switch (this) {
            case FP64 -> memory.get(DOUBLE, offset);
            case FP32 -> memory.get(FLOAT, offset);
            case FP16 -> Float.float16ToFloat(memory.get(SHORT, offset));
            case BF16 -> bf16ToFloat(memory.get(SHORT, offset));
            case INT32 -> memory.get(INT, offset);
            case INT64 -> memory.get(LONG, offset);
        };
    }

    /**
     * Writes element {@code index}, rounded once to nearest even (integers: truncated, as by a Java cast).
     *
     * @param memory elements of this type, densely packed
     * @param index in elements
     */
    public void set(MemorySegment memory, long index, double value) {
        long offset = index * bytes;
        switch (this) {
            case FP64 -> memory.set(DOUBLE, offset, value);
            case FP32 -> memory.set(FLOAT, offset, (float) value);
            case FP16 -> memory.set(SHORT, offset, Float.floatToFloat16(roundToOdd(value)));
            case BF16 -> memory.set(SHORT, offset, floatToBf16(roundToOdd(value)));
            case INT32 -> memory.set(INT, offset, (int) value);
            case INT64 -> memory.set(LONG, offset, (long) value);
        }
    }

    /** {@return the value of a bfloat16 bit pattern; exact} */
    public static float bf16ToFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** {@return the bfloat16 bit pattern nearest to {@code value}, ties to even; a NaN stays a (quiet) NaN} */
    public static short floatToBf16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (value != value) {
            return (short) (bits >>> 16 | 0x0040);
        }
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }

    /**
     * The binary32 next to {@code value} toward zero, its last bit set when anything was lost. Rounding that to a type of
     * at least two bits less gives what rounding {@code value} itself would give: double rounding does no harm (Boldo and
     * Melquiond, "Emulation of FMA and correctly rounded sums", IEEE Trans. Computers 57, 2008, theorem 3).
     */
    private static float roundToOdd(double value) {
        float nearest = (float) value;
        if (nearest == value || value != value || Float.isInfinite(nearest)) {
            return nearest;
        }
        int bits = Float.floatToRawIntBits(nearest);
        int truncated = Math.abs((double) nearest) > Math.abs(value) ? bits - 1 : bits;
        return Float.intBitsToFloat(truncated | 1);
    }
}
