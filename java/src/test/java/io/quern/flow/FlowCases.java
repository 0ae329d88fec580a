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
import io.quern.attention.Attention;
import io.quern.flow.FlowProblem.Output;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

/** What must hold of flows on every device. */
public final class FlowCases {
    private static final List<DType> TYPES = List.of(FP64, FP32);

    /** Each noise, and each schedule. */
    private static final Map<String, Flow> FLOWS = new LinkedHashMap<>();

    static {
        FLOWS.put("variance exploding", Flow.varianceExploding());
        FLOWS.put("variance preserving", Flow.variancePreserving(0.1, 20));
        FLOWS.put("geometric", new Flow(Noise.gaussian(), Schedule.geometric(0.02, 30)));
        FLOWS.put("rectified", Flow.rectified());
        FLOWS.put("poisson", Flow.poisson());
        FLOWS.put("PFGM++ D=128", Flow.augmented(128));
        FLOWS.put("uniform prior", Flow.straight(Noise.uniform(-1, 2)));
        FLOWS.put("cauchy prior", Flow.straight(Noise.student(1)));
        FLOWS.put("radial tanh", Flow.radial(Noise.tanh()));
        FLOWS.put("radial exponential", Flow.radial(Noise.exponential()));
    }

    private FlowCases() {}

