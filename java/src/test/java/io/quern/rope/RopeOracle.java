package io.quern.rope;

import io.quern.DType;
import io.quern.cpu.Exact;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.function.IntFunction;

/** What rotary embeddings are, to some 50 digits, and how far from it the contract allows a kernel to be. */
final class RopeOracle {
    /** What {@link io.quern.cpu.Trig} promises. */
    static final double TRIG = 4e-16;

    /** Roundings of the oracle itself to FP64: of cosine, sine, their factor and its last digit, two products, a difference. */
    private static final double OWN = 6 * 0x1p-53;

    private RopeOracle() {}

    /** {@return the frequency of pair k as the paper has it} */
    static BigDecimal frequency(double base, int rotaryDim, int k) {
        BigDecimal exponent = BigDecimal.valueOf(-2L * k).divide(BigDecimal.valueOf(rotaryDim), MathContext.DECIMAL128);
        return Exact.power(base, exponent);
    }

    /** {@return the exact angle at a position, in radians} */
    static BigDecimal angle(BigDecimal frequency, AngleRounding rounding, long position) {
        return switch (rounding) {
            case EXACT -> frequency.multiply(BigDecimal.valueOf(position));
            case FP32 -> new BigDecimal(frequency.floatValue() * (float) position);
        };
    }

    /** {@return what an entry of a table of that type may be off by: one rounding of a number up to 1, and Trig's error} */
    static double tableBound(DType dtype) {
        return dtype == DType.FP64 ? TRIG : 0x1p-25 + TRIG;
    }

    /** {@return the same where cosines and sines have a factor: the product is rounded, and then a number up to the factor} */
    static double tableBound(DType dtype, double factor) {
        if (factor == 1) {
            return tableBound(dtype);
        }
        double product = factor * (TRIG + 0x1p-53);
        return dtype == DType.FP64 ? product : product + Math.ulp(Math.nextDown((float) factor)) / 2;
    }

    /**
     * {@return the largest error of an output in units of what it may be}
     *
     * <p>With e the table's error and u the unit roundoff, y0 = fma(x0, c, -(x1 s)) may be off by e (|x0| + |x1|) + u (|x1 s|
     * + |y0|), and by half an ulp more where out is narrower.
     */
    static double worstShare(RopeCase given, double base, double[] x, double[] y) {
        return worstShare(given, k -> frequency(base, given.rope().rotaryDim(), k), 1, x, y);
    }

    /** {@return the same for frequencies and a factor of cosines and sines that an oracle of their own gives} */
    static double worstShare(
            RopeCase given, IntFunction<BigDecimal> frequency, double attentionFactor, double[] x, double[] y) {
        Rope rope = given.rope();
        double factor = rope.rounding() == AngleRounding.FP32 ? (float) attentionFactor : attentionFactor;
        int d = rope.headDim();
        double worst = 0;
        for (int k = 0; k < rope.pairs(); k++) {
            BigDecimal w = frequency.apply(k);
            for (int token = 0; token < given.positions().length; token++) {
                BigDecimal angle = angle(w, rope.rounding(), given.positions()[token]);
                double c = factor * Exact.cos(angle);
                double s = given.direction().sign() * factor * Exact.sin(angle);
                int i = rope.pairing() == Pairing.HALVES ? k : 2 * k;
                int j = rope.pairing() == Pairing.HALVES ? k + rope.pairs() : 2 * k + 1;
                for (int head = 0; head < given.heads(); head++) {
                    int at = (token * given.heads() + head) * d;
                    worst = Math.max(worst, share(given.dtype(), factor, x[at + i], x[at + j], c, -s, y[at + i]));
                    worst = Math.max(worst, share(given.dtype(), factor, x[at + j], x[at + i], c, s, y[at + j]));
                }
            }
        }
        for (int token = 0; token < given.positions().length; token++) {
            for (int head = 0; head < given.heads(); head++) {
                for (int i = rope.rotaryDim(); i < d; i++) {
                    int at = (token * given.heads() + head) * d + i;
                    worst = Math.max(worst, x[at] == y[at] ? 0 : Double.POSITIVE_INFINITY);
                }
            }
        }
        return worst;
    }

    private static double share(
            DType dtype, double factor, double own, double other, double c, double s, double actual) {
        double exact = own * c + other * s;
        double e = tableBound(dtype.accumulator(), factor) + OWN * factor;
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
