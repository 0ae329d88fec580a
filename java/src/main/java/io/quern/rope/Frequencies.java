package io.quern.rope;

import io.quern.Check;
import io.quern.DType;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.function.IntFunction;

/**
 * How fast each pair of channels turns: one frequency a pair and axis, in radians a position. They are kept to some 100 bits, so
 * that the product with a position of ten million is still exact to far below an ulp of its sine; and with them the factor
 * of their cosines and sines.
 */
public final class Frequencies {
    /** 2/pi, quarter turns a radian. */
    static final BigDecimal TURNS_A_RADIAN =
            new BigDecimal("0.63661977236758134307553505349005744813783858296182579499066937623558719053690614");

    /** Digits of the frequencies before they are split into two doubles, which hold 32. */
    static final MathContext DIGITS = new MathContext(60);

    private final int axes;
    private final float[] radians; // (axes, pairs)
    private final double[] turns; // (axes, 2, pairs): upper parts, lower parts
    private final double attentionFactor;
    private final boolean wholePositions; // fractions mean nothing

    private Frequencies(int axes, float[] radians, double[] turns, double attentionFactor, boolean wholePositions) {
        this.wholePositions = wholePositions;
        this.axes = axes;
        this.radians = radians;
        this.turns = turns;
        this.attentionFactor = attentionFactor;
    }

    private static Frequencies of(int count, double attentionFactor, IntFunction<BigDecimal> frequency) {
        float[] radians = new float[count];
        double[] turns = new double[2 * count];
        for (int k = 0; k < count; k++) {
            BigDecimal exact = frequency.apply(k);
            BigDecimal exactTurns = exact.multiply(TURNS_A_RADIAN, DIGITS);
            radians[k] = exact.floatValue();
            turns[k] = exactTurns.doubleValue();
            turns[count + k] = exactTurns.subtract(new BigDecimal(turns[k])).doubleValue();
        }
        return new Frequencies(1, radians, turns, attentionFactor, false);
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
        return of(count, scaling.attentionFactor(), frequency::of);
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
        return of(radiansPerPosition.length, 1, k -> new BigDecimal(radiansPerPosition[k]));
    }

    /**
     * {@return given angles, then pairs that turn by pi, exactly}
     *
     * @param halfCircles how many of these; where there is nothing else, one pair that does not turn is left
     * @param wholePositions whether fractions of positions mean nothing
     */
    static Frequencies ofAngles(double[] radiansPerPosition, int halfCircles, boolean wholePositions) {
        int given = radiansPerPosition.length;
        Frequencies all = of(Arrays.copyOf(radiansPerPosition, Math.max(1, given + halfCircles)));
        for (int k = given; k < given + halfCircles; k++) {
            all.radians[k] = (float) Math.PI;
            all.turns[k] = 2;
        }
        return new Frequencies(1, all.radians, all.turns, 1, wholePositions);
    }

    /**
     * {@return frequencies on several axes: a pair turns by the sum, over the axes, of position times frequency}
     *
     * @param ofAxis of one axis each, for the same number of pairs, with the same attention factor
     */
    public static Frequencies sum(Frequencies... ofAxis) {
        checkAxes(ofAxis);
        int count = ofAxis[0].count();
        for (int a = 0; a < ofAxis.length; a++) {
            Check.that(
                    ofAxis[a].count() == count,
                    "ofAxis[" + a + "]",
                    "as many pairs as the first, " + count,
                    ofAxis[a].count());
        }
        return arranged(ofAxis.length, count, ofAxis[0].attentionFactor, (axis, k) -> k, ofAxis);
    }

    /**
     * {@return the pairs of the first axis, then those of the second, and so on; each pair turns by the position on its own
     * axis} So the halves of a head turn by the row and the column of an image's patch: {@code axial(f, f)}.
     *
     * @param ofAxis of one axis each, with the same attention factor
     */
    public static Frequencies axial(Frequencies... ofAxis) {
        checkAxes(ofAxis);
        int[] begin = new int[ofAxis.length + 1];
        for (int a = 0; a < ofAxis.length; a++) {
            begin[a + 1] = begin[a] + ofAxis[a].count();
        }
        return arranged(
                ofAxis.length,
                begin[ofAxis.length],
                ofAxis[0].attentionFactor,
                (axis, k) -> k >= begin[axis] && k < begin[axis + 1] ? k - begin[axis] : -1,
                ofAxis);
    }

    /**
     * {@return the same frequencies, of which the first so many pairs turn by the position on the first axis, the next ones by
     * that on the second, and so on} Multimodal RoPE: Wang et al., "Qwen2-VL", arXiv 2409.12191, section 2.1, with sections
     * (16, 24, 24) for time, height and width.
     *
     * @param pairs of each axis, in all as many as there are
     */
    public Frequencies sections(int... pairs) {
        Check.present("pairs", pairs);
        int[] axisOfPair = new int[count()];
        int k = 0;
        for (int axis = 0; axis < pairs.length; axis++) {
            Check.range("pairs[" + axis + "]", pairs[axis], 0, count() - k);
            Arrays.fill(axisOfPair, k, k + pairs[axis], axis);
            k += pairs[axis];
        }
        Check.that(k == count(), "pairs", "in all as many as there are frequencies, " + count(), k);
        return onAxes(pairs.length, axisOfPair);
    }

