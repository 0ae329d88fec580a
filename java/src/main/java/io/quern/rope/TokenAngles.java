package io.quern.rope;

import static io.quern.cpu.Trig.TURNS_HIGH;
import static io.quern.cpu.Trig.TURNS_LOW;

import io.quern.cpu.Trig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Computes the cosines and sines of one token, all pairs at once and with their factor, as {@link RopeReference} does one by
 * one.
 */
final class TokenAngles {
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    private final int pairs;
    private final int axes;
    private final AngleRounding rounding;
    private final double attentionFactor;
    private final PositionsLayout positions;
    private final MemorySegment positionsMemory;

    // FP64: what a number is multiplied by to give quarter turns, (axes, 2, pairs); with rounded angles (2, pairs)
    private final MemorySegment factors;
    private final MemorySegment radians; // FP32 (axes, pairs)

    TokenAngles(Rope rope, PositionsLayout positions) {
        Frequencies frequencies = rope.frequencies();
        this.pairs = rope.pairs();
        this.axes = frequencies.axes();
        this.rounding = rope.rounding();
        this.attentionFactor = rope.attentionFactor();
        this.positions = positions;
        this.positionsMemory = positions.segment();
        this.factors = Arena.ofAuto().allocate(2L * axes * pairs * Double.BYTES, 64);
        this.radians = Arena.ofAuto().allocate((long) axes * pairs * Float.BYTES, 64);
        boolean exact = rounding == AngleRounding.EXACT;
        for (int a = 0; a < axes; a++) {
            for (int k = 0; k < pairs; k++) {
                long high = 2L * a * pairs + k;
                factors.setAtIndex(DOUBLE, high, exact ? frequencies.turnsHigh(a, k) : TURNS_HIGH);
                factors.setAtIndex(DOUBLE, high + pairs, exact ? frequencies.turnsLow(a, k) : TURNS_LOW);
                radians.setAtIndex(FLOAT, (long) a * pairs + k, frequencies.radians(a, k));
            }
        }
    }

    /** The room that {@link #compute} needs. */
    long bytes() {
        return 5L * pairs * Double.BYTES;
    }

    /**
     * Writes the cosines, then the sines, of a token.
     *
     * @param out FP64 (5, pairs), from {@code offset} bytes on; the rows after these two are room to work in
     */
    void compute(long batch, long token, MemorySegment out, long offset) {
        if (rounding == AngleRounding.FP32) {
            round(batch, token, out, offset);
            Trig.cosSin(factors, 0, out, offset, pairs);
        } else if (axes == 1) {
            double x = positions.exact(positionsMemory, 0, batch, token);
            for (int k = 0; k < pairs; k++) {
                out.set(DOUBLE, offset + 8L * k, x);
            }
            Trig.cosSin(factors, 0, out, offset, pairs);
        } else {
            long sums = offset + 24L * pairs;
            sum(batch, token, out, offset, sums);
            Trig.cosSin(out, sums, out, offset, pairs);
        }
        if (attentionFactor != 1) {
            for (int i = 0; i < 2 * pairs; i++) {
                out.set(DOUBLE, offset + 8L * i, out.get(DOUBLE, offset + 8L * i) * attentionFactor);
            }
        }
    }

    /** Angles in radians, each product and sum rounded to FP32. */
    private void round(long batch, long token, MemorySegment out, long offset) {
        for (int a = 0; a < axes; a++) {
            float x = positions.rounded(positionsMemory, a, batch, token);
            for (int k = 0; k < pairs; k++) {
                float product = x * radians.get(FLOAT, 4L * (a * pairs + k));
                float sum = a == 0 ? product : (float) out.get(DOUBLE, offset + 8L * k) + product;
                out.set(DOUBLE, offset + 8L * k, sum);
            }
        }
    }

    /** The turns of all axes: ones at {@code offset}, and at {@code sums} what these are multiplied by. */
    private void sum(long batch, long token, MemorySegment out, long offset, long sums) {
        long row = 8L * pairs;
        for (int a = 0; a < axes; a++) {
            double x = positions.exact(positionsMemory, a, batch, token);
            for (int k = 0; k < pairs; k++) {
                long whole = sums + 8L * k;
                double high = factors.get(DOUBLE, 2 * a * row + 8L * k);
                double low = factors.get(DOUBLE, (2 * a + 1) * row + 8L * k);
                double wholeSoFar = a == 0 ? 0 : out.get(DOUBLE, whole);
                double restSoFar = a == 0 ? 0 : out.get(DOUBLE, whole + row);
                out.set(DOUBLE, whole, wholeSoFar + Trig.whole(x, high));
                out.set(DOUBLE, whole + row, restSoFar + Trig.rest(x, high, low));
            }
        }
        for (int k = 0; k < pairs; k++) {
            long whole = sums + 8L * k;
            double rest = out.get(DOUBLE, whole + row);
            double carried = Trig.round(rest);
            out.set(DOUBLE, whole, out.get(DOUBLE, whole) + carried);
            out.set(DOUBLE, whole + row, rest - carried);
            out.set(DOUBLE, offset + 8L * k, 1);
        }
    }
}
