package io.quern.rope;

import io.quern.Check;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.function.IntFunction;

/**
 * How fast each pair of channels turns: one frequency a pair, in radians a position. They are kept to some 100 bits, so
 * that the product with a position of ten million is still exact to far below an ulp of its sine.
 */
public final class Frequencies {
    /** 2/pi, quarter turns a radian. */
    private static final BigDecimal TURNS_A_RADIAN =
            new BigDecimal("0.63661977236758134307553505349005744813783858296182579499066937623558719053690614");

    /** Digits of the frequencies before they are split into two doubles, which hold 32. */
    private static final MathContext DIGITS = new MathContext(60);

    private final float[] radians;
    private final double[] turns; // the upper parts of all, then the lower parts

    private Frequencies(int count, IntFunction<BigDecimal> frequency) {
        radians = new float[count];
        turns = new double[2 * count];
        for (int k = 0; k < count; k++) {
            BigDecimal exact = frequency.apply(k);
            BigDecimal exactTurns = exact.multiply(TURNS_A_RADIAN, DIGITS);
            radians[k] = exact.floatValue();
            turns[k] = exactTurns.doubleValue();
            turns[count + k] = exactTurns.subtract(new BigDecimal(turns[k])).doubleValue();
        }
    }

    /**
     * {@return the frequencies base^(-2k/rotaryDim) for k from 0 to rotaryDim/2, exclusive} The paper's, with base 10,000.
     *
     * @param base at least 1
     * @param rotaryDim even, at least 2
     */
    public static Frequencies powers(double base, int rotaryDim) {
        Check.range("base", base, 1, Double.MAX_VALUE);
        Check.that(rotaryDim >= 2 && rotaryDim % 2 == 0, "rotaryDim", "even and at least 2", rotaryDim);
        int count = rotaryDim / 2;
        BigDecimal root = root(base, count);
        return new Frequencies(count, k -> BigDecimal.ONE.divide(root.pow(k, DIGITS), DIGITS));
    }

    /**
     * {@return given frequencies, for models that scale theirs}
     *
     * @param radiansPerPosition finite; one for each pair of channels, at least one. Each is taken as the exact number that
     *     the double is; a checkpoint's FP32 frequencies can be widened and given here
     */
    public static Frequencies of(double... radiansPerPosition) {
        Check.present("radiansPerPosition", radiansPerPosition);
        Check.that(radiansPerPosition.length > 0, "radiansPerPosition", "at least one number", "empty");
        for (int k = 0; k < radiansPerPosition.length; k++) {
            double frequency = radiansPerPosition[k];
            Check.that(Double.isFinite(frequency), "radiansPerPosition[" + k + "]", "finite", frequency);
        }
        return new Frequencies(radiansPerPosition.length, k -> new BigDecimal(radiansPerPosition[k]));
    }

    /** {@return how many pairs turn} */
    public int count() {
        return radians.length;
    }

    /** {@return the frequency of pair {@code k} rounded to FP32, in radians a position} */
    public float radians(int k) {
        return radians[k];
    }

    /** The upper part of a frequency in quarter turns a position, that is, rounded to FP64. */
    double turnsHigh(int k) {
        return turns[k];
    }

    /** What the upper part lacks. */
    double turnsLow(int k) {
        return turns[radians.length + k];
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Frequencies that && Arrays.equals(turns, that.turns);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(turns);
    }

    @Override
    public String toString() {
        return "frequencies " + Arrays.toString(radians);
    }

    /** The n-th root by Newton's method, which doubles the digits of {@code Math.pow} three times. */
    private static BigDecimal root(double radicand, int n) {
        BigDecimal target = new BigDecimal(radicand);
        BigDecimal degree = BigDecimal.valueOf(n);
        BigDecimal root = new BigDecimal(Math.pow(radicand, 1.0 / n));
        for (int i = 0; i < 3; i++) {
            BigDecimal excess = BigDecimal.ONE.subtract(target.divide(root.pow(n, DIGITS), DIGITS));
            root = root.subtract(root.multiply(excess, DIGITS).divide(degree, DIGITS));
        }
        return root.round(DIGITS);
    }
}
