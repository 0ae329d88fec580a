package io.quern.ode;

import io.quern.DType;
import io.quern.cpu.Exp2;
import io.quern.cpu.Trig;

/**
 * Exponential, logarithm, sine, cosine and power, written as primitive operations of a working type. Every device executes
 * what is written here, so the functions have the same bits everywhere.
 *
 * <pre>
 *   e^x    = 2 p(f) 2^(n-1),  n = round(x log2 e),  f = x log2 e - n by two fma;  p of {@link Exp2}
 *   ln x   = n ln 2 + ln(1 + f),  1 + f within sqrt(1/2)..sqrt(2);  with s = f / (2 + f), z = s^2, h = f^2 / 2:
 *            ln(1 + f) = f - (h - s (h + R)),  R = 2/3 z + 2/5 z^2 + ...,  z at most 0.0295
 *   sin x  as in {@link Trig}, the quadrant's two bits by arithmetic
 *   a^b    = e^(b ln a);  b a whole or half constant: products and a square root
 * </pre>
 *
 * The series of the logarithm is cut where what is left is below 2^-60 (FP32: 2^-29) of the result.
 */
final class Elementary {
    /** Up to this, powers with whole and half exponents are products: at most ten of them. */
    private static final double MOST_PRODUCTS = 32;

    private static final int LOG_TERMS_FP64 = 11;
    private static final int LOG_TERMS_FP32 = 5;

    /** FP32 polynomials for rests up to 0.504, interpolated at Chebyshev's nodes: off by 2.8e-9 and 9.6e-9. */
    private static final double[] SINE_FP32 = {-0x1.4abbcep-1, 0x1.466bc2p-4, -0x1.32cdf8p-8, 0x1.4ca808p-13};

    private static final double[] COSINE_FP32 = {-0x1.3bd3ccp0, 0x1.03c1eap-2, -0x1.55cb54p-6, 0x1.db49c0p-11};

    private final ProgramBuilder to;
    private final boolean fp64;

    Elementary(ProgramBuilder to, DType dtype) {
        this.to = to;
        this.fp64 = dtype == DType.FP64;
    }

    /** Writes one of the functions down; {@return its number} */
    int write(Operation operation, int... operands) {
        return switch (operation) {
            case EXP -> exp(operands[0]);
            case LOG -> log(operands[0]);
            case SIN -> trigonometric(operands[0], true);
            case COS -> trigonometric(operands[0], false);
            case POW -> pow(operands[0], operands[1]);
            default -> throw new AssertionError(operation + " is a primitive operation");
        };
    }

    private int constant(double ofFp64, double ofFp32) {
        return to.constant(fp64 ? ofFp64 : ofFp32);
    }

    private int toInteger() {
        return constant(0x1.8p52, 0x1.8p23);
    }

    private int exp(int x) {
        int least = constant(-1022 * Math.log(2), -126 * Math.log(2));
        int most = constant(710, 89); // beyond, the result is infinite
        int bounded = to.less(x, least, least, x); // NaN stays
        bounded = to.less(most, bounded, most, bounded);
        // log2 e: its upper part, and what that lacks.
        int high = constant(0x1.71547652b82fep0, 0x1.715476p0);
        int low = constant(0x1.777d0ffda0d24p-56, 0x1.4ae0cp-26);
        int shifted = to.fma(bounded, high, toInteger());
        int n = to.subtract(shifted, toInteger());
        int f = to.fma(bounded, high, to.apply(Operation.NEGATE, n));
        f = to.fma(bounded, low, f);
        int twice = to.multiply(exp2Polynomial(f), to.constant(2));
        return to.multiply(twice, to.apply(Operation.POWER_OF_TWO, to.subtract(shifted, to.constant(1))));
    }

    /** {@return 2^f for f within -1/2..1/2, or a little beyond} */
    int exp2Polynomial(int f) {
        double[] c = fp64 ? Exp2.doubleCoefficients() : Exp2.floatCoefficients();
        int p = polynomial(f, c);
        return to.fma(p, f, to.constant(1));
    }

    private int polynomial(int x, double[] coefficients) {
        int p = to.constant(coefficients[coefficients.length - 1]);
        for (int i = coefficients.length - 2; i >= 0; i--) {
            p = to.fma(p, x, to.constant(coefficients[i]));
        }
        return p;
    }

