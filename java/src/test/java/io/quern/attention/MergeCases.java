package io.quern.attention;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.BoundCall;
import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** What must hold of merging attention over parts of the keys, on every device. */
final class MergeCases {
    private static final int BATCHES = 2;
    private static final int HEADS = 3;
    private static final int QUERIES = 5;
    private static final int KEYS = 23;
    private static final int DIM = 7;
    private static final int ROWS = BATCHES * HEADS * QUERIES;

    private MergeCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : List.of(FP64, FP32, FP16, BF16)) {
            cases.add(numeric("three parts are the whole", dtype, device -> partsAreTheWhole(device, dtype)));
            cases.add(numeric("in two steps as in one", dtype, device -> inTwoSteps(device, dtype)));
            cases.add(property("parts without keys", dtype, device -> withoutKeys(device, dtype)));
            for (int channels : new int[] {37, 1100}) { // more than whole vectors, more than a block
                cases.add(numeric(
                        channels + " channels and their gradients, as the reference",
                        dtype,
                        device -> asTheReference(device, dtype, channels)));
            }
        }
        cases.add(numeric("gradient", FP64, MergeCases::gradient));
        refusals(cases);
        return cases;
    }

    private static Case numeric(String name, DType dtype, Case.Body body) {
        return new Case("attention", "merge: " + name, Case.Kind.NUMERIC, dtype, body);
    }

    private static Case property(String name, DType dtype, Case.Body body) {
        return new Case("attention", "merge: " + name, Case.Kind.PROPERTY, dtype, body);
    }

    private static Tensor gaussian(TensorArena arena, Random random, DType dtype, long... shape) {
        Tensor tensor = arena.allocate(dtype, shape);
        double[] values = new double[Math.toIntExact(tensor.elementCount())];
        Arrays.setAll(values, i -> random.nextGaussian());
        return tensor.copyFrom(values);
    }

    private static AttentionState state(TensorArena arena, DType dtype, long... rows) {
        long[] out = Arrays.copyOf(rows, rows.length + 1);
        out[rows.length] = DIM;
        DType statistic = dtype.accumulator();
        return new AttentionState(
                arena.allocate(dtype, out).fill(Double.NaN),
                arena.allocate(statistic, rows).fill(Double.NaN),
                arena.allocate(statistic, rows).fill(Double.NaN));
    }

    private static AttentionState part(AttentionState parts, int a) {
        return slice(parts, a, a + 1, true);
    }

    private static AttentionState slice(AttentionState parts, int from, int to, boolean select) {
        Tensor out = parts.out().slice(0, from, to);
        Tensor logSumExp = parts.logSumExp().slice(0, from, to);
        Tensor entropy = parts.entropy().slice(0, from, to);
        return select
                ? new AttentionState(out.select(0, 0), logSumExp.select(0, 0), entropy.select(0, 0))
                : new AttentionState(out, logSumExp, entropy);
    }

    private static void attend(Stream stream, Tensor q, Tensor k, Tensor v, AttentionState state) {
        Attention.full(DIM)
                .forward()
                .query(q)
                .keys(k)
                .values(v)
                .out(state.out())
                .logSumExp(state.logSumExp())
                .entropy(state.entropy())
                .run(stream);
    }

    /** Attention to keys 0 to 5, to 6, and to the rest. */
    private static AttentionState threeParts(
            Stream stream, TensorArena arena, DType dtype, Tensor q, Tensor k, Tensor v) {
        AttentionState parts = state(arena, dtype, 3, BATCHES, HEADS, QUERIES);
        int[] begins = {0, 6, 7, KEYS};
        for (int a = 0; a < 3; a++) {
            attend(
                    stream,
                    q,
                    k.slice(2, begins[a], begins[a + 1]),
                    v.slice(2, begins[a], begins[a + 1]),
                    part(parts, a));
        }
        return parts;
    }

    private static Outcome partsAreTheWhole(Device device, DType dtype) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Random random = new Random(3);
            Tensor q = gaussian(arena, random, dtype, BATCHES, HEADS, QUERIES, DIM);
            Tensor k = gaussian(arena, random, dtype, BATCHES, HEADS, KEYS, DIM);
            Tensor v = gaussian(arena, random, dtype, BATCHES, HEADS, KEYS, DIM);
            AttentionState whole = state(arena, dtype, BATCHES, HEADS, QUERIES);
            attend(stream, q, k, v, whole);
            Fenced out = Fenced.allocate(arena, dtype, BATCHES, HEADS, QUERIES, DIM);
            AttentionState spare = state(arena, dtype, BATCHES, HEADS, QUERIES);
            AttentionState merged = new AttentionState(out.tensor(), spare.logSumExp(), spare.entropy());
            AttentionState.merge(stream, threeParts(stream, arena, dtype, q, k, v), merged);
            stream.synchronize();
            return alike(whole, merged, dtype).and(out.fencesStand());
        }
    }

    private static Outcome inTwoSteps(Device device, DType dtype) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Random random = new Random(5);
            Tensor q = gaussian(arena, random, dtype, BATCHES, HEADS, QUERIES, DIM);
            Tensor k = gaussian(arena, random, dtype, BATCHES, HEADS, KEYS, DIM);
            Tensor v = gaussian(arena, random, dtype, BATCHES, HEADS, KEYS, DIM);
            AttentionState parts = threeParts(stream, arena, dtype, q, k, v);
            AttentionState once = state(arena, dtype, BATCHES, HEADS, QUERIES);
            AttentionState twice = state(arena, dtype, BATCHES, HEADS, QUERIES);
            AttentionState.merge(stream, parts, once);
            AttentionState.merge(stream, slice(parts, 1, 3, false), twice);
            stream.synchronize();
            part(parts, 1).out().copyFrom(twice.out());
            part(parts, 1).logSumExp().copyFrom(twice.logSumExp());
            part(parts, 1).entropy().copyFrom(twice.entropy());
            AttentionState.merge(stream, slice(parts, 0, 2, false), twice);
            stream.synchronize();
            return alike(once, twice, dtype);
        }
    }

    /**
     * Inputs are of order 1: outputs, logarithms and entropies stay below 8. Each of a few roundings of a part is one of its
     * type in an output, and one of a logarithm below 8 in its weight.
     */
    private static Outcome alike(AttentionState expected, AttentionState actual, DType dtype) {
        double unit = switch (dtype) {
            case FP64 -> 0x1p-53;
            case FP32 -> 0x1p-24;
            case FP16 -> 0x1p-11;
            case BF16 -> 0x1p-8;
            default -> Double.NaN;
        };
        double statistic = dtype == FP64 ? 0x1p-53 : 0x1p-24;
        double out = worst(expected.out(), actual.out()) / (8 * 4 * unit);
        double logSumExp = worst(expected.logSumExp(), actual.logSumExp()) / (8 * 16 * statistic);
        double entropy = worst(expected.entropy(), actual.entropy()) / (8 * 64 * statistic);
        return Outcome.within(Math.max(out, Math.max(logSumExp, entropy)), 1, "in units of what is derived for it");
    }

    private static double worst(Tensor expected, Tensor actual) {
        double[] e = expected.toDoubleArray();
        double[] a = actual.toDoubleArray();
        double worst = 0;
        for (int i = 0; i < e.length; i++) {
            worst = Math.max(worst, Math.abs(e[i] - a[i])); // NaN if one is
        }
        return worst;
    }

    private static Outcome withoutKeys(Device device, DType dtype) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            AttentionState parts = state(arena, dtype, 2, ROWS); // out and entropy NaN
            parts.logSumExp().fill(Double.NEGATIVE_INFINITY);
            AttentionState whole = state(arena, dtype, ROWS);
            AttentionState.merge(stream, parts, whole);
            stream.synchronize();
            double[] nothing = new double[ROWS];
            Arrays.fill(nothing, Double.NEGATIVE_INFINITY);
            Outcome none = Outcome.sameBits(new double[ROWS * DIM], whole.out().toDoubleArray())
                    .and(Outcome.sameBits(nothing, whole.logSumExp().toDoubleArray()))
                    .and(Outcome.sameBits(new double[ROWS], whole.entropy().toDoubleArray()));
            part(parts, 1).out().fill(0.5);
            part(parts, 1).logSumExp().fill(2);
            part(parts, 1).entropy().fill(0.25);
            AttentionState.merge(stream, parts, whole);
            stream.synchronize();
            AttentionState one = part(parts, 1);
            return none.and(Outcome.sameBits(one.out(), whole.out()))
                    .and(Outcome.sameBits(one.logSumExp(), whole.logSumExp()))
                    .and(Outcome.sameBits(one.entropy(), whole.entropy()));
        }
    }

    /** Against central differences of r . (out, logSumExp, entropy) with fixed random r. */
    private static Outcome gradient(Device device) {
        double step = 1e-6;
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Random random = new Random(11);
            AttentionState parts = random(arena, random, 3, 2);
            AttentionState r = random(arena, random, 2);
            AttentionState whole = state(arena, FP64, 2);
            AttentionState gradient = state(arena, FP64, 3, 2);
            AttentionState.merge(stream, parts, whole);
            try (BoundCall backward = AttentionState.bindMergeBackward(stream, parts, whole, r, gradient)) {
                backward.run();
            }
            stream.synchronize();
            double worst = 0;
            List<Tensor> inputs = List.of(parts.out(), parts.logSumExp(), parts.entropy());
            List<Tensor> gradients = List.of(gradient.out(), gradient.logSumExp(), gradient.entropy());
            for (int t = 0; t < inputs.size(); t++) {
                double[] values = inputs.get(t).toDoubleArray();
                double[] analytic = gradients.get(t).toDoubleArray();
                for (int i = 0; i < values.length; i++) {
                    double[] moved = values.clone();
                    moved[i] = values[i] + step;
                    inputs.get(t).copyFrom(moved);
                    double above = objective(stream, parts, whole, r);
                    moved[i] = values[i] - step;
                    inputs.get(t).copyFrom(moved);
                    double below = objective(stream, parts, whole, r);
                    inputs.get(t).copyFrom(values);
                    worst = Math.max(worst, Math.abs((above - below) / (2 * step) - analytic[i]));
                }
            }
            // Of order 1: the difference loses 2^-53 / step to rounding, and step^2 to the third derivative.
            return Outcome.within(worst, 50 * (0x1p-53 / step + step * step), "largest difference");
        }
    }

    /** The error in the L2 norm: sums of three products, and what is stored is rounded once. */
    private static Outcome asTheReference(Device device, DType dtype, int channels) {
        double bound = switch (dtype) {
            case FP64 -> 0x1p-50;
            case FP32 -> 0x1p-20;
            case FP16 -> 0x1p-11;
            default -> 0x1p-8;
        };
        List<double[]> expected = mergedWithGradients(Device.reference(), dtype, channels);
        List<double[]> actual = mergedWithGradients(device, dtype, channels);
        double worst = 0;
        for (int i = 0; i < expected.size(); i++) {
            double error = 0;
            double size = 0;
            for (int j = 0; j < expected.get(i).length; j++) {
                error += Math.pow(expected.get(i)[j] - actual.get(i)[j], 2);
                size += Math.pow(expected.get(i)[j], 2);
            }
            worst = Math.max(worst, Math.sqrt(error / size) / bound); // NaN if one is
        }
        return Outcome.within(worst, 1, "in units of the bound");
    }

    /** What merging three parts gives, and its gradients; the second part of the second row saw no key. */
    private static List<double[]> mergedWithGradients(Device device, DType dtype, int channels) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Random random = new Random(channels);
            AttentionState parts = random(arena, random, dtype, channels, 3, 5);
            parts.logSumExp().slice(0, 1, 2).slice(1, 1, 2).fill(Double.NEGATIVE_INFINITY);
            AttentionState whole = random(arena, random, dtype, channels, 5);
            AttentionState wholeGradient = random(arena, random, dtype, channels, 5);
            AttentionState partsGradient = random(arena, random, dtype, channels, 3, 5);
            AttentionState.merge(stream, parts, whole);
            List<double[]> results = new ArrayList<>(arrays(stream, whole));
            try (BoundCall backward =
                    AttentionState.bindMergeBackward(stream, parts, whole, wholeGradient, partsGradient)) {
                backward.run();
            }
            results.addAll(arrays(stream, partsGradient));
            return results;
        }
    }

    private static List<double[]> arrays(Stream stream, AttentionState state) {
        stream.synchronize();
        return List.of(
                state.out().toDoubleArray(),
                state.logSumExp().toDoubleArray(),
                state.entropy().toDoubleArray());
    }

    private static AttentionState random(TensorArena arena, Random random, long... rows) {
        return random(arena, random, FP64, DIM, rows);
    }

    private static AttentionState random(TensorArena arena, Random random, DType dtype, int channels, long... rows) {
        long[] out = Arrays.copyOf(rows, rows.length + 1);
        out[rows.length] = channels;
        DType statistic = dtype.accumulator();
        return new AttentionState(
                gaussian(arena, random, dtype, out),
                gaussian(arena, random, statistic, rows),
                gaussian(arena, random, statistic, rows));
    }

    private static double objective(Stream stream, AttentionState parts, AttentionState whole, AttentionState r) {
        AttentionState.merge(stream, parts, whole);
        stream.synchronize();
        return dot(whole.out(), r.out()) + dot(whole.logSumExp(), r.logSumExp()) + dot(whole.entropy(), r.entropy());
    }

    private static double dot(Tensor x, Tensor y) {
        double[] a = x.toDoubleArray();
        double[] b = y.toDoubleArray();
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static void refusals(List<Case> cases) {
        refusal(
                cases,
                "whole of another shape",
                "whole.out",
                (s, a) -> AttentionState.merge(s, state(a, FP32, 3, 4), state(a, FP32, 5)));
        refusal(
                cases,
                "whole of another type",
                "whole.out",
                (s, a) -> AttentionState.merge(s, state(a, FP32, 3, 4), state(a, FP64, 4)));
        refusal(
                cases,
                "logSumExp of another type",
                "logSumExp",
                (s, a) -> new AttentionState(a.allocate(FP32, 4, DIM), a.allocate(FP64, 4), null));
        refusal(cases, "entropy of parts without", "parts.entropy", (s, a) -> {
            AttentionState parts = state(a, FP32, 3, 4);
            AttentionState.merge(s, new AttentionState(parts.out(), parts.logSumExp(), null), state(a, FP32, 4));
        });
        refusal(cases, "whole lies in a part", "overlap", (s, a) -> {
            AttentionState parts = state(a, FP32, 3, 4);
            AttentionState.merge(s, parts, part(parts, 0));
        });
        refusal(cases, "no part", "part", (s, a) -> AttentionState.merge(s, state(a, FP32, 0, 4), state(a, FP32, 4)));
    }

    /** What is to be refused. */
    private interface Attempt {
        void on(Stream stream, TensorArena arena);
    }

    private static void refusal(List<Case> cases, String name, String part, Attempt attempt) {
        cases.add(new Case("attention", "merge: " + name, Case.Kind.REFUSAL, null, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                return Outcome.refusal(IllegalArgumentException.class, () -> attempt.on(stream, arena), part);
            }
        }));
    }
}
