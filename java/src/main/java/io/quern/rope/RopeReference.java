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

    static Launch joint(JointRotation a, Stream stream, Workspace workspace) {
        return () -> joint(a);
    }

    static Launch angles(Tabulation a, Stream stream, Workspace workspace) {
        return () -> angles(a);
    }

    private static void apply(Rotation a) {
        apply(a, a.x(), a.out(), PositionsLayout.consecutive(0));
    }

    private static void joint(JointRotation a) {
        apply(a.query());
        PositionsLayout slots = a.slotsLayout();
        apply(a.query(), a.key(), a.keyOut(), slots);
        if (a.value() != null) {
            copyValues(a.value(), a.valueOut(), slots);
        }
    }

    /** Rotates x by the turns of a rotation. Each token goes to its slot of out, or nowhere. */
    private static void apply(Rotation a, Tensor x, Tensor out, PositionsLayout slots) {
        HeadsLayout from = HeadsLayout.of(x);
        HeadsLayout to = HeadsLayout.of(out);
        for (long b = 0; b < from.batches(); b++) {
            for (long t = 0; t < from.tokens(); t++) {
                long slot = slots.whole(slots.segment(), 0, b, t);
                if (slot < 0 || slot >= to.tokens()) {
                    continue;
                }
                for (int k = 0; k < a.rope().pairs(); k++) {
                    double[] turn = turn(a, b, t, k);
                    for (long h = 0; h < from.heads(); h++) {
                        rotate(
                                a.rope(),
                                x,
                                from.at(b, t) + h * from.headStride(),
                                out,
                                to.at(b, slot) + h * to.headStride(),
                                k,
                                turn[0],
                                turn[1]);
                    }
                }
                for (long h = 0; h < from.heads(); h++) {
                    copyRest(
                            a.rope(),
                            x,
                            from.at(b, t) + h * from.headStride(),
                            out,
                            to.at(b, slot) + h * to.headStride());
                }
            }
        }
    }

    private static void copyValues(Tensor value, Tensor cache, PositionsLayout slots) {
        HeadsLayout from = HeadsLayout.of(value);
        HeadsLayout to = HeadsLayout.of(cache);
        for (long b = 0; b < from.batches(); b++) {
            for (long t = 0; t < from.tokens(); t++) {
                long slot = slots.whole(slots.segment(), 0, b, t);
                if (slot < 0 || slot >= to.tokens()) {
                    continue;
                }
                for (long h = 0; h < from.heads(); h++) {
                    for (long i = 0; i < value.size(-1); i++) {
                        double v = value.dtype().get(value.segment(), from.at(b, t) + h * from.headStride() + i);
                        value.dtype().set(cache.segment(), to.at(b, slot) + h * to.headStride() + i, v);
                    }
                }
            }
        }
    }

    /** One pair of one head. Both channels are read before either is written: x may be out. */
    private static void rotate(
            Rope rope, Tensor x, long xAt, Tensor out, long outAt, int k, double cosine, double sine) {
        boolean halves = rope.pairing() == Pairing.HALVES;
        int first = rope.rotaryOffset() + (halves ? k : 2 * k);
        int second = first + (halves ? rope.pairs() : 1);
        DType dtype = x.dtype();
        double x0 = dtype.get(x.segment(), xAt + first);
        double x1 = dtype.get(x.segment(), xAt + second);
        double y0;
        double y1;
        if (dtype == DType.FP64) {
            y0 = Math.fma(x0, cosine, -(x1 * sine));
            y1 = Math.fma(x1, cosine, x0 * sine);
        } else {
            y0 = Math.fma((float) x0, (float) cosine, -((float) x1 * (float) sine));
            y1 = Math.fma((float) x1, (float) cosine, (float) x0 * (float) sine);
        }
        dtype.set(out.segment(), outAt + first, y0);
        dtype.set(out.segment(), outAt + second, y1);
    }

    private static void copyRest(Rope rope, Tensor x, long xAt, Tensor out, long outAt) {
        int begin = rope.rotaryOffset();
        for (int i = 0; i < rope.headDim(); i++) {
            if (i < begin || i >= begin + rope.rotaryDim()) {
                out.dtype().set(out.segment(), outAt + i, x.dtype().get(x.segment(), xAt + i));
            }
        }
    }

    /** Cosine and sine of pair k of a token, in the direction asked for, not yet rounded where they are computed. */
    private static double[] turn(Rotation a, long b, long t, int k) {
        PositionsLayout positions = a.positionsLayout();
        int sign = a.direction().sign();
        if (a.table() == null) {
            double[] turn = turn(a.rope(), positions, b, t, k);
            return new double[] {turn[0], sign * turn[1]};
        }
        long row = positions.whole(positions.segment(), 0, b, t);
        if (row < 0 || row >= a.table().rows()) {
            return new double[] {Double.NaN, Double.NaN};
        }
        return new double[] {
            entry(a.table(), a.table().cosine(), b, row, k),
            sign * entry(a.table(), a.table().sine(), b, row, k)
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
        for (long b = 0; b < table.batches(); b++) {
            for (long row = 0; row < table.rows(); row++) {
                for (int k = 0; k < a.rope().pairs(); k++) {
                    double[] turn = turn(a.rope(), a.positionsLayout(), b, row, k);
                    table.dtype().set(table.cosine().segment(), index(table, table.cosine(), b, row, k), turn[0]);
                    table.dtype().set(table.sine().segment(), index(table, table.sine(), b, row, k), turn[1]);
                }
            }
        }
    }

    /** Cosine and sine of pair k, with their factor: of one axis' product, or of a sum of whole quarter turns and a rest. */
    private static double[] turn(Rope rope, PositionsLayout positions, long b, long t, int k) {
        Frequencies w = rope.frequencies();
        MemorySegment memory = positions.segment();
        if (rope.rounding() == AngleRounding.FP32) {
            float angle = positions.rounded(memory, 0, b, t) * w.radians(0, k);
            for (int axis = 1; axis < w.axes(); axis++) {
                angle += positions.rounded(memory, axis, b, t) * w.radians(axis, k);
            }
            return turn(rope, angle, TURNS_HIGH, TURNS_LOW);
        }
        if (w.axes() == 1) {
            return turn(rope, positions.exact(memory, 0, b, t), w.turnsHigh(0, k), w.turnsLow(0, k));
        }
        double whole = 0;
        double rest = 0;
        for (int axis = 0; axis < w.axes(); axis++) {
            double position = positions.exact(memory, axis, b, t);
            whole += Trig.whole(position, w.turnsHigh(axis, k));
            rest += Trig.rest(position, w.turnsHigh(axis, k), w.turnsLow(axis, k));
        }
        double carried = Trig.round(rest);
        return turn(rope, 1, whole + carried, rest - carried);
    }

    private static double[] turn(Rope rope, double x, double high, double low) {
        return new double[] {
            Trig.cos(x, high, low) * rope.attentionFactor(), Trig.sin(x, high, low) * rope.attentionFactor()
        };
    }
}
