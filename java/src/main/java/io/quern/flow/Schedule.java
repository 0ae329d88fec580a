package io.quern.flow;

import io.quern.Check;

/**
 * How far a datum is scaled down and noise up at time t: x_t = alpha_t y + sigma_t u. Sigma is 0 at time 0 and grows.
 *
 * <pre>
 *   Exploding    alpha = 1                        sigma = t                          t above 0
 *   Geometric    alpha = 1                        sigma = least (most / least)^t     any t
 *   Preserving   alpha = e^(-B/2)                 sigma = sqrt(1 - alpha^2)          t above 0
 *                B = betaMin t + (betaMax - betaMin) t^2 / 2, the integral of beta
 *   Straight     alpha = 1 - t                    sigma = t                          t above 0
 * </pre>
 *
 * The first three are the variance-exploding and variance-preserving diffusions of Song et al., arXiv 2011.13456, equations 30
 * and 32; the last is flow matching along straight lines, arXiv 2210.02747 and 2209.03003.
 */
public sealed interface Schedule {
    /** {@return sigma = t, nothing scaled} */
    static Schedule exploding() {
        return new Exploding();
    }

    /** {@return sigma from least at time 0 to most at time 1, nothing scaled} */
    static Schedule geometric(double least, double most) {
        return new Geometric(least, most);
    }

    /** {@return alpha^2 + sigma^2 = 1, beta linear in time} */
    static Schedule preserving(double betaMin, double betaMax) {
        return new Preserving(betaMin, betaMax);
    }

    /** {@return from the data at time 0 straight to noise at time 1} */
    static Schedule straight() {
        return new Straight();
    }

    /** Sigma is time. */
    record Exploding() implements Schedule {}

    /**
     * Sigma grows by the same factor in the same time.
     *
     * @param least sigma at time 0, above 0
     * @param most sigma at time 1, above least
     */
    record Geometric(double least, double most) implements Schedule {
        /** Checks the range. */
        public Geometric {
            Check.range("least", least, Float.MIN_NORMAL, Float.MAX_VALUE);
            Check.range("most", most, Float.MIN_NORMAL, Float.MAX_VALUE);
            Check.that(least < most, "most", "above least, " + least, most);
        }
    }

    /**
     * Variance is kept.
     *
     * @param betaMin beta at time 0, at least 0
     * @param betaMax beta at time 1, above 0
     */
    record Preserving(double betaMin, double betaMax) implements Schedule {
        /** Checks the range. */
        public Preserving {
            Check.range("betaMin", betaMin, 0, 1e6);
            Check.range("betaMax", betaMax, Float.MIN_NORMAL, 1e6);
        }

        double beta(double t) {
            return betaMin + (betaMax - betaMin) * t;
        }

        double integral(double t) {
            return betaMin * t + (betaMax - betaMin) * t * t / 2;
        }
    }

    /** Straight lines. */
    record Straight() implements Schedule {}

    /** {@return what a datum is multiplied by at a time} */
    default double alpha(double t) {
        return switch (this) {
            case Exploding _, Geometric _ -> 1;
            case Preserving p -> Math.exp(-p.integral(t) / 2);
            case Straight _ -> 1 - t;
        };
    }

    /** {@return what noise is multiplied by at a time} */
    default double sigma(double t) {
        return switch (this) {
            case Exploding _, Straight _ -> t;
            case Geometric g -> g.least() * Math.exp(t * Math.log(g.most() / g.least()));
            case Preserving p -> Math.sqrt(-Math.expm1(-p.integral(t)));
        };
    }

    /** {@return the derivative of alpha by time} */
    default double alphaRate(double t) {
        return switch (this) {
            case Exploding _, Geometric _ -> 0;
            case Preserving p -> -p.beta(t) / 2 * alpha(t);
            case Straight _ -> -1;
        };
    }

    /** {@return the derivative of ln sigma by time} */
    default double logSigmaRate(double t) {
        return switch (this) {
            case Exploding _, Straight _ -> 1 / t;
            case Geometric g -> Math.log(g.most() / g.least());
            case Preserving p -> p.beta(t) / 2 / Math.expm1(p.integral(t));
        };
    }
}
