package io.quern.rope;

import java.lang.foreign.MemorySegment;
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
            MemorySegment x,
            long xAt,
            long xStep,
            MemorySegment out,
            long outAt,
            long outStep,
            long heads,
            MemorySegment turns,
            long turnsAt,
            int pairs,
            Pairing pairing,
            int first) {
        boolean halves = pairing == Pairing.HALVES;
        long step = halves ? 8 : 16; // from pair to pair, in x as in the turns
        long partner = halves ? 8L * pairs : 8; // from a pair's first channel to its second
        long sine = halves ? 8L * pairs : 16L * pairs + 8; // from a pair's cosine to its sine that is not negated
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (int k = first; k < pairs; k++) {
                long i = k * step;
                double x0 = x.get(DOUBLE, from + i);
                double x1 = x.get(DOUBLE, from + i + partner);
                double c = turns.get(DOUBLE, turnsAt + i);
                double s = turns.get(DOUBLE, turnsAt + i + sine);
                out.set(DOUBLE, to + i, Math.fma(x0, c, -(x1 * s)));
                out.set(DOUBLE, to + i + partner, Math.fma(x1, c, x0 * s));
            }
        }
    }

    static void fp32(
            MemorySegment x,
            long xAt,
            long xStep,
            MemorySegment out,
            long outAt,
            long outStep,
            long heads,
            MemorySegment turns,
            long turnsAt,
            int pairs,
            Pairing pairing,
            int first) {
        boolean halves = pairing == Pairing.HALVES;
        long step = halves ? 4 : 8; // from pair to pair, in x as in the turns
        long partner = halves ? 4L * pairs : 4; // from a pair's first channel to its second
        long sine = halves ? 4L * pairs : 8L * pairs + 4; // from a pair's cosine to its sine that is not negated
        for (long h = 0; h < heads; h++) {
            long from = xAt + h * xStep;
            long to = outAt + h * outStep;
            for (int k = first; k < pairs; k++) {
                long i = k * step;
                float x0 = x.get(FLOAT, from + i);
                float x1 = x.get(FLOAT, from + i + partner);
                float c = turns.get(FLOAT, turnsAt + i);
                float s = turns.get(FLOAT, turnsAt + i + sine);
                out.set(FLOAT, to + i, Math.fma(x0, c, -(x1 * s)));
                out.set(FLOAT, to + i + partner, Math.fma(x1, c, x0 * s));
            }
        }
    }
}