    /**
     * {@return the same frequencies, each pair turning by the position on one axis}
     *
     * @param axes how many axes positions have
     * @param axisOfPair which one, for each pair
     */
    public Frequencies onAxes(int axes, int... axisOfPair) {
        checkAxes(this);
        Check.range("axes", axes, 1, Integer.MAX_VALUE);
        Check.present("axisOfPair", axisOfPair);
        Check.that(axisOfPair.length == count(), "axisOfPair", "an axis a pair, " + count(), axisOfPair.length);
        for (int k = 0; k < axisOfPair.length; k++) {
            Check.range("axisOfPair[" + k + "]", axisOfPair[k], 0, axes - 1);
        }
        int[] of = axisOfPair.clone();
        Frequencies[] same = new Frequencies[axes];
        Arrays.fill(same, this);
        return arranged(axes, count(), attentionFactor, (axis, k) -> of[k] == axis ? k : -1, same);
    }

    /** Which pair of an axis' own frequencies a pair turns by; -1 if by none. */
    @FunctionalInterface
    private interface Source {
        int pair(int axis, int k);
    }

    private static Frequencies arranged(
            int axes, int count, double attentionFactor, Source source, Frequencies... ofAxis) {
        float[] radians = new float[axes * count];
        double[] turns = new double[2 * axes * count];
        for (int a = 0; a < axes; a++) {
            for (int k = 0; k < count; k++) {
                int from = source.pair(a, k);
                if (from >= 0) {
                    radians[a * count + k] = ofAxis[a].radians(from);
                    turns[2 * a * count + k] = ofAxis[a].turnsHigh(0, from);
                    turns[(2 * a + 1) * count + k] = ofAxis[a].turnsLow(0, from);
                }
            }
        }
        boolean wholePositions = Arrays.stream(ofAxis).anyMatch(f -> f.wholePositions);
        return new Frequencies(axes, radians, turns, attentionFactor, wholePositions);
    }

    private static void checkAxes(Frequencies... ofAxis) {
        Check.present("ofAxis", ofAxis);
        Check.that(ofAxis.length > 0, "ofAxis", "at least one", 0);
        for (int a = 0; a < ofAxis.length; a++) {
            String name = "ofAxis[" + a + "]";
            Check.present(name, ofAxis[a]);
            Check.that(ofAxis[a].axes == 1, name, "frequencies of one axis", ofAxis[a].axes);
            double factor = ofAxis[0].attentionFactor;
            Check.that(
                    ofAxis[a].attentionFactor == factor,
                    name,
                    "the attention factor of the first, " + factor,
                    ofAxis[a].attentionFactor);
        }
    }

    /** {@return the same with another factor of cosines and sines} */
    public Frequencies attentionFactor(double factor) {
        Check.range("attentionFactor", factor, 0, Double.MAX_VALUE);
        return new Frequencies(axes, radians, turns, factor, wholePositions);
    }

    /** {@return what every cosine and sine is multiplied by; 1 but for some scalings} */
    public double attentionFactor() {
        return attentionFactor;
    }

    /** What positions may be. */
    DType[] positionTypes() {
        return wholePositions
                ? new DType[] {DType.INT32, DType.INT64}
                : new DType[] {DType.INT32, DType.INT64, DType.FP32, DType.FP64};
    }

    /** {@return how many axes positions have} */
    public int axes() {
        return axes;
    }

    /** {@return how many pairs turn} */
    public int count() {
        return radians.length / axes;
    }

    /** {@return the frequency of pair {@code k} on the first axis, rounded to FP32, in radians a position} */
    public float radians(int k) {
        return radians(0, k);
    }

    /** {@return the frequency of pair {@code k} on an axis, rounded to FP32, in radians a position} */
    public float radians(int axis, int k) {
        return radians[axis * count() + k];
    }

    /** The upper part of a frequency in quarter turns a position, that is, rounded to FP64. */
    double turnsHigh(int axis, int k) {
        return turns[2 * axis * count() + k];
    }

    /** What the upper part lacks. */
    double turnsLow(int axis, int k) {
        return turns[(2 * axis + 1) * count() + k];
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Frequencies that
                && axes == that.axes
                && Arrays.equals(turns, that.turns)
                && attentionFactor == that.attentionFactor
                && wholePositions == that.wholePositions;
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(turns) + Double.hashCode(attentionFactor);
    }

    @Override
    public String toString() {
        String factor = attentionFactor == 1 ? "" : ", attention factor " + attentionFactor;
        String onAxes = axes == 1 ? "" : " on " + axes + " axes";
        return "frequencies" + onAxes + " " + Arrays.toString(radians) + factor;
    }
}
