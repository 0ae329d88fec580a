package io.quern.rope;

import io.quern.Check;
import java.util.Arrays;
import java.util.List;

/**
 * How the frequencies of a model are changed, so that it reaches beyond the length that it was trained at. With w_k the
 * frequency of pair k of d rotated channels, base^(-2k/d), s the factor and L the trained length:
 *
 * <pre>
 *   linear        w_k / s                                       f = 1
 *   dynamic NTK   w_k e^(-2k/(d-2)),  e = s l/L - (s - 1)       f = 1
 *   YaRN          (1 - g_k) w_k / s + g_k w_k                   f = 0.1 ln s + 1
 *   Llama 3       (1 - g_k) w_k / s + g_k w_k                   f = 1
 *   LongRoPE      w_k / s_k                                     f given
 * </pre>
 *
 * with g_k, from 0 to 1, the share of its own frequency that a pair keeps, and r_k = L w_k / 2 pi the turns that it makes
 * over the trained length. f, the <b>attention factor</b>, multiplies every cosine and sine, as YaRN's authors have it: each
 * rotated channel of queries and keys grows by f, their products by f^2, and channels that do not turn keep their size.
 *
 * <p>Factors that are not whole numbers are the exact numbers that the doubles are.
 */
public sealed interface Scaling {
    /** {@return what cosines and sines are multiplied by} */
    double attentionFactor();

    /** {@return the frequencies as they were trained} */
    static Scaling none() {
        return new Linear(1);
    }

    /** {@return position interpolation} */
    static Scaling linear(double factor) {
        return new Linear(factor);
    }

    /** {@return the base grown to the length of the longest sequence so far} */
    static Scaling dynamicNtk(double factor, long trainedLength, long length) {
        return new DynamicNtk(factor, trainedLength, length);
    }

    /**
     * {@return YaRN with the authors' constants: pairs keep their frequency from 32 turns on and lose it below one, ends in
     * whole pairs}
     */
    static Yarn yarn(double factor, long trainedLength) {
        return new Yarn(factor, trainedLength, 32, 1, Yarn.Ramp.WHOLE_PAIRS, Yarn.attentionFactorFor(factor));
    }

    /** {@return the scaling of Llama 3.1 and later with its published constants 1 and 4} */
    static Scaling llama3(double factor, long trainedLength) {
        return new Llama3(factor, trainedLength, 1, 4);
    }

    /**
     * {@return a divisor for each pair, found by search}
     *
     * @param attentionFactor as the model has it; {@link LongRope#attentionFactorFor} is the paper's
     */
    static Scaling longRope(double attentionFactor, double... divisors) {
        Check.present("divisors", divisors);
        return new LongRope(attentionFactor, Arrays.stream(divisors).boxed().toList());
    }

    /**
     * Position interpolation: positions, or what is the same, frequencies are divided. Chen et al., "Extending Context Window
     * of Large Language Models via Positional Interpolation", arXiv 2306.15595, section 3.2.
     *
     * @param factor s, at least 1
     */
    record Linear(double factor) implements Scaling {
        /** Checks the factor. */
        public Linear {
            Check.range("factor", factor, 1, Double.MAX_VALUE);
        }

        @Override
        public double attentionFactor() {
            return 1;
        }
    }

    /**
     * NTK-aware interpolation, whose base b e^(d/(d-2)) leaves the first pair as it is and divides the last by e, where e
     * grows with the sequence: Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models", arXiv
     * 2309.00071, definition 1 and section 3.3. With factor 1, e = l/L. As a sequence grows, tables are made anew.
     *
     * @param factor s, at least 1
     * @param trainedLength L, in tokens
     * @param length l of the sequence so far, in tokens; up to L nothing is changed
     */
    record DynamicNtk(double factor, long trainedLength, long length) implements Scaling {
        /** Checks factor and lengths. */
        public DynamicNtk {
            Check.range("factor", factor, 1, Double.MAX_VALUE);
            Check.range("trainedLength", trainedLength, 1, Long.MAX_VALUE);
            Check.range("length", length, 0, Long.MAX_VALUE);
        }

        @Override
        public double attentionFactor() {
            return 1;
        }
    }

