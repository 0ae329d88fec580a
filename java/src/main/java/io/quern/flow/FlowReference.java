package io.quern.flow;

import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;

/** The formulae of {@link Flow} as plain loops, summed in FP64 and rounded once; every device is held to them. */
final class FlowReference {
    private FlowReference() {}

    static Launch evaluate(Evaluation a, Stream stream, Workspace workspace) {
        return () -> evaluate(a);
    }

    private static void evaluate(Evaluation a) {
        for (long i = 0; i < a.points().count(); i++) {
            Pairs pairs = new Pairs(a.flow(), a.points(), i);
            double[] mean = pairs.mean();
            double[] score = pairs.score();
            Evaluation.Fields to = a.fields();
            set(to.mean(), i, mean);
            set(to.velocity(), i, pairs.velocity(mean));
            set(to.score(), i, score);
            set(to.logDensity(), i, pairs.logDensity);
            set(to.divergence(), i, to.divergence() == null ? 0 : pairs.divergence(mean));
        }
    }

    static Launch gradient(Gradient a, Stream stream, Workspace workspace) {
        return () -> {
            for (long i = 0; i < a.points().count(); i++) {
                Pairs pairs = new Pairs(a.flow(), a.points(), i);
                double[] ofVelocity = row(a.velocityGradient(), i, pairs.d);
                double[] ofMean = row(a.meanGradient(), i, pairs.d);
                double ofLogDensity = row(a.logDensityGradient(), i, 1)[0];
                set(a.queriesGradient(), i, pairs.gradient(ofVelocity, ofMean, ofLogDensity));
            }
        };
    }

    /** Zeros where there is no tensor. */
    private static double[] row(Tensor tensor, long i, int length) {
        double[] row = new double[length];
        for (int k = 0; tensor != null && k < length; k++) {
            row[k] = tensor.dtype().get(tensor.segment(), i * tensor.stride(0) + k);
        }
        return row;
    }

    private static void set(Tensor tensor, long row, double... values) {
        for (int k = 0; tensor != null && k < values.length; k++) {
            tensor.dtype().set(tensor.segment(), row * tensor.stride(0) + k, values[k]);
        }
    }

    /** A query and all data. */
    static final class Pairs {
        final int d;
        final double alpha;
        final double sigma;
        final double alphaRate;
        final double logSigmaRate;
        final double logDensity;
        final double[] x;
        final double[][] y;
        final double[] p; // all 0 where the density is
        final double[] slope; // the gradient of s_ij is slope_j (x - alpha y_j)

        Pairs(Flow flow, Points points, long query) {
            Noise noise = flow.noise();
            double t = points.time(query);
            d = points.channels();
            alpha = flow.schedule().alpha(t);
            double scale = flow.schedule().sigma(t);
            sigma = scale == 0 ? Double.NaN : scale; // nowhere is a density then
            alphaRate = flow.schedule().alphaRate(t);
            logSigmaRate = flow.schedule().logSigmaRate(t);
            int count = Math.toIntExact(points.dataCount());
            x = row(points.queries(), query, d);
            y = new double[count][];
            p = new double[count];
            slope = new double[count];
            boolean fp64 = points.dtype().bytes() == Double.BYTES;
            double weights = 0;
            double most = Double.NEGATIVE_INFINITY;
            for (int j = 0; j < count; j++) {
                y[j] = row(points.data(), j, d);
                double q = square(y[j]);
                q = noise.pole() && q < Noise.leastSquare(fp64) ? Noise.leastSquare(fp64) : q;
                double weight = points.weights() == null ? 1 : row(points.weights(), j, 1)[0];
                weights += weight;
                boolean outside = noise instanceof Noise.Uniform box && !within(box, y[j]);
                p[j] = Math.log(weight) + (outside ? Double.NEGATIVE_INFINITY : 0) + noise.score(q, d);
                slope[j] = noise.slope(q, d) / (sigma * sigma);
                most = Math.max(most, p[j]);
            }
            double sum = 0;
            for (int j = 0; j < count; j++) {
                p[j] = most == Double.NEGATIVE_INFINITY ? 0 : Math.exp(p[j] - most);
                sum += p[j];
            }
            for (int j = 0; j < count && sum > 0; j++) {
                p[j] /= sum;
            }
            logDensity = most == Double.NEGATIVE_INFINITY // whatever the weights' sum is, 0 among others
                    ? most
                    : most + Math.log(sum) - Math.log(weights) - d * Math.log(sigma) + noise.logConstant(d);
        }

        private double square(double[] datum) {
            double sum = 0;
            for (int k = 0; k < d; k++) {
                double u = (x[k] - alpha * datum[k]) / sigma;
                sum += u * u;
            }
            return sum;
        }

        private boolean within(Noise.Uniform box, double[] datum) {
            boolean within = true;
            for (int k = 0; k < d; k++) {
                double u = (x[k] - alpha * datum[k]) / sigma;
                within &= u >= box.low() && u <= box.high();
            }
            return within;
        }

        private boolean nowhere() {
            return logDensity == Double.NEGATIVE_INFINITY;
        }

        double[] mean() {
            double[] mean = new double[d];
            for (int j = 0; j < p.length; j++) {
                for (int k = 0; k < d; k++) {
                    mean[k] += p[j] * y[j][k];
                }
            }
            return mean;
        }

        double[] velocity(double[] mean) {
            double[] velocity = new double[d];
            for (int k = 0; k < d && !nowhere(); k++) {
                velocity[k] = logSigmaRate * (x[k] - alpha * mean[k]) + alphaRate * mean[k];
            }
            return velocity;
        }

        double[] score() {
            double[] score = new double[d];
            for (int j = 0; j < p.length; j++) {
                for (int k = 0; k < d; k++) {
                    score[k] += p[j] * slope[j] * (x[k] - alpha * y[j][k]);
                }
            }
            return score;
        }

        /** a d + b sum_j p_j (y_j - mean) . grad s_j, where velocity = a x + b mean. */
        double divergence(double[] mean) {
            double sum = 0;
            for (int j = 0; j < p.length; j++) {
                double dot = 0;
                for (int k = 0; k < d; k++) {
                    dot += (y[j][k] - mean[k]) * (x[k] - alpha * y[j][k]);
                }
                sum += p[j] * slope[j] * dot;
            }
            return nowhere() ? 0 : logSigmaRate * d + (alphaRate - alpha * logSigmaRate) * sum;
        }

        double[] gradient(double[] ofVelocity, double[] ofMean, double ofLogDensity) {
            double[] mean = mean();
            double[] score = score();
            double[] gradient = new double[d];
            double pull = alphaRate - alpha * logSigmaRate;
            for (int k = 0; k < d && !nowhere(); k++) {
                gradient[k] = logSigmaRate * ofVelocity[k] + ofLogDensity * score[k];
            }
            for (int j = 0; j < p.length; j++) {
                double dot = 0;
                for (int k = 0; k < d; k++) {
                    dot += (y[j][k] - mean[k]) * (pull * ofVelocity[k] + ofMean[k]);
                }
                for (int k = 0; k < d; k++) {
                    gradient[k] += p[j] * (slope[j] * (x[k] - alpha * y[j][k]) - score[k]) * dot;
                }
            }
            return gradient;
        }
    }
}
