package io.quern.linear;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;
import static io.quern.DType.INT32;

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

/** What must hold of {@link Adapters} on every device. */
final class AdaptersCases {
    private static final double SCALE = -1.5;
    private static final int COUNT = 3;

    private AdaptersCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : List.of(FP64, FP32, FP16, BF16)) {
            for (int[] size : new int[][] {{1, 1, 1}, {33, 5, 257}, {70, 33, 40}, {17, 100, 7}, {1025, 8, 1030}}) {
                Batch batch = new Batch(dtype, size[0], size[1], size[2]);
                String name = size[0] + "x" + size[1] + "x" + size[2];
                add(
                        cases,
                        "a pick a token " + name,
                        Case.Kind.NUMERIC,
                        dtype,
                        device -> batch.on(device, false, false));
                if (size[0] == 33) {
                    add(cases, "segments", Case.Kind.NUMERIC, dtype, device -> batch.on(device, true, false));
                    add(cases, "ranks", Case.Kind.NUMERIC, dtype, device -> batch.on(device, false, true));
                }
            }
        }
        refusals(cases);
        return cases;
    }

    private static void add(List<Case> cases, String name, Case.Kind kind, DType dtype, Case.Body body) {
        cases.add(new Case("linear", "adapters: " + name, kind, dtype, body));
    }

    /** Eight tokens and three adapters, tensors with gaps between their rows; what no token may read is NaN. */
    private record Batch(DType dtype, int in, int rank, int columns) {
        private static final int[] PICKS = {2, -1, 0, 0, 3, -7, 2, 0};
        private static final int[] STARTS = {1, 1, 4, 7};
        private static final int[] OF_SEGMENTS = {0, 2, -1};
        private static final int[] BY_SEGMENTS = {-1, 2, 2, 2, -1, -1, -1, -1};
        private static final int TOKENS = PICKS.length;

        Outcome on(Device device, boolean segments, boolean ranks) {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                int[] lower = {rank - 2, 99, 0}; // beyond the tensors': theirs
                Tensor x = random(arena, 1, TOKENS, in + 3).slice(1, 0, in);
                double[] ofA = random(arena, 2, COUNT, in, rank + 1).toDoubleArray();
                double[] ofB = random(arena, 3, COUNT, rank + 2, columns).toDoubleArray();
                Arrays.fill(ofA, in * (rank + 1), 2 * in * (rank + 1), Double.NaN); // nobody picks adapter 1
                if (ranks) {
                    for (int i = 0; i < in; i++) {
                        Arrays.fill(ofA, i * (rank + 1) + lower[0], (i + 1) * (rank + 1), Double.NaN);
                    }
                    Arrays.fill(ofB, lower[0] * columns, (rank + 2) * columns, Double.NaN);
                }
                Tensor a =
                        arena.allocate(dtype, COUNT, in, rank + 1).copyFrom(ofA).slice(2, 0, rank);
                Tensor b = arena.allocate(dtype, COUNT, rank + 2, columns)
                        .copyFrom(ofB)
                        .slice(1, 0, rank);
                double[] before = random(arena, 4, TOKENS, columns).toDoubleArray();
                Fenced out = Fenced.of(arena, dtype, before, TOKENS, columns);
                Adaptation.Roles roles =
                        Adapters.of(SCALE).apply().x(x).a(a).b(b).out(out.tensor());
                roles.picks(numbers(arena, segments ? OF_SEGMENTS : PICKS));
                if (segments) {
                    roles.starts(numbers(arena, STARTS));
                }
                if (ranks) {
                    roles.ranks(numbers(arena, lower));
                }
                roles.run(stream);
                stream.synchronize();
                double[] xs = x.toDoubleArray();
                double[] as = a.toDoubleArray();
                double[] bs = b.toDoubleArray();
                double[] actual = out.tensor().toDoubleArray();
                double worst = 0;
                for (int token = 0; token < TOKENS; token++) {
                    int pick = segments ? BY_SEGMENTS[token] : PICKS[token];
                    int adapter = pick < COUNT ? pick : -1;
                    int of = adapter < 0 ? 0 : ranks ? Math.min(rank, lower[adapter]) : rank;
                    worst = Math.max(worst, worst(token, adapter, of, xs, as, bs, before, actual));
                }
                return out.fencesStand().and(Outcome.within(worst, 1, "largest error in units of its bound"));
            }
        }

        /** Sums of in and of rank terms, a product and the last sum, then what is stored. */
        private double worst(
                int token, int adapter, int of, double[] x, double[] a, double[] b, double[] before, double[] actual) {
            double unit = dtype == FP64 ? 0x1p-53 : 0x1p-24;
            double[] projected = new double[of];
            double[] terms = new double[of];
            for (int r = 0; r < of; r++) {
                for (int i = 0; i < in; i++) {
                    double term = x[token * in + i] * a[(adapter * in + i) * rank + r];
                    projected[r] += term;
                    terms[r] += Math.abs(term);
                }
            }
            double worst = 0;
            for (int j = 0; j < columns; j++) {
                double sum = 0;
                double size = 0;
                for (int r = 0; r < of; r++) {
                    double factor = b[(adapter * rank + r) * columns + j];
                    sum += projected[r] * factor;
                    size += terms[r] * Math.abs(factor);
                }
                int at = token * columns + j;
                double expected = before[at] + SCALE * sum;
                double bound = adapter < 0
                        ? 0
                        : (in + of + 4) * unit * Math.abs(SCALE) * size
                                + 2 * unit * Math.abs(before[at])
                                + halfUlp(expected);
                double off = Math.abs(actual[at] - expected);
                worst = Math.max(worst, Double.isNaN(off) ? Double.POSITIVE_INFINITY : off == 0 ? 0 : off / bound);
            }
            return worst;
        }

        private double halfUlp(double x) {
            return switch (dtype) {
                case FP16 -> 0x1p-11 * Math.abs(x) + 0x1p-25;
                case BF16 -> 0x1p-8 * Math.abs(x);
                default -> 0;
            };
        }

        private Tensor random(TensorArena arena, int seed, long... shape) {
            Random random = new Random(seed);
            Tensor tensor = arena.allocate(dtype, shape);
            double[] values = new double[Math.toIntExact(tensor.elementCount())];
            Arrays.setAll(values, i -> random.nextGaussian());
            return tensor.copyFrom(values);
        }
    }

    private static Tensor numbers(TensorArena arena, int... numbers) {
        return arena.allocate(INT32, numbers.length).copyFrom(numbers);
    }

    private static void refusals(List<Case> cases) {
        refusal(cases, "other tokens' picks", (r, t) -> r.picks(numbers(t, 1, 2, 3)), "picks", "[2]", "[3]");
        refusal(cases, "starts without an end", (r, t) -> r.starts(numbers(t, 0, 1)), "starts", "[3]", "[2]");
        refusal(
                cases,
                "another rank of b",
                (r, t) -> r.b(t.allocate(FP32, 1, 4, 6)),
                "b",
                "[1 x 3 x any]",
                "[1 x 4 x 6]");
        refusal(cases, "another type", (r, t) -> r.a(t.allocate(FP16, 1, 5, 3)), "a must be FP32");
        refusal(cases, "no picks", (r, t) -> r.picks(null), "picks must not be null");
    }

    @FunctionalInterface
    private interface Spoil {
        void spoil(Adaptation.Roles roles, TensorArena arena);
    }

    private static void refusal(List<Case> cases, String name, Spoil spoil, String... parts) {
        add(cases, "refuses " + name, Case.Kind.REFUSAL, null, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Fenced out = Fenced.of(arena, FP32, new double[12], 2, 6);
                Adaptation.Roles roles = Adapters.of(1)
                        .apply()
                        .x(arena.allocate(FP32, 2, 5).fill(1))
                        .a(arena.allocate(FP32, 1, 5, 3).fill(1))
                        .b(arena.allocate(FP32, 1, 3, 6).fill(1))
                        .picks(numbers(arena, 0, 0))
                        .out(out.tensor());
                spoil.spoil(roles, arena);
                Outcome refused = Outcome.refusal(IllegalArgumentException.class, () -> roles.run(stream), parts);
                stream.synchronize();
                return refused.and(Outcome.sameBits(new double[12], out.tensor().toDoubleArray()));
            }
        });
    }
}
