package io.quern.attention;

import io.quern.cpu.AddressSpace;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import java.lang.foreign.MemorySegment;

/**
 * What {@link ScoreTerms} does, for panels with a row a query and a column a key, and what of it the backward pass has to
 * undo. Apart from the softcap it goes pair by pair.
 */
final class PairTerms {
    private static final MemorySegment ALL = AddressSpace.ALL;

    private final Inputs inputs;
    private final Randomness randomness;
    private final PanelMath math;
    private final ScoreTerms terms;
    private final double softcap;
    private final double lowest;
    private final long row;
    private final long capped;
    private final boolean adds;

    // The sequence at hand.
    private int sequence;
    private long diagonal;

    PairTerms(Inputs inputs, MicroKernel kernel, PanelMath math, int rows, long scratch) {
        this.inputs = inputs;
        this.randomness = inputs.attention().randomness();
        this.math = math;
        this.terms = new ScoreTerms(inputs, kernel, math, 0);
        this.softcap = inputs.attention().softcap();
        this.lowest = kernel.elementBytes() == Double.BYTES ? -Double.MAX_VALUE : -Float.MAX_VALUE;
        this.row = kernel.rowBytes();
        capped = scratch;
        adds = terms.hides() || inputs.slopes() != null || randomness.sigma() != 0;
    }

    static long scratchBytes(MicroKernel kernel, int rows) {
        return rows * kernel.rowBytes();
    }

    void sequence(int sequence, int batch, int firstKey, int queries, int keys) {
        this.sequence = sequence;
        terms.sequence(sequence, batch, firstKey, queries, keys);
        diagonal = inputs.attention().band().alignment().diagonal(queries, keys);
    }

    /**
     * Makes scores of scaled dot products, in units of log2. What is hidden becomes -infinity.
     *
     * @param panel read and written
     */
    void apply(int head, int query, int queries, int key, int keys, long panel) {
        if (softcap != 0) {
            math.tanh(queries, panel, 1 / softcap, softcap * ScoreTerms.LOG2_E);
            MemorySegment.copy(ALL, panel, ALL, capped, queries * row);
        }
        for (int i = 0; i < queries && adds; i++) {
            add(head, query + i, key, keys, panel + i * row);
        }
    }

    private void add(int head, int query, int key, int keys, long scores) {
        for (int j = 0; j < keys; j++) {
            double score = Double.NEGATIVE_INFINITY;
            if (terms.visible(head, query, key + j)) {
                double sum = math.get(scores, j) + added(head, query, key + j) * ScoreTerms.LOG2_E;
                score = sum < lowest ? lowest : sum;
            }
            math.set(scores, j, score);
        }
    }

    private double added(int head, int query, int key) {
        double sum = terms.biases(head, query, key);
        if (inputs.slopes() != null) {
            sum -= ScoreTerms.at(inputs.slopes(), head) * Math.abs(query + diagonal - key);
        }
        return randomness.sigma() == 0 ? sum : sum + randomness.noise(drawn(head), query, key);
    }

    private long drawn(int head) {
        return sequence * inputs.heads() + head;
    }

    /**
     * Multiplies weights and the gradients by them by what dropout keeps.
     *
     * @param kept the weights of the forward pass; written
     * @param gradients by the weights; read and written
     */
    void drop(int head, int query, int queries, int key, int keys, long weights, long kept, long gradients) {
        for (int i = 0; i < queries; i++) {
            for (int j = 0; j < keys; j++) {
                long at = i * row;
                double keep = randomness.keep(drawn(head), query + i, key + j);
                math.set(kept + at, j, math.get(weights + at, j) * keep);
                math.set(gradients + at, j, math.get(gradients + at, j) * keep);
            }
        }
    }

    /**
     * Multiplies gradients by scores by the derivative of the capped score: those by what was capped. Of a hidden pair the
     * gradient is 0 and stays it, although its score may have been NaN.
     */
    void uncap(int queries, int keys, long gradients) {
        for (int i = 0; i < queries && softcap != 0; i++) {
            for (int j = 0; j < keys; j++) {
                double gradient = math.get(gradients + i * row, j);
                if (gradient != 0) {
                    double tanh = math.get(capped + i * row, j) / (softcap * ScoreTerms.LOG2_E);
                    math.set(gradients + i * row, j, gradient * (1 - tanh * tanh));
                }
            }
        }
    }

    boolean drops() {
        return terms.drops();
    }
}