    /** {@return all cases} */
    public static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : TYPES) {
            FLOWS.forEach((name, flow) -> {
                oracle(cases, name, flow, dtype, 1, 1, 1, false, 0.3);
                oracle(
                        cases,
                        name,
                        flow,
                        dtype,
                        17,
                        67,
                        3,
                        true,
                        IntStream.range(0, 17).mapToDouble(i -> 0.05 + 0.05 * i).toArray());
                oracle(cases, name, flow, dtype, 7, 207, 1, true, 0.4);
                oracle(cases, name, flow, dtype, 37, 131, 70, false, 0.6);
            });
            oracle(cases, "rectified", Flow.rectified(), dtype, 3, 2100, 260, true, 0.5);
            oracle(cases, "poisson", Flow.poisson(), dtype, 3, 2100, 260, true, 0.5);
            // On CUDA each of what makes that one large: data in two splits, channels in two passes.
            oracle(cases, "poisson", Flow.poisson(), dtype, 3, 1100, 3, true, 0.5);
            oracle(cases, "poisson", Flow.poisson(), dtype, 3, 70, 260, true, 0.5);
            cases.add(property("what is asked for alone is the same", dtype, device -> alone(dtype, device)));
            cases.add(property("a query does not depend on the others", dtype, device -> otherQueries(dtype, device)));
            cases.add(property("equals attention for Gaussian scores", dtype, device -> attention(dtype, device)));
            cases.add(property("nothing, nowhere and NaN", dtype, device -> specials(dtype, device)));
            cases.add(property("rotation, translation, permutation", dtype, device -> symmetries(dtype, device)));
            cases.add(property("a duplicate is a weight", dtype, device -> duplicates(dtype, device)));
        }
        for (DType dtype : TYPES) {
            FLOWS.forEach((name, flow) -> {
                double[] times =
                        IntStream.range(0, 17).mapToDouble(i -> 0.3 + 0.04 * i).toArray();
                gradient(cases, name, flow, dtype, 17, 67, 3, true, times);
                gradient(cases, name, flow, dtype, 2, 131, 70, false, 0.6);
            });
            cases.add(property("gradient of one output", dtype, device -> gradientOfOne(dtype, device)));
        }
        FLOWS.forEach((name, flow) -> {
            cases.add(property("continuity, " + name, FP64, device -> continuity(flow, device)));
            cases.add(property("distribution function kept, d=1, " + name, FP64, device -> distribution(flow, device)));
        });
        for (int d : new int[] {784, 3072}) {
            cases.add(property("near data sigma=.01 d=" + d, FP32, device -> nearData(d, device)));
        }
        cases.add(property("one datum", FP64, FlowCases::oneDatum));
        cases.add(property("normal data in closed form", FP64, FlowCases::normalData));
        cases.add(property("poisson far away", FP64, FlowCases::farField));
        cases.add(property("uniform prior, four points", FP64, FlowCases::fourPoints));
        cases.addAll(SamplerCases.all());
        cases.addAll(FlowRefusals.all());
        return cases;
    }

    private static Case property(String name, DType dtype, Case.Body body) {
        return new Case("flow", name, Case.Kind.PROPERTY, dtype, body);
    }

    private static void oracle(
            List<Case> cases,
            String name,
            Flow flow,
            DType dtype,
            int n,
            int m,
            int d,
            boolean weighted,
            double... times) {
        cases.add(new Case("flow", name + " n=" + n + " m=" + m + " d=" + d, Case.Kind.NUMERIC, dtype, device -> {
            FlowProblem problem = FlowProblem.random(flow, dtype, n, m, d, weighted, times);
            return FlowOracle.judge(problem, problem.on(device));
        }));
    }

    private static void gradient(
            List<Case> cases,
            String name,
            Flow flow,
            DType dtype,
            int n,
            int m,
            int d,
            boolean weighted,
            double... times) {
        cases.add(new Case(
                "flow", "gradient, " + name + " n=" + n + " m=" + m + " d=" + d, Case.Kind.NUMERIC, dtype, device -> {
                    FlowProblem problem = FlowProblem.random(flow, dtype, n, m, d, weighted, times);
                    double[][] of = {random(dtype, n * d, 1), random(dtype, n * d, 2), random(dtype, n, 3)};
                    return FlowOracle.judgeGradient(problem, of, problem.gradient(device, of));
                }));
    }

    private static double[] random(DType dtype, int count, long seed) {
        Random random = new Random(seed);
        return IntStream.range(0, count)
                .mapToDouble(i -> FlowProblem.round(dtype, random.nextGaussian()))
                .toArray();
    }

    /** What has no gradient counts as one of 0. */
    private static Outcome gradientOfOne(DType dtype, Device device) {
        FlowProblem problem = FlowProblem.random(Flow.poisson(), dtype, 5, 40, 4, false, 0.7);
        double[][] all = {random(dtype, 20, 1), random(dtype, 20, 2), random(dtype, 5, 3)};
        Outcome outcome = Outcome.passed("");
        for (int one = 0; one < 3; one++) {
            double[][] asked = new double[3][];
            double[][] zeros = {new double[20], new double[20], new double[5]};
            asked[one] = all[one];
            zeros[one] = all[one];
            double[] gradient = problem.gradient(device, asked);
            outcome = outcome.and(FlowOracle.judgeGradient(problem, zeros, gradient));
        }
        return outcome;
    }

    private static double eps(DType dtype) {
        return dtype == FP64 ? 0x1p-52 : 0x1p-23;
    }

    /** Without the divergence the product may serve Gaussian noise; every output within its bound all the same. */
    private static Outcome alone(DType dtype, Device device) {
        Outcome outcome = Outcome.passed("");
        for (Flow flow : List.of(Flow.varianceExploding(), Flow.poisson())) {
            for (double t : new double[] {0.02, 3}) {
                FlowProblem problem = FlowProblem.random(flow, dtype, 53, 140, 9, false, t);
                for (Output output : Output.values()) {
                    outcome = outcome.and(FlowOracle.judge(problem, problem.on(device, output)));
                }
            }
        }
        return outcome;
    }

    /** Of both kinds of times: those where the product serves and those where it does not. */
    private static Outcome otherQueries(DType dtype, Device device) {
        double[] times =
                IntStream.range(0, 101).mapToDouble(i -> 0.01 + 0.04 * i).toArray();
        FlowProblem problem = FlowProblem.random(Flow.varianceExploding(), dtype, 101, 150, 5, false, times);
        Output[] outputs = {Output.LOG_DENSITY, Output.VELOCITY};
        FlowProblem.Result whole = problem.on(device, outputs);
        Outcome outcome = Outcome.passed("");
        for (int i : new int[] {0, 50, 100}) {
            FlowProblem one = new FlowProblem(
                    problem.flow(), dtype, new double[][] {problem.x()[i]}, problem.y(), null, new double[] {times[i]});
            FlowProblem.Result alone = one.on(device, outputs);
            outcome = outcome.and(Outcome.sameBits(alone.row(Output.VELOCITY, 0, 5), whole.row(Output.VELOCITY, i, 5)))
                    .and(Outcome.sameBits(alone.row(Output.LOG_DENSITY, 0, 1), whole.row(Output.LOG_DENSITY, i, 1)));
        }
        return outcome;
    }

    /** Logits (alpha / sigma^2) x.y_j with a bias ln w_j - alpha^2 |y_j|^2 / (2 sigma^2) of keys, values the data. */
    private static Outcome attention(DType dtype, Device device) {
        int n = 9;
        int m = 70;
        int d = 12;
        double t = 0.7;
        FlowProblem problem = FlowProblem.random(Flow.rectified(), dtype, n, m, d, false, t);
        double[] mean = problem.on(device, Output.MEAN).of().get(Output.MEAN);
        double[] bias = new double[m];
        double largest = 0;
        for (int j = 0; j < m; j++) {
            double norm = Arrays.stream(problem.y()[j]).map(v -> v * v).sum();
            bias[j] = -(1 - t) * (1 - t) * norm / (2 * t * t);
            largest = Math.max(largest, Math.abs(bias[j]));
        }
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor out = arena.allocate(dtype, 1, 1, n, d);
            Tensor y = arena.allocate(dtype, 1, 1, m, d).copyFrom(flat(problem.y()));
            Attention.full(d)
                    .withScale((1 - t) / (t * t))
                    .forward()
                    .query(arena.allocate(dtype, 1, 1, n, d).copyFrom(flat(problem.x())))
                    .keys(y)
                    .values(y)
                    .keyBias(arena.allocate(dtype, 1, 1, m).copyFrom(bias))
                    .out(out)
                    .run(stream);
            stream.synchronize();
            double[] expected = out.toDoubleArray();
            // Each logit of attention is off by a few roundings of its terms.
            double bound = 8 * eps(dtype) * (1 + 2 * largest) * 4;
            return Outcome.within(difference(mean, expected), bound, "largest difference of means");
        }
    }

    private static double[] flat(double[][] rows) {
        return Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
    }

    private static double difference(double[] a, double[] b) {
        double worst = 0;
        for (int i = 0; i < a.length; i++) {
            double difference = Math.abs(a[i] - b[i]);
            worst = difference > worst || difference != difference ? difference : worst;
        }
        return worst;
    }

    /** No query; a query that no datum reaches; one that is no number. */
    private static Outcome specials(DType dtype, Device device) {
        Flow flow = Flow.straight(Noise.uniform(0, 1));
        double[][] y = {{0, 0}, {1, 1}};
        double[][] x = {{9, 9}, {Double.NaN, 0}, {0.3, 0.2}};
        FlowProblem.Result result = new FlowProblem(flow, dtype, x, y, null, new double[] {0.5}).on(device);
        FlowProblem.Result normal = new FlowProblem(Flow.poisson(), dtype, x, y, null, new double[] {0.5})
                .on(device, Output.VELOCITY, Output.SCORE);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Flow.poisson()
                    .evaluate()
                    .queries(arena.allocate(dtype, 0, 2))
                    .data(arena.allocate(dtype, 2, 2))
                    .time(1)
                    .mean(arena.allocate(dtype, 0, 2))
                    .run(stream);
        }
        boolean nowhere = result.of().get(Output.LOG_DENSITY)[0] == Double.NEGATIVE_INFINITY
                && Arrays.equals(result.row(Output.VELOCITY, 0, 2), new double[] {0, 0})
                && Arrays.equals(result.row(Output.MEAN, 0, 2), new double[] {0, 0})
                && result.of().get(Output.DIVERGENCE)[0] == 0;
        boolean reached = result.of().get(Output.MEAN)[4] == 0;
        boolean notANumber = Double.isNaN(result.of().get(Output.VELOCITY)[2])
                && Double.isNaN(normal.of().get(Output.VELOCITY)[2])
                && Double.isNaN(normal.of().get(Output.SCORE)[3])
                && !Double.isNaN(normal.of().get(Output.VELOCITY)[0])
                && !Double.isNaN(normal.of().get(Output.VELOCITY)[4]);
        return weightless(dtype, device)
                .and(timeless(dtype, device))
                .and(Outcome.that(nowhere, "nowhere: " + result))
                .and(Outcome.that(reached, "reached: " + result))
                .and(Outcome.that(notANumber, "NaN stays with its query: " + normal));
    }

    /** Where no datum has weight there is nothing; Gaussian scores come from a product where no divergence is asked for. */
    private static Outcome weightless(DType dtype, Device device) {
        Outcome outcome = Outcome.passed("");
        for (Flow flow : List.of(Flow.rectified(), Flow.poisson(), Flow.straight(Noise.uniform(0, 1)))) {
            FlowProblem some = FlowProblem.random(flow, dtype, 3, 67, 2, false, 0.5);
            FlowProblem none = new FlowProblem(flow, dtype, some.x(), some.y(), new double[67], some.times());
            outcome = outcome.and(nothing(none.on(device)))
                    .and(nothing(none.on(device, Output.MEAN, Output.VELOCITY, Output.LOG_DENSITY, Output.SCORE)));
        }
        return outcome;
    }

    private static Outcome nothing(FlowProblem.Result result) {
        Outcome outcome = Outcome.passed("");
        for (Map.Entry<Output, double[]> of : result.of().entrySet()) {
            double expected = of.getKey() == Output.LOG_DENSITY ? Double.NEGATIVE_INFINITY : 0;
            outcome = outcome.and(Outcome.that(
                    Arrays.stream(of.getValue()).allMatch(x -> x == expected),
                    "without weights " + of.getKey() + " is " + Arrays.toString(of.getValue())));
        }
        return outcome;
    }

    /** At sigma 0 there is no density; others do not notice. */
    private static Outcome timeless(DType dtype, Device device) {
        Outcome outcome = Outcome.passed("");
        for (Flow flow : List.of(Flow.rectified(), Flow.poisson(), Flow.radial(Noise.tanh()))) {
            double[][] x = {{0.25}, {0.25}, {0.25}};
            double[][] y = {{1}, {0.5}};
            double[] result = new FlowProblem(flow, dtype, x, y, null, new double[] {0, Double.NaN, 0.5})
                    .on(device, Output.VELOCITY)
                    .of()
                    .get(Output.VELOCITY);
            outcome = outcome.and(Outcome.that(
                    Double.isNaN(result[0]) && Double.isNaN(result[1]) && Double.isFinite(result[2]),
                    flow + " at times 0, NaN and .5: " + Arrays.toString(result)));
        }
        return outcome;
    }

    /** x -> x + c and R x for data alike; the order of data. Scores of some size s leave errors of eps s. */
    private static Outcome symmetries(DType dtype, Device device) {
        Outcome outcome = Outcome.passed("");
        for (Flow flow : List.of(Flow.varianceExploding(), Flow.poisson(), Flow.radial(Noise.tanh()))) {
            FlowProblem problem = FlowProblem.random(flow, dtype, 5, 90, 4, true, 0.8);
            FlowProblem.Result result = problem.on(device);
            double[][] reversed = problem.y().clone();
            double[] weights = problem.w().clone();
            for (int j = 0; j < reversed.length; j++) {
                reversed[j] = problem.y()[reversed.length - 1 - j];
                weights[j] = problem.w()[reversed.length - 1 - j];
            }
            FlowProblem permuted = new FlowProblem(flow, dtype, problem.x(), reversed, weights, problem.times());
            FlowProblem moved = new FlowProblem(
                    flow, dtype, turned(problem.x(), 0.5), turned(problem.y(), 0.5), problem.w(), problem.times());
            FlowProblem.Result ofMoved = moved.on(device);
            double bound = 600 * eps(dtype);
            double[] velocity = flat(turned(rows(result.of().get(Output.VELOCITY), 4), 0));
            outcome = outcome.and(near(result, permuted.on(device), bound, Output.values()))
                    .and(near(result, ofMoved, bound, Output.LOG_DENSITY, Output.DIVERGENCE))
                    .and(Outcome.within(
                            difference(velocity, ofMoved.of().get(Output.VELOCITY)), bound, "turned velocity"));
        }
        return outcome;
    }

    private static Outcome near(FlowProblem.Result a, FlowProblem.Result b, double bound, Output... outputs) {
        Outcome outcome = Outcome.passed("");
        for (Output output : outputs) {
            double[] first = a.of().get(output);
            double scale = 1 + Arrays.stream(first).map(Math::abs).max().orElse(0);
            outcome = outcome.and(
                    Outcome.within(difference(first, b.of().get(output)) / scale, bound, output.toString()));
        }
        return outcome;
    }

    private static double[][] rows(double[] flat, int d) {
        return IntStream.range(0, flat.length / d)
                .mapToObj(i -> Arrays.copyOfRange(flat, i * d, (i + 1) * d))
                .toArray(double[][]::new);
    }

    /** A quarter turn in channels 0 and 1, which rounds nothing, then something added. */
    private static double[][] turned(double[][] rows, double plus) {
        return Arrays.stream(rows)
                .map(row -> {
                    double[] turned = row.clone();
                    turned[0] = -row[1];
                    turned[1] = row[0];
                    return Arrays.stream(turned).map(v -> v + plus).toArray();
                })
                .toArray(double[][]::new);
    }

    private static Outcome duplicates(DType dtype, Device device) {
        Outcome outcome = Outcome.passed("");
        for (Flow flow : List.of(Flow.rectified(), Flow.augmented(3), Flow.radial(Noise.exponential()))) {
            FlowProblem problem = FlowProblem.random(flow, dtype, 5, 40, 4, false, 0.8);
            double[][] twice = Arrays.copyOf(problem.y(), 60);
            double[] weights = new double[40];
            for (int j = 0; j < 40; j++) {
                weights[j] = j < 20 ? 2 : 1;
                twice[40 + j % 20] = problem.y()[j % 20];
            }
            FlowProblem weighted = new FlowProblem(flow, dtype, problem.x(), problem.y(), weights, problem.times());
            FlowProblem repeated = new FlowProblem(flow, dtype, problem.x(), twice, null, problem.times());
            outcome = outcome.and(near(weighted.on(device), repeated.on(device), 300 * eps(dtype), Output.values()));
        }
        return outcome;
    }

    /** Steps by time of central differences off by h^6; boxes have edges, of which few are within small ones. */
    private static double step(Flow flow, double t) {
        return flow.noise() instanceof Noise.Uniform
                ? 2e-5
                : 2e-3 / flow.schedule().logSigmaRate(t);
    }

    /** dL/dt + div f + f . grad L = 0. */
    private static Outcome continuity(Flow flow, Device device) {
        int d = 3;
        double t = 0.45;
        double h = step(flow, t);
        double[] weight = {3.0 / 4, -3.0 / 20, 1.0 / 60};
        FlowProblem problem =
                FlowProblem.random(flow, FP64, 6, flow.noise() instanceof Noise.Uniform ? 5 : 50, d, true, t);
        FlowProblem.Result result = problem.on(device);
        double[] rate = new double[6];
        for (int step = 1; step <= 3; step++) {
            double[] after = at(problem, t + step * h, device);
            double[] before = at(problem, t - step * h, device);
            for (int i = 0; i < rate.length; i++) {
                rate[i] += weight[step - 1] * (after[i] - before[i]) / h;
            }
        }
        double worst = 0;
        for (int i = 0; i < rate.length; i++) {
            double flux = 0;
            for (int k = 0; k < d; k++) {
                flux += result.of().get(Output.VELOCITY)[i * d + k]
                        * result.of().get(Output.SCORE)[i * d + k];
            }
            double residual = Math.abs(rate[i] + result.of().get(Output.DIVERGENCE)[i] + flux);
            worst = residual > worst || residual != residual ? residual : worst;
        }
        return Outcome.within(worst, 2e-10, "dL/dt + div f + f . grad L");
    }

    private static double[] at(FlowProblem problem, double t, Device device) {
        return new FlowProblem(problem.flow(), FP64, problem.x(), problem.y(), problem.w(), new double[] {t})
                .on(device, Output.LOG_DENSITY)
                .of()
                .get(Output.LOG_DENSITY);
    }

    /** In one dimension the distribution function F(x, t) is carried along: dF/dt + f p = 0. */
    private static Outcome distribution(Flow flow, Device device) {
        double t = 0.45;
        double h = step(flow, t);
        double[] weight = {3.0 / 4, -3.0 / 20, 1.0 / 60};
        FlowProblem problem = FlowProblem.random(flow, FP64, 9, 20, 1, true, t);
        FlowProblem.Result result = problem.on(device, Output.VELOCITY, Output.LOG_DENSITY);
        double worst = 0;
        for (int i = 0; i < 9; i++) {
            double rate = 0;
            for (int step = 1; step <= 3; step++) {
                rate += weight[step - 1] * (below(problem, i, t + step * h) - below(problem, i, t - step * h)) / h;
            }
            double flux =
                    result.of().get(Output.VELOCITY)[i] * Math.exp(result.of().get(Output.LOG_DENSITY)[i]);
            worst = Math.max(worst, Math.abs(rate + flux));
        }
        return Outcome.within(worst, 1e-9, "dF/dt + f p");
    }

    /** {@return the share of p_t below query i in one dimension} */
    static double below(FlowProblem problem, int i, double t) {
        double total = 0;
        double sum = 0;
        for (int j = 0; j < problem.y().length; j++) {
            double weight = problem.w() == null ? 1 : problem.w()[j];
            double u = (problem.x()[i][0] - problem.flow().schedule().alpha(t) * problem.y()[j][0])
                    / problem.flow().schedule().sigma(t);
            total += weight;
            sum += weight
                    * switch (problem.flow().noise()) {
                        case Noise.Gaussian _ -> normalBelow(u);
                        case Noise.Student s -> studentBelow(u, s.dimensions());
                        case Noise.Tanh _ -> (1 + Math.tanh(u)) / 2;
                        case Noise.Exponential _ -> u < 0 ? Math.exp(u) / 2 : 1 - Math.exp(-u) / 2;
                        case Noise.Uniform box -> Math.clamp((u - box.low()) / (box.high() - box.low()), 0, 1);
                    };
        }
        return sum / total;
    }

    /** D = 1: 1/2 + atan(u)/pi; D = 128: Simpson's rule of the density from 0, which has 1e-14. */
    private static double studentBelow(double u, double dimensions) {
        if (dimensions == 1) {
            return 0.5 + Math.atan(u) / Math.PI;
        }
        double constant = Math.exp(FlowOracle.logGamma((dimensions + 1) / 2) - FlowOracle.logGamma(dimensions / 2))
                / Math.sqrt(Math.PI);
        return 0.5 + simpson(u, v -> constant * Math.pow(1 + v * v, -(dimensions + 1) / 2));
    }

    private static double normalBelow(double u) {
        return 0.5 + simpson(Math.clamp(u, -9, 9), v -> Math.exp(-v * v / 2) / Math.sqrt(2 * Math.PI));
    }

    private static double simpson(double to, java.util.function.DoubleUnaryOperator f) {
        int steps = 4000;
        double h = to / steps;
        double sum = f.applyAsDouble(0) + f.applyAsDouble(to);
        for (int i = 1; i < steps; i++) {
            sum += (i % 2 == 1 ? 4 : 2) * f.applyAsDouble(i * h);
        }
        return sum * h / 3;
    }

    /**
     * Data on a grid, some of them close to each other; queries at one of them, sigma 0.01 away in every channel. FP32: near scores are
     * right to 2e-4, so the mean is to 2e-4 relative; the score of a single datum, which is the density's logarithm, to 2e-7 of
     * itself beside the rounding of the result and of its constant.
     */
    private static Outcome nearData(int d, Device device) {
        double sigma = 0.01;
        Random random = new Random(d);
        double[][] y = new double[60][d];
        double[][] x = new double[20][d];
        for (int j = 0; j < y.length; j++) {
            for (int k = 0; k < d; k++) {
                y[j][k] = j % 2 == 0
                        ? random.nextInt(256) / 256f
                        : (float) (y[j - 1][k] + 0.3 * sigma / Math.sqrt(d) * random.nextGaussian());
            }
        }
        for (int i = 0; i < x.length; i++) {
            for (int k = 0; k < d; k++) {
                x[i][k] = (float) (y[3 * i][k] + sigma * random.nextGaussian());
            }
        }
        FlowProblem problem = new FlowProblem(Flow.varianceExploding(), FP32, x, y, null, new double[] {sigma});
        double[] mean = problem.on(device, Output.MEAN).of().get(Output.MEAN);
        double worst = 0;
        for (int i = 0; i < x.length; i++) {
            double[] expected = exactMean(x[i], y, sigma);
            double error = 0;
            double size = 0;
            for (int k = 0; k < d; k++) {
                error += Math.pow(mean[i * d + k] - expected[k], 2);
                size += expected[k] * expected[k];
            }
            worst = Math.max(worst, Math.sqrt(error / size));
        }
        FlowProblem far =
                new FlowProblem(Flow.varianceExploding(), FP32, x, new double[][] {y[59]}, null, new double[] {sigma});
        double[] density = far.on(device, Output.LOG_DENSITY).of().get(Output.LOG_DENSITY);
        double share = 0;
        for (int i = 0; i < x.length; i++) {
            double r2 = 0;
            for (int k = 0; k < d; k++) {
                r2 += Math.pow(x[i][k] - y[59][k], 2);
            }
            double score = -r2 / (2 * sigma * sigma);
            double expected = score - d * Math.log(sigma) - d / 2.0 * Math.log(2 * Math.PI);
            share = Math.max(
                    share, Math.abs(density[i] - expected) / (2e-7 * Math.abs(score) + Math.ulp((float) expected)));
        }
        return Outcome.within(worst, 2e-4, "the mean, relatively").and(Outcome.within(share, 1, "far scores"));
    }

    private static double[] exactMean(double[] x, double[][] y, double sigma) {
        double[] s = Arrays.stream(y)
                .mapToDouble(row -> -IntStream.range(0, x.length)
                                .mapToDouble(k -> (x[k] - row[k]) * (x[k] - row[k]))
                                .sum()
                        / (2 * sigma * sigma))
                .toArray();
        double most = Arrays.stream(s).max().orElseThrow();
        double sum = Arrays.stream(s).map(v -> Math.exp(v - most)).sum();
        double[] mean = new double[x.length];
        for (int j = 0; j < y.length; j++) {
            for (int k = 0; k < x.length; k++) {
                mean[k] += Math.exp(s[j] - most) / sum * y[j][k];
            }
        }
        return mean;
    }

    /** x_t = alpha_t y + sigma_t u for a fixed u: the velocity is alpha' y + sigma' u, the divergence d sigma' / sigma. */
    private static Outcome oneDatum(Device device) {
        Outcome outcome = Outcome.passed("");
        for (Map.Entry<String, Flow> each : FLOWS.entrySet()) {
            Schedule schedule = each.getValue().schedule();
            double t = 0.3;
            double[] y = {1.5, -0.25, 3};
            double[] u = {0.5, -0.75, 0.25};
            double[] x = new double[3];
            double[] expected = new double[3];
            double rate = schedule.logSigmaRate(t) * schedule.sigma(t);
            for (int k = 0; k < 3; k++) {
                x[k] = schedule.alpha(t) * y[k] + schedule.sigma(t) * u[k];
                expected[k] = schedule.alphaRate(t) * y[k] + rate * u[k];
            }
            FlowProblem.Result result = new FlowProblem(
                            each.getValue(), FP64, new double[][] {x}, new double[][] {y}, null, new double[] {t})
                    .on(device, Output.VELOCITY, Output.DIVERGENCE);
            double scale = 1 + schedule.logSigmaRate(t) * 4;
            outcome = outcome.and(Outcome.within(
                            difference(result.of().get(Output.VELOCITY), expected) / scale, 4e-15, each.getKey()))
                    .and(Outcome.within(
                            Math.abs(result.of().get(Output.DIVERGENCE)[0] / (3 * schedule.logSigmaRate(t)) - 1),
                            4e-14,
                            "divergence, " + each.getKey()));
        }
        return outcome;
    }

    /**
     * Data with the weights of a standard normal density on a fine grid: sums are integrals, exponentially close. Then p_t is
     * normal with variance v = alpha^2 + sigma^2, and the velocity x v'/(2v).
     */
    private static Outcome normalData(Device device) {
        int m = 321;
        double[][] y = new double[m][1];
        double[] w = new double[m];
        for (int j = 0; j < m; j++) {
            y[j][0] = (j - 160) / 16.0;
            w[j] = Math.exp(-y[j][0] * y[j][0] / 2);
        }
        double t = 0.5;
        double[][] x = {{-2}, {-0.3}, {0}, {1.1}, {2.5}};
        Outcome outcome = Outcome.passed("");
        for (Flow flow : List.of(Flow.rectified(), Flow.varianceExploding(), Flow.variancePreserving(0.5, 4))) {
            double alpha = flow.schedule().alpha(t);
            double sigma = flow.schedule().sigma(t);
            double v = alpha * alpha + sigma * sigma;
            double halfRate = alpha * flow.schedule().alphaRate(t)
                    + sigma * sigma * flow.schedule().logSigmaRate(t);
            FlowProblem.Result result = new FlowProblem(flow, FP64, x, y, w, new double[] {t}).on(device);
            for (int i = 0; i < x.length; i++) {
                double at = x[i][0];
                outcome = outcome.and(
                                is(result, Output.LOG_DENSITY, i, -at * at / (2 * v) - Math.log(2 * Math.PI * v) / 2))
                        .and(is(result, Output.VELOCITY, i, at * halfRate / v))
                        .and(is(result, Output.SCORE, i, -at / v))
                        .and(is(result, Output.DIVERGENCE, i, halfRate / v))
                        .and(is(result, Output.MEAN, i, alpha * at / v));
            }
        }
        return outcome;
    }

    private static Outcome is(FlowProblem.Result result, Output output, int i, double expected) {
        return Outcome.within(Math.abs(result.of().get(output)[i] - expected), 2e-12, output + " of query " + i);
    }

    /** mean - centre = (d + 1) C (x - centre) / R^2 with the covariance C of the data, R^2 = t^2 + |x - centre|^2, far away. */
    private static Outcome farField(Device device) {
        int d = 3;
        double[][] y =
                FlowProblem.random(Flow.poisson(), FP64, 1, 30, d, false, 1).y();
        double[] centre = new double[d];
        double[][] covariance = new double[d][d];
        for (double[] row : y) {
            for (int k = 0; k < d; k++) {
                centre[k] += row[k] / y.length;
            }
        }
        for (double[] row : y) {
            for (int k = 0; k < d; k++) {
                for (int l = 0; l < d; l++) {
                    covariance[k][l] += (row[k] - centre[k]) * (row[l] - centre[l]) / y.length;
                }
            }
        }
        double far = 1e4;
        double[] x = {far * 0.48 + centre[0], -far * 0.6 + centre[1], far * 0.64 + centre[2]};
        double square = far * far + far * far;
        double[] mean = new FlowProblem(Flow.poisson(), FP64, new double[][] {x}, y, null, new double[] {far})
                .on(device, Output.MEAN)
                .of()
                .get(Output.MEAN);
        double worst = 0;
        double size = 0;
        for (int k = 0; k < d; k++) {
            double expected = 0;
            for (int l = 0; l < d; l++) {
                expected += (d + 1) * covariance[k][l] * (x[l] - centre[l]) / square;
            }
            worst = Math.max(worst, Math.abs(mean[k] - centre[k] - expected));
            size = Math.max(size, Math.abs(expected));
        }
        return Outcome.within(worst / size, 1e-3, "the next order is as small as data over distance");
    }

    /** Prior U[0,2], data .5, .5, 1.2, 1.7 at time 1/2: means of the data whose boxes x is in. */
    private static Outcome fourPoints(Device device) {
        double[][] y = {{0.5}, {0.5}, {1.2}, {1.7}};
        double[][] x = {{0.3}, {0.7}, {0.9}, {1.3}, {1.8}};
        double[] mean = {0.5, 2.2 / 3, 3.9 / 4, 2.9 / 2, 1.7};
        double[] share = {0.5, 0.75, 1, 0.5, 0.25};
        FlowProblem.Result result =
                new FlowProblem(Flow.straight(Noise.uniform(0, 2)), FP64, x, y, null, new double[] {0.5}).on(device);
        Outcome outcome = Outcome.passed("");
        for (int i = 0; i < x.length; i++) {
            outcome = outcome.and(is(result, Output.MEAN, i, mean[i]))
                    .and(is(result, Output.LOG_DENSITY, i, Math.log(share[i])))
                    .and(is(result, Output.VELOCITY, i, (x[i][0] - mean[i]) / 0.5));
        }
        return outcome;
    }
}
