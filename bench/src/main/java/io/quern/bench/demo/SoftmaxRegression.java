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
            right += mostLikely(p, 0) == digits.labels()[i] ? 1 : 0;
        }
        return new Score(loss / digits.size(), (double) right / digits.size());
    }

    private static void softmax(float[] weights, float[] x, double[] p) {
        for (int c = 0; c < Digits.CLASSES; c++) {
            double logit = weights[c * ROW + Digits.PIXELS];
            for (int k = 0; k < Digits.PIXELS; k++) {
                logit += (double) weights[c * ROW + k] * x[k];
            }
            p[c] = logit;
        }
        softmax(p, 0);
    }

    /** Puts the probabilities of the classes in place of their logits, from an index on. */
    static void softmax(double[] logits, int from) {
        double largest = Double.NEGATIVE_INFINITY;
        for (int c = from; c < from + Digits.CLASSES; c++) {
            largest = Math.max(largest, logits[c]);
        }
        double sum = 0;
        for (int c = from; c < from + Digits.CLASSES; c++) {
            logits[c] = Math.exp(logits[c] - largest);
            sum += logits[c];
        }
        for (int c = from; c < from + Digits.CLASSES; c++) {
            logits[c] /= sum;
        }
    }

    /** {@return the class of the largest of the probabilities from an index on} */
    static int mostLikely(double[] p, int from) {
        int best = 0;
        for (int c = 1; c < Digits.CLASSES; c++) {
            best = p[from + c] > p[from + best] ? c : best;
        }
        return best;
    }
}
