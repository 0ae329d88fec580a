package io.quern.linear;

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

/** What must hold of {@link Lora} on every device. */
final class LoraCases {
    private static final List<DType> TYPES = List.of(FP64, FP32, FP16, BF16);

    private LoraCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : TYPES) {
            for (int[] size : new int[][] {{1, 1, 1, 1}, {17, 33, 50, 8}, {40, 24, 7, 3}}) {
                Layer layer = new Layer(dtype, size[0], size[1], size[2], size[3]);
                cases.add(new Case(
                        "linear",
                        "lora: both passes " + Arrays.toString(size),
                        Case.Kind.NUMERIC,
                        dtype,
                        layer::bothPasses));
            }
            cases.add(property("X A need not be computed twice", dtype, new Layer(dtype, 9, 20, 30, 4)::projected));
            cases.add(property("each run reads its inputs anew", dtype, new Layer(dtype, 9, 20, 30, 4)::runAgain));
            cases.add(property("merged weights do the same", dtype, new Layer(dtype, 9, 20, 30, 4)::merged));
        }
        Layer small = new Layer(FP64, 6, 7, 5, 2);
        cases.add(property("gradients are differences", FP64, small::differences));
        cases.add(property("a step of the factors, seen from the weights", FP64, small::weightSpace));
        cases.add(property("what is merged has the factors' rank", FP64, small::rank));
        refusals(cases);
        return cases;
    }

    private static Case property(String name, DType dtype, Case.Body body) {
        return new Case("linear", "lora: " + name, Case.Kind.PROPERTY, dtype, body);
    }

    /** A layer with random tensors: unit-normal but for the factors, whose product is as large as the weights. */
    private record Layer(DType dtype, int tokens, int in, int out, int rank) {
        private static final double SCALE = 0.75;

        Lora lora() {
            return new Lora(rank, SCALE);
        }

        Tensor random(TensorArena arena, int seed, long... shape) {
            Random random = new Random(seed);
            Tensor tensor = arena.allocate(dtype, shape);
            double[] values = new double[Math.toIntExact(tensor.elementCount())];
            Arrays.setAll(values, i -> random.nextGaussian());
            return tensor.copyFrom(values);
        }

        Tensors tensors(TensorArena arena) {
            return new Tensors(
                    random(arena, 1, tokens, in),
                    random(arena, 2, in, out),
                    random(arena, 3, in, rank),
                    random(arena, 4, rank, out),
                    random(arena, 5, tokens, out));
        }

        Outcome bothPasses(Device device) {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensors t = tensors(arena);
                Fenced y = Fenced.allocate(arena, dtype, tokens, out);
                Fenced dx = Fenced.allocate(arena, dtype, tokens, in);
                Fenced da = Fenced.allocate(arena, dtype, in, rank);
                Fenced db = Fenced.allocate(arena, dtype, rank, out);
                t.forward(lora()).out(y.tensor()).run(stream);
                t.backward(lora())
                        .xGradient(dx.tensor())
                        .aGradient(da.tensor())
                        .bGradient(db.tensor())
                        .run(stream);
                stream.synchronize();
                Sum x = Sum.of(t.x);
                Sum a = Sum.of(t.a);
                Sum b = Sum.of(t.b);
                Sum w = Sum.of(t.weight);
                Sum dy = Sum.of(t.outGradient);
                Sum projected = x.times(a).rounded(dtype);
                Sum gradient = dy.times(b.transposed()).rounded(dtype);
                return y.fencesStand()
                        .and(dx.fencesStand())
                        .and(da.fencesStand())
                        .and(db.fencesStand())
                        .and(x.times(w)
                                .rounded(dtype)
                                .plus(projected.times(b).scaled(SCALE))
                                .contains(y.tensor()))
                        .and(dy.times(w.transposed())
                                .rounded(dtype)
                                .plus(gradient.times(a.transposed()).scaled(SCALE))
                                .contains(dx.tensor()))
                        .and(x.transposed().times(gradient).scaled(SCALE).contains(da.tensor()))
                        .and(projected.transposed().times(dy).scaled(SCALE).contains(db.tensor()));
            }
        }

        Outcome projected(Device device) {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensors t = tensors(arena);
                Fenced kept = Fenced.allocate(arena, dtype, tokens, rank);
                Tensor y = arena.allocate(dtype, tokens, out);
                Tensor again = arena.allocate(dtype, tokens, out);
                Tensor db = arena.allocate(dtype, rank, out);
                Tensor dbAgain = arena.allocate(dtype, rank, out);
                t.forward(lora()).projected(kept.tensor()).out(y).run(stream);
                t.forward(lora()).out(again).run(stream);
                t.backward(lora()).projected(kept.tensor()).bGradient(db).run(stream);
                t.backward(lora()).bGradient(dbAgain).run(stream);
                stream.synchronize();
                return Outcome.sameBits(again, y)
                        .and(Outcome.sameBits(dbAgain, db))
                        .and(kept.fencesStand());
            }
        }

        /** A prepared call, run again after its inputs have changed, does what a new one does. */
        Outcome runAgain(Device device) {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensors t = tensors(arena);
                Tensor y = arena.allocate(dtype, tokens, out);
                Tensor dx = arena.allocate(dtype, tokens, in);
                Tensor yExpected = arena.allocate(dtype, tokens, out);
                Tensor dxExpected = arena.allocate(dtype, tokens, in);
                try (BoundCall forward = t.forward(lora()).out(y).bind(stream);
                        BoundCall backward = t.backward(lora()).xGradient(dx).bind(stream)) {
                    forward.run();
                    backward.run();
                    stream.synchronize();
                    t.x.copyFrom(random(arena, 6, tokens, in).toDoubleArray());
                    t.outGradient.copyFrom(random(arena, 7, tokens, out).toDoubleArray());
                    forward.run();
                    backward.run();
                    t.forward(lora()).out(yExpected).run(stream);
                    t.backward(lora()).xGradient(dxExpected).run(stream);
                    stream.synchronize();
                }
                return Outcome.sameBits(yExpected, y).and(Outcome.sameBits(dxExpected, dx));
            }
        }

        /** Y by merged weights is Y by factors; taken away again they leave the weights, but for two roundings. */
        Outcome merged(Device device) {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensors t = tensors(arena);
                Tensor weight = arena.allocate(dtype, in, out).copyFrom(t.weight);
                Tensor y = arena.allocate(dtype, tokens, out);
                lora().merge(stream, t.a, t.b, weight);
                Gemm.PRODUCT.run(stream, t.x, weight, y);
                stream.synchronize();
                Sum update = Sum.of(t.a).times(Sum.of(t.b)).scaled(SCALE);
                Sum whole = Sum.of(t.weight).plus(update).rounded(dtype);
                Outcome outcome =
                        whole.contains(weight).and(Sum.of(t.x).times(whole).contains(y));
                Sum left = whole.plus(update).rounded(dtype);
                Lora.Residual residual = lora().unmerge(stream, t.a, t.b, weight, t.weight);
                return outcome.and(Outcome.within(
                                residual.largest(),
                                Arrays.stream(left.bounds()).max().orElseThrow(),
                                "what unmerging leaves"))
                        .and(Outcome.that(
                                residual.largest() == 0 || residual.relative() > 0, "residual is " + residual));
            }
        }

        /** Of sum(Y dY): linear in each tensor alone, so that central differences are exact but for roundings. */
        Outcome differences(Device device) {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensors t = tensors(arena);
                Tensor dx = arena.allocate(dtype, tokens, in);
                Tensor da = arena.allocate(dtype, in, rank);
                Tensor db = arena.allocate(dtype, rank, out);
                t.backward(lora()).xGradient(dx).aGradient(da).bGradient(db).run(stream);
                stream.synchronize();
                return difference(arena, stream, t, t.x, dx)
                        .and(difference(arena, stream, t, t.a, da))
                        .and(difference(arena, stream, t, t.b, db));
            }
        }

        private Outcome difference(TensorArena arena, Stream stream, Tensors t, Tensor by, Tensor gradient) {
            double[] values = by.toDoubleArray();
            double[] gradients = gradient.toDoubleArray();
            double worst = 0;
            for (int i = 0; i < values.length; i++) {
                double[] moved = values.clone();
                moved[i] = values[i] + 0.5;
                by.copyFrom(moved);
                double above = loss(arena, stream, t);
                moved[i] = values[i] - 0.5;
                by.copyFrom(moved);
                worst = Math.max(worst, Math.abs(above - loss(arena, stream, t) - gradients[i]));
            }
            by.copyFrom(values);
            return Outcome.within(worst, 1e-12, "largest difference of a gradient and a difference");
        }

        private double loss(TensorArena arena, Stream stream, Tensors t) {
            Tensor y = arena.allocate(dtype, tokens, out);
            t.forward(lora()).out(y).run(stream);
            stream.synchronize();
            double[] ys = y.toDoubleArray();
            double[] by = t.outGradient.toDoubleArray();
            double loss = 0;
            for (int i = 0; i < ys.length; i++) {
                loss += ys[i] * by[i];
            }
            return loss;
        }

        /** With G = X^T dY a step of gradient descent moves W by -lr s^2 (G B^T B + A A^T G) + lr^2 s^3 G B^T A^T G. */
        Outcome weightSpace(Device device) {
            double rate = 0.01;
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensors t = tensors(arena);
                Tensor da = arena.allocate(dtype, in, rank);
                Tensor db = arena.allocate(dtype, rank, out);
                t.backward(lora()).aGradient(da).bGradient(db).run(stream);
                Tensor before = arena.allocate(dtype, in, out);
                Tensor after = arena.allocate(dtype, in, out);
                lora().merge(stream, t.a, t.b, before);
                stream.synchronize();
                Sum g = Sum.of(t.x).transposed().times(Sum.of(t.outGradient));
                Sum a = Sum.of(t.a);
                Sum b = Sum.of(t.b);
                Sum moved = g.times(b.transposed())
                        .times(b)
                        .plus(a.times(a.transposed()).times(g))
                        .scaled(-rate * SCALE * SCALE)
                        .plus(g.times(b.transposed())
                                .times(a.transposed())
                                .times(g)
                                .scaled(rate * rate * SCALE * SCALE * SCALE));
                step(t.a, da, rate);
                step(t.b, db, rate);
                lora().merge(stream, t.a, t.b, after);
                stream.synchronize();
                double[] was = before.toDoubleArray();
                double[] is = after.toDoubleArray();
                double worst = 0;
                double size = 0;
                for (int i = 0; i < was.length; i++) {
                    worst = Math.max(worst, Math.abs(is[i] - was[i] - moved.values()[i]));
                    size = Math.max(size, Math.abs(is[i]));
                }
                return Outcome.within(worst / size, 1e-14, "largest error of the step, of the largest element");
            }
        }

        private static void step(Tensor tensor, Tensor gradient, double rate) {
            double[] values = tensor.toDoubleArray();
            double[] gradients = gradient.toDoubleArray();
            Arrays.setAll(values, i -> values[i] - rate * gradients[i]);
            tensor.copyFrom(values);
        }

        /** Elimination with full pivoting leaves nothing after as many steps as the rank. */
        Outcome rank(Device device) {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensors t = tensors(arena);
                Tensor update = arena.allocate(dtype, in, out);
                lora().merge(stream, t.a, t.b, update);
                stream.synchronize();
                double[] m = update.toDoubleArray();
                double smallestPivot = Double.MAX_VALUE;
                for (int step = 0; step < rank; step++) {
                    int pivot = largest(m);
                    smallestPivot = Math.min(smallestPivot, Math.abs(m[pivot]));
                    double[] row = Arrays.copyOfRange(m, pivot / out * out, (pivot / out + 1) * out);
                    for (int i = 0; i < in; i++) {
                        double factor = m[i * out + pivot % out] / row[pivot % out];
                        for (int j = 0; j < out; j++) {
                            m[i * out + j] -= factor * row[j];
                        }
                    }
                }
                double rest = Math.abs(m[largest(m)]);
                return Outcome.within(rest, 1e-14, "what elimination leaves")
                        .and(Outcome.that(smallestPivot > 1e-3, "its smallest pivot is " + smallestPivot));
            }
        }

        private static int largest(double[] m) {
            int largest = 0;
            for (int i = 1; i < m.length; i++) {
                largest = Math.abs(m[i]) > Math.abs(m[largest]) ? i : largest;
            }
            return largest;
        }
    }

    private record Tensors(Tensor x, Tensor weight, Tensor a, Tensor b, Tensor outGradient) {
        LoraForward.Roles forward(Lora lora) {
            return lora.forward().x(x).weight(weight).a(a).b(b);
        }

        LoraBackward.Roles backward(Lora lora) {
            return lora.backward().x(x).weight(weight).a(a).b(b).outGradient(outGradient);
        }
    }

    /**
     * A matrix in FP64 with bounds of what a kernel may be off by, which follow it through sums, products and roundings.
     *
     * @param unit half an ulp of 1 in the type in which kernels sum
     */
    private record Sum(int rows, int columns, double[] values, double[] bounds, DType dtype, double unit) {
        static Sum of(Tensor tensor) {
            double[] values = tensor.toDoubleArray();
            return new Sum(
                    (int) tensor.size(0),
                    (int) tensor.size(1),
                    values,
                    new double[values.length],
                    tensor.dtype(),
                    tensor.dtype() == FP64 ? 0x1p-53 : 0x1p-24);
        }

        Sum with(int rows, int columns, double[] values, double[] bounds) {
            return new Sum(rows, columns, values, bounds, dtype, unit);
        }

        Sum times(Sum other) {
            double[] product = new double[rows * other.columns];
            double[] off = new double[product.length];
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < other.columns; j++) {
                    int at = i * other.columns + j;
                    for (int l = 0; l < columns; l++) {
                        double x = values[i * columns + l];
                        double y = other.values[l * other.columns + j];
                        double dx = bounds[i * columns + l];
                        double dy = other.bounds[l * other.columns + j];
                        product[at] += x * y;
                        off[at] +=
                                dx * Math.abs(y) + dy * Math.abs(x) + dx * dy + (columns + 3) * unit * Math.abs(x * y);
                    }
                }
            }
            return with(rows, other.columns, product, off);
        }

        Sum scaled(double factor) {
            double[] scaled = new double[values.length];
            double[] off = new double[values.length];
            for (int i = 0; i < scaled.length; i++) {
                scaled[i] = factor * values[i];
                off[i] = Math.abs(factor) * bounds[i] + 2 * unit * Math.abs(scaled[i]);
            }
            return with(rows, columns, scaled, off);
        }

        Sum plus(Sum other) {
            double[] sum = new double[values.length];
            double[] off = new double[values.length];
            for (int i = 0; i < sum.length; i++) {
                sum[i] = values[i] + other.values[i];
                off[i] = bounds[i] + other.bounds[i] + unit * Math.abs(sum[i]);
            }
            return with(rows, columns, sum, off);
        }

        Sum transposed() {
            double[] turned = new double[values.length];
            double[] off = new double[values.length];
            for (int i = 0; i < turned.length; i++) {
                turned[i % columns * rows + i / columns] = values[i];
                off[i % columns * rows + i / columns] = bounds[i];
            }
            return with(columns, rows, turned, off);
        }

        /** What is stored in between is off by half an ulp more. */
        Sum rounded(DType to) {
            double[] off = new double[values.length];
            for (int i = 0; i < off.length; i++) {
                off[i] = bounds[i] + halfUlp(to, Math.abs(values[i]) + bounds[i]);
            }
            return with(rows, columns, values, off);
        }

        Outcome contains(Tensor actual) {
            double[] bound = rounded(dtype).bounds;
            double[] found = actual.toDoubleArray();
            double worst = 0;
            for (int i = 0; i < found.length; i++) {
                double off = Math.abs(found[i] - values[i]);
                worst = Math.max(worst, Double.isNaN(off) ? Double.POSITIVE_INFINITY : off == 0 ? 0 : off / bound[i]);
            }
            return Outcome.within(worst, 1, "largest error in units of its bound");
        }

        private static double halfUlp(DType dtype, double x) {
            return switch (dtype) {
                case FP64 -> 0x1p-53 * x;
                case FP32 -> 0x1p-24 * x;
                case FP16 -> 0x1p-11 * x + 0x1p-25;
                default -> 0x1p-8 * x;
            };
        }
    }

    private static void refusals(List<Case> cases) {
        refusal(cases, "another rank", (t, s) -> t.forward(new Lora(3, 1)).run(s), "a", "[6 x 3]", "[6 x 2]");
        refusal(cases, "no out", (t, s) -> t.forward(new Lora(2, 1)).run(s), "out must not be null");
        refusal(cases, "no gradient", (t, s) -> t.backward(new Lora(2, 1)).run(s), "xGradient, aGradient or bGradient");
        refusal(
                cases,
                "a gradient over what it is of",
                (t, s) -> t.backward(new Lora(2, 1)).aGradient(t.a).run(s),
                "aGradient and a must not overlap");
        refusal(cases, "a rank of 0", (t, s) -> new Lora(0, 1), "rank", "at least 1", "0");
        refusal(cases, "a merge into another shape", (t, s) -> new Lora(2, 1).merge(s, t.a, t.b, t.x), "a", "[4 x 2]");
    }

    @FunctionalInterface
    private interface Attempt {
        void run(Tensors tensors, Stream stream);
    }

    private static void refusal(List<Case> cases, String name, Attempt attempt, String... parts) {
        cases.add(new Case("linear", "lora: refuses " + name, Case.Kind.REFUSAL, null, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensors tensors = new Layer(FP32, 4, 6, 5, 2).tensors(arena);
                double[] before = tensors.a.toDoubleArray();
                Outcome refused =
                        Outcome.refusal(IllegalArgumentException.class, () -> attempt.run(tensors, stream), parts);
                stream.synchronize();
                return refused.and(Outcome.sameBits(before, tensors.a.toDoubleArray()));
            }
        }));
    }
}