    /**
     * YaRN: pairs that turn often keep their frequency, those that never complete a turn are interpolated, the ones between
     * go over. Peng et al., arXiv 2309.00071, definitions 2 and 3.
     *
     * @param factor s, at least 1
     * @param trainedLength L, in tokens
     * @param fastTurns beta, from which on a pair keeps its frequency
     * @param slowTurns alpha, positive and less than beta, below which a pair is interpolated
     * @param ramp what the share grows linearly with
     * @param attentionFactor of cosines and sines
     */
    record Yarn(
            double factor, long trainedLength, double fastTurns, double slowTurns, Ramp ramp, double attentionFactor)
            implements Scaling {
        /** What the share g_k of a pair's own frequency grows linearly with, between alpha and beta turns. */
        public enum Ramp {
            /** With the turns, g_k = (r_k - alpha) / (beta - alpha): the paper's definition 2. */
            TURNS,
            /**
             * With the pair, g_k = (high - k) / (high - low), where low and high are the pairs, counted in fractions, that make
             * beta and alpha turns: k(r) = d ln(L / (2 pi r)) / (2 ln base). GPT-OSS.
             */
            PAIRS,
            /** Likewise, with low rounded down and high rounded up: the authors' code, and models that were trained by it. */
            WHOLE_PAIRS
        }

        /** Checks factor, length and turns. */
        public Yarn {
            Check.range("factor", factor, 1, Double.MAX_VALUE);
            Check.range("trainedLength", trainedLength, 1, Long.MAX_VALUE);
            Check.range("fastTurns", fastTurns, 0, Double.MAX_VALUE);
            Check.range("slowTurns", slowTurns, Double.MIN_VALUE, Math.nextDown(fastTurns));
            Check.present("ramp", ramp);
            Check.range("attentionFactor", attentionFactor, 0, Double.MAX_VALUE);
        }

        /** {@return 0.1 ln s + 1, the paper's: the square root of its 1/t} */
        public static double attentionFactorFor(double factor) {
            return 0.1 * Math.log(factor) + 1;
        }

        /** {@return the same with other turns between which the share falls} */
        public Yarn turns(double fast, double slow) {
            return new Yarn(factor, trainedLength, fast, slow, ramp, attentionFactor);
        }

        /** {@return the same with another ramp} */
        public Yarn ramp(Ramp other) {
            return new Yarn(factor, trainedLength, fastTurns, slowTurns, other, attentionFactor);
        }

        /**
         * {@return the same with another attention factor} DeepSeek's is (0.1 mscale ln s + 1) / (0.1 mscale_all_dim ln s + 1);
         * the square of its denominator belongs to the scale of the logits.
         */
        public Yarn attentionFactor(double other) {
            return new Yarn(factor, trainedLength, fastTurns, slowTurns, ramp, other);
        }
    }

    /**
     * The scaling of Llama 3.1 and later: g_k = (r_k - slow) / (fast - slow) within 0 and 1. As published with the model
     * (Meta's reference code, {@code apply_scaling}); Grattafiori et al., "The Llama 3 Herd of Models", arXiv 2407.21783, has
     * the training.
     *
     * @param factor s, at least 1; 8 in Llama 3.1, 32 in Llama 3.2
     * @param trainedLength L, in tokens; 8192
     * @param slowTurns below which a pair is interpolated, positive and less than fastTurns; 1, "low_freq_factor"
     * @param fastTurns from which on a pair keeps its frequency; 4, "high_freq_factor"
     */
    record Llama3(double factor, long trainedLength, double slowTurns, double fastTurns) implements Scaling {
        /** Checks factor, length and turns. */
        public Llama3 {
            Check.range("factor", factor, 1, Double.MAX_VALUE);
            Check.range("trainedLength", trainedLength, 1, Long.MAX_VALUE);
            Check.range("fastTurns", fastTurns, 0, Double.MAX_VALUE);
            Check.range("slowTurns", slowTurns, Double.MIN_VALUE, Math.nextDown(fastTurns));
        }

        @Override
        public double attentionFactor() {
            return 1;
        }
    }

    /**
     * A divisor for each pair: Ding et al., "LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens", arXiv 2402.13753,
     * section 3.1. A model has one list for short sequences and one for long ones, chosen by the caller.
     *
     * @param attentionFactor of cosines and sines
     * @param divisors s_k, positive, one for each pair
     */
    record LongRope(double attentionFactor, List<Double> divisors) implements Scaling {
        /** Checks the numbers. */
        public LongRope {
            Check.range("attentionFactor", attentionFactor, 0, Double.MAX_VALUE);
            Check.present("divisors", divisors);
            divisors = List.copyOf(divisors);
            for (int k = 0; k < divisors.size(); k++) {
                Check.range("divisors[" + k + "]", divisors.get(k), Double.MIN_NORMAL, Double.MAX_VALUE);
            }
        }

        /** {@return sqrt(1 + ln s / ln L), the paper's} */
        public static double attentionFactorFor(double factor, long trainedLength) {
            return Math.sqrt(1 + Math.log(factor) / Math.log(trainedLength));
        }
    }
}
