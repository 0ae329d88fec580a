package io.quern.lion;

import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import java.math.BigDecimal;
import java.math.MathContext;

/**
 * One step of Lion in exact arithmetic, from the paper's formula and not from our order of operations, and how far rounding
 * may lead away from it. Every rounding contributes its unit u (half a last place, relative) or, below the normal numbers,
 * half the smallest number:
 *
 * <pre>{@code
 * |c - exact|         <=                u (2 |beta1 m| + 4 |rest1 g|)          beta1, rest1 (FP64: twice), the product, the fma
 * |momentum - exact|  <= uM |exact| + u (2 |beta2 m| + 4 |rest2 g|)
 * |parameter - exact| <= uP |exact| + u (2 |theta| + 2 |decay theta| + 3 lr)   decay, the fma, lr, the difference
 * }</pre>
 *
 * u belongs to the compute type; uM and uP to storage, and are zero where that is the compute type. Where c is nearer to zero
 * than its own error, rounding decides the sign, and any of the three steps is right.
 */
record LionOracle(Lion lion, Storage storage, int gradientRoundings) {
    /** Of the one quotient, which may never end: its rounding is nothing beside u of FP64. */
    private static final MathContext DIGITS = new MathContext(60);

    static LionOracle of(Lion lion, Storage storage) {
        return new LionOracle(lion, storage, 4);
    }

    /** {@return the same for gradients that were divided by a loss scale which itself was rounded so many times, in FP64} */
    LionOracle withRoundedScale(int roundings) {
        int more = storage.compute() == DType.FP64 ? roundings : 1;
        return new LionOracle(lion, storage, gradientRoundings + more);
    }

    /** {@return half a last place of a number of this type, relative to it} */
    static double unit(DType dtype) {
        return switch (dtype) {
            case FP64 -> 0x1p-53;
            case FP32 -> 0x1p-24;
            case FP16 -> 0x1p-11;
            case BF16 -> 0x1p-8;
            case INT32, INT64 -> throw new IllegalArgumentException(dtype + " does not round");
        };
    }

    private static double halfOfSmallest(DType dtype) {
        return switch (dtype) {
            case FP64 -> 0x1p-1074; // its half is no double
            case FP32 -> 0x1p-150;
            case FP16 -> 0x1p-25;
            case BF16 -> 0x1p-134;
            case INT32, INT64 -> throw new IllegalArgumentException(dtype + " does not round");
        };
    }

    /** {@return the largest error as a share of its bound, over all parameters and momenta} */
    Outcome compare(LionState start, LionState stepped) {
        LionState stored = start.run(lion, Device.reference(), 0);
        double worst = 0;
        int undecided = 0;
        String where = "";
        for (int i = 0; i < stored.size(); i++) {
            Exact exact = exact(stored.parameter()[i], stored.momentum()[i], stored.gradient()[i]);
            double share = Math.max(
                    share(stepped.momentum()[i], exact.momentum, exact.momentumError),
                    exact.parameterShare(stepped.parameter()[i]));
            undecided += exact.decided() ? 0 : 1;
            if (!(share <= worst)) { // NaN counts as worst
                worst = share;
                where = "largest at [" + i + "]";
            }
        }
        String message = where + "; at " + undecided + " of " + stored.size() + " places rounding decides the sign";
        // Gradients are rounded: few of those made to cancel do so to the last bit. Zeros are undecided by definition.
        return undecided <= stored.size() / 8 ? Outcome.within(worst, 1, message) : Outcome.failed(message);
    }

    private double storageUnit(DType dtype) {
        return dtype == storage.compute() ? 0 : unit(dtype);
    }

    private Exact exact(double theta, double m, double g) {
        double u = unit(storage.compute());
        BigDecimal one = BigDecimal.ONE;
        BigDecimal beta1 = new BigDecimal(lion.beta1());
        BigDecimal beta2 = new BigDecimal(lion.beta2());
        BigDecimal rate = new BigDecimal(lion.learningRate());
        BigDecimal decay = rate.multiply(new BigDecimal(lion.weightDecay()));
        BigDecimal old = new BigDecimal(theta);
        BigDecimal gradient = new BigDecimal(lion.direction() == Lion.Direction.MINIMIZE ? g : -g)
                .divide(new BigDecimal(lion.lossScale()), DIGITS);
        BigDecimal c = beta1.multiply(new BigDecimal(m)).add(one.subtract(beta1).multiply(gradient));
        BigDecimal decayed = old.subtract(decay.multiply(old));
        BigDecimal momentum =
                beta2.multiply(new BigDecimal(m)).add(one.subtract(beta2).multiply(gradient));
        double size = Math.abs(gradient.doubleValue());
        double cError = u * (2 * lion.beta1() * Math.abs(m) + gradientRoundings * (1 - lion.beta1()) * size);
        double momentumError = storageUnit(storage.momentum()) * Math.abs(momentum.doubleValue())
                + u * (2 * lion.beta2() * Math.abs(m) + gradientRoundings * (1 - lion.beta2()) * size)
                + halfOfSmallest(storage.momentum());
        return new Exact(c, cError, decayed, rate, Math.abs(theta), momentum, momentumError);
    }

    private static double share(double actual, BigDecimal exact, double bound) {
        if (!Double.isFinite(actual)) {
            return Double.NaN;
        }
        return new BigDecimal(actual).subtract(exact).abs().doubleValue() / bound;
    }

    private final class Exact {
        private final BigDecimal c;
        private final double cError;
        private final BigDecimal decayed;
        private final BigDecimal rate;
        private final double size;
        private final BigDecimal momentum;
        private final double momentumError;

        Exact(
                BigDecimal c,
                double cError,
                BigDecimal decayed,
                BigDecimal rate,
                double size,
                BigDecimal momentum,
                double momentumError) {
            this.c = c;
            this.cError = cError;
            this.decayed = decayed;
            this.rate = rate;
            this.size = size;
            this.momentum = momentum;
            this.momentumError = momentumError;
        }

        boolean decided() {
            return c.abs().doubleValue() > cError;
        }

        double parameterShare(double actual) {
            if (decided()) {
                return parameterShare(actual, c.signum());
            }
            return Math.min(parameterShare(actual, 0), Math.min(parameterShare(actual, 1), parameterShare(actual, -1)));
        }

        private double parameterShare(double actual, int sign) {
            BigDecimal exact = decayed.subtract(rate.multiply(BigDecimal.valueOf(sign)));
            double u = unit(storage.compute());
            double decay = lion.learningRate() * lion.weightDecay();
            double bound = storageUnit(storage.parameter()) * Math.abs(exact.doubleValue())
                    + u * (2 * size + 2 * decay * size + 3 * lion.learningRate())
                    + halfOfSmallest(storage.parameter());
            return share(actual, exact, bound);
        }
    }
}
