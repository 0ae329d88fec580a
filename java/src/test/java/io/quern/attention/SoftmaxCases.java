package io.quern.attention;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Npy;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** What must hold of softmax along rows on every device. */
final class SoftmaxCases {
    private static final List<DType> TYPES = List.of(FP64, FP32, FP16, BF16);
    private static final double INFINITY = Double.POSITIVE_INFINITY;

    private SoftmaxCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (RowSoftmax kind : RowSoftmax.values()) {
            for (DType dtype : TYPES) {
                for (int length : new int[] {1, 5, 16, 17, 1023, 1024, 1025, 4099}) {
                    oracle(cases, kind, dtype, length, 3);
                    gradient(cases, kind, dtype, length);
                }
                oracle(cases, kind, dtype, 257, 60); // most weights vanish
                cases.add(numeric(kind + " of a view, in place", dtype, device -> views(kind, dtype, device)));
                cases.add(property(kind + " of infinities and NaN", dtype, device -> specials(kind, dtype, device)));
                cases.add(property(kind + " of nothing", dtype, device -> nothing(kind, dtype, device)));
            }
            oracle(cases, kind, FP32, 65_537, 3);
            cases.add(property(kind + " does not depend on other rows", FP32, device -> otherRows(kind, device)));
        }
        refusals(cases);
        for (String name : List.of("example", "large_number", "negative_axis", "default_axis")) {
            onnx(cases, "softmax_" + name, RowSoftmax.SOFTMAX, -1);
        }
        for (int axis = 0; axis < 3; axis++) {
            onnx(cases, "logsoftmax_axis_" + axis, RowSoftmax.LOG_SOFTMAX, axis);
        }
        onnx(cases, "logsoftmax_large_number", RowSoftmax.LOG_SOFTMAX, -1);
        return cases;
    }

    private static Case numeric(String name, DType dtype, Case.Body body) {
        return new Case("attention", "rows: " + name, Case.Kind.NUMERIC, dtype, body);
    }

    private static Case property(String name, DType dtype, Case.Body body) {
        return new Case("attention", "rows: " + name, Case.Kind.PROPERTY, dtype, body);
    }

    private static void oracle(List<Case> cases, RowSoftmax kind, DType dtype, int length, double spread) {
        cases.add(numeric(kind + " n=" + length + " spread=" + spread, dtype, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensor x = gaussian(arena, dtype, spread, 3, length);
                Fenced out = Fenced.allocate(arena, dtype, 3, length);
                kind.run(stream, x, out.tensor());
                stream.synchronize();
                return worst(kind, x, out.tensor()).and(out.fencesStand());
            }
        }));
    }

    private static Tensor gaussian(TensorArena arena, DType dtype, double spread, long... shape) {
        Random random = new Random(7);
        Tensor tensor = arena.allocate(dtype, shape);
        double[] values = new double[Math.toIntExact(tensor.elementCount())];
        Arrays.setAll(values, i -> spread * random.nextGaussian());
        return tensor.copyFrom(values);
    }

    private static Outcome worst(RowSoftmax kind, Tensor x, Tensor out) {
        int n = (int) x.size(-1);
        double[] xs = x.toDoubleArray();
        double[] ys = out.toDoubleArray();
        double worst = 0;
        for (int row = 0; row < xs.length / n; row++) {
            OracleRow expected = OracleRow.of(Arrays.copyOfRange(xs, row * n, (row + 1) * n));
            for (int i = 0; i < n; i++) {
                double error = Math.abs(ys[row * n + i] - expected.value(kind, i));
                double share = error / expected.bound(kind, x.dtype(), i);
                worst = Double.isNaN(share) || Double.isNaN(worst) ? Double.NaN : Math.max(worst, share);
            }
        }
        return Outcome.within(worst, 1, "largest error in units of what is derived for it");
    }

    /**
     * The formula in FP64.
     *
     * @param exponents the mean of max - x under the softmax
     */
    private record OracleRow(double[] x, double max, double sum, double exponents) {
        static OracleRow of(double[] x) {
            double max = Arrays.stream(x).max().orElseThrow();
            double sum = Arrays.stream(x).map(v -> Math.exp(v - max)).sum();
            double exponents =
                    Arrays.stream(x).map(v -> Math.exp(v - max) * (max - v)).sum() / sum;
            return new OracleRow(x, max, sum, exponents);
        }

        double value(RowSoftmax kind, int i) {
            double shifted = x[i] - max;
            return kind == RowSoftmax.SOFTMAX ? Math.exp(shifted) / sum : shifted - Math.log(sum);
        }

        /**
         * A power is off by 2 ulp and by the rounding of its exponent, three roundings of |x - max|; the sum by that and by
         * the additions of a lane of at least 4 in a block of 1,024; what is written by half an ulp, and powers below
         * 2^-126 are 0.
         */
        double bound(RowSoftmax kind, DType dtype, int i) {
            double eps = dtype == FP64 ? 0x1p-52 : 0x1p-23;
            double additions = (dtype == FP64 ? x.length : Math.min(x.length, 1024) / 4.0) / 2;
            double relative = eps * (6 + 3 * (max - x[i]) + 3 * exponents + additions);
            double y = Math.abs(value(kind, i));
            double half = switch (dtype) {
                case FP16 -> 0x1p-11 * y + 0x1p-25;
                case BF16 -> 0x1p-8 * y;
                default -> eps * y;
            };
            return (kind == RowSoftmax.SOFTMAX ? relative * y : relative)
                    + half
                    + (dtype == FP64 ? 0x1p-1020 : 0x1p-124);
        }
    }

    /** Against the formula in FP64 with the inputs as they were rounded. */
    private static void gradient(List<Case> cases, RowSoftmax kind, DType dtype, int length) {
        cases.add(numeric(kind + " backward n=" + length, dtype, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensor x = gaussian(arena, dtype, 2, 3, length);
                Tensor y = arena.allocate(dtype, 3, length);
                Tensor dy = gaussian(arena, dtype, 1, 3, length);
                Fenced dx = Fenced.allocate(arena, dtype, 3, length);
                kind.run(stream, x, y);
                kind.runBackward(stream, y, dy, dx.tensor());
                stream.synchronize();
                return gradientError(kind, dtype, length, y.toDoubleArray(), dy.toDoubleArray(), dx.tensor())
                        .and(dx.fencesStand());
            }
        }));
    }

    private static Outcome gradientError(RowSoftmax kind, DType dtype, int n, double[] y, double[] dy, Tensor dx) {
        boolean plain = kind == RowSoftmax.SOFTMAX;
        double[] actual = dx.toDoubleArray();
        double eps = dtype == FP64 ? 0x1p-52 : 0x1p-23;
        double unit = switch (dtype) {
            case FP16 -> 0x1p-11;
            case BF16 -> 0x1p-8;
            default -> eps;
        };
        double worst = 0;
        double sum = 0;
        double size = 0;
        for (int i = 0; i < y.length; i++) {
            if (i % n == 0) {
                sum = 0;
                size = 0;
                for (int j = i; j < i + n; j++) {
                    double term = plain ? dy[j] * y[j] : dy[j];
                    sum += term;
                    size += Math.abs(term);
                }
            }
            double p = plain ? y[i] : Math.exp(y[i]);
            double expected = plain ? p * (dy[i] - sum) : dy[i] - p * sum;
            double additions = (dtype == FP64 ? n : Math.min(n, 1024) / 4.0) / 2 + 4;
            double bound = p * size * eps * additions
                    + p * Math.abs(sum) * eps * (plain ? 4 : 6 + 3 * Math.abs(y[i]))
                    + eps * (plain ? p : 1) * Math.abs(dy[i]) * 2
                    + unit * Math.abs(expected)
                    + 0x1p-25 * (dtype == FP16 ? 1 : 0)
                    + (dtype == FP64 ? 0x1p-1020 : 0x1p-124);
            double share = Math.abs(actual[i] - expected) / bound;
            worst = Double.isNaN(share) || Double.isNaN(worst) ? Double.NaN : Math.max(worst, share);
        }
        return Outcome.within(worst, 1, "largest error in units of what is derived for it");
    }

    /** Rows of a transposed slice, written where they lie, are the rows of a dense copy. */
    private static Outcome views(RowSoftmax kind, DType dtype, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor whole = gaussian(arena, dtype, 3, 4, 5, 40);
            Tensor view = whole.transpose(0, 1).slice(2, 3, 36).slice(0, 1, 4);
            double[] before = whole.toDoubleArray();
            Tensor dense = arena.allocate(dtype, view.shape()).copyFrom(view);
            Tensor expected = arena.allocate(dtype, view.shape());
            kind.run(stream, dense, expected);
            kind.run(stream, view, view);
            stream.synchronize();
            Tensor beside = whole.slice(2, 0, 3);
            double[] untouched = new double[4 * 5 * 3];
            Arrays.setAll(untouched, i -> before[i / 3 * 40 + i % 3]);
            return Outcome.sameBits(
                            expected.toDoubleArray(),
                            arena.allocate(dtype, view.shape()).copyFrom(view).toDoubleArray())
                    .and(Outcome.sameBits(
                            untouched,
                            arena.allocate(dtype, beside.shape())
                                    .copyFrom(beside)
                                    .toDoubleArray()));
        }
    }

    private static Outcome specials(RowSoftmax kind, DType dtype, Device device) {
        double zero = kind == RowSoftmax.SOFTMAX ? 0 : -INFINITY;
        double one = kind == RowSoftmax.SOFTMAX ? 1 : 0;
        double[] bad = new double[40];
        Arrays.fill(bad, Double.NaN);
        double[] none = new double[40];
        Arrays.fill(none, -INFINITY);
        double[] noneOut = new double[40];
        Arrays.fill(noneOut, zero);
        double[] alone = none.clone();
        alone[33] = 5;
        double[] aloneOut = noneOut.clone();
        aloneOut[33] = one;
        double[] nan = new double[40];
        nan[7] = Double.NaN;
        double[] nanAndNone = none.clone();
        nanAndNone[39] = Double.NaN;
        double[] infinite = new double[40];
        infinite[0] = INFINITY;
        return rows(kind, dtype, device, none, noneOut)
                .and(rows(kind, dtype, device, alone, aloneOut))
                .and(rows(kind, dtype, device, nan, bad))
                .and(rows(kind, dtype, device, nanAndNone, bad))
                .and(rows(kind, dtype, device, infinite, bad));
    }

    private static Outcome rows(RowSoftmax kind, DType dtype, Device device, double[] given, double[] expected) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = arena.allocate(dtype, given.length).copyFrom(given);
            kind.run(stream, x, x);
            stream.synchronize();
            return Outcome.sameBits(expected, x.toDoubleArray());
        }
    }

    private static Outcome nothing(RowSoftmax kind, DType dtype, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor noRows = arena.allocate(dtype, 0, 5);
            Tensor noElements = arena.allocate(dtype, 5, 0);
            kind.run(stream, noRows, noRows);
            kind.run(stream, noElements, noElements);
            stream.synchronize();
            return Outcome.passed("nothing done");
        }
    }

    private static Outcome otherRows(RowSoftmax kind, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = gaussian(arena, FP32, 3, 301, 333);
            Tensor all = arena.allocate(FP32, 301, 333);
            Tensor one = arena.allocate(FP32, 1, 333);
            kind.run(stream, x, all);
            kind.run(stream, x.slice(0, 150, 151), one);
            stream.synchronize();
            return Outcome.sameBits(one, all.slice(0, 150, 151));
        }
    }

    private static void refusals(List<Case> cases) {
        refusal(
                cases,
                "out of another shape",
                (s, a) -> forward(s, a.allocate(FP32, 3, 5), a.allocate(FP32, 5, 3)),
                "out");
        refusal(
                cases,
                "out of another type",
                (s, a) -> forward(s, a.allocate(FP32, 3, 5), a.allocate(FP16, 3, 5)),
                "out");
        refusal(
                cases,
                "x of integers",
                (s, a) -> forward(s, a.allocate(DType.INT32, 3), a.allocate(DType.INT32, 3)),
                "x");
        refusal(cases, "x missing", (s, a) -> forward(s, null, a.allocate(FP32, 3)), "x");
        refusal(
                cases,
                "out overlaps x in part",
                (s, a) -> {
                    Tensor both = a.allocate(FP32, 6);
                    forward(s, both.slice(0, 0, 5), both.slice(0, 1, 6));
                },
                "overlap");
        refusal(
                cases,
                "gradient over out",
                (s, a) -> {
                    Tensor out = a.allocate(FP32, 6);
                    RowSoftmax.SOFTMAX.runBackward(s, out, a.allocate(FP32, 6), out);
                },
                "xGradient");
    }

    private static void forward(Stream stream, Tensor x, Tensor out) {
        RowSoftmax.SOFTMAX.run(stream, x, out);
    }

    /** What is to be refused. */
    private interface Attempt {
        void on(Stream stream, TensorArena arena);
    }

    private static void refusal(List<Case> cases, String name, Attempt attempt, String part) {
        cases.add(new Case("attention", "rows: " + name, Case.Kind.REFUSAL, null, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                return Outcome.refusal(IllegalArgumentException.class, () -> attempt.on(stream, arena), part);
            }
        }));
    }

    /** ONNX's softmax goes along any axis: arrays are turned so that it is the last. */
    private static void onnx(List<Case> cases, String name, RowSoftmax kind, int axis) {
        cases.add(new Case("attention", "onnx " + name, Case.Kind.NUMERIC, FP32, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Npy x = withLast(axis, read(name, "in.x"));
                Npy expected = withLast(axis, read(name, "out.y"));
                Tensor out = arena.allocate(FP32, x.shape()).fill(Double.NaN);
                kind.run(stream, x.in(arena), out);
                stream.synchronize();
                return OnnxAttention.compare(FP32, expected.values(), out.toDoubleArray());
            }
        }));
    }

    /** {@return the array as (outer, inner, n), n along the given axis} */
    private static Npy withLast(int axis, Npy array) {
        long[] shape = array.shape();
        int at = axis < 0 ? axis + shape.length : axis;
        int n = (int) shape[at];
        int inner = 1;
        for (int a = at + 1; a < shape.length; a++) {
            inner *= (int) shape[a];
        }
        int outer = array.values().length / (n * inner);
        double[] turned = new double[array.values().length];
        for (int i = 0; i < turned.length; i++) {
            turned[(i / (n * inner) * inner + i % inner) * n + i / inner % n] = array.values()[i];
        }
        return new Npy(array.dtype(), new long[] {outer, inner, n}, turned);
    }

    private static Npy read(String name, String array) throws IOException {
        return Npy.read("/io/quern/attention/onnx/" + name + "." + array + ".npy");
    }
}
