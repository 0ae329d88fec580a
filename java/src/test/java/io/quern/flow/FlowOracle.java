package io.quern.flow;

import io.quern.DType;
import io.quern.Outcome;
import io.quern.flow.FlowProblem.Output;

/**
 * The densities of the models as textbooks have them, in FP64, and what follows from them for one query; with the error that
 * rounding in the working type may leave.
 */
final class FlowOracle {
    /** Roundings of a score, in units of itself and of what it depends on: the sum of squares, its factor, logarithm and sum. */
    private static final double SCORE_ROUNDINGS = 6;

    private final FlowProblem problem;
    private final double[] x;
    private final int d;
    private final double alpha;
    private final double sigma;
    private final double alphaRate;
    private final double sigmaRate;
    private final double[] p;
    private final double[] error; // of ln p, absolutely
    private final double[][] gradient; // of ln of a datum's density
    private final double[] slopes; // |gradient| over |x - alpha y|
    private final double logDensity;
    private final double unit;
    private final double
            sumRoundings; // of a weighted sum of all data, which are added one by one, and of what is made of it
    private double ownError; // of the constant of the density here

    private FlowOracle(FlowProblem problem, int query) {
        this.problem = problem;
        x = problem.x()[query];
        d = x.length;
        double t = problem.time(query);
        Schedule schedule = problem.flow().schedule();
        double[] moment = moment(schedule, t);
        alpha = moment[0];
        sigma = moment[1];
        alphaRate = moment[2];
        sigmaRate = moment[3];
        unit = problem.dtype() == DType.FP64 ? 0x1p-53 : 0x1p-24;
        int m = problem.y().length;
        sumRoundings = 12 + 2 * Math.sqrt(m);
        p = new double[m];
        error = new double[m];
        gradient = new double[m][d];
        slopes = new double[m];
        double total = 0;
        double most = Double.NEGATIVE_INFINITY;
        double reach = reach();
        for (int j = 0; j < m; j++) {
            double weight = problem.w() == null ? 1 : problem.w()[j];
            total += weight;
            p[j] = Math.log(weight) + density(j);
            most = Math.max(most, p[j]);
            error[j] = scoreError(problem.y()[j], gradient[j], p[j], reach);
        }
        double sum = 0;
        for (int j = 0; j < m; j++) {
            p[j] = Math.exp(p[j] - most);
            sum += p[j];
        }
        for (int j = 0; j < m; j++) {
            p[j] /= sum;
        }
        logDensity = most + Math.log(sum) - Math.log(total);
    }

    /** alpha, sigma and their derivatives by time. */
    private static double[] moment(Schedule schedule, double t) {
        return switch (schedule) {
            case Schedule.Exploding _ -> new double[] {1, t, 0, 1};
            case Schedule.Straight _ -> new double[] {1 - t, t, -1, 1};
            case Schedule.Geometric g -> {
                double sigma = g.least() * Math.pow(g.most() / g.least(), t);
                yield new double[] {1, sigma, 0, sigma * Math.log(g.most() / g.least())};
            }
            case Schedule.Preserving b -> {
                double beta = b.betaMin() * (1 - t) + b.betaMax() * t;
                double alpha = Math.exp(-(t * t * (b.betaMax() - b.betaMin()) / 4 + t * b.betaMin() / 2));
                double sigma = Math.sqrt(1 - alpha * alpha);
                yield new double[] {alpha, sigma, -beta * alpha / 2, beta * alpha * alpha / (2 * sigma)};
            }
        };
    }

    private double squared(double[] y) {
        double sum = 0;
        for (int k = 0; k < d; k++) {
            sum += (x[k] - alpha * y[k]) * (x[k] - alpha * y[k]);
        }
        return sum;
    }