    private int log(int x) {
        int one = to.constant(1);
        int zero = to.constant(0);
        int leastNormal = constant(Double.MIN_NORMAL, Float.MIN_NORMAL);
        int normal = to.less(x, leastNormal, to.multiply(x, constant(0x1p54, 0x1p25)), x);
        int bias = constant(0x1p52 + 1023, 0x1p23 + 127);
        int exponent = to.subtract(to.apply(Operation.EXPONENT, normal), bias);
        exponent = to.less(x, leastNormal, to.subtract(exponent, constant(54, 25)), exponent);
        int m = to.apply(Operation.SIGNIFICAND, normal);
        int root = to.constant(Math.sqrt(2));
        int n = to.less(root, m, to.add(exponent, one), exponent);
        m = to.less(root, m, to.multiply(m, to.constant(0.5)), m);

        int f = to.subtract(m, one);
        int s = to.divide(f, to.add(f, to.constant(2)));
        int z = to.multiply(s, s);
        int h = to.multiply(to.multiply(f, f), to.constant(0.5));
        double[] series = new double[fp64 ? LOG_TERMS_FP64 : LOG_TERMS_FP32];
        for (int i = 0; i < series.length; i++) {
            series[i] = 2.0 / (2 * i + 3);
        }
        int r = to.multiply(z, polynomial(z, series));
        // ln 2: an upper part with so many zeros at its end that n times it is exact, and what that lacks.
        int high = constant(0x1.62e42feep-1, 0x1.62e3p-1);
        int low = constant(0x1.a39ef35793c76p-33, 0x1.2fefa4p-17);
        int small = to.fma(s, to.add(h, r), to.multiply(n, low));
        int rest = to.subtract(to.subtract(h, small), f);
        int result = to.subtract(to.multiply(n, high), rest);

        int infinity = to.constant(Double.POSITIVE_INFINITY);
        result = to.equal(x, infinity, infinity, result);
        result = to.equal(x, zero, to.constant(Double.NEGATIVE_INFINITY), result);
        return to.atMost(zero, x, result, to.constant(Double.NaN));
    }

    private int trigonometric(int x, boolean sine) {
        float turnsHigh = (float) Trig.TURNS_HIGH;
        int high = constant(Trig.TURNS_HIGH, turnsHigh);
        int low = constant(Trig.TURNS_LOW, (float) (Trig.TURNS_HIGH - turnsHigh));
        int turns = to.multiply(x, high);
        int error = to.fma(x, high, to.apply(Operation.NEGATE, turns));
        int whole = to.subtract(to.add(turns, toInteger()), toInteger());
        int rest = to.add(to.subtract(turns, whole), to.fma(x, low, error));
        int four = to.subtract(to.fma(whole, to.constant(0.25), toInteger()), toInteger());
        int quadrant = to.fma(four, to.constant(-4), whole); // -2..2

        int z = to.multiply(rest, rest);
        float halfPi = (float) (Math.PI / 2);
        int halfPiHigh = constant(Math.PI / 2, halfPi);
        int halfPiLow = constant(0x1.1a62633145c07p-54, (float) (Math.PI / 2 - halfPi));
        int p = to.fma(polynomial(z, fp64 ? Trig.sineCoefficients() : SINE_FP32), z, halfPiLow);
        int sinOfRest = to.fma(rest, halfPiHigh, to.multiply(rest, p));
        int cosOfRest = to.fma(polynomial(z, fp64 ? Trig.cosineCoefficients() : COSINE_FP32), z, to.constant(1));

        int one = to.constant(1);
        int odd = to.abs(quadrant);
        int magnitude = sine ? to.equal(odd, one, cosOfRest, sinOfRest) : to.equal(odd, one, sinOfRest, cosOfRest);
        // Below zero in quadrants 2 and, of the sine, -1 or, of the cosine, 1.
        int minus = to.apply(Operation.NEGATE, magnitude);
        int signed = to.equal(quadrant, to.constant(sine ? -1 : 1), minus, magnitude);
        signed = to.equal(odd, to.constant(2), minus, signed);
        return to.less(to.abs(turns), constant(0x1p45, 0x1p20), signed, to.constant(Double.NaN));
    }

    private int pow(int a, int b) {
        double exponent = to.constantAt(b);
        if (Math.abs(exponent) <= MOST_PRODUCTS && 2 * exponent == Math.rint(2 * exponent)) {
            return products(a, exponent);
        }
        return exp(to.multiply(b, log(a)));
    }

    private int products(int a, double exponent) {
        int half = (int) (2 * Math.abs(exponent));
        int result = half % 2 == 1 ? to.apply(Operation.SQRT, a) : -1;
        int square = a;
        for (int rest = half / 2; rest > 0; rest /= 2) {
            if (rest % 2 == 1) {
                result = result < 0 ? square : to.multiply(result, square);
            }
            if (rest > 1) {
                square = to.multiply(square, square);
            }
        }
        if (result < 0) {
            return to.constant(1);
        }
        return exponent < 0 ? to.divide(to.constant(1), result) : result;
    }
}
