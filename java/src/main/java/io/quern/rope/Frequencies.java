package io.quern.rope;

import io.quern.Check;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.function.IntFunction;

/**
 * How fast each pair of channels turns: one frequency a pair, in radians a position. They are kept to some 100 bits, so
 * that the product with a position of ten million is still exact to far below an ulp of its sine; and with them the factor
 * of their cosines and sines.
 */
public final class Frequencies {
    /** 2/pi, quarter turns a radian. */
    static final BigDecimal TURNS_A_RADIAN =
            new BigDecimal("0.63661977236758134307553505349005744813783858296182579499066937623558719053690614");

    /** Digits of the frequencies before they are split into two doubles, which hold 32. */
    static final MathContext DIGITS = new MathContext(60);

    private final float[] radians;
    private final double[] turns; // the upper parts of all, then the lower parts
    private final double attentionFactor;

    private Frequencies(int count, double attentionFactor, IntFunction<BigDecimal> frequency) {
        this.attentionFactor = attentionFactor;
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

    private Frequencies(Frequencies other, double attentionFactor) {
        radians = other.radians;
        turns = other.turns;
        this.attentionFactor = attentionFactor;
    }

    /**
     * {@return the frequencies base^(-2k/rotaryDim) for k from 0 to rotaryDim/2, exclusive} The paper's, with base 10,000.
     *
     * @param base at least 1
     * @param rotaryDim even, at least 2
     */
    public static Frequencies powers(double base, int rotaryDim) {
        return powers(base, rotaryDim, Scaling.none());
    }

    /**
     * {@return the frequencies base^(-2k/rotaryDim) as a scaling changes them, with its attention factor}
     *
     * @param base at least 1; above 1 where YaRN's ramp is over pairs
     * @param rotaryDim even, at least 2; at least 4 for dynamic NTK
     */
    public static Frequencies powers(double base, int rotaryDim, Scaling scaling) {
        Check.range("base", base, 1, Double.MAX_VALUE);
        Check.that(rotaryDim >= 2 && rotaryDim % 2 == 0, "rotaryDim", "even and at least 2", rotaryDim);
        Check.present("scaling", scaling);
        int count = rotaryDim / 2;
        switch (scaling) {
            case Scaling.DynamicNtk _ ->
                Check.that(rotaryDim >= 4, "rotaryDim", "at least 4 for dynamic NTK", rotaryDim);
            case Scaling.Yarn yarn ->
                Check.that(base > 1 || yarn.ramp() == Scaling.Yarn.Ramp.TURNS, "base", "above 1 for YaRN", base);
            case Scaling.LongRope longRope ->
                Check.that(
                        longRope.divisors().size() == count,
                        "divisors",
                        "as many as pairs, " + count,
                        longRope.divisors().size());
            case Scaling.Linear _, Scaling.Llama3 _ -> {}
        }
        ScaledFrequency frequency = new ScaledFrequency(base, count, scaling);
        return new Frequencies(count, scaling.attentionFactor(), frequency::of);
    }

    /**
     * {@return given frequencies, for models that have their own}
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
        return new Frequencies(radiansPerPosition.length, 1, k -> new BigDecimal(radiansPerPosition[k]));
    }

    /** {@return the same with another factor of cosines and sines} */
    public Frequencies attentionFactor(double factor) {
        Check.range("attentionFactor", factor, 0, Double.MAX_VALUE);
        return new Frequencies(this, factor);
    }

    /** {@return what every cosine and sine is multiplied by; 1 but for some scalings} */
    public double attentionFactor() {
        return attentionFactor;
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
        return other instanceof Frequencies that
                && Arrays.equals(turns, that.turns)
                && attentionFactor == that.attentionFactor;
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(turns) + Double.hashCode(attentionFactor);
    }

    @Override
    public String toString() {
        String factor = attentionFactor == 1 ? "" : ", attention factor " + attentionFactor;
        return "frequencies " + Arrays.toString(radians) + factor;
    }
}
