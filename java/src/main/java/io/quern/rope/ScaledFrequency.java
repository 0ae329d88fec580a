package io.quern.rope;

import java.math.BigDecimal;
import java.math.MathContext;

/** The frequencies base^(-2k/d) as a {@link Scaling} changes them, to some 60 digits. */
final class ScaledFrequency {
    private static final MathContext DIGITS = Frequencies.DIGITS;

    private final double base;
    private final int count;
    private final Scaling scaling;
    private final BigDecimal step; // from one pair's frequency to that of the pair before it
    private final BigDecimal growthStep; // likewise from pair to pair, what dynamic NTK divides by

    ScaledFrequency(double base, int count, Scaling scaling) {
        this.base = base;
        this.count = count;
        this.scaling = scaling;
        this.step = root(new BigDecimal(base), count);
        this.growthStep = scaling instanceof Scaling.DynamicNtk ntk ? root(growth(ntk), count - 1) : BigDecimal.ONE;
    }

    /** The frequency of pair k, in radians a position. */
    BigDecimal of(int k) {
        BigDecimal own = BigDecimal.ONE.divide(step.pow(k, DIGITS), DIGITS);
        return switch (scaling) {
            case Scaling.Linear linear -> own.divide(new BigDecimal(linear.factor()), DIGITS);
            case Scaling.DynamicNtk _ -> own.divide(growthStep.pow(k, DIGITS), DIGITS);
            case Scaling.Yarn yarn -> blend(own, yarn.factor(), share(yarn, own, k));
            case Scaling.Llama3 llama ->
                blend(
                        own,
                        llama.factor(),
                        between(turns(own, llama.trainedLength()), llama.slowTurns(), llama.fastTurns()));
            case Scaling.LongRope longRope ->
                own.divide(new BigDecimal(longRope.divisors().get(k)), DIGITS);
        };
    }

    /** (1 - share) own / factor + share own. */
    private static BigDecimal blend(BigDecimal own, double factor, BigDecimal share) {
        BigDecimal interpolated = BigDecimal.ONE.subtract(share).multiply(own).divide(new BigDecimal(factor), DIGITS);
        return interpolated.add(share.multiply(own), DIGITS);
    }

    /** s l/L - (s - 1) beyond the trained length, 1 within. */
    private static BigDecimal growth(Scaling.DynamicNtk ntk) {
        BigDecimal factor = new BigDecimal(ntk.factor());
        BigDecimal ratio = BigDecimal.valueOf(Math.max(ntk.length(), ntk.trainedLength()))
                .divide(BigDecimal.valueOf(ntk.trainedLength()), DIGITS);
        return factor.multiply(ratio.subtract(BigDecimal.ONE)).add(BigDecimal.ONE, DIGITS);
    }

    private BigDecimal share(Scaling.Yarn yarn, BigDecimal own, int k) {
        if (yarn.ramp() == Scaling.Yarn.Ramp.TURNS) {
            return between(turns(own, yarn.trainedLength()), yarn.slowTurns(), yarn.fastTurns());
        }
        boolean whole = yarn.ramp() == Scaling.Yarn.Ramp.WHOLE_PAIRS;
        double fast = pairOf(yarn.fastTurns(), yarn.trainedLength());
        double slow = pairOf(yarn.slowTurns(), yarn.trainedLength());
        double low = Math.max(whole ? Math.floor(fast) : fast, 0);
        double high = Math.min(whole ? Math.ceil(slow) : slow, 2 * count - 1);
        // The authors' code has 0.001 here, too, against a division by zero.
        return between(BigDecimal.valueOf(-k), -(high == low ? low + 0.001 : high), -low);
    }

    /** Which pair makes so many turns over a length, in fractions of pairs. Computed in FP64, as models' own code does. */
    private double pairOf(double turns, long length) {
        return 2 * count * Math.log(length / (turns * 2 * Math.PI)) / (2 * Math.log(base));
    }

    private static BigDecimal turns(BigDecimal frequency, long length) {
        return frequency
                .multiply(BigDecimal.valueOf(length))
                .multiply(Frequencies.TURNS_A_RADIAN)
                .divide(BigDecimal.valueOf(4), DIGITS);
    }

    /** How far x lies on the way from one number to another, within 0 and 1. */
    private static BigDecimal between(BigDecimal x, double from, double to) {
        BigDecimal start = new BigDecimal(from);
        BigDecimal way = x.subtract(start).divide(new BigDecimal(to).subtract(start), DIGITS);
        return way.max(BigDecimal.ZERO).min(BigDecimal.ONE);
    }

    /** The n-th root by Newton's method, which doubles the digits of {@code Math.pow} three times. */
    private static BigDecimal root(BigDecimal radicand, int n) {
        BigDecimal degree = BigDecimal.valueOf(n);
        BigDecimal root = new BigDecimal(Math.pow(radicand.doubleValue(), 1.0 / n));
        for (int i = 0; i < 3; i++) {
            BigDecimal excess = BigDecimal.ONE.subtract(radicand.divide(root.pow(n, DIGITS), DIGITS));
            root = root.subtract(root.multiply(excess, DIGITS).divide(degree, DIGITS));
        }
        return root.round(DIGITS);
    }
}
