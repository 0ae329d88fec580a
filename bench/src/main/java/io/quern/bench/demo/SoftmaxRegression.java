package io.quern.bench.demo;

import java.util.Arrays;

/**
 * Softmax regression with plain loops: p = softmax(W x + b), loss = -log p[label]. Weights are kept as one vector, a row of
 * {@link #ROW} numbers for each class, the bias last.
 */
final class SoftmaxRegression {
    /** Numbers a class. */
    static final int ROW = Digits.PIXELS + 1;

    /** All numbers. */
    static final int PARAMETERS = Digits.CLASSES * ROW;

    private SoftmaxRegression() {}

    /** How good a model is on some images. */
    record Score(double loss, double accuracy) {}

    /** {@return the mean loss, and the gradient of it with respect to the weights, which is written} */
    static double gradient(float[] weights, Digits digits, int from, int to, float[] gradient) {
        Arrays.fill(gradient, 0);
        double loss = 0;
        double[] p = new double[Digits.CLASSES];
        for (int i = from; i < to; i++) {
            float[] x = digits.pixels()[i];
            softmax(weights, x, p);
            loss -= Math.log(p[digits.labels()[i]]);
            for (int c = 0; c < Digits.CLASSES; c++) {
                float slope = (float) ((p[c] - (c == digits.labels()[i] ? 1 : 0)) / (to - from));
                for (int k = 0; k < Digits.PIXELS; k++) {
                    gradient[c * ROW + k] += slope * x[k];
                }
                gradient[c * ROW + Digits.PIXELS] += slope;
            }
        }
        return loss / (to - from);
    }

    /** {@return how good the model is} */
    static Score score(float[] weights, Digits digits) {
        double loss = 0;
        int right = 0;
        double[] p = new double[Digits.CLASSES];
        for (int i = 0; i < digits.size(); i++) {
            softmax(weights, digits.pixels()[i], p);
            loss -= Math.log(p[digits.labels()[i]]);
            right += mostLikely(p) == digits.labels()[i] ? 1 : 0;
        }
        return new Score(loss / digits.size(), (double) right / digits.size());
    }

    private static void softmax(float[] weights, float[] x, double[] p) {
        double largest = Double.NEGATIVE_INFINITY;
        for (int c = 0; c < Digits.CLASSES; c++) {
            double logit = weights[c * ROW + Digits.PIXELS];
            for (int k = 0; k < Digits.PIXELS; k++) {
                logit += (double) weights[c * ROW + k] * x[k];
            }
            p[c] = logit;
            largest = Math.max(largest, logit);
        }
        double sum = 0;
        for (int c = 0; c < Digits.CLASSES; c++) {
            p[c] = Math.exp(p[c] - largest);
            sum += p[c];
        }
        for (int c = 0; c < Digits.CLASSES; c++) {
            p[c] /= sum;
        }
    }

    private static int mostLikely(double[] p) {
        int best = 0;
        for (int c = 1; c < p.length; c++) {
            best = p[c] > p[best] ? c : best;
        }
        return best;
    }
}
