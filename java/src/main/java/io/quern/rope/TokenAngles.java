package io.quern.rope;

import static io.quern.cpu.Trig.TURNS_HIGH;
import static io.quern.cpu.Trig.TURNS_LOW;

import io.quern.cpu.Trig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Computes the cosines and sines of one position, all pairs at once and with their factor, as {@link RopeReference} does one by one. */
final class TokenAngles {
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;

    private final int pairs;
    private final AngleRounding rounding;
    private final double attentionFactor;
    private final MemorySegment factors; // FP64 (2, pairs): what a number is multiplied by to give quarter turns
    private final MemorySegment radians; // FP32 (pairs)

    TokenAngles(Rope rope) {
        pairs = rope.pairs();
        rounding = rope.rounding();
        attentionFactor = rope.attentionFactor();
        factors = Arena.ofAuto().allocate(2L * pairs * Double.BYTES, 64);
        radians = Arena.ofAuto().allocate((long) pairs * Float.BYTES, 64);
        boolean exact = rounding == AngleRounding.EXACT;
        for (int k = 0; k < pairs; k++) {
            factors.setAtIndex(DOUBLE, k, exact ? rope.frequencies().turnsHigh(k) : TURNS_HIGH);
            factors.setAtIndex(DOUBLE, pairs + k, exact ? rope.frequencies().turnsLow(k) : TURNS_LOW);
            radians.setAtIndex(ValueLayout.JAVA_FLOAT, k, rope.frequencies().radians(k));
        }
    }

    /** The room that {@link #compute} needs. */
    long bytes() {
        return 3L * pairs * Double.BYTES;
    }

    /**
     * Writes the cosines, then the sines, of a position.
     *
     * @param out FP64 (3, pairs), from {@code offset} bytes on; the last row is room to work in
     */
    void compute(long position, MemorySegment out, long offset) {
        if (rounding == AngleRounding.EXACT) {
            double x = position;
            for (int k = 0; k < pairs; k++) {
                out.set(DOUBLE, offset + 8L * k, x);
            }
        } else {
            float x = position;
            for (int k = 0; k < pairs; k++) {
                out.set(DOUBLE, offset + 8L * k, x * radians.get(ValueLayout.JAVA_FLOAT, 4L * k));
            }
        }
        Trig.cosSin(factors, out, offset, pairs);
        if (attentionFactor != 1) {
            for (int i = 0; i < 2 * pairs; i++) {
                out.set(DOUBLE, offset + 8L * i, out.get(DOUBLE, offset + 8L * i) * attentionFactor);
            }
        }
    }
}
