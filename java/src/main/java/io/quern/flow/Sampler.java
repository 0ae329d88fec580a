package io.quern.flow;

import io.quern.BoundCall;
import io.quern.Check;
import io.quern.DType;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.ode.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Points carried along a flow through given times, forward or backward, and the logarithm of their density with them:
 *
 * <pre>{@code
 * dx/dt = velocity(x, t)        d ln p_t(x)/dt = -divergence(x, t)
 * }</pre>
 *
 * <p>by a Runge-Kutta method of {@link io.quern.ode}, a step from each time to the next; or by the exact solution for a mean that stands
 * still meanwhile, {@code x_s = alpha_s mean + (sigma_s / sigma_t) (x_t - alpha_t mean)}, which is DDIM (arXiv 2010.02502, equation 12) and
 * order 1. All steps are bound once; a run repeats them on the tensors as they are then, and allocates nothing.
 *
 * <p>It owns the memory of the stages. On CUDA a run returns when everything is queued, and may be captured into a graph.
 */
public final class Sampler implements AutoCloseable {
    private final TensorArena arena;
    private final List<BoundCall> calls = new ArrayList<>();
    private final BoundCall[] inOrder;

    private Sampler(Roles roles, Stream stream) {
        arena = TensorArena.open(stream.device());
        try {
            new Plan(roles, stream).bind();
        } catch (RuntimeException | Error refused) {
            close();
            throw refused;
        }
        inOrder = calls.toArray(BoundCall[]::new);
    }

    /**
     * Carries the points from the first time to the last.
     *
     * @throws IllegalStateException if the sampler, its stream or memory that it uses is closed
     */
    public void run() {
        for (BoundCall call : inOrder) {
            call.run();
        }
    }

    /** Frees the memory of the stages. */
    @Override
    public void close() {
        calls.forEach(BoundCall::close);
        arena.close();
    }

    /** The calls of all steps, and what they share. */
    private final class Plan {
        private final Roles roles;
        private final Stream stream;
        private final Tensor state;
        private final Tensor argument;
        private final Tensor workspace;
        private final Tensor[] slopes;
        private final Tensor[] divergences;

        Plan(Roles roles, Stream stream) {
            this.roles = roles;
            this.stream = stream;
            state = roles.state;
            Check.dense("state", state);
            Check.writable("state", state);
            int stages = roles.method == null ? 1 : roles.method.stages();
            slopes = new Tensor[stages];
            divergences = new Tensor[stages];
            for (int i = 0; i < stages; i++) {
                slopes[i] = arena.allocate(state.dtype(), state.shape());
                divergences[i] = roles.logDensity == null ? null : arena.allocate(state.dtype(), state.size(0));
            }
            argument = arena.allocate(state.dtype(), state.shape());
            long bytes = evaluation(state, roles.times[0], 0).workspaceBytes(stream);
            workspace = arena.allocate(DType.INT64, Math.ceilDiv(bytes, (long) Long.BYTES));
        }

        void bind() {
            for (int step = 0; step + 1 < roles.times.length; step++) {
                if (roles.method == null) {
                    exactStep(roles.times[step], roles.times[step + 1]);
                } else {
                    step(roles.times[step], roles.times[step + 1] - roles.times[step]);
                }
            }
        }

        private Evaluation.Roles evaluation(Tensor at, double time, int stage) {
            Evaluation.Roles evaluation = roles.flow
                    .evaluate()
                    .queries(at)
                    .data(roles.data)
                    .weights(roles.weights)
                    .time(time);
            return roles.method == null
                    ? evaluation.mean(slopes[stage])
                    : evaluation.velocity(slopes[stage]).divergence(divergences[stage]);
        }

        private void step(double time, double size) {
            Method method = roles.method;
            double[] weights = new double[method.stages()];
            for (int i = 0; i < weights.length; i++) {
                weights[i] = method.b(i);
                if (!used(i)) {
                    continue;
                }
                double[] row = new double[i];
                for (int j = 0; j < i; j++) {
                    row[j] = method.a(i, j);
                }
                Tensor at = i == 0 ? state : argument;
                if (i > 0) {
                    combine(state, slopes, size, row, argument);
                }
                calls.add(evaluation(at, time + method.c(i) * size, i).bind(stream, workspace));
            }
            combine(state, slopes, size, weights, state);
            if (roles.logDensity != null) {
                combine(roles.logDensity, divergences, -size, weights, roles.logDensity);
            }
        }