    /** The logarithm of a datum's density, with its constant; and its gradient. */
    private double density(int j) {
        double[] y = problem.y()[j];
        double r2 = squared(y);
        double r = Math.sqrt(r2);
        double surface = Math.log(2) + d / 2.0 * Math.log(Math.PI) - logGamma(d / 2.0);
        double value;
        double slope; // of the value by r, over r
        switch (problem.flow().noise()) {
            case Noise.Gaussian _ -> {
                value = -r2 / (2 * sigma * sigma) - d * Math.log(sigma) - d / 2.0 * Math.log(2 * Math.PI);
                slope = -1 / (sigma * sigma);
            }
            case Noise.Student s -> {
                double power = (d + s.dimensions()) / 2;
                ownError = 0x1p-49 * Math.abs(logGamma(power));
                value = s.dimensions() * Math.log(sigma)
                        + logGamma(power)
                        - d / 2.0 * Math.log(Math.PI)
                        - logGamma(s.dimensions() / 2)
                        - power * Math.log(sigma * sigma + r2);
                slope = -2 * power / (sigma * sigma + r2);
            }
            case Noise.Tanh _ -> {
                double u = r / sigma;
                value = -2 * Math.log(Math.cosh(u)) - (d - 1) * Math.log(r) - Math.log(sigma) - surface;
                slope = (-2 * Math.tanh(u) / sigma - (d - 1) / r) / r;
            }
            case Noise.Exponential _ -> {
                value = -r / sigma - (d - 1) * Math.log(r) - Math.log(sigma) - surface;
                slope = (-1 / sigma - (d - 1) / r) / r;
            }
            case Noise.Uniform box -> {
                value = -d * Math.log(sigma * (box.high() - box.low()));
                for (int k = 0; k < d; k++) {
                    double u = (x[k] - alpha * y[k]) / sigma;
                    value = u < box.low() || u > box.high() ? Double.NEGATIVE_INFINITY : value;
                }
                slope = 0;
            }
        }
        for (int k = 0; k < d; k++) {
            gradient[j][k] = slope * (x[k] - alpha * y[k]);
        }
        slopes[j] = Math.abs(slope);
        return value;
    }

    /** Lanczos' sum (g = 7, n = 9), good to 15 digits. */
    static double logGamma(double z) {
        double[] c = {
            0.99999999999980993,
            676.5203681218851,
            -1259.1392167224028,
            771.32342877765313,
            -176.61502916214059,
            12.507343278686905,
            -0.13857109526572012,
            9.9843695780195716e-6,
            1.5056327351493116e-7
        };
        double sum = c[0];
        for (int i = 1; i < c.length; i++) {
            sum += c[i] / (z - 1 + i);
        }
        double t = z + 6.5;
        return Math.log(2 * Math.PI) / 2 + (z - 0.5) * Math.log(t) - t + Math.log(sum);
    }

    /** The largest |x| + alpha |y|, from the mean of the data. */
    private double reach() {
        double[] centre = new double[d];
        for (double[] y : problem.y()) {
            for (int k = 0; k < d; k++) {
                centre[k] += y[k] / problem.y().length;
            }
        }
        double ofX = 0;
        for (int k = 0; k < d; k++) {
            ofX += Math.pow(x[k] - alpha * centre[k], 2);
        }
        double ofY = 0;
        for (double[] y : problem.y()) {
            double norm = 0;
            for (int k = 0; k < d; k++) {
                norm += Math.pow(y[k] - centre[k], 2);
            }
            ofY = Math.max(ofY, norm);
        }
        return Math.sqrt(ofX) + Math.abs(alpha) * Math.sqrt(ofY);
    }

    /**
     * A squared distance is off by some roundings of itself, or, where the product of matrices serves it, of the reach's square, if
     * that leaves the score within 1e-4 (FP32), 1e-12 (FP64).
     */
    private double scoreError(double[] y, double[] gradient, double score, double reach) {
        double r2 = squared(y);
        double dot = 0; // |r dscore/dr|
        double ofAlpha = 0; // alpha dscore/dalpha: alpha is rounded
        double ofDatum = 0; // alpha y is rounded, here, before it is subtracted
        for (int k = 0; k < d; k++) {
            dot -= gradient[k] * (x[k] - alpha * y[k]);
            ofAlpha += gradient[k] * alpha * y[k];
            ofDatum += Math.pow(gradient[k] * alpha * y[k], 2);
        }
        double scaled = Math.abs(ofAlpha) + 2 * Math.sqrt(ofDatum);
        double ofProduct = problem.flow().noise() instanceof Noise.Gaussian
                ? Math.min(
                        (1 + Math.sqrt(d) / 16) * unit * reach * reach / (2 * sigma * sigma),
                        problem.dtype() == DType.FP64 ? 1e-12 : 1e-4)
                : 0;
        double constants = d * Math.abs(Math.log(sigma)) + d;
        double own = r2 == 0 || score == Double.NEGATIVE_INFINITY ? 0 : Math.abs(score) + constants;
        return unit * (SCORE_ROUNDINGS * (dot + own + 1) + scaled) + ofProduct;
    }

