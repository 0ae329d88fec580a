package io.quern.rope;

import io.quern.DType;
import io.quern.cpu.Exact;
import java.math.BigDecimal;

/** What rotary embeddings are, to some 50 digits, and how far from it the contract allows a kernel to be. */
final class RopeOracle {
    /** What {@link io.quern.cpu.Trig} promises. */
    static final double TRIG = 4e-16;

    /** Roundings of the oracle itself to FP64: of cosine, sine, two products and a difference. */
    private static final double OWN = 4 * 0x1p-53;

    private RopeOracle() {}

    /** {@return the exact angle of pair k at a position, in radians} */
    static BigDecimal angle(double base, int rotaryDim, AngleRounding rounding, long position, int k) {
        BigDecimal exponent =
                BigDecimal.valueOf(-2L * k).divide(BigDecimal.valueOf(rotaryDim), java.math.MathContext.DECIMAL128);
        BigDecimal frequency = Exact.power(base, exponent);
        return switch (rounding) {
            case EXACT -> frequency.multiply(BigDecimal.valueOf(position));
            case FP32 -> new BigDecimal(frequency.floatValue() * (float) position);
        };
    }

    /** {@return what an entry of a table of that type may be off by: one rounding of a number up to 1, and Trig's error} */
    static double tableBound(DType dtype) {
        return dtype == DType.FP64 ? TRIG : 0x1p-25 + TRIG;
    }

    /**
     * {@return the largest error of an output in units of what it may be}
     *
     * <p>With e the table's error and u the unit roundoff, y0 = fma(x0, c, -(x1 s)) may be off by e (|x0| + |x1|) + u (|x1 s|
     * + |y0|), and by half an ulp more where out is narrower.
     */
    static double worstShare(RopeCase given, double base, double[] x, double[] y) {
        Rope rope = given.rope();
        int d = rope.headDim();
        double worst = 0;
        for (int token = 0; token < given.positions().length; token++) {
            for (int k = 0; k < rope.pairs(); k++) {
                BigDecimal angle = angle(base, rope.rotaryDim(), rope.rounding(), given.positions()[token], k);
                double c = Exact.cos(angle);
                double s = given.direction().sign() * Exact.sin(angle);
                int i = rope.pairing() == Pairing.HALVES ? k : 2 * k;
                int j = rope.pairing() == Pairing.HALVES ? k + rope.pairs() : 2 * k + 1;
                for (int head = 0; head < given.heads(); head++) {
                    int at = (token * given.heads() + head) * d;
                    worst = Math.max(worst, share(given.dtype(), x[at + i], x[at + j], c, -s, y[at + i]));
                    worst = Math.max(worst, share(given.dtype(), x[at + j], x[at + i], c, s, y[at + j]));
                }
            }
            for (int head = 0; head < given.heads(); head++) {
                for (int i = rope.rotaryDim(); i < d; i++) {
                    int at = (token * given.heads() + head) * d + i;
                    worst = Math.max(worst, x[at] == y[at] ? 0 : Double.POSITIVE_INFINITY);
                }
            }
        }
        return worst;
    }

    private static double share(DType dtype, double own, double other, double c, double s, double actual) {
        double exact = own * c + other * s;
        double e = tableBound(dtype.accumulator()) + OWN;
        double u = roundoff(dtype.accumulator());
        double computed = e * (Math.abs(own) + Math.abs(other))
                + u * (Math.abs(other) * (Math.abs(s) + e) + Math.abs(exact)) * (1 + 4 * u)
                + tiny(dtype.accumulator());
        double stored = dtype == dtype.accumulator()
                ? computed
                : computed + roundoff(dtype) * (Math.abs(exact) + computed) + tiny(dtype);
        double error = Math.abs(actual - exact);
        return error == 0 ? 0 : Double.isNaN(error) ? Double.POSITIVE_INFINITY : error / stored;
    }

    private static double roundoff(DType dtype) {
        return switch (dtype) {
            case FP64 -> 0x1p-53;
            case FP32 -> 0x1p-24;
            case FP16 -> 0x1p-11;
            default -> 0x1p-8;
        };
    }

    /** Half the least number of a type: what rounding costs below its normal range. */
    private static double tiny(DType dtype) {
        return switch (dtype) {
            case FP64 -> Double.MIN_VALUE;
            case FP32 -> Float.MIN_VALUE;
            case FP16 -> 0x1p-25;
            default -> 0x1p-134;
        };
    }
}
