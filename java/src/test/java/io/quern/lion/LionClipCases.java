package io.quern.lion;

import static io.quern.lion.LionCases.LION;
import static io.quern.lion.LionCases.many;
import static io.quern.lion.LionCases.numeric;
import static io.quern.lion.LionCases.property;
import static io.quern.lion.LionCases.sameBitsAsReference;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Graph;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.TensorArena;
import io.quern.lion.Lion.Caution;
import io.quern.lion.Lion.Direction;
import io.quern.lion.Lion.Gradients;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What must hold of clipped norms, {@link NanPolicy}, {@link Caution} and zeroed gradients, on every device. */
final class LionClipCases {
    /** Where gradients are not finite: at both ends, alone and side by side, in a part that is left beyond whole vectors. */
    private static final int[] POISONED = {0, 5, 6, 1500, 2047, 2048, 4098};

    private static final double[] BAD = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};

    private static final int[] LOOKED_SIZES = {0, 7, 207, 4098, 70_001};

    private static final Lion CLIPPED = LION.withMaxNorm(1.5).withLossScale(3).withNanPolicy(NanPolicy.SKIP_TENSOR);

    private static final Lion CAUTIOUS = LION.withCaution(Caution.CAUTIOUS);

    private LionClipCases() {}

    static List<Case> all(Storage storage) {
        List<Case> cases = new ArrayList<>();
        cases.add(property("skipped elements", storage, device -> skippedElements(device, storage)));
        for (int size : LOOKED_SIZES) {
            cases.add(numeric(
                    "clipped norm n=" + size, storage, device -> sameBitsAsReference(device, storage, CLIPPED, size)));
        }
        cases.add(numeric(
                "clipped norm against exact arithmetic", storage, device -> nearClippedOracle(device, storage)));
        cases.add(property("clipped norm of many tensors", storage, device -> clippedMany(device, storage)));
        cases.add(property("a norm that is small enough", storage, device -> smallNorm(device, storage)));
        cases.add(property(
                "the loss scale of a clipped norm in stream order", storage, device -> clippedRates(device, storage)));
        for (NanPolicy policy : NanPolicy.values()) {
            cases.add(property("found with " + policy, storage, device -> found(device, storage, policy)));
        }
        for (int size : LOOKED_SIZES) {
            cases.add(numeric(
                    "cautious n=" + size, storage, device -> sameBitsAsReference(device, storage, CAUTIOUS, size)));
        }
        cases.add(property("cautious steps", storage, device -> cautiousSteps(device, storage)));
        cases.add(property("cautious, many tensors", storage, device -> cautiousMany(device, storage)));
        cases.add(property("zeroed gradients", storage, device -> zeroedGradients(device, storage)));
        return cases;
    }

    /** Where a gradient is not finite nothing moves; elsewhere all is as if it were. */
    private static Outcome skippedElements(Device device, Storage storage) {
        LionState finite = LionState.random(storage, 4099, 26).run(LION, Device.reference(), 0);
        double[] gradient = finite.gradient().clone();
        for (int i : POISONED) {
            gradient[i] = BAD[i % BAD.length];
        }
        LionState start = new LionState(storage, finite.parameter(), finite.momentum(), gradient);
        LionState expected = finite.run(LION, Device.reference(), 2);
        for (int i : POISONED) {
            expected.parameter()[i] = start.parameter()[i];
            expected.momentum()[i] = start.momentum()[i];
            expected.gradient()[i] = gradient[i];
        }
        return expected.sameBits(start.run(LION.withNanPolicy(NanPolicy.SKIP_ELEMENT), device, 2));
    }

    /** The norm of n = 4098 elements has a rounding for each of 129 fma in a sum, of 5 + 8 halvings and 5 operations after them. */
    private static Outcome nearClippedOracle(Device device, Storage storage) {
        LionState start = LionState.random(storage, 4098, 28).run(LION, Device.reference(), 0);
        BigDecimal squares = Arrays.stream(start.gradient())
                .mapToObj(BigDecimal::new)
                .map(g -> g.multiply(g))
                .reduce(BigDecimal.ZERO, BigDecimal::add);
        double norm = squares.sqrt(MathContext.DECIMAL64).doubleValue();
        return LionOracle.of(LION.withLossScale(norm / CLIPPED.maxNorm()), storage)
                .withRoundedScale(129 + 13 + 5)
                .compare(start, start.run(CLIPPED, device, 1));
    }

    /** A list with tensors that are not finite, against the reference, which is held to arithmetic by the cases of one. */
    private static Outcome clippedMany(Device device, Storage storage) {
        List<LionState> starts = poisoned(device, storage, 300);
        return sameBits(
                runMany(CLIPPED, Device.reference(), storage, starts), runMany(CLIPPED, device, storage, starts));
    }

    private static Outcome smallNorm(Device device, Storage storage) {
        LionState start = LionState.random(storage, 4098, 29);
        return start.run(LION, Device.reference(), 2).sameBits(start.run(LION.withMaxNorm(1e9), device, 2));
    }

    private static Outcome clippedRates(Device device, Storage storage) {
        LionState start = LionState.random(storage, 207, 30);
        Lion rescaled = CLIPPED.withLossScale(1024).withLearningRate(0.5);
        LionState expected = start.run(CLIPPED, Device.reference(), 2).run(rescaled, Device.reference(), 2);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            LionState.OnDevice tensors = start.on(arena);
            LionCall call = CLIPPED.bind(stream, tensors.parameter(), tensors.momentum(), tensors.gradient());
            try (Graph graph = stream.capture(call::run)) {
                call.run();
                graph.launch();
                call.setLossScale(1024);
                call.setLearningRate(0.5);
                graph.launch();
                call.run();
                call.close();
                stream.synchronize();
            }
            return expected.sameBits(tensors.toState(storage));
        }
    }

    /** What a policy leaves as it is, and what it does not touch; and the counts. */
    private static Outcome found(Device device, Storage storage, NanPolicy policy) {
        List<LionState> starts = poisoned(device, storage, 400);
        Many many = runMany(LION.withNanPolicy(policy), device, storage, starts);
        Outcome outcome = Outcome.passed("");
        long all = 0;
        for (LionState start : starts) {
            all += notFinite(start.gradient());
        }
        for (int t = 0; t < starts.size(); t++) {
            LionState start = starts.get(t).run(LION, Device.reference(), 0);
            long bad = notFinite(start.gradient());
            boolean untouched = policy == NanPolicy.SKIP_TENSOR && bad > 0 || policy == NanPolicy.SKIP_STEP && all > 0;
            LionState stepped = start.run(LION.withNanPolicy(elementwise(policy)), Device.reference(), 1);
            outcome = outcome.and((untouched ? start : stepped).sameBits(many.states.get(t)))
                    .and(Outcome.that(many.found[t] == bad, "tensor " + t + ": " + many.found[t] + " of " + bad));
        }
        return outcome;
    }

    private static NanPolicy elementwise(NanPolicy policy) {
        return policy.looksFirst() ? NanPolicy.PROPAGATE : policy;
    }

    private static long notFinite(double[] values) {
        return Arrays.stream(values).filter(value -> !Double.isFinite(value)).count();
    }

    /** Many tensors, each third of them with a few gradients that are not finite. */
    private static List<LionState> poisoned(Device device, Storage storage, int seed) {
        List<LionState> starts = new ArrayList<>();
        int[] sizes = many(device);
        for (int t = 0; t < sizes.length; t++) {
            LionState start = LionState.random(storage, sizes[t], seed + t);
            for (int i = 0; t % 3 == 0 && i < sizes[t]; i += 1 + sizes[t] / 5) {
                start.gradient()[i] = BAD[i % BAD.length];
            }
            starts.add(start);
        }
        return starts;
    }

    private record Many(List<LionState> states, double[] found) {}

    private static Outcome sameBits(Many expected, Many actual) {
        Outcome outcome = Outcome.sameBits(expected.found, actual.found);
        for (int t = 0; t < expected.states.size(); t++) {
            outcome = outcome.and(expected.states.get(t).sameBits(actual.states.get(t)));
        }
        return outcome;
    }

    /** One step of all, and what was found. */
    private static Many runMany(Lion lion, Device device, Storage storage, List<LionState> starts) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            List<LionState.OnDevice> tensors =
                    starts.stream().map(start -> start.on(arena)).toList();
            Fenced found = Fenced.of(arena, DType.INT64, new double[starts.size()], starts.size());
            found.tensor().fill(-1);
            try (LionCall call = lion.bind(
                    stream,
                    tensors.stream().map(LionState.OnDevice::parameter).toList(),
                    tensors.stream().map(LionState.OnDevice::momentum).toList(),
                    tensors.stream().map(LionState.OnDevice::gradient).toList(),
                    List.of(),
                    found.tensor())) {
                call.run();
            }
            stream.synchronize();
            List<LionState> states =
                    tensors.stream().map(at -> at.toState(storage)).toList();
            return new Many(states, found.tensor().toDoubleArray());
        }
    }

    /**
     * Momentum 1 everywhere, gradients -1, 2, 0 and 0.5 in turn: c is positive, so that the half with a positive gradient
     * steps by twice the rate, and the others not at all. Upwards it is positive too, and a quarter has a negative gradient.
     */
    private static Outcome cautiousSteps(Device device, Storage storage) {
        int n = 4100;
        double[] ones = new double[n];
        double[] gradient = new double[n];
        Arrays.fill(ones, 1);
        for (int i = 0; i < n; i++) {
            gradient[i] = new double[] {-1, 2, 0, 0.5}[i % 4];
        }
        Lion lion = Lion.of(0.25).withCaution(Caution.CAUTIOUS);
        LionState start = new LionState(storage, ones, ones, gradient);
        double[] down = start.run(lion, device, 1).parameter();
        double[] up =
                start.run(lion.withDirection(Direction.MAXIMIZE), device, 1).parameter();
        for (int i = 0; i < n; i++) {
            double expectedDown = gradient[i] > 0 ? 0.5 : 1;
            double expectedUp = gradient[i] < 0 ? 0 : 1; // a quarter steps, by four times the rate
            if (down[i] != expectedDown || up[i] != expectedUp) {
                return Outcome.failed("[" + i + "]: " + down[i] + " down, " + up[i] + " up");
            }
        }
        Arrays.fill(gradient, -1);
        double[] none = new LionState(storage, ones, ones, gradient)
                .run(lion, device, 1)
                .parameter();
        return Outcome.sameBits(ones, none);
    }

    /** Each tensor has a rate of its own; with clipping, gradients that are not finite and the other direction. */
    private static Outcome cautiousMany(Device device, Storage storage) {
        Lion lion = CAUTIOUS.withMaxNorm(2).withNanPolicy(NanPolicy.SKIP_TENSOR).withDirection(Direction.MAXIMIZE);
        List<LionState> starts = poisoned(device, storage, 500);
        Outcome outcome =
                sameBits(runMany(lion, Device.reference(), storage, starts), runMany(lion, device, storage, starts));
        for (NanPolicy policy : List.of(NanPolicy.PROPAGATE, NanPolicy.SKIP_ELEMENT)) {
            Lion other = CAUTIOUS.withNanPolicy(policy);
            outcome = outcome.and(sameBits(
                    runMany(other, Device.reference(), storage, starts), runMany(other, device, storage, starts)));
        }
        return outcome;
    }

    private static Outcome zeroedGradients(Device device, Storage storage) {
        LionState start = LionState.random(storage, 4099, 27);
        LionState kept = start.run(LION, Device.reference(), 1);
        LionState zeroed = start.run(LION.withGradients(Gradients.ZEROED), device, 1);
        LionState expected = new LionState(storage, kept.parameter(), kept.momentum(), new double[start.size()]);
        return expected.sameBits(zeroed);
    }
}
