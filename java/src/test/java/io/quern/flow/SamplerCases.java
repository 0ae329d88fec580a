package io.quern.flow;

import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.flow.FlowProblem.Output;
import io.quern.ode.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What must hold of samplers and of the noise that they begin with. */
final class SamplerCases {
    private SamplerCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (Flow flow :
                List.of(Flow.rectified(), Flow.varianceExploding(), Flow.poisson(), Flow.radial(Noise.tanh()))) {
            cases.add(property(
                    "distribution function kept by Dormand-Prince, d=1, " + flow, FP64, device -> kept(flow, device)));
            cases.add(property("density along the path, " + flow, FP64, device -> density(flow, device)));
        }
        cases.add(property("one datum by exact steps", FP64, SamplerCases::oneDatum));
        cases.add(property("whole numbers are times", FP64, SamplerCases::wholeTimes));
        cases.add(property("uniform prior to four points", FP64, SamplerCases::fourPoints));
        cases.add(property("order of methods", FP64, SamplerCases::orders));
        cases.add(property("forth and back", FP32, SamplerCases::forthAndBack));
        cases.add(property("combinations have the reference's bits", FP32, device -> combination(FP32, device)));
        cases.add(property("combinations have the reference's bits", FP64, device -> combination(FP64, device)));
        cases.add(property("noise is the same everywhere and of its distribution", FP64, SamplerCases::noise));
        cases.add(
                new Case("flow", "sampler refuses what it cannot do", Case.Kind.REFUSAL, FP32, SamplerCases::refusals));
        return cases;
    }

    private static Case property(String name, DType dtype, Case.Body body) {
        return new Case("flow", "sampler: " + name, Case.Kind.PROPERTY, dtype, body);
    }

    /** Where points get to, and the logarithm of their density if it was given. */
    private record Path(double[] x, double[] logDensity) {}

    private static Path carry(FlowProblem problem, Method method, Device device, double[] logDensity, double... times) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            int d = problem.d();
            Tensor state = arena.allocate(problem.dtype(), problem.x().length, d)
                    .copyFrom(Arrays.stream(problem.x())
                            .flatMapToDouble(Arrays::stream)
                            .toArray());
            Tensor data = arena.allocate(problem.dtype(), problem.y().length, d)
                    .copyFrom(Arrays.stream(problem.y())
                            .flatMapToDouble(Arrays::stream)
                            .toArray());
            Tensor density = logDensity == null
                    ? null
                    : arena.allocate(problem.dtype(), logDensity.length).copyFrom(logDensity);
            Sampler.Roles roles = method == null
                    ? problem.flow().sampleExactly()
                    : problem.flow().sample(method);
            if (problem.w() != null) {
                roles.weights(
                        arena.allocate(problem.dtype(), problem.w().length).copyFrom(problem.w()));
            }
            roles.state(state).data(data).logDensity(density).times(times).run(stream);
            return new Path(state.toDoubleArray(), density == null ? null : density.toDoubleArray());
        }
    }

    private static double[] grid(double first, double last, int steps) {
        double[] times = new double[steps + 1];
        Arrays.setAll(times, i -> i == steps ? last : first + (last - first) * i / steps);
        return times;
    }

    private static FlowProblem moved(FlowProblem problem, double[] x) {
        int d = problem.d();
        double[][] rows = new double[problem.x().length][];
        Arrays.setAll(rows, i -> Arrays.copyOfRange(x, i * d, (i + 1) * d));
        return new FlowProblem(problem.flow(), problem.dtype(), rows, problem.y(), problem.w(), problem.times());
    }

    /**
     * In one dimension trajectories keep the share of the density below them; the error of 20 steps is a twentieth of what is
     * allowed.
     */
    private static Outcome kept(Flow flow, Device device) {
        double first = 0.9;
        double last = 0.3;
        FlowProblem problem = FlowProblem.random(flow, FP64, 7, 12, 1, true, first);
        FlowProblem at = moved(
                problem,
                carry(problem, Method.DORMAND_PRINCE_5_4, device, null, grid(first, last, 20))
                        .x());
        double worst = 0;
        for (int i = 0; i < 7; i++) {
            double change = FlowCases.below(problem, i, first) - FlowCases.below(at, i, last);
            worst = Math.max(worst, Math.abs(change));
        }
        return Outcome.within(worst, 1e-8, "change of the distribution function");
    }

    /** ln p along the path, by the divergence, against ln p of where it ends; the error of 30 steps is a third of the bound. */
    private static Outcome density(Flow flow, Device device) {
        double first = 0.4;
        double last = 0.9;
        FlowProblem problem = FlowProblem.random(flow, FP64, 5, 20, 2, false, first);
        double[] before = problem.on(device, Output.LOG_DENSITY).of().get(Output.LOG_DENSITY);
        Path path = carry(problem, Method.RUNGE_KUTTA_4, device, before, grid(first, last, 30));
        FlowProblem end = moved(problem, path.x());
        double[] after = new FlowProblem(flow, FP64, end.x(), problem.y(), null, new double[] {last})
                .on(device, Output.LOG_DENSITY)
                .of()
                .get(Output.LOG_DENSITY);
        double worst = 0;
        for (int i = 0; i < after.length; i++) {
            double difference = Math.abs(after[i] - path.logDensity()[i]);
            worst = difference > worst || difference != difference ? difference : worst;
        }
        return Outcome.within(worst, 1e-6, "density along the path and at its end");
    }

    /** A mean that stands still: any exact steps end on the line from the datum, at time 0 on it. */
    private static Outcome oneDatum(Device device) {
        double[] y = {1.5, -2};
        double[] x = {0.25, 3};
        Outcome outcome = Outcome.passed("");
        for (Flow flow : List.of(Flow.rectified(), Flow.varianceExploding(), Flow.variancePreserving(0.1, 20))) {
            FlowProblem problem =
                    new FlowProblem(flow, FP64, new double[][] {x}, new double[][] {y}, null, new double[] {1});
            Schedule schedule = flow.schedule();
            double[] times = {1, 0.6, 0.35, 0.2};
            double[] at = carry(problem, null, device, null, times).x();
            double ratio = schedule.sigma(0.2) / schedule.sigma(1);
            for (int k = 0; k < 2; k++) {
                double expected = schedule.alpha(0.2) * y[k] + ratio * (x[k] - schedule.alpha(1) * y[k]);
                outcome = outcome.and(Outcome.within(Math.abs(at[k] - expected), 1e-14, "x at time .2"));
            }
        }
        FlowProblem rectified =
                new FlowProblem(Flow.rectified(), FP64, new double[][] {x}, new double[][] {y}, null, new double[] {1});
        double[] end =
                carry(rectified, Method.EULER, device, null, grid(1, 0, 7)).x();
        return outcome.and(Outcome.within(
                Math.max(Math.abs(end[0] - y[0]), Math.abs(end[1] - y[1])), 1e-14, "Euler to time 0, a straight line"));
    }

    /**
     * Prior U[0,2], data .5, .5, 1.2, 1.7: the lower half goes to .5, the next quarter to 1.2, the last to 1.7. The points
     * nearest to a border, .025 from it, take ever smaller steps to be told apart: 50 will do.
     */
    private static Outcome fourPoints(Device device) {
        double[][] y = {{0.5}, {0.5}, {1.2}, {1.7}};
        double[][] x = new double[40][1];
        double[] expected = new double[40];
        for (int i = 0; i < 40; i++) {
            x[i][0] = (i + 0.5) / 20;
            expected[i] = x[i][0] < 1 ? 0.5 : x[i][0] < 1.5 ? 1.2 : 1.7;
        }
        FlowProblem problem = new FlowProblem(Flow.straight(Noise.uniform(0, 2)), FP64, x, y, null, new double[] {1});
        double[] end = carry(problem, null, device, null, grid(1, 0, 50)).x();
        double worst = 0;
        for (int i = 0; i < 40; i++) {
            worst = Math.max(worst, Math.abs(end[i] - expected[i]));
        }
        return Outcome.within(worst, 1e-12, "the datum that a point arrives at");
    }

    /** Halving the step divides the error by 2^order, of so few steps already; that of what counts as exact is far below. */
    private static Outcome orders(Device device) {
        FlowProblem problem = FlowProblem.random(Flow.rectified(), FP64, 3, 9, 2, false, 0.8);
        double[] exact = carry(problem, Method.DORMAND_PRINCE_5_4, device, null, grid(0.8, 0.4, 40))
                .x();
        Outcome outcome = Outcome.passed("");
        for (Method method : new Method[] {null, Method.EULER, Method.HEUN, Method.RUNGE_KUTTA_4}) {
            int steps = method == Method.RUNGE_KUTTA_4 ? 16 : 20;
            double coarse = error(problem, method, device, steps, exact);
            double fine = error(problem, method, device, 2 * steps, exact);
            double order = Math.log(coarse / fine) / Math.log(2);
            int expected = method == null ? 1 : method.order();
            outcome =
                    outcome.and(Outcome.within(Math.abs(order - expected), 0.1, "order of " + method + " is " + order));
        }
        return outcome;
    }

    private static double error(FlowProblem problem, Method method, Device device, int steps, double[] exact) {
        double[] at =
                carry(problem, method, device, null, grid(0.8, 0.4, steps)).x();
        double sum = 0;
        for (int i = 0; i < at.length; i++) {
            sum += (at[i] - exact[i]) * (at[i] - exact[i]);
        }
        return Math.sqrt(sum);
    }

    /** FP32: what a step rounds grows by what the flow stretches on the way back, here less than tenfold. */
    private static Outcome forthAndBack(Device device) {
        FlowProblem problem = FlowProblem.random(Flow.varianceExploding(), FP32, 9, 30, 3, false, 0.5);
        double[] there = carry(problem, Method.RUNGE_KUTTA_4, device, null, grid(0.5, 1.5, 30))
                .x();
        double[] back = carry(moved(problem, there), Method.RUNGE_KUTTA_4, device, null, grid(1.5, 0.5, 30))
                .x();
        double worst = 0;
        for (int i = 0; i < back.length; i++) {
            worst = Math.max(worst, Math.abs(back[i] - problem.x()[i / 3][i % 3]));
        }
        return Outcome.within(worst, 2e-5, "way back");
    }

    private static Outcome combination(DType dtype, Device device) {
        double[] factors = {1, -0.3, 1 / 7.0, 2.5};
        double[] expected = combined(dtype, Device.reference(), factors);
        return Outcome.sameBits(expected, combined(dtype, device, factors));
    }

    private static double[] combined(DType dtype, Device device, double[] factors) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            List<Tensor> terms = new ArrayList<>();
            for (int i = 0; i < factors.length; i++) {
                double[] values = new double[1031];
                int term = i;
                Arrays.setAll(values, k -> Math.sin(k * (term + 1.5)));
                terms.add(arena.allocate(dtype, values.length).copyFrom(values));
            }
            try (var call = Combination.KERNELS.bind(new Combination(terms, factors, terms.getFirst()), stream)) {
                call.run();
                stream.synchronize();
            }
            return terms.getFirst().toDoubleArray();
        }
    }

    /** Mean and distribution of a thousand rows: the largest distance to the distribution function (Kolmogorov), at the level of 1e-6. */
    private static Outcome noise(Device device) {
        int rows = 1000;
        double allowed = Math.sqrt(-Math.log(1e-6 / 2) / 2 / rows);
        Outcome outcome = Outcome.passed("");
        for (Noise noise :
                List.of(Noise.gaussian(), Noise.student(1), Noise.tanh(), Noise.exponential(), Noise.uniform(-1, 3))) {
            double[] here = drawn(noise, rows, 1, device);
            outcome = outcome.and(Outcome.sameBits(drawn(noise, rows, 1, Device.reference()), here));
            FlowProblem problem = FlowProblem.random(new Flow(noise, Schedule.exploding()), FP64, 1, 1, 1, false, 1);
            double[] sorted = here.clone();
            Arrays.sort(sorted);
            double worst = 0;
            for (int i = 0; i < rows; i++) {
                FlowProblem at = new FlowProblem(
                        problem.flow(), FP64, new double[][] {{sorted[i]}}, new double[][] {{0}}, null, new double[] {1
                        });
                double below = FlowCases.below(at, 0, 1);
                worst = Math.max(worst, Math.max(below - (double) i / rows, (i + 1.0) / rows - below));
            }
            outcome = outcome.and(Outcome.within(worst, allowed, "distribution of " + noise));
        }
        return outcome.and(beta(device, rows, allowed));
    }

    /** Multivariate Cauchy in 4 dimensions: r^2 / (1 + r^2) is Beta(2, 1/2), whose function is 1 - sqrt(1 - v) (1 + v/2). */
    private static Outcome beta(Device device, int rows, double allowed) {
        double[] z = drawn(Noise.student(1), rows, 4, device);
        double[] v = new double[rows];
        for (int i = 0; i < rows; i++) {
            double square = 0;
            for (int k = 0; k < 4; k++) {
                square += z[4 * i + k] * z[4 * i + k];
            }
            v[i] = square / (1 + square);
        }
        Arrays.sort(v);
        double worst = 0;
        for (int i = 0; i < rows; i++) {
            double below = 1 - Math.sqrt(1 - v[i]) * (1 + v[i] / 2);
            worst = Math.max(worst, Math.max(below - (double) i / rows, (i + 1.0) / rows - below));
        }
        return Outcome.within(worst, allowed, "r^2 / (1 + r^2) of the Cauchy distribution");
    }

    /** Three times are three times, whole numbers too; one datum is reached exactly. */
    private static Outcome wholeTimes(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor state = arena.allocate(FP64, 1, 1).fill(4);
            Tensor data = arena.allocate(FP64, 1, 1).fill(1);
            Flow.varianceExploding()
                    .sampleExactly()
                    .state(state)
                    .data(data)
                    .times(3, 2, 1)
                    .run(stream);
            return Outcome.within(Math.abs(state.toDoubleArray()[0] - 2), 4 * Math.ulp(4.0), "at time 1");
        }
    }

    private static double[] drawn(Noise noise, int rows, int d, Device device) {
        try (TensorArena arena = TensorArena.open(device)) {
            Tensor out = arena.allocate(FP64, rows, d);
            noise.draw(1234, out);
            return out.toDoubleArray();
        }
    }

    private static Outcome refusals(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor state = arena.allocate(FP32, 4, 3);
            Tensor data = arena.allocate(FP32, 5, 3);
            Flow flow = Flow.rectified();
            return Outcome.refusal(
                            IllegalArgumentException.class,
                            () -> flow.sample(Method.HEUN)
                                    .state(state)
                                    .data(data)
                                    .evenSteps(1, 0, 4)
                                    .bind(stream),
                            "time",
                            "sigma is above 0",
                            "0.0")
                    .and(Outcome.refusal(
                            IllegalArgumentException.class,
                            () -> flow.sample(Method.EULER)
                                    .state(state)
                                    .data(data)
                                    .times(1)
                                    .bind(stream),
                            "times",
                            "two or more"))
                    .and(Outcome.refusal(
                            IllegalArgumentException.class,
                            () -> flow.sampleExactly()
                                    .state(state)
                                    .data(data)
                                    .logDensity(arena.allocate(FP32, 4))
                                    .evenSteps(1, 0.5, 2)
                                    .bind(stream),
                            "logDensity",
                            "Runge-Kutta"))
                    .and(Outcome.refusal(
                            IllegalArgumentException.class,
                            () -> flow.sample(Method.EULER)
                                    .state(arena.allocate(FP32, 4, 6).slice(1, 0, 3))
                                    .data(data)
                                    .evenSteps(1, 0, 2)
                                    .bind(stream),
                            "state",
                            "densely packed"));
        }
    }
}
