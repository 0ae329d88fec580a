package io.quern.attention;

import io.quern.Check;
import io.quern.cpu.Philox;

/**
 * Score noise and dropout. Both are functions of seed, batch, head, query and key alone, by {@link Philox} with the counter
 * (key / 4, query, batch * heads + head, stream): the same on every device and whatever the tiling, and what the forward
 * drew is drawn again by the backward.
 *
 * <p>To first order noise adds (e^{sigma^2} - 1) sum_j p_j^2 |v_j - o|^2 to the expected square of an output's error.
 *
 * @param sigma the standard deviation of the normal noise that is added to every score, 0 or more
 * @param dropout the probability with which a weight becomes 0, from 0 to below 1; the others grow by 1 / (1 - dropout).
 *     logSumExp and the other statistics are those without dropout
 * @param seed of both
 */
public record Randomness(double sigma, double dropout, long seed) {
    private static final int DROPOUT_STREAM = 0;
    private static final int NOISE_STREAM = 1;

    /** Checks the ranges. */
    public Randomness {
        Check.range("sigma", sigma, 0, Float.MAX_VALUE);
        Check.range("dropout", dropout, 0, Math.nextDown(1f));
    }

    /** {@return no noise, no dropout} */
    public static Randomness none() {
        return new Randomness(0, 0, 0);
    }

    /** What is added to the score of a query and a key. */
    double noise(long head, long query, long key) {
        if (sigma == 0) {
            return 0;
        }
        return sigma * Philox.normal(seed, (int) (key >>> 2), (int) query, (int) head, NOISE_STREAM, (int) (key & 3));
    }

    /** By what the weight of a query and a key is multiplied: 0 or 1 / (1 - dropout). */
    double keep(long head, long query, long key) {
        if (dropout == 0) {
            return 1;
        }
        double uniform =
                Philox.uniform(seed, (int) (key >>> 2), (int) query, (int) head, DROPOUT_STREAM, (int) (key & 3));
        return uniform < dropout ? 0 : 1 / (1 - dropout);
    }
}
