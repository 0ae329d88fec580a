package io.quern.lion;

import io.quern.Check;
import io.quern.DType;
import io.quern.cpu.Philox;

/**
 * How new parameters are rounded to 16 bits. To nearest, a step below half a last place is lost every time. Stochastic rounding
 * takes it whole now and then: up with the probability that is the share of the place, so that the expectation is the exact
 * value (Gupta et al., "Deep Learning with Limited Numerical Precision", arXiv:1502.02551, section 3).
 *
 * <p>The probability is a multiple of 2^-16, of 2^-13 for normal FP16 numbers, the exact one cut off there. Representable
 * values stay. The random bits of an element are those of {@link Philox} with {@code seed} as key and the counter (element / 8,
 * step number), each low half first; its words, low half first, are the bits of eight elements. Elements are numbered through
 * all tensors of a call, in the order of the lists. So neither device nor threads matter, nor how a list is cut into tensors.
 *
 * @param mode which way
 * @param seed of the random bits; not used by rounding to nearest
 */
public record Rounding(Mode mode, long seed) {
    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final int INFINITY = 0x7f80_0000;
    private static final float SMALLEST_NORMAL_FP16 = 0x1p-14f;

    /** Which way. */
    public enum Mode {
        /** To the nearest, ties to even. */
        NEAREST,
        /** Up or down, at random. */
        STOCHASTIC
    }

    /** Checks that there is a mode. */
    public Rounding {
        Check.present("mode", mode);
    }

    /** {@return rounding to nearest} */
    public static Rounding nearest() {
        return new Rounding(Mode.NEAREST, 0);
    }

    /** {@return stochastic rounding} */
    public static Rounding stochastic(long seed) {
        return new Rounding(Mode.STOCHASTIC, seed);
    }

    boolean isStochastic() {
        return mode == Mode.STOCHASTIC;
    }

    /** {@return the 16 random bits of an element} */
    int bits(long step, long element) {
        int word =
                Philox.word(seed, (int) (element >>> 3), (int) (element >>> 35), (int) step, (int) (step >>> 32), (int)
                        (element >>> 1 & 3));
        return word >>> 16 * (int) (element & 1) & 0xffff;
    }

    /** {@return a value of the type, next to one in FP32: the bits cut off, plus {@code bits} of as many, carry or do not} */
    static float stochastic(DType dtype, float value, int bits) {
        int magnitude = Float.floatToRawIntBits(value) & MAGNITUDE;
        if (magnitude >= INFINITY) {
            return value;
        }
        float rounded;
        if (dtype == DType.BF16) {
            rounded = Float.intBitsToFloat(magnitude + bits & ~0xffff);
        } else if (Math.abs(value) < SMALLEST_NORMAL_FP16) {
            float units = Math.abs(value) * 0x1p24f; // of the smallest number; exact
            int below = (int) units;
            rounded = (units - below >= 1 - bits * 0x1p-16f ? below + 1 : below) * 0x1p-24f;
        } else {
            rounded = Float.intBitsToFloat(magnitude + (bits >>> 3) & ~0x1fff);
        }
        return Math.copySign(rounded, value);
    }
}
