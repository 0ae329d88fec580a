package io.quern.rope;

import static io.quern.cpu.AddressSpace.ALL;

import java.lang.foreign.ValueLayout;

/**
 * Rotates the heads of one token pair by pair, from pair {@code first} on: what is left beyond whole vectors. Other
 * parameters as in {@link RopeHalves}.
 */
final class RopeScalar {
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    private RopeScalar() {}

    static void fp64(
            long x,
            long xStep,
            long out,
            long outStep,
            long heads,
            long cosines,
            long sines,
            int pairs,
            Pairing pairing,
            int first) {
        boolean halves = pairing == Pairing.HALVES;
        long step = halves ? 8 : 16; // from pair to pair, in x as in the turns
        long partner = halves ? 8L * pairs : 8; // from a pair's first channel to its second
        long positive = sines + (halves ? 0 : 8); // of a pair's two sines the one that is not negated
        for (long h = 0; h < heads; h++) {
            long from = x + h * xStep;
            long to = out + h * outStep;
            for (int k = first; k < pairs; k++) {
                long i = k * step;
                double x0 = ALL.get(DOUBLE, from + i);
                double x1 = ALL.get(DOUBLE, from + i + partner);
                double c = ALL.get(DOUBLE, cosines + i);
                double s = ALL.get(DOUBLE, positive + i);
                ALL.set(DOUBLE, to + i, Math.fma(x0, c, -(x1 * s)));
                ALL.set(DOUBLE, to + i + partner, Math.fma(x1, c, x0 * s));
            }
        }
    }

    static void fp32(
            long x,
            long xStep,
            long out,
            long outStep,
            long heads,
            long cosines,
            long sines,
            int pairs,
            Pairing pairing,
            int first) {
        boolean halves = pairing == Pairing.HALVES;
        long step = halves ? 4 : 8; // from pair to pair, in x as in the turns
        long partner = halves ? 4L * pairs : 4; // from a pair's first channel to its second
        long positive = sines + (halves ? 0 : 4); // of a pair's two sines the one that is not negated
        for (long h = 0; h < heads; h++) {
            long from = x + h * xStep;
            long to = out + h * outStep;
            for (int k = first; k < pairs; k++) {
                long i = k * step;
                float x0 = ALL.get(FLOAT, from + i);
                float x1 = ALL.get(FLOAT, from + i + partner);
                float c = ALL.get(FLOAT, cosines + i);
                float s = ALL.get(FLOAT, positive + i);
                ALL.set(FLOAT, to + i, Math.fma(x0, c, -(x1 * s)));
                ALL.set(FLOAT, to + i + partner, Math.fma(x1, c, x0 * s));
            }
        }
    }
}
