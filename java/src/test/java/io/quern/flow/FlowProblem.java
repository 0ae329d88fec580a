package io.quern.flow;

import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * Queries, data and times, as values of a type.
 *
 * @param x (queries, d)
 * @param y (data, d)
 * @param w one a datum; null for equal weights
 * @param times one, or one a query
 */
record FlowProblem(Flow flow, DType dtype, double[][] x, double[][] y, double[] w, double[] times) {
    /** What an evaluation can write. */
    enum Output {
        MEAN,
        LOG_DENSITY,
        VELOCITY,
        SCORE,
        DIVERGENCE;

        boolean vector() {
            return this != LOG_DENSITY && this != DIVERGENCE;
        }
    }

    /** What a device wrote; (queries, d) one row after the other, or (queries). */
    record Result(Map<Output, double[]> of, Outcome fences) {
        double[] row(Output output, int i, int d) {
            return Arrays.copyOfRange(of.get(output), i * d, (i + 1) * d);
        }
    }

    /** Normal data, and queries that are one of them, scaled down, with noise. */
    static FlowProblem random(Flow flow, DType dtype, int queries, int data, int d, boolean weighted, double... times) {
        Random random = new Random(31 * queries + 7 * data + d);
        double[][] y = new double[data][d];
        for (double[] row : y) {
            Arrays.setAll(row, k -> round(dtype, random.nextGaussian()));
        }
        double[] w = weighted ? new double[data] : null;
        for (int j = 0; weighted && j < data; j++) {
            w[j] = round(dtype, j % 7 == 3 ? 0 : random.nextDouble() * 5);
        }
        double[][] x = new double[queries][d];
        for (int i = 0; i < queries; i++) {
            double t = times[times.length == 1 ? 0 : i];
            int j = random.nextInt(data);
            while (weighted && w[j] == 0) {
                j = (j + 1) % data;
            }
            for (int k = 0; k < d; k++) {
                double u = flow.noise() instanceof Noise.Uniform box
                        ? box.low() + (box.high() - box.low()) * (0.01 + 0.98 * random.nextDouble())
                        : random.nextGaussian()
                                * (flow.noise() instanceof Noise.Student s ? Math.sqrt(s.dimensions()) : 1);
                x[i][k] = round(
                        dtype,
                        flow.schedule().alpha(t) * y[j][k] + flow.schedule().sigma(t) * u);
            }
        }
        return new FlowProblem(flow, dtype, x, y, w, times);
    }

    static double round(DType dtype, double value) {
        return dtype == DType.FP64 ? value : (float) value;
    }

    double time(int i) {
        return times[times.length == 1 ? 0 : i];
    }

    int d() {
        return y[0].length;
    }

    Result on(Device device, Output... asked) {
        return on(device, Set.of(asked.length == 0 ? Output.values() : asked));
    }

    Result on(Device device, Set<Output> asked) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            return run(arena, stream, asked, view(arena, x), view(arena, y));
        }
    }

    /** The same without gaps between rows. */
    Result onDense(Device device, Output... asked) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            return run(arena, stream, Set.of(asked), dense(arena, x), dense(arena, y));
        }
    }

    /**
     * The gradient with respect to queries.
     *
     * @param of gradients with respect to velocity, mean and the density's logarithm; null of what is none
     */
    double[] gradient(Device device, double[]... of) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Fenced to = Fenced.allocate(arena, dtype, x.length, d());
            Gradient.Roles roles = flow.gradient()
                    .queries(view(arena, x))
                    .data(view(arena, y))
                    .times(arena.allocate(DType.FP64, times.length).copyFrom(times))
                    .queriesGradient(to.tensor());
            if (w != null) {
                roles.weights(arena.allocate(dtype, w.length).copyFrom(w));
            }
            if (of[0] != null) {
                roles.velocityGradient(arena.allocate(dtype, x.length, d()).copyFrom(of[0]));
            }
            if (of[1] != null) {
                roles.meanGradient(arena.allocate(dtype, x.length, d()).copyFrom(of[1]));
            }
            if (of[2] != null) {
                roles.logDensityGradient(arena.allocate(dtype, x.length).copyFrom(of[2]));
            }
            roles.run(stream);
            if (!to.fencesStand().passed()) {
                throw new AssertionError(to.fencesStand());
            }
            return to.tensor().toDoubleArray();
        }
    }

    /** A single time goes as a number, others as a tensor. */
    private Result run(TensorArena arena, Stream stream, Set<Output> asked, Tensor queries, Tensor data) {
        Evaluation.Roles roles = flow.evaluate().queries(queries).data(data);
        if (w != null) {
            roles.weights(arena.allocate(dtype, w.length).copyFrom(w));
        }
        if (times.length == 1) {
            roles.time(times[0]);
        } else {
            roles.times(arena.allocate(DType.FP64, times.length).copyFrom(times));
        }
        Map<Output, Fenced> fenced = new EnumMap<>(Output.class);
        for (Output output : asked) {
            long[] shape = output.vector() ? new long[] {x.length, d()} : new long[] {x.length};
            Fenced to = Fenced.allocate(arena, dtype, shape);
            fenced.put(output, to);
            switch (output) {
                case MEAN -> roles.mean(to.tensor());
                case LOG_DENSITY -> roles.logDensity(to.tensor());
                case VELOCITY -> roles.velocity(to.tensor());
                case SCORE -> roles.score(to.tensor());
                case DIVERGENCE -> roles.divergence(to.tensor());
            }
        }
        roles.run(stream);
        Map<Output, double[]> values = new EnumMap<>(Output.class);
        Outcome fences = Outcome.passed("fences stand");
        for (Map.Entry<Output, Fenced> each : fenced.entrySet()) {
            values.put(each.getKey(), each.getValue().tensor().toDoubleArray());
            fences = fences.and(each.getValue().fencesStand());
        }
        return new Result(values, fences);
    }

    private Tensor dense(TensorArena arena, double[][] rows) {
        double[] flat = Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
        return arena.allocate(dtype, rows.length, d()).copyFrom(flat);
    }

    /** Rows with a gap between them. */
    private Tensor view(TensorArena arena, double[][] rows) {
        Tensor wide = arena.allocate(dtype, rows.length, d() + 3L).fill(Double.NaN);
        return wide.slice(1, 1, d() + 1L).copyFrom(dense(arena, rows));
    }
}
