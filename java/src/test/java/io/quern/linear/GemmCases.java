package io.quern.linear;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;
import static io.quern.DType.INT32;

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

/** What must hold of {@link Gemm} on every device. */
final class GemmCases {
    private static final List<DType> TYPES = List.of(FP64, FP32, FP16, BF16);

    /** Below, at and above tiles of 4 rows and panels of up to 48 columns, and blocks of 128 to 512 terms: m, n, k. */
    private static final int[][] SIZES = {{1, 1, 1}, {4, 24, 7}, {5, 49, 17}, {7, 1, 513}, {1, 207, 33}, {66, 27, 258}};

    private GemmCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : TYPES) {
            for (int i = 0; i < SIZES.length; i++) {
                for (Gemm gemm : operations(i)) {
                    numeric(cases, GemmProblem.of(gemm, dtype, SIZES[i][0], SIZES[i][1], SIZES[i][2]));
                }
            }
            numeric(cases, GemmProblem.of(Gemm.PRODUCT.alpha(-0.3).beta(0.7), dtype, 9, 50, 40));
            numeric(
                    cases,
                    GemmProblem.of(Gemm.PRODUCT.beta(1).transposeB(), dtype, 6, 31, 300)
                            .outlier(20));
            numeric(
                    cases,
                    GemmProblem.of(Gemm.PRODUCT.transposeA(), dtype, 3, 5, 6).batch(17));
            numeric(cases, GemmProblem.of(Gemm.PRODUCT.beta(-2), dtype, 3, 5, 0));
            if (dtype.bytes() == Short.BYTES) {
                numeric(
                        cases,
                        GemmProblem.of(Gemm.PRODUCT.alpha(3).beta(0.5), dtype, 9, 50, 40)
                                .out(FP32));
            }
            cases.add(property("views are their copies", dtype, device -> views(dtype, device)));
            cases.add(property("NaN that is not asked for leaks nowhere", dtype, device -> unread(dtype, device)));
            cases.add(property("NaN and infinity stay in row and column", dtype, device -> specials(dtype, device)));
            cases.add(property("axes that count", dtype, device -> axes(dtype, device)));
        }
        cases.add(numericCase("of 9,000 terms", FP32, GemmProblem.of(Gemm.PRODUCT, FP32, 5, 26, 9000)::on));
        cases.add(property("other rows and products change no bit", FP32, GemmCases::others));
        cases.add(property("nothing", FP32, GemmCases::nothing));
        cases.add(property("is captured and replayed", FP32, GemmCases::captured));
        refusals(cases);
        return cases;
    }

    /** Both or none transposed, or one of them: in turn. */
    private static List<Gemm> operations(int turn) {
        Gemm a = Gemm.PRODUCT.transposeA();
        Gemm b = Gemm.PRODUCT.transposeB();
        return turn % 2 == 0 ? List.of(a, b) : List.of(Gemm.PRODUCT, a.transposeB());
    }

    private static void numeric(List<Case> cases, GemmProblem problem) {
        Gemm gemm = problem.gemm();
        String name = text(gemm.a()) + text(gemm.b()) + " " + problem.m() + "x" + problem.n() + "x" + problem.k()
                + (problem.batch() == 1 ? "" : " of " + problem.batch())
                + (gemm.alpha() == 1 ? "" : " alpha=" + gemm.alpha())
                + (gemm.beta() == 0 ? "" : " beta=" + gemm.beta())
                + (problem.out() == problem.dtype() ? "" : " to " + problem.out());
        cases.add(numericCase(name, problem.dtype(), problem::on));
    }

    private static String text(Gemm.Op op) {
        return op == Gemm.Op.PLAIN ? "N" : "T";
    }

    private static Case numericCase(String name, DType dtype, Case.Body body) {
        return new Case("linear", "gemm: " + name, Case.Kind.NUMERIC, dtype, body);
    }

    private static Case property(String name, DType dtype, Case.Body body) {
        return new Case("linear", "gemm: " + name, Case.Kind.PROPERTY, dtype, body);
    }

    /** Slices of columns, of rows that lie apart, and products whose axes lie in another order. */
    private static Outcome views(DType dtype, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            GemmProblem problem = GemmProblem.of(Gemm.PRODUCT, dtype, 7, 30, 20);
            Tensor a = problem.random(arena, dtype, 4, 7, 3, 37).transpose(0, 1).slice(-1, 10, 30);
            Tensor b =
                    problem.random(arena, dtype, 5, 3, 25, 50).slice(1, 2, 22).slice(2, 11, 41);
            Tensor wide = arena.allocate(dtype, 7, 3, 41).fill(9);
            Tensor c = wide.transpose(0, 1).slice(-1, 5, 35);
            Tensor expected = arena.allocate(dtype, 3, 7, 30);
            Tensor denseA = arena.allocate(dtype, a.shape()).copyFrom(a);
            Tensor denseB = arena.allocate(dtype, b.shape()).copyFrom(b);
            Gemm.PRODUCT.run(stream, a, b, c);
            Gemm.PRODUCT.run(stream, denseA, denseB, expected);
            stream.synchronize();
            double[] all = wide.toDoubleArray();
            boolean kept = true;
            for (int i = 0; i < all.length; i++) {
                kept &= i % 41 >= 5 && i % 41 < 35 || all[i] == 9;
            }
            return Outcome.sameBits(expected, c).and(Outcome.that(kept, "wrote beside the view"));
        }
    }

    /** beta 0 does not read C, alpha 0 neither A nor B. */
    private static Outcome unread(DType dtype, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor ones = arena.allocate(dtype, 5, 5).fill(1);
            Tensor nan = arena.allocate(dtype, 5, 5).fill(Double.NaN);
            Tensor product = arena.allocate(dtype, 5, 5).fill(Double.NaN);
            Tensor kept = arena.allocate(dtype, 5, 5).fill(3);
            Tensor zeros = arena.allocate(dtype, 5, 5).fill(Double.NaN);
            Gemm.PRODUCT.run(stream, ones, ones, product);
            Gemm.PRODUCT.alpha(0).beta(2).run(stream, nan, nan, kept);
            Gemm.PRODUCT.alpha(0).run(stream, nan, nan, zeros);
            stream.synchronize();
            return allAre(product, 5).and(allAre(kept, 6)).and(allAre(zeros, 0));
        }
    }

    private static Outcome allAre(Tensor tensor, double value) {
        double[] expected = new double[Math.toIntExact(tensor.elementCount())];
        Arrays.fill(expected, value);
        return Outcome.sameBits(expected, tensor.toDoubleArray());
    }

    private static Outcome specials(DType dtype, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            double[] values = new double[30 * 30];
            Arrays.fill(values, 1);
            values[7 * 30 + 9] = Double.NaN;
            Tensor a = arena.allocate(dtype, 30, 30).copyFrom(values);
            values[7 * 30 + 9] = 1;
            values[2 * 30 + 11] = Double.POSITIVE_INFINITY;
            Tensor b = arena.allocate(dtype, 30, 30).copyFrom(values);
            Fenced c = Fenced.allocate(arena, dtype, 30, 30);
            Gemm.PRODUCT.run(stream, a, b, c.tensor());
            stream.synchronize();
            double[] expected = new double[30 * 30];
            Arrays.setAll(expected, i -> i / 30 == 7 ? Double.NaN : i % 30 == 11 ? Double.POSITIVE_INFINITY : 30);
            return Outcome.sameBits(expected, c.tensor().toDoubleArray()).and(c.fencesStand());
        }
    }

    /** One A for all, one B for all of an axis, axes that no single stride walks. */
    private static Outcome axes(DType dtype, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            GemmProblem problem = GemmProblem.of(Gemm.PRODUCT, dtype, 3, 5, 4);
            Tensor a = problem.random(arena, dtype, 6, 3, 4);
            Tensor b = problem.random(arena, dtype, 7, 2, 1, 4, 5);
            Tensor c = arena.allocate(dtype, 2, 6, 3, 5).fill(Double.NaN);
            Gemm.PRODUCT.run(stream, a, b, c);
            Tensor many = problem.random(arena, dtype, 8, 6, 2, 3, 4).transpose(0, 1);
            Tensor others = arena.allocate(dtype, 2, 6, 3, 5).fill(Double.NaN);
            Gemm.PRODUCT.run(stream, many, b, others);
            Tensor shared = arena.allocate(dtype, 2, 6, 3, 5).fill(Double.NaN);
            Gemm.PRODUCT.run(stream, many, b.select(0, 0).select(0, 0), shared);
            Outcome outcome = Outcome.passed("");
            Tensor one = arena.allocate(dtype, 3, 5);
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < 6; j++) {
                    Tensor thisB = b.select(0, i).select(0, 0);
                    Tensor thisA = many.select(0, i).select(0, j);
                    Gemm.PRODUCT.run(stream, a, thisB, one);
                    stream.synchronize();
                    outcome = outcome.and(Outcome.sameBits(one, c.select(0, i).select(0, j)));
                    Gemm.PRODUCT.run(stream, thisA, thisB, one);
                    stream.synchronize();
                    outcome = outcome.and(
                            Outcome.sameBits(one, others.select(0, i).select(0, j)));
                    Gemm.PRODUCT.run(stream, thisA, b.select(0, 0).select(0, 0), one);
                    stream.synchronize();
                    outcome = outcome.and(
                            Outcome.sameBits(one, shared.select(0, i).select(0, j)));
                }
            }
            return outcome;
        }
    }

    private static Outcome others(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            GemmProblem problem = GemmProblem.of(Gemm.PRODUCT, FP32, 67, 77, 300);
            Tensor a = problem.random(arena, FP32, 9, 67, 300);
            Tensor b = problem.random(arena, FP32, 10, 300, 77);
            Tensor c = arena.allocate(FP32, 67, 77);
            Tensor part = arena.allocate(FP32, 3, 5);
            Gemm.PRODUCT.run(stream, a, b, c);
            Gemm.PRODUCT.run(stream, a.slice(0, 41, 44), b.slice(1, 70, 75), part);
            stream.synchronize();
            return Outcome.sameBits(part, c.slice(0, 41, 44).slice(1, 70, 75));
        }
    }

    private static Outcome nothing(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor c = arena.allocate(FP32, 0, 3, 4);
            Gemm.PRODUCT.run(stream, arena.allocate(FP32, 3, 5), arena.allocate(FP32, 5, 4), c);
            Gemm.PRODUCT.run(
                    stream, arena.allocate(FP32, 0, 5), arena.allocate(FP32, 5, 4), arena.allocate(FP32, 0, 4));
            Tensor noTerms = arena.allocate(FP32, 3, 4).fill(Double.NaN);
            Gemm.PRODUCT.run(stream, arena.allocate(FP32, 3, 0), arena.allocate(FP32, 0, 4), noTerms);
            stream.synchronize();
            return allAre(noTerms, 0);
        }
    }

    private static Outcome captured(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor a = arena.allocate(FP32, 3, 3).fill(1);
            Tensor c = arena.allocate(FP32, 3, 3);
            try (BoundCall call = Gemm.PRODUCT.beta(1).bind(stream, a, a, c);
                    var graph = stream.capture(() -> {
                        call.run();
                        call.run();
                    })) {
                graph.launch();
                a.fill(2);
                graph.launch();
                stream.synchronize();
            }
            return allAre(c, 2 * 3 + 2 * 12);
        }
    }

    private static void refusals(List<Case> cases) {
        refusal(
                cases,
                "depth",
                (s, t) -> Gemm.PRODUCT.run(s, t.of(3, 4), t.of(5, 6), t.c()),
                "b",
                "k of a, 4",
                "[5 x 6]");
        refusal(
                cases,
                "rows",
                (s, t) -> Gemm.PRODUCT.run(s, t.of(2, 4), t.of(4, 6), t.c()),
                "axis -2 of a",
                "3",
                "[2 x 4]");
        refusal(
                cases,
                "rows of a transpose",
                (s, t) -> Gemm.PRODUCT.transposeA().run(s, t.of(3, 4), t.of(3, 6), t.c()),
                "axis -1 of a",
                "3",
                "[3 x 4]");
        refusal(
                cases,
                "columns",
                (s, t) -> Gemm.PRODUCT.run(s, t.of(3, 4), t.of(4, 7), t.c()),
                "axis -1 of b",
                "6",
                "[4 x 7]");
        refusal(
                cases,
                "a vector",
                (s, t) -> Gemm.PRODUCT.run(s, t.of(4), t.of(4, 6), t.c()),
                "a must be a matrix",
                "[4]");
        refusal(cases, "more axes", (s, t) -> Gemm.PRODUCT.run(s, t.of(2, 3, 4), t.of(4, 6), t.c()), "2 axes of c");
        refusal(
                cases,
                "another count",
                (s, t) -> Gemm.PRODUCT.run(s, t.of(2, 3, 4), t.of(3, 4, 6), t.of(3, 3, 6)),
                "axis -3 of a",
                "3, or 1",
                "[2 x 3 x 4]");
        refusal(cases, "types", (s, t) -> Gemm.PRODUCT.run(s, t.of(3, 4), t.of(FP16, 4, 6), t.c()), "b must be FP32");
        refusal(
                cases,
                "type of the result",
                (s, t) -> Gemm.PRODUCT.run(s, t.of(FP16, 3, 4), t.of(FP16, 4, 6), t.of(BF16, 3, 6)),
                "c must be FP16 or FP32");
        refusal(
                cases,
                "integers",
                (s, t) -> Gemm.PRODUCT.run(s, t.of(INT32, 3, 4), t.of(4, 6), t.c()),
                "a must be FP64 or");
        refusal(cases, "overlap", (s, t) -> Gemm.PRODUCT.run(s, t.c(), t.of(6, 6), t.c()), "c and a must not overlap");
        refusal(
                cases,
                "alpha beyond FP32",
                (s, t) -> Gemm.PRODUCT.alpha(1e39).run(s, t.of(3, 4), t.of(4, 6), t.c()),
                "alpha",
                "1.0E39");
        refusal(cases, "no number", (s, t) -> Gemm.PRODUCT.beta(Double.NaN), "beta", "NaN");
    }

    /** Tensors for a refusal: C is [3, 6]. */
    private record Tensors(TensorArena arena, Tensor c) {
        Tensor of(long... shape) {
            return of(FP32, shape);
        }

        Tensor of(DType dtype, long... shape) {
            return arena.allocate(dtype, shape);
        }
    }

    @FunctionalInterface
    private interface Attempt {
        void run(Stream stream, Tensors tensors);
    }

    private static void refusal(List<Case> cases, String name, Attempt attempt, String... parts) {
        cases.add(new Case("linear", "gemm: refuses " + name, Case.Kind.REFUSAL, null, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Fenced c = Fenced.of(arena, FP32, new double[18], 3, 6);
                Outcome refused = Outcome.refusal(
                        IllegalArgumentException.class,
                        () -> attempt.run(stream, new Tensors(arena, c.tensor())),
                        parts);
                stream.synchronize();
                return refused.and(allAre(c.tensor(), 0)).and(c.fencesStand());
            }
        }));
    }
}