    /** {@return the largest error of what was written, in units of what it may be} */
    static Outcome judge(FlowProblem problem, FlowProblem.Result result) {
        double worst = 0;
        String where = "nothing";
        int d = problem.d();
        for (int i = 0; i < problem.x().length; i++) {
            FlowOracle oracle = new FlowOracle(problem, i);
            for (Output output : result.of().keySet()) {
                double[] row = output.vector()
                        ? result.row(output, i, d)
                        : new double[] {result.of().get(output)[i]};
                for (int k = 0; k < row.length; k++) {
                    double share = oracle.share(output, k, row[k]);
                    if (!(share <= worst)) {
                        worst = share;
                        where = output + "[" + i + ", " + k + "] = " + row[k];
                    }
                    if (worst != worst) {
                        return Outcome.failed(where);
                    }
                }
            }
        }
        return Outcome.within(worst, 1, "largest error in units of what is derived for it: " + where)
                .and(result.fences());
    }

    /**
     * {@return a number that depends on the velocity, mean and density of a query moved by some step along a channel}
     *
     * @param of the number's gradients with respect to velocity and mean, then the density's logarithm
     */
    private static double number(FlowProblem problem, int query, double[][] of, int channel, double step) {
        double[][] moved = problem.x().clone();
        moved[query] = moved[query].clone();
        moved[query][channel] += step;
        FlowOracle at = new FlowOracle(
                new FlowProblem(problem.flow(), DType.FP64, moved, problem.y(), problem.w(), problem.times()), query);
        double a = at.sigmaRate / at.sigma;
        double sum = of[2][query] * at.logDensity;
        for (int k = 0; k < at.d; k++) {
            double mean = at.mean(k);
            sum += of[0][query * at.d + k] * (a * (at.x[k] - at.alpha * mean) + at.alphaRate * mean);
            sum += of[1][query * at.d + k] * mean;
        }
        return sum;
    }

    /**
     * {@return the largest error of a gradient, in units of what it may be: {@code 8 eps (1 + max|s|)} of the sum of its terms' sizes,
     * max|s| over the data that count, and what six central differences leave}
     */
    static Outcome judgeGradient(FlowProblem problem, double[][] of, double[] result) {
        double worst = 0;
        String where = "nothing";
        double[] weight = {3.0 / 4, -3.0 / 20, 1.0 / 60};
        int d = problem.d();
        for (int i = 0; i < problem.x().length; i++) {
            FlowOracle oracle = new FlowOracle(problem, i);
            // Boxes have edges, of which few are within small steps.
            double h = problem.flow().noise() instanceof Noise.Uniform ? 1e-5 : 2e-3 * Math.min(1, oracle.sigma);
            double size = oracle.gradientSize(of, i);
            for (int k = 0; k < d; k++) {
                double expected = 0;
                for (int step = 1; step <= 3; step++) {
                    expected += weight[step - 1]
                            * (number(problem, i, of, k, step * h) - number(problem, i, of, k, -step * h))
                            / h;
                }
                double is = result[i * d + k];
                // Of the differences: a number is a sum of terms that may be larger than it.
                double rounding = 0x1p-49 * (4 * d + Math.abs(number(problem, i, of, k, h))) / h;
                double share = Math.abs(is - expected) / (size * (8 * oracle.unit + 1e-11) + rounding);
                if (!(share <= worst)) {
                    worst = share;
                    where = "[" + i + ", " + k + "] = " + is + ", expected " + expected;
                }
                if (worst != worst) {
                    return Outcome.failed(where);
                }
            }
        }
        return Outcome.within(worst, 1, "largest error in units of what is derived for it: " + where);
    }

    private double gradientSize(double[][] of, int query) {
        double a = sigmaRate / sigma;
        double b = alphaRate - alpha * a;
        double largest = 0;
        double size = 0;
        double scores = 1;
        double[] tangent = new double[d];
        double ofMean = 0;
        for (int k = 0; k < d; k++) {
            largest = Math.max(largest, Math.abs(a * of[0][query * d + k]));
            tangent[k] = b * of[0][query * d + k] + of[1][query * d + k];
            ofMean += Math.abs(mean(k) * tangent[k]);
        }
        for (int j = 0; j < p.length; j++) {
            double far = 0;
            double dot = ofMean + Math.abs(of[2][query]);
            for (int k = 0; k < d; k++) {
                far = Math.max(far, Math.abs(x[k]) + Math.abs(alpha * problem.y()[j][k]));
                dot += Math.abs(problem.y()[j][k] * tangent[k]);
            }
            size += p[j] * slopes[j] * far * dot;
            if (p[j] > 1e-12) {
                scores = Math.max(scores, 1 + error[j] / unit);
            }
        }
        return largest + size * scores;
    }

