package io.quern.flow;

import io.quern.Check;
import io.quern.DType;
import io.quern.Tensor;

/**
 * The density phi of u = (x - alpha y) / sigma in d dimensions, around a datum y. With q = |u|^2 and logarithms natural,
 * ln phi(u) = score(q) + logConstant.
 *
 * <pre>
 *   noise        score(q)                                logConstant
 *   Gaussian     -q/2                                    -(d/2) ln(2 pi)
 *   Student      -((d+D)/2) ln(1+q)                      ln[Gamma((d+D)/2) / (pi^(d/2) Gamma(D/2))]
 *   Tanh         ln(1/cosh^2 r) - (d-1) ln r, r = |u|    -ln S,  S the surface of the unit sphere
 *   Exponential  -r - (d-1) ln r                         -ln S
 *   Uniform      0 within the box, -infinity outside     -d ln(high - low)
 * </pre>
 *
 * Student's D = 1 is the multivariate Cauchy density, the field of a point charge in one dimension more (Poisson flows,
 * arXiv 2209.11178); other D are PFGM++ (arXiv 2302.04265). Tanh and Exponential have a radius with the distribution function
 * tanh r and 1 - e^-r, in any direction (kexue.fm 9370, 9379). Uniform depends on the largest component and not on q.
 */
public sealed interface Noise {
    /** {@return standard normal components} */
    static Noise gaussian() {
        return new Gaussian();
    }

    /** {@return 1 / (1 + |u|^2)^((d + D)/2), D additional dimensions: above 0, at most 2^40} */
    static Noise student(double dimensions) {
        return new Student(dimensions);
    }

    /** {@return a radius below r with probability tanh r} */
    static Noise tanh() {
        return new Tanh();
    }

    /** {@return a radius below r with probability 1 - e^-r} */
    static Noise exponential() {
        return new Exponential();
    }

    /** {@return every component uniform between low and high} */
    static Noise uniform(double low, double high) {
        return new Uniform(low, high);
    }

    /** Standard normal components. */
    record Gaussian() implements Noise {}

    /**
     * Student's t, up to scale.
     *
     * @param dimensions D, those that were integrated over
     */
    record Student(double dimensions) implements Noise {
        /** Checks the range. */
        public Student {
            Check.range("dimensions", dimensions, Double.MIN_NORMAL, 0x1p40);
        }
    }

    /** Radius by tanh. */
    record Tanh() implements Noise {}

    /** Radius by 1 - e^-r. */
    record Exponential() implements Noise {}

    /**
     * A box.
     *
     * @param low the least component
     * @param high the largest component, above low
     */
    record Uniform(double low, double high) implements Noise {
        /** Checks the range. */
        public Uniform {
            Check.range("low", low, -Float.MAX_VALUE, Float.MAX_VALUE);
            Check.range("high", high, -Float.MAX_VALUE, Float.MAX_VALUE);
            Check.that(low < high, "high", "above low, " + low, high);
        }

        double centre() {
            return (low + high) / 2;
        }

        double halfWidth() {
            return (high - low) / 2;
        }
    }

    /** Radial noise with a pole at 0 takes q to be at least this, so that a query on a datum has a finite score. */
    static double leastSquare(boolean fp64) {
        return fp64 ? 0x1p-200 : 0x1p-100;
    }

    /** {@return the score of q; of Uniform that within the box} */
    default double score(double q, int d) {
        double r = Math.sqrt(q);
        return switch (this) {
            case Gaussian _ -> -q / 2;
            case Student s -> -(d + s.dimensions()) / 2 * Math.log1p(q);
            case Tanh _ -> 2 * (Math.log(2) - r - Math.log1p(Math.exp(-2 * r))) - (d - 1) * Math.log(r);
            case Exponential _ -> -r - (d - 1) * Math.log(r);
            case Uniform _ -> 0 * q; // NaN where it is not finite
        };
    }

    /** {@return twice the derivative of the score by q: its gradient by u is this times u} */
    default double slope(double q, int d) {
        double r = Math.sqrt(q);
        return switch (this) {
            case Gaussian _ -> -1;
            case Student s -> -(d + s.dimensions()) / (1 + q);
            case Tanh _ -> -(2 * Math.tanh(r) + (d - 1) / r) / r;
            case Exponential _ -> -(1 + (d - 1) / r) / r;
            case Uniform _ -> 0;
        };
    }

    /** Whether score and slope have no bound near q = 0. */
    default boolean pole() {
        return this instanceof Tanh || this instanceof Exponential;
    }

    /** Whether the slope is the same everywhere. */
    default boolean constantSlope() {
        return this instanceof Gaussian || this instanceof Uniform;
    }

    /** {@return the logarithm of what the density is normalised by} */
    default double logConstant(int d) {
        return switch (this) {
            case Gaussian _ -> -d / 2.0 * Math.log(2 * Math.PI);
            case Student s -> LogGamma.ratio(s.dimensions() / 2, d) - d / 2.0 * Math.log(Math.PI);
            case Tanh _, Exponential _ -> LogGamma.ratio(1, d - 2) - Math.log(2) - d / 2.0 * Math.log(Math.PI);
            case Uniform u -> -d * Math.log(u.high() - u.low());
        };
    }

    /**
     * Fills a tensor with samples of the noise, the same on every device: row i by Philox4x32-10 with the counter (i, channel / 4 and what
     * else is drawn), stream 3. Times sigma, with alpha times a datum added, they are samples of p_t.
     *
     * <p>Student's are z / sqrt(2 g): normal components over a gamma-distributed g of shape D/2, so that |z|^2 / (|z|^2 + 2 g) is beta-distributed with
     * d/2 and D/2; g by Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
     *
     * @param seed the key
     * @param out (points, d), FP64 or FP32, written
     */
    default void draw(long seed, Tensor out) {
        Check.dtype("out", out, DType.FP64, DType.FP32);
        Check.rank("out", out, 2);
        Check.writable("out", out);
        int d = Math.toIntExact(out.size(1));
        double[] values = new double[Math.toIntExact(out.elementCount())];
        for (int i = 0; i < out.size(0); i++) {
            NoiseRow.draw(this, seed, i, d, values);
        }
        out.copyFrom(values);
    }
}
