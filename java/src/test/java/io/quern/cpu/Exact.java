package io.quern.cpu;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;

/** Elementary functions to some 50 digits by their series: slow, plain, and independent of everything they are to judge. */
public final class Exact {
    private static final MathContext DIGITS = new MathContext(80);
    private static final BigDecimal NEGLIGIBLE = new BigDecimal("1e-60");
    private static final BigDecimal LN_2 =
            atanh(BigDecimal.ONE.divide(BigDecimal.valueOf(3), DIGITS)).multiply(BigDecimal.TWO);

    /** Machin's formula. */
    public static final BigDecimal PI = BigDecimal.valueOf(16)
            .multiply(atan(5))
            .subtract(BigDecimal.valueOf(4).multiply(atan(239)));

    private Exact() {}

    /** {@return the sine of an angle in radians, rounded} */
    public static double sin(BigDecimal radians) {
        return series(reduced(radians), 1).doubleValue();
    }

    /** {@return the cosine of an angle in radians, rounded} */
    public static double cos(BigDecimal radians) {
        return series(reduced(radians), 0).doubleValue();
    }

    /** {@return base^exponent} */
    public static BigDecimal power(double base, BigDecimal exponent) {
        return exp(ln(base).multiply(exponent, DIGITS));
    }

    /** Sum of (-1)^i x^(2i+parity) / (2i+parity)! for |x| up to pi. */
    private static BigDecimal series(BigDecimal x, int parity) {
        BigDecimal square = x.multiply(x, DIGITS).negate();
        BigDecimal term = parity == 0 ? BigDecimal.ONE : x;
        BigDecimal sum = term;
        for (int i = parity; term.abs().compareTo(NEGLIGIBLE) > 0; i += 2) {
            term = term.multiply(square, DIGITS).divide(BigDecimal.valueOf((i + 1) * (i + 2)), DIGITS);
            sum = sum.add(term);
        }
        return sum;
    }

    private static BigDecimal reduced(BigDecimal radians) {
        BigDecimal circle = PI.multiply(BigDecimal.TWO);
        BigInteger turns = radians.divide(circle, DIGITS)
                .setScale(0, RoundingMode.HALF_EVEN)
                .toBigInteger();
        return radians.subtract(circle.multiply(new BigDecimal(turns)));
    }

    /** {@return e^x} */
    public static BigDecimal exp(BigDecimal x) {
        int halvings = 64; // then the series needs few terms, and 2^64 times its error is still nothing
        BigDecimal small = x.divide(BigDecimal.TWO.pow(halvings), DIGITS);
        BigDecimal term = BigDecimal.ONE;
        BigDecimal sum = term;
        for (int i = 1; i < 8; i++) {
            term = term.multiply(small, DIGITS).divide(BigDecimal.valueOf(i), DIGITS);
            sum = sum.add(term);
        }
        for (int i = 0; i < halvings; i++) {
            sum = sum.multiply(sum, DIGITS);
        }
        return sum;
    }

    /** {@return the natural logarithm} */
    public static BigDecimal ln(double x) {
        int exponent = Math.getExponent(x);
        BigDecimal mantissa = new BigDecimal(x).divide(new BigDecimal(Math.scalb(1.0, exponent)), DIGITS);
        BigDecimal ratio = mantissa.subtract(BigDecimal.ONE).divide(mantissa.add(BigDecimal.ONE), DIGITS);
        return LN_2.multiply(BigDecimal.valueOf(exponent)).add(atanh(ratio).multiply(BigDecimal.TWO));
    }

    private static BigDecimal atanh(BigDecimal x) {
        return oddSeries(x, x.multiply(x, DIGITS));
    }

    private static BigDecimal atan(int inverse) {
        BigDecimal x = BigDecimal.ONE.divide(BigDecimal.valueOf(inverse), DIGITS);
        return oddSeries(x, x.multiply(x, DIGITS).negate());
    }

    /** Sum of x ratio^i / (2i+1). */
    private static BigDecimal oddSeries(BigDecimal x, BigDecimal ratio) {
        BigDecimal power = x;
        BigDecimal sum = x;
        for (int i = 3; power.abs().compareTo(NEGLIGIBLE) > 0; i += 2) {
            power = power.multiply(ratio, DIGITS);
            sum = sum.add(power.divide(BigDecimal.valueOf(i), DIGITS));
        }
        return sum;
    }
}