    private double share(Output output, int k, double is) {
        if (logDensity == Double.NEGATIVE_INFINITY) {
            return is == (output == Output.LOG_DENSITY ? logDensity : 0) ? 0 : Double.POSITIVE_INFINITY;
        }
        double mean = mean(k);
        double meanError = meanError(k, mean);
        double a = sigmaRate / sigma;
        double b = alphaRate - alpha * a;
        double rounding = unit * sumRoundings;
        return switch (output) {
            case MEAN -> Math.abs(is - mean) / meanError;
            case VELOCITY ->
                Math.abs(is - (a * x[k] + b * mean))
                        / (Math.abs(b) * meanError
                                + rounding
                                        * (Math.abs(a) * (Math.abs(x[k]) + alpha * Math.abs(mean))
                                                + Math.abs(alphaRate * mean)));
            case LOG_DENSITY -> {
                double bound = unit * (Math.abs(logDensity) + sumRoundings) + ownError;
                for (int j = 0; j < p.length; j++) {
                    bound += p[j] * error[j];
                }
                yield Math.abs(is - logDensity) / bound;
            }
            case SCORE -> {
                double score = 0;
                double size = 0;
                for (int j = 0; j < p.length; j++) {
                    score += p[j] * gradient[j][k];
                    size += p[j] * slopes[j] * (Math.abs(x[k]) + alpha * Math.abs(problem.y()[j][k]));
                }
                double bound = rounding * size + Double.MIN_NORMAL;
                for (int j = 0; j < p.length; j++) {
                    bound += p[j] * Math.abs(gradient[j][k] - score) * error[j];
                }
                yield Math.abs(is - score) / bound;
            }
            case DIVERGENCE -> divergenceShare(is, a, b, rounding);
        };
    }

    private double mean(int k) {
        double mean = 0;
        for (int j = 0; j < p.length; j++) {
            mean += p[j] * problem.y()[j][k];
        }
        return mean;
    }

    private double meanError(int k, double mean) {
        double bound = 0;
        for (int j = 0; j < p.length; j++) {
            double y = problem.y()[j][k];
            bound += p[j] * (Math.abs(y - mean) * error[j] + unit * sumRoundings * Math.abs(y));
        }
        return bound + Double.MIN_NORMAL;
    }

    /** div f = a d + b sum_j p_j (y_j - mean) . gradient_j. */
    private double divergenceShare(double is, double a, double b, double rounding) {
        double[] mean = new double[d];
        double[] score = new double[d];
        for (int k = 0; k < d; k++) {
            mean[k] = mean(k);
            for (int j = 0; j < p.length; j++) {
                score[k] += p[j] * gradient[j][k];
            }
        }
        double sum = 0;
        double ofScores = 0;
        double terms = 0; // what is subtracted from each other: |x - alpha y| |gradient|
        double crossed = 0;
        for (int k = 0; k < d; k++) {
            crossed += Math.abs(x[k] - alpha * mean[k]) * Math.abs(score[k])
                    + Math.abs(alpha) * meanError(k, mean[k]) * Math.abs(score[k]) / rounding;
        }
        for (int j = 0; j < p.length; j++) {
            double dot = 0;
            double size = 0;
            for (int k = 0; k < d; k++) {
                dot += (problem.y()[j][k] - mean[k]) * gradient[j][k];
                size += Math.abs(x[k] - alpha * problem.y()[j][k]) * Math.abs(gradient[j][k]);
                crossed += p[j]
                        * slopes[j]
                        * (Math.abs(x[k]) + alpha * Math.abs(problem.y()[j][k]))
                        * Math.abs(x[k] - alpha * mean[k]);
            }
            sum += p[j] * dot;
            ofScores += p[j] * (Math.abs(dot) + size / Math.max(Math.abs(alpha), 1e-300)) * error[j];
            terms += p[j] * size;
        }
        double bound =
                Math.abs(b) * (ofScores + rounding * (terms + crossed) / Math.abs(alpha)) + rounding * Math.abs(a) * d;
        return Math.abs(is - (a * d + b * sum)) / bound;
    }
}
