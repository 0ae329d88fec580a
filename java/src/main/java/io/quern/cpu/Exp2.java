package io.quern.cpu;

/**
 * Powers of two, 2^x. With n the whole number nearest to x (ties to even) and f = x - n, exact and at most 1/2:
 *
 * <pre>
 *   2^x = p(f) 2^n,   p(f) = 1 + f (c1 + f (c2 + ...)),   degree 6 in FP32, 11 in FP64
 * </pre>
 *
 * <p>p is a least-squares fit whose coefficients were rounded one after the other, from the lowest on; it is off by 4e-9
 * (FP32) and 5.2e-18 (FP64), so that rounding decides: a result is within 1.2e-7 or 2.3e-16 of 2^x, relatively. 2^0 is 1.
 *
 * <p>Where n is below -126 (FP32) or -1022 (FP64) the result is zero: a weight so small counts for nothing beside the 1 that
 * every softmax has. NaN gives NaN. x is at most 127 or 1023; in a softmax it is at most 0.
 *
 * <p>Every operation is an addition, a multiplication or an fma, rounded to nearest even, in the same order in the scalar
 * methods, in {@link PanelMath} and in {@code cuda/shared/exp.cuh}: the three give the same bits.
 */
public final class Exp2 {
    static final float FLOAT_C1 = 0x1.62e430p-1f;
    static final float FLOAT_C2 = 0x1.ebfbe0p-3f;
    static final float FLOAT_C3 = 0x1.c6af72p-5f;
    static final float FLOAT_C4 = 0x1.3b2a48p-7f;
    static final float FLOAT_C5 = 0x1.5f0dccp-10f;
    static final float FLOAT_C6 = 0x1.4424b0p-13f;

    static final double DOUBLE_C1 = 0x1.62e42fefa39efp-1;
    static final double DOUBLE_C2 = 0x1.ebfbdff82c5a6p-3;
    static final double DOUBLE_C3 = 0x1.c6b08d704a183p-5;
    static final double DOUBLE_C4 = 0x1.3b2ab6fb9fd4fp-7;
    static final double DOUBLE_C5 = 0x1.5d87fe7888b62p-10;
    static final double DOUBLE_C6 = 0x1.4309130f862b6p-13;
    static final double DOUBLE_C7 = 0x1.ffcbfcdbb0815p-17;
    static final double DOUBLE_C8 = 0x1.62bfc60f5590bp-20;
    static final double DOUBLE_C9 = 0x1.b524224fbe196p-24;
    static final double DOUBLE_C10 = 0x1.e61dcc21b6ec9p-28;
    static final double DOUBLE_C11 = 0x1.eafe8868eac99p-32;

    /** Added to |x| below 2^22, leaves round(x) in the low bits of the significand. */
    static final float FLOAT_TO_INTEGER = 0x1.8p23f;

    /** Added to |x| below 2^51, leaves round(x) in the low bits of the significand. */
    static final double DOUBLE_TO_INTEGER = 0x1.8p52;

    /** The exponent's bias; n less it is the first whose power is zero. */
    static final int FLOAT_BIAS = 127;

    /** The exponent's bias; n less it is the first whose power is zero. */
    static final int DOUBLE_BIAS = 1023;

    private Exp2() {}

    /** {@return c1, c2, ... of FP64, for who writes the polynomial down elsewhere} */
    public static double[] doubleCoefficients() {
        return new double[] {
            DOUBLE_C1,
            DOUBLE_C2,
            DOUBLE_C3,
            DOUBLE_C4,
            DOUBLE_C5,
            DOUBLE_C6,
            DOUBLE_C7,
            DOUBLE_C8,
            DOUBLE_C9,
            DOUBLE_C10,
            DOUBLE_C11
        };
    }

    /** {@return c1, c2, ... of FP32, for who writes the polynomial down elsewhere} */
    public static double[] floatCoefficients() {
        return new double[] {FLOAT_C1, FLOAT_C2, FLOAT_C3, FLOAT_C4, FLOAT_C5, FLOAT_C6};
    }

    /** {@return 2^x} */
    public static float of(float x) {
        float least = x < -FLOAT_BIAS ? -FLOAT_BIAS : x;
        float shifted = least + FLOAT_TO_INTEGER;
        float f = least - (shifted - FLOAT_TO_INTEGER);
        float p = Math.fma(FLOAT_C6, f, FLOAT_C5);
        p = Math.fma(p, f, FLOAT_C4);
        p = Math.fma(p, f, FLOAT_C3);
        p = Math.fma(p, f, FLOAT_C2);
        p = Math.fma(p, f, FLOAT_C1);
        p = Math.fma(p, f, 1);
        return p * Float.intBitsToFloat(Float.floatToRawIntBits(shifted) + FLOAT_BIAS << 23);
    }

    /** {@return 2^x} */
    public static double of(double x) {
        double least = x < -DOUBLE_BIAS ? -DOUBLE_BIAS : x;
        double shifted = least + DOUBLE_TO_INTEGER;
        double f = least - (shifted - DOUBLE_TO_INTEGER);
        double p = Math.fma(DOUBLE_C11, f, DOUBLE_C10);
        p = Math.fma(p, f, DOUBLE_C9);
        p = Math.fma(p, f, DOUBLE_C8);
        p = Math.fma(p, f, DOUBLE_C7);
        p = Math.fma(p, f, DOUBLE_C6);
        p = Math.fma(p, f, DOUBLE_C5);
        p = Math.fma(p, f, DOUBLE_C4);
        p = Math.fma(p, f, DOUBLE_C3);
        p = Math.fma(p, f, DOUBLE_C2);
        p = Math.fma(p, f, DOUBLE_C1);
        p = Math.fma(p, f, 1);
        return p * Double.longBitsToDouble(Double.doubleToRawLongBits(shifted) + DOUBLE_BIAS << 52);
    }
}
