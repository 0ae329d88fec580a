package io.quern.rope;

import static io.quern.cpu.Trig.TURNS_HIGH;
import static io.quern.cpu.Trig.TURNS_LOW;

import io.quern.DType;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import io.quern.cpu.Trig;
import java.lang.foreign.MemorySegment;

/** The formulae of {@link Rope} as plain loops; with the package's description, what every device must compute. */
final class RopeReference {
    private RopeReference() {}

    static Launch apply(Rotation a, Stream stream, Workspace workspace) {
        return () -> apply(a);
    }

    static Launch angles(Tabulation a, Stream stream, Workspace workspace) {
        return () -> angles(a);
    }

    private static void apply(Rotation a) {
        HeadsLayout x = a.xLayout();
        HeadsLayout out = a.outLayout();
        for (long b = 0; b < x.batches(); b++) {
            for (long t = 0; t < x.tokens(); t++) {
                for (int k = 0; k < a.rope().pairs(); k++) {
                    double[] turn = turn(a, b, t, k);
                    for (long h = 0; h < x.heads(); h++) {
                        rotate(
                                a,
                                x.at(b, t) + h * x.headStride(),
                                out.at(b, t) + h * out.headStride(),
                                k,
                                turn[0],
                                turn[1]);
                    }
                }
                for (long h = 0; h < x.heads(); h++) {
                    copyRest(a, x.at(b, t) + h * x.headStride(), out.at(b, t) + h * out.headStride());
                }
            }
        }
    }

    /** One pair of one head. Both channels are read before either is written: x may be out. */
    private static void rotate(Rotation a, long x, long out, int k, double cosine, double sine) {
        int pairs = a.rope().pairs();
        boolean halves = a.rope().pairing() == Pairing.HALVES;
        int first = halves ? k : 2 * k;
        int second = halves ? k + pairs : 2 * k + 1;
        DType dtype = a.x().dtype();
        double x0 = dtype.get(a.x().segment(), x + first);
        double x1 = dtype.get(a.x().segment(), x + second);
        double y0;
        double y1;
        if (dtype == DType.FP64) {
            y0 = Math.fma(x0, cosine, -(x1 * sine));
            y1 = Math.fma(x1, cosine, x0 * sine);
        } else {
            y0 = Math.fma((float) x0, (float) cosine, -((float) x1 * (float) sine));
            y1 = Math.fma((float) x1, (float) cosine, (float) x0 * (float) sine);
        }
        dtype.set(a.out().segment(), out + first, y0);
        dtype.set(a.out().segment(), out + second, y1);
    }

    private static void copyRest(Rotation a, long x, long out) {
        DType dtype = a.x().dtype();
        for (int i = a.rope().rotaryDim(); i < a.rope().headDim(); i++) {
            dtype.set(a.out().segment(), out + i, dtype.get(a.x().segment(), x + i));
        }
    }

    /** Cosine and sine of pair k of a token, in the direction asked for, not yet rounded where they are computed. */
    private static double[] turn(Rotation a, long b, long t, int k) {
        PositionsLayout positions = a.positionsLayout();
        long position = positions.at(positions.segment(), b, t);
        int sign = a.direction().sign();
        if (a.table() == null) {
            return new double[] {cos(a.rope(), position, k), sign * sin(a.rope(), position, k)};
        }
        if (position < 0 || position >= a.table().rows()) {
            return new double[] {Double.NaN, Double.NaN};
        }
        return new double[] {
            entry(a.table(), a.table().cosine(), b, position, k),
            sign * entry(a.table(), a.table().sine(), b, position, k)
        };
    }

    private static double entry(RopeTable table, Tensor part, long b, long row, int k) {
        return table.dtype().get(part.segment(), index(table, part, b, row, k));
    }

    private static long index(RopeTable table, Tensor part, long b, long row, int k) {
        return b * table.batchStride(part) + row * part.stride(-2) + k;
    }

    private static void angles(Tabulation a) {
        RopeTable table = a.table();
        PositionsLayout positions = a.positionsLayout();
        MemorySegment cosine = table.cosine().segment();
        MemorySegment sine = table.sine().segment();
        for (long b = 0; b < table.batches(); b++) {
            for (long row = 0; row < table.rows(); row++) {
                long position = positions.at(positions.segment(), b, row);
                for (int k = 0; k < a.rope().pairs(); k++) {
                    table.dtype().set(cosine, index(table, table.cosine(), b, row, k), cos(a.rope(), position, k));
                    table.dtype().set(sine, index(table, table.sine(), b, row, k), sin(a.rope(), position, k));
                }
            }
        }
    }

    private static double cos(Rope rope, long position, int k) {
        Frequencies w = rope.frequencies();
        double cosine = switch (rope.rounding()) {
            case EXACT -> Trig.cos(position, w.turnsHigh(k), w.turnsLow(k));
            case FP32 -> Trig.cos((float) position * w.radians(k), TURNS_HIGH, TURNS_LOW);
        };
        return cosine * rope.attentionFactor();
    }

    private static double sin(Rope rope, long position, int k) {
        Frequencies w = rope.frequencies();
        double sine = switch (rope.rounding()) {
            case EXACT -> Trig.sin(position, w.turnsHigh(k), w.turnsLow(k));
            case FP32 -> Trig.sin((float) position * w.radians(k), TURNS_HIGH, TURNS_LOW);
        };
        return sine * rope.attentionFactor();
    }
}
