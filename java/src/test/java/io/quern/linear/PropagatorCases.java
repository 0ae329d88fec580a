package io.quern.linear;

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
import io.quern.linear.Propagator.Scheme;
import io.quern.rope.Pairing;
import io.quern.rope.Rope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** What must hold of {@link Propagator} on every device. */
final class PropagatorCases {
    private static final int D = 6;
    private static final int POSITIONS = 5;

    private PropagatorCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (Scheme scheme : Scheme.values()) {
            add(cases, scheme + " converges to the exponential", device -> convergence(scheme, device));
            add(cases, scheme + " multiplies the heat equation's waves", device -> waves(scheme, device));
            add(cases, scheme + " has its gradients", device -> gradients(scheme, device));
        }
        add(cases, "the path does not matter where generators commute", PropagatorCases::paths);
        add(cases, "a skew generator turns pairs as RoPE does", PropagatorCases::rotary);
        add(cases, "exponentials have their inverses", PropagatorCases::inverses);
        add(cases, "several generators", PropagatorCases::several);
        refusals(cases);
        return cases;
    }

    private static void add(List<Case> cases, String name, Case.Body body) {
        cases.add(new Case("linear", "propagator: " + name, Case.Kind.PROPERTY, FP64, body));
    }

    private static Tensor random(TensorArena arena, int seed, double size, long... shape) {
        Random random = new Random(seed);
        Tensor tensor = arena.allocate(FP64, shape);
        double[] values = new double[Math.toIntExact(tensor.elementCount())];
        Arrays.setAll(values, i -> size * random.nextGaussian());
        return tensor.copyFrom(values);
    }

    /** Takes steps, and {@return where they lead} */
    private static double[] walk(Scheme scheme, double h, int steps, Tensor a, Tensor start, Stream stream) {
        try (TensorArena arena = TensorArena.open(stream.device())) {
            Propagator propagator = new Propagator(scheme, h);
            Tensor p = arena.allocate(FP64, a.shape());
            propagator.form(a, p);
            Tensor[] z = {
                arena.allocate(FP64, start.shape()).copyFrom(start),
                arena.allocate(FP64, start.shape()).fill(Double.NaN)
            };
            for (int i = 0; i < steps; i++) {
                propagator.step(stream, p, z[i % 2], z[(i + 1) % 2]);
            }
            stream.synchronize();
            return z[steps % 2].toDoubleArray();
        }
    }

    private static double distance(double[] a, double[] b) {
        double squares = 0;
        for (int i = 0; i < a.length; i++) {
            squares += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return Math.sqrt(squares);
    }

    /** Halving the step divides the error by two, or four; the exponential has none. */
    private static Outcome convergence(Scheme scheme, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor a = random(arena, 1, 0.4, D, D);
            Tensor z = random(arena, 2, 1, POSITIONS, D);
            double[] exact = walk(Scheme.EXPONENTIAL, 1, 1, a, z, stream);
            double coarse = distance(exact, walk(scheme, 1.0 / 64, 64, a, z, stream));
            if (scheme == Scheme.EXPONENTIAL) {
                double roundings = 64 * (D + 3) * 0x1p-52; // of each step's sums, and of its P
                return Outcome.within(
                        coarse, roundings * distance(exact, new double[exact.length]), "64 steps for one");
            }
            double fine = distance(exact, walk(scheme, 1.0 / 128, 128, a, z, stream));
            double order = Math.log(coarse / fine) / Math.log(2);
            double expected = scheme == Scheme.EULER ? 1 : 2;
            return Outcome.within(Math.abs(order - expected), 0.1, "the measured order is " + order);
        }
    }

    /** Second differences on a grid: sin(k pi x) is multiplied by what a scheme makes of -(4/dx^2) sin^2(k pi dx/2). */
    private static Outcome waves(Scheme scheme, Device device) {
        int inner = 15;
        double dx = 1.0 / (inner + 1);
        double h = 0.4 * dx * dx;
        double[] laplacian = new double[inner * inner];
        for (int i = 0; i < inner; i++) {
            for (int j = Math.max(0, i - 1); j <= Math.min(inner - 1, i + 1); j++) {
                laplacian[i * inner + j] = (i == j ? -2 : 1) / (dx * dx);
            }
        }
        double[] waves = new double[inner * inner]; // a row a wave
        double[] expected = new double[inner * inner];
        for (int k = 1; k <= inner; k++) {
            double sine = Math.sin(k * Math.PI * dx / 2);
            double rate = -4 / (dx * dx) * sine * sine * h;
            double factor = switch (scheme) {
                case EULER -> 1 + rate;
                case CRANK_NICOLSON -> (1 + rate / 2) / (1 - rate / 2);
                case EXPONENTIAL -> Math.exp(rate);
            };
            for (int i = 0; i < inner; i++) {
                waves[(k - 1) * inner + i] = Math.sin(k * Math.PI * (i + 1) * dx);
                expected[(k - 1) * inner + i] = factor * waves[(k - 1) * inner + i];
            }
        }
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor a = arena.allocate(FP64, inner, inner).copyFrom(laplacian);
            Tensor z = arena.allocate(FP64, inner, inner).copyFrom(waves);
            return Outcome.within(
                    distance(expected, walk(scheme, h, 1, a, z, stream)), 1e-13, "waves, multiplied by their factors");
        }
    }

    private static Outcome paths(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor a = random(arena, 3, 0.3, D, D);
            Tensor square = arena.allocate(FP64, D, D);
            Gemm.PRODUCT.run(stream, a, a, square);
            Gemm.PRODUCT.alpha(0.5).beta(-1).run(stream, a, a, square); // -a a / 2: a polynomial of a
            stream.synchronize();
            Tensor z = random(arena, 4, 1, POSITIONS, D);
            Tensor right = arena.allocate(FP64, POSITIONS, D).copyFrom(walk(Scheme.EXPONENTIAL, 0.7, 1, a, z, stream));
            Tensor down =
                    arena.allocate(FP64, POSITIONS, D).copyFrom(walk(Scheme.EXPONENTIAL, 1.3, 1, square, z, stream));
            double[] rightDown = walk(Scheme.EXPONENTIAL, 1.3, 1, square, right, stream);
            double[] downRight = walk(Scheme.EXPONENTIAL, 0.7, 1, a, down, stream);
            Tensor other = random(arena, 5, 0.3, D, D);
            double[] elsewhere = walk(Scheme.EXPONENTIAL, 1.3, 1, other, right, stream);
            Tensor otherFirst =
                    arena.allocate(FP64, POSITIONS, D).copyFrom(walk(Scheme.EXPONENTIAL, 1.3, 1, other, z, stream));
            double[] notTheSame = walk(Scheme.EXPONENTIAL, 0.7, 1, a, otherFirst, stream);
            return Outcome.within(distance(rightDown, downRight), 1e-13, "two paths to one place")
                    .and(Outcome.that(distance(elsewhere, notTheSame) > 0.1, "paths by others lead elsewhere"));
        }
    }

    private static Outcome rotary(Device device) {
        Rope rope = Rope.of(D, D, 100).pairing(Pairing.ADJACENT);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            double[] generator = new double[D * D];
            for (int pair = 0; pair < D / 2; pair++) {
                double frequency = Math.pow(100, -2.0 * pair / D);
                generator[2 * pair * D + 2 * pair + 1] = -frequency;
                generator[(2 * pair + 1) * D + 2 * pair] = frequency;
            }
            Tensor a = arena.allocate(FP64, D, D).copyFrom(generator);
            Tensor z = random(arena, 6, 1, POSITIONS, D);
            Tensor turned = arena.allocate(FP64, POSITIONS, 1, D);
            Tensor positions = arena.allocate(FP64, POSITIONS).fill(31.5);
            rope.apply(stream, z.reshape(POSITIONS, 1, D), positions, turned);
            stream.synchronize();
            return Outcome.within(
                    distance(turned.toDoubleArray(), walk(Scheme.EXPONENTIAL, 31.5, 1, a, z, stream)),
                    1e-13,
                    "an angle of 31.5 and parts of it");
        }
    }

    /** From a norm of 1e-8 to one of 20, where e^20 is 5e8. */
    private static Outcome inverses(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor a = random(arena, 7, 0.5, D, D);
            Tensor z = random(arena, 8, 1, POSITIONS, D);
            double norm = HostMatrix.of(a).norm1();
            Outcome outcome = Outcome.passed("");
            for (double size : new double[] {1e-8, 0.1, 5, 20}) {
                double h = size / norm;
                Tensor there =
                        arena.allocate(FP64, POSITIONS, D).copyFrom(walk(Scheme.EXPONENTIAL, h, 1, a, z, stream));
                double[] back = walk(Scheme.EXPONENTIAL, -h, 1, a, there, stream);
                outcome = outcome.and(Outcome.within(
                        distance(z.toDoubleArray(), back), 1e-14 * Math.exp(2 * size), "there and back by " + size));
            }
            return outcome;
        }
    }

    /** Of sum(out g), by z and by A; differences of fourth order, whose error is some 1e-10. */
    private static Outcome gradients(Scheme scheme, Device device) {
        Propagator propagator = new Propagator(scheme, 0.8);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor a = random(arena, 9, 0.4, D, D);
            Tensor z = random(arena, 10, 1, POSITIONS, D);
            Tensor g = random(arena, 11, 1, POSITIONS, D);
            Tensor p = arena.allocate(FP64, D, D);
            Fenced dz = Fenced.allocate(arena, FP64, POSITIONS, D);
            Tensor dp = arena.allocate(FP64, D, D);
            Fenced da = Fenced.allocate(arena, FP64, D, D);
            propagator.form(a, p);
            try (BoundCall ofState = propagator.bindStateGradient(stream, p, g, dz.tensor());
                    BoundCall ofPropagator = propagator.bindPropagatorGradient(stream, z, g, dp)) {
                ofState.run();
                ofPropagator.run();
            }
            stream.synchronize();
            propagator.generatorGradient(a, dp, da.tensor());
            return difference(propagator, a, z, g, stream, z, dz.tensor())
                    .and(difference(propagator, a, z, g, stream, a, da.tensor()))
                    .and(dz.fencesStand())
                    .and(da.fencesStand());
        }
    }

    private static Outcome difference(
            Propagator propagator, Tensor a, Tensor z, Tensor g, Stream stream, Tensor by, Tensor gradient) {
        double h = 0x1p-7;
        double[] values = by.toDoubleArray();
        double[] gradients = gradient.toDoubleArray();
        double worst = 0;
        for (int i = 0; i < values.length; i++) {
            double[] losses = new double[4];
            int[] steps = {-2, -1, 1, 2};
            for (int s = 0; s < 4; s++) {
                double[] moved = values.clone();
                moved[i] += steps[s] * h;
                by.copyFrom(moved);
                double[] out = walk(propagator.scheme(), propagator.h(), 1, a, z, stream);
                double[] weights = g.toDoubleArray();
                for (int j = 0; j < out.length; j++) {
                    losses[s] += out[j] * weights[j];
                }
            }
            double slope = (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * h);
            worst = Math.max(worst, Math.abs(slope - gradients[i]));
        }
        by.copyFrom(values);
        return Outcome.within(worst, 1e-8, "largest difference of a gradient and a difference");
    }

    private static Outcome several(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor a = random(arena, 12, 0.4, 2, D, D);
            Tensor z = random(arena, 13, 1, 2, POSITIONS, D);
            double[] all = walk(Scheme.EXPONENTIAL, 1, 1, a, z, stream);
            double[] second = walk(Scheme.EXPONENTIAL, 1, 1, a.select(0, 1), z.select(0, 1), stream);
            return Outcome.sameBits(second, Arrays.copyOfRange(all, POSITIONS * D, 2 * POSITIONS * D));
        }
    }

    private static void refusals(List<Case> cases) {
        Propagator euler = new Propagator(Scheme.EULER, 1);
        refusal(
                cases,
                "what is not square",
                (arena, out) -> euler.form(arena.allocate(FP32, 2, 3), out),
                "a",
                "square");
        refusal(
                cases,
                "another shape of P",
                (arena, out) -> euler.form(arena.allocate(FP32, 3, 3), out),
                "p",
                "3 x 3",
                "2 x 2");
        refusal(
                cases,
                "a gradient of another type",
                (arena, out) ->
                        euler.generatorGradient(arena.allocate(FP32, 2, 2), arena.allocate(DType.BF16, 2, 2), out),
                "pGradient",
                "FP32",
                "BF16");
    }

    private interface Attempt {
        void run(TensorArena arena, Tensor out);
    }

    private static void refusal(List<Case> cases, String name, Attempt attempt, String... parts) {
        cases.add(new Case("linear", "propagator: refuses " + name, Case.Kind.REFUSAL, null, device -> {
            try (TensorArena arena = TensorArena.open(device)) {
                Fenced out = Fenced.of(arena, FP32, new double[4], 2, 2);
                return Outcome.refusal(IllegalArgumentException.class, () -> attempt.run(arena, out.tensor()), parts)
                        .and(Outcome.sameBits(new double[4], out.tensor().toDoubleArray()));
            }
        }));
    }
}