        /** Whether the solution or a later stage has it: not the last of a method whose last stage is the next step's first. */
        private boolean used(int stage) {
            boolean used = roles.method.b(stage) != 0;
            for (int i = stage + 1; i < roles.method.stages(); i++) {
                used |= roles.method.a(i, stage) != 0 && used(i);
            }
            return used;
        }

        private void exactStep(double time, double next) {
            Schedule schedule = roles.flow.schedule();
            double ratio = schedule.sigma(next) / schedule.sigma(time);
            calls.add(evaluation(state, time, 0).bind(stream, workspace));
            add(
                    List.of(state, slopes[0]),
                    new double[] {ratio, schedule.alpha(next) - ratio * schedule.alpha(time)},
                    state);
        }

        private void combine(Tensor base, Tensor[] terms, double size, double[] factors, Tensor out) {
            List<Tensor> used = new ArrayList<>(List.of(base));
            double[] all = new double[factors.length + 1];
            all[0] = 1;
            for (int i = 0; i < factors.length; i++) {
                if (factors[i] != 0) {
                    all[used.size()] = size * factors[i];
                    used.add(terms[i]);
                }
            }
            add(used, Arrays.copyOf(all, used.size()), out);
        }

        private void add(List<Tensor> terms, double[] factors, Tensor out) {
            calls.add(Combination.KERNELS.bind(new Combination(terms, factors, out), stream));
        }
    }

    /** Takes what a sampler works on by name. state, data and times must be named. */
    public static final class Roles {
        private final Flow flow;
        private final Method method; // null for exact steps
        private Tensor state;
        private Tensor data;
        private Tensor weights;
        private Tensor logDensity;
        private double[] times;

        Roles(Flow flow, Method method) {
            this.flow = flow;
            this.method = method;
        }

        /** The points, (points, d), densely packed; written: each run carries them from the first time to the last. */
        public Roles state(Tensor state) {
            this.state = state;
            return this;
        }

        /** The data, (data, d). */
        public Roles data(Tensor data) {
            this.data = data;
            return this;
        }

        /** How often each datum counts, (data), none below 0, of any sum above 0; otherwise all are alike. */
        public Roles weights(Tensor weights) {
            this.weights = weights;
            return this;
        }

        /** The logarithm of the density at the points, (points), densely packed; written: each run carries it with them. */
        public Roles logDensity(Tensor logDensity) {
            this.logDensity = logDensity;
            return this;
        }

        /**
         * The ends of the steps, two or more, rising or falling. Sigma is above 0 wherever a method evaluates: at the beginning of each step,
         * and for all but Euler's method and exact steps at its end.
         */
        public Roles times(double... times) {
            this.times = times.clone();
            return this;
        }

        /** Steps of one size between two times, in place of {@link #times}. */
        public Roles evenSteps(double first, double last, int steps) {
            Check.range("steps", steps, 1, 1 << 24);
            times = new double[steps + 1];
            for (int i = 0; i <= steps; i++) {
                times[i] = i == steps ? last : first + (last - first) * i / steps;
            }
            return this;
        }

        /** Prepares all steps. */
        public Sampler bind(Stream stream) {
            Check.present("stream", stream);
            Check.present("state", state);
            Check.that(times != null && times.length >= 2, "times", "two or more", Arrays.toString(times));
            Check.that(
                    logDensity == null || method != null,
                    "logDensity",
                    "carried by a Runge-Kutta method",
                    "asked of exact steps");
            return new Sampler(this, stream);
        }

        /** Carries the points once and returns when it is done. */
        public void run(Stream stream) {
            try (Sampler sampler = bind(stream)) {
                sampler.run();
                stream.synchronize();
            }
        }
    }
}
