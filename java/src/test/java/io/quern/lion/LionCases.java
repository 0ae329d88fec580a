package io.quern.lion;

import io.quern.Case;
import io.quern.Case.Kind;
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

/**
 * What must hold of Lion on every device. Bits are compared with the reference; the reference, like the others, is held to
 * exact arithmetic by {@link LionOracle}.
 */
public final class LionCases {
    private static final int[] SIZES = {0, 1, 7, 17, 207, 4098, 140_003};

    /** The largest of many tensors on the host: more than a part there has, 65,536. */
    private static final int LARGEST_ON_HOST = 70_001;

    /** On CUDA: three chunks, of which each has 8,192 elements at most, and the emulator is soon done with them. */
    private static final int LARGEST_ON_CUDA = 20_001;

    /** Where gradients are not finite: at both ends, alone and side by side, in a part that is left beyond whole vectors. */
    private static final int[] POISONED = {0, 5, 6, 1500, 2047, 2048, 4098};

    private static final double[] BAD = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};

    private static final int[] LOOKED_SIZES = {0, 7, 207, 4098, 70_001};

    private static final int[] STOCHASTIC_SIZES = {7, 207, 4098, 70_001};

    private static final Lion LION = Lion.of(3e-3).withBetas(0.95, 0.98).withWeightDecay(0.1);

    private static final Lion STOCHASTIC = LION.withRounding(Rounding.stochastic(0x1234_5678_9abcL));

    private static final Lion CLIPPED = LION.withMaxNorm(1.5).withLossScale(3).withNanPolicy(NanPolicy.SKIP_TENSOR);

    private static final Lion CAUTIOUS = LION.withCaution(Caution.CAUTIOUS);

    private LionCases() {}

    /** {@return all cases} */
    public static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (Storage storage : Storage.values()) {
            for (int size : SIZES) {
                cases.add(
                        numeric("step n=" + size, storage, device -> sameBitsAsReference(device, storage, LION, size)));
            }
            cases.add(numeric("step against exact arithmetic", storage, device -> nearOracle(device, storage)));
            cases.add(
                    numeric("step of zeros, infinities, NaN", storage, device -> specialValues(device, storage, LION)));
            cases.add(numeric("step of unaligned views", storage, device -> unalignedViews(device, storage)));
            cases.add(numeric("many tensors as single steps", storage, device -> manyAsSingles(device, storage)));
            cases.add(property("skipped elements", storage, device -> skippedElements(device, storage)));
            for (int size : LOOKED_SIZES) {
                cases.add(numeric(
                        "clipped norm n=" + size,
                        storage,
                        device -> sameBitsAsReference(device, storage, CLIPPED, size)));
            }
            cases.add(numeric(
                    "clipped norm against exact arithmetic", storage, device -> nearClippedOracle(device, storage)));
            cases.add(property("clipped norm of many tensors", storage, device -> clippedMany(device, storage)));
            cases.add(property("a norm that is small enough", storage, device -> smallNorm(device, storage)));
            cases.add(property(
                    "the loss scale of a clipped norm in stream order",
                    storage,
                    device -> clippedRates(device, storage)));
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
            if (storage.parameter().bytes() == 2) {
                cases.addAll(stochastic(storage));
            }
            if (storage.parameter() == DType.FP32) {
                for (DType copyType : List.of(DType.FP16, DType.BF16)) {
                    cases.add(numeric("copies in " + copyType, storage, device -> copies(device, storage, copyType)));
                }
            }
            cases.add(property(
                    "without decay, by the rate or not at all", storage, device -> byTheRate(device, storage)));
            cases.add(property("scale of gradients", storage, device -> scaleOfGradients(device, storage)));
            cases.add(numeric(
                    "upwards, scaled, against exact arithmetic", storage, device -> nearOracleUp(device, storage)));
            cases.add(property("to maximize is to negate", storage, device -> upwards(device, storage)));
            cases.add(property("loss scale", storage, device -> lossScale(device, storage)));
            cases.add(property("Signum", storage, device -> signum(device, storage)));
            cases.add(property("weight decay bounds parameters", storage, device -> bounded(device, storage)));
            cases.add(property("the rates change in stream order", storage, device -> rateChanges(device, storage)));
        }
        cases.addAll(LionRefusals.all());
        return cases;
    }

    private static Case numeric(String name, Storage storage, Case.Body body) {
        return new Case("lion", named(name, storage), Kind.NUMERIC, storage.parameter(), body);
    }

    private static Case property(String name, Storage storage, Case.Body body) {
        return new Case("lion", named(name, storage), Kind.PROPERTY, storage.parameter(), body);
    }

    private static String named(String name, Storage storage) {
        boolean alike = storage.parameter() == storage.momentum() && storage.momentum() == storage.gradient();
        return alike ? name : name + " " + storage;
    }

    private static Outcome sameBitsAsReference(Device device, Storage storage, Lion lion, int size) {
        LionState start = LionState.random(storage, size, 11);
        return start.run(lion, Device.reference(), 3).sameBits(start.run(lion, device, 3));
    }

    private static Outcome nearOracle(Device device, Storage storage) {
        LionState start = LionState.random(storage, 4098, 12);
        return LionOracle.of(LION, storage).compare(start, start.run(LION, device, 1));
    }

    private static Outcome nearOracleUp(Device device, Storage storage) {
        Lion lion = LION.withDirection(Direction.MAXIMIZE).withLossScale(300);
        LionState start = LionState.random(storage, 4098, 18);
        LionState scaled = new LionState(
                storage, start.parameter(), start.momentum(), LionState.scaled(start.gradient(), -lion.lossScale()));
        return LionOracle.of(lion, storage).compare(scaled, scaled.run(lion, device, 1));
    }

    /** All triples of values that rounding, signs or exponents treat in some way of their own. */
    private static Outcome specialValues(Device device, Storage storage, Lion lion) {
        double[] values = {
            0.0,
            -0.0,
            1,
            -1,
            Double.MIN_VALUE,
            -0x1p-149,
            0x1p-133,
            -0x1p-24,
            0x1p-15,
            65_504,
            -3e38,
            1e300,
            Double.POSITIVE_INFINITY,
            Double.NEGATIVE_INFINITY,
            Double.NaN
        };
        int n = values.length;
        double[] parameter = new double[n * n * n];
        double[] momentum = new double[n * n * n];
        double[] gradient = new double[n * n * n];
        for (int i = 0; i < n * n * n; i++) {
            parameter[i] = values[i / n / n];
            momentum[i] = values[i / n % n];
            gradient[i] = values[i % n];
        }
        LionState start = new LionState(storage, parameter, momentum, gradient).run(lion, Device.reference(), 0);
        LionState stepped = start.run(lion, device, 1);
        for (int i = 0; i < start.size(); i++) {
            double theta = start.parameter()[i];
            double m = start.momentum()[i];
            double g = start.gradient()[i];
            boolean nan = Double.isNaN(m) || Double.isNaN(g);
            if (nan && !(Double.isNaN(stepped.parameter()[i]) && Double.isNaN(stepped.momentum()[i]))) {
                return Outcome.failed("NaN did not propagate from momentum " + m + ", gradient " + g);
            }
            if (m == 0 && g == 0 && Math.abs(stepped.parameter()[i]) > Math.abs(theta)) {
                return Outcome.failed("sign(0) moved parameter " + theta + " to " + stepped.parameter()[i]);
            }
        }
        return start.run(lion, Device.reference(), 1).sameBits(stepped);
    }

    /** Views whose first elements lie at different distances from a boundary of 16 bytes. */
    private static Outcome unalignedViews(Device device, Storage storage) {
        int n = 1021;
        Outcome outcome = Outcome.passed("");
        for (int[] shifts : new int[][] {{1, 1, 1}, {0, 1, 0}, {3, 0, 5}, {0, 0, 7}, {2, 6, 4}}) {
            LionState start = LionState.random(storage, n, 13);
            LionState expected = start.run(LION, Device.reference(), 1);
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Fenced parameter = Fenced.of(arena, storage.parameter(), shifted(start.parameter(), shifts[0]), n + 8);
                Fenced momentum = Fenced.of(arena, storage.momentum(), shifted(start.momentum(), shifts[1]), n + 8);
                Fenced gradient = Fenced.of(arena, storage.gradient(), shifted(start.gradient(), shifts[2]), n + 8);
                LION.step(
                        stream,
                        parameter.tensor().slice(0, shifts[0], shifts[0] + n),
                        momentum.tensor().slice(0, shifts[1], shifts[1] + n),
                        gradient.tensor().slice(0, shifts[2], shifts[2] + n));
                stream.synchronize();
                // Compared whole: what lies around the views must be as it was.
                LionState rounded = start.run(LION, Device.reference(), 0);
                double[] untouched = shifted(rounded.gradient(), shifts[2]);
                outcome = outcome.and(Outcome.sameBits(
                                shifted(expected.parameter(), shifts[0]),
                                parameter.tensor().toDoubleArray()))
                        .and(Outcome.sameBits(
                                shifted(expected.momentum(), shifts[1]),
                                momentum.tensor().toDoubleArray()))
                        .and(Outcome.sameBits(untouched, gradient.tensor().toDoubleArray()));
            }
        }
        return outcome;
    }

    private static double[] shifted(double[] values, int by) {
        double[] shifted = new double[values.length + 8];
        System.arraycopy(values, 0, shifted, by, values.length);
        return shifted;
    }

    /** Small tensors beside large ones, empty ones at both ends and in a row. */
    private static int[] many(Device device) {
        int largest = device.onHost() ? LARGEST_ON_HOST : LARGEST_ON_CUDA;
        return new int[] {0, 1, 1, 0, 0, 7, 4098, 17, largest, 1, 207, 8192, 4096, 2, 0};
    }

    private static Outcome manyAsSingles(Device device, Storage storage) {
        List<LionState> starts = new ArrayList<>();
        int[] sizes = many(device);
        for (int t = 0; t < sizes.length; t++) {
            starts.add(LionState.random(storage, sizes[t], 100 + t));
        }
        Outcome outcome = Outcome.passed("");
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            List<LionState.OnDevice> tensors =
                    starts.stream().map(start -> start.on(arena)).toList();
            LION.step(
                    stream,
                    tensors.stream().map(LionState.OnDevice::parameter).toList(),
                    tensors.stream().map(LionState.OnDevice::momentum).toList(),
                    tensors.stream().map(LionState.OnDevice::gradient).toList());
            stream.synchronize();
            for (int t = 0; t < sizes.length; t++) {
                LionState single = starts.get(t).run(LION, device, 1);
                outcome = outcome.and(single.sameBits(tensors.get(t).toState(storage)));
            }
        }
        return outcome;
    }

    /** The update is as without a copy, and the copy is the new parameter, rounded once. */
    private static Outcome copies(Device device, Storage storage, DType copyType) {
        List<LionState> starts = new ArrayList<>();
        int[] sizes = many(device);
        for (int t = 0; t < sizes.length; t++) {
            starts.add(LionState.random(storage, sizes[t], 200 + t));
        }
        Outcome outcome = unalignedCopy(device, storage, copyType);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            List<LionState.OnDevice> tensors =
                    starts.stream().map(start -> start.on(arena)).toList();
            List<Fenced> copies = Arrays.stream(sizes)
                    .mapToObj(size -> Fenced.allocate(arena, copyType, size))
                    .toList();
            try (LionCall call = LION.bind(
                    stream,
                    tensors.stream().map(LionState.OnDevice::parameter).toList(),
                    tensors.stream().map(LionState.OnDevice::momentum).toList(),
                    tensors.stream().map(LionState.OnDevice::gradient).toList(),
                    copies.stream().map(Fenced::tensor).toList())) {
                call.run();
            }
            stream.synchronize();
            for (int t = 0; t < sizes.length; t++) {
                LionState expected = starts.get(t).run(LION, Device.reference(), 1);
                outcome = outcome.and(expected.sameBits(tensors.get(t).toState(storage)))
                        .and(Outcome.sameBits(
                                LionState.rounded(copyType, expected.parameter()),
                                copies.get(t).tensor().toDoubleArray()))
                        .and(copies.get(t).fencesStand());
            }
        }
        return outcome;
    }

    /** What lies around the copy, NaN, must be as it was. */
    private static Outcome unalignedCopy(Device device, Storage storage, DType copyType) {
        int n = 1021;
        int shift = 3;
        LionState start = LionState.random(storage, n, 21);
        LionState expected = start.run(LION, Device.reference(), 1);
        double[] around = new double[n + 8];
        Arrays.fill(around, Double.NaN);
        System.arraycopy(LionState.rounded(copyType, expected.parameter()), 0, around, shift, n);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            LionState.OnDevice tensors = start.on(arena);
            Fenced copy = Fenced.allocate(arena, copyType, n + 8);
            LION.step(
                    stream,
                    tensors.parameter(),
                    tensors.momentum(),
                    tensors.gradient(),
                    copy.tensor().slice(0, shift, shift + n));
            stream.synchronize();
            return expected.sameBits(tensors.toState(storage))
                    .and(Outcome.sameBits(around, copy.tensor().toDoubleArray()));
        }
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

    private static List<Case> stochastic(Storage storage) {
        List<Case> cases = new ArrayList<>();
        for (int size : STOCHASTIC_SIZES) {
            cases.add(numeric(
                    "stochastic rounding n=" + size,
                    storage,
                    device -> sameBitsAsReference(device, storage, STOCHASTIC, size)));
        }
        cases.add(numeric(
                "stochastic rounding of zeros, infinities, NaN",
                storage,
                device -> specialValues(device, storage, STOCHASTIC)));
        cases.add(numeric("stochastic rounding to a neighbour", storage, device -> neighbours(device, storage)));
        cases.add(property("stochastic rounding, cut anyhow", storage, device -> cutAnyhow(device, storage)));
        cases.add(property("stochastic rounding in the mean", storage, device -> inTheMean(device, storage)));
        cases.add(property("step numbers in stream order", storage, device -> stepNumbers(device, storage)));
        return cases;
    }

    /** The value that is rounded is what FP32 parameters become. */
    private static Outcome neighbours(Device device, Storage storage) {
        LionState start = LionState.random(storage, 4098, 22).run(LION, Device.reference(), 0);
        Storage wide = Storage.of(DType.FP32, storage.momentum(), storage.gradient());
        double[] exact = new LionState(wide, start.parameter(), start.momentum(), start.gradient())
                .run(LION, Device.reference(), 1)
                .parameter();
        double[] rounded = start.run(STOCHASTIC, device, 1).parameter();
        int leastExponent = storage.parameter() == DType.FP16 ? -14 : -126;
        int beyondNearest = 0;
        for (int i = 0; i < exact.length; i++) {
            double place = Math.scalb(
                    2 * LionOracle.unit(storage.parameter()), Math.max(Math.getExponent(exact[i]), leastExponent));
            double error = Math.abs(rounded[i] - exact[i]);
            if (!(error < place)) {
                return Outcome.failed("[" + i + "]: " + exact[i] + " became " + rounded[i]);
            }
            beyondNearest += error > place / 2 ? 1 : 0;
        }
        return Outcome.that(beyondNearest > 0, beyondNearest + " of " + exact.length + " not to the nearest");
    }

    /** Elements are numbered through the list: the parts of a tensor give its bits. */
    private static Outcome cutAnyhow(Device device, Storage storage) {
        int[] cuts = {0, 5, 1000, 1000, 1013, 4099};
        LionState start = LionState.random(storage, 4099, 23);
        LionState expected = start.run(STOCHASTIC, Device.reference(), 1);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            LionState.OnDevice whole = start.on(arena);
            STOCHASTIC.step(
                    stream,
                    LionState.cut(whole.parameter(), cuts),
                    LionState.cut(whole.momentum(), cuts),
                    LionState.cut(whole.gradient(), cuts));
            stream.synchronize();
            return expected.sameBits(whole.toState(storage));
        }
    }

    /**
     * 16 steps down from 1 by 3/16 of a last place each: a sum of 16 independent draws of probability p = 3/16. Mean and variance
     * of so many samples are within 5 standard deviations.
     */
    private static Outcome inTheMean(Device device, Storage storage) {
        int n = 1 << 14;
        int steps = 16;
        double p = 3.0 / 16;
        double place = LionOracle.unit(storage.parameter()); // below 1
        double[] ones = new double[n];
        Arrays.fill(ones, 1);
        LionState stepped = new LionState(storage, ones, new double[n], ones)
                .run(Lion.of(p * place).withRounding(Rounding.stochastic(24)), device, steps);
        double[] moved = Arrays.stream(stepped.parameter())
                .map(theta -> (1 - theta) / place - steps * p)
                .toArray();
        double mean = Arrays.stream(moved).sum() / n;
        double square = Arrays.stream(moved).map(x -> x * x).sum() / n;
        double variance = steps * p * (1 - p);
        double ofSquares = variance * variance * (2 + (1 - 6 * p * (1 - p)) / variance);
        return Outcome.within(Math.abs(mean), 5 * Math.sqrt(variance / n), "mean of " + n)
                .and(Outcome.within(Math.abs(square - variance), 5 * Math.sqrt(ofSquares / n), "variance"));
    }

    private static Outcome stepNumbers(Device device, Storage storage) {
        LionState start = LionState.random(storage, 207, 25);
        LionState expected = start.run(STOCHASTIC, Device.reference(), 0);
        for (long number : new long[] {0, 1, 2, 1L << 40, (1L << 40) + 1}) {
            expected = expected.runNumbered(STOCHASTIC, Device.reference(), number);
        }
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            LionState.OnDevice tensors = start.on(arena);
            LionCall call = STOCHASTIC.bind(stream, tensors.parameter(), tensors.momentum(), tensors.gradient());
            try (Graph graph = stream.capture(call::run)) {
                call.run();
                graph.launch();
                graph.launch();
                call.setStepNumber(1L << 40);
                call.run();
                call.close();
                graph.launch();
                stream.synchronize();
            }
            return expected.sameBits(tensors.toState(storage));
        }
    }

    private static Outcome byTheRate(Device device, Storage storage) {
        Lion lion = LION.withWeightDecay(0);
        LionState start = LionState.random(storage, 4098, 14).run(lion, Device.reference(), 0);
        LionState stepped = start.run(lion, device, 1);
        int still = 0;
        for (int i = 0; i < start.size(); i++) {
            double theta = start.parameter()[i];
            double moved = stepped.parameter()[i];
            if (moved == theta) {
                still++;
            } else if (moved != afterStep(storage, theta, 1) && moved != afterStep(storage, theta, -1)) {
                return Outcome.failed("[" + i + "]: " + theta + " moved to " + moved);
            }
        }
        return Outcome.that(still < start.size(), still + " of " + start.size() + " parameters stayed");
    }

    private static double afterStep(Storage storage, double theta, int sign) {
        if (storage.compute() == DType.FP64) {
            return theta - LION.learningRate() * sign;
        }
        return LionState.rounded(storage.parameter(), (float) theta - (float) LION.learningRate() * sign);
    }

    private static Outcome scaleOfGradients(Device device, Storage storage) {
        LionState start = LionState.random(storage, 4098, 15).scaledGradients(8); // away from subnormals
        LionState stepped = start.run(LION, device, 2);
        LionState scaled = start.scaledGradients(4).run(LION, device, 2);
        return Outcome.sameBits(stepped.parameter(), scaled.parameter())
                .and(Outcome.sameBits(LionState.scaled(stepped.momentum(), 4), scaled.momentum()));
    }

    private static Outcome upwards(Device device, Storage storage) {
        LionState start = LionState.random(storage, 4098, 19);
        LionState negated =
                new LionState(storage, start.parameter(), start.momentum(), LionState.scaled(start.gradient(), -1));
        LionState up = negated.run(LION.withDirection(Direction.MAXIMIZE), device, 2);
        LionState down = start.run(LION, device, 2);
        return Outcome.sameBits(down.parameter(), up.parameter()).and(Outcome.sameBits(down.momentum(), up.momentum()));
    }

    /** Powers of two change no bit, where neither gradient is subnormal. */
    private static Outcome lossScale(Device device, Storage storage) {
        LionState random = LionState.random(storage, 4098, 20);
        double[] normal = Arrays.stream(random.gradient())
                .map(g -> Math.abs(g) < 0x1p-14 ? 0 : g)
                .toArray();
        LionState start = new LionState(storage, random.parameter(), random.momentum(), normal);
        LionState scaled = new LionState(storage, random.parameter(), random.momentum(), LionState.scaled(normal, 64));
        LionState expected = start.run(LION, device, 2);
        LionState unscaled = scaled.run(LION.withLossScale(64), device, 2);
        return Outcome.sameBits(expected.parameter(), unscaled.parameter())
                .and(Outcome.sameBits(expected.momentum(), unscaled.momentum()));
    }

    /** With equal betas and no decay, the step's direction is the sign of the new momentum. */
    private static Outcome signum(Device device, Storage storage) {
        Lion signum = Lion.signum(0.25, 0.9);
        LionState start = LionState.random(storage, 4098, 16);
        double[] ones = new double[start.size()];
        Arrays.fill(ones, 1);
        LionState stepped = new LionState(storage, ones, start.momentum(), start.gradient()).run(signum, device, 1);
        for (int i = 0; i < start.size(); i++) {
            double expected = 1 - 0.25 * Math.signum(stepped.momentum()[i]); // exact in every type
            if (stepped.parameter()[i] != expected) {
                return Outcome.failed("[" + i + "]: expected " + expected + ", is " + stepped.parameter()[i]);
            }
        }
        return Outcome.passed("");
    }

    /** limsup |theta| <= 1 / weightDecay: where the pull of the gradient and of the decay balance. */
    private static Outcome bounded(Device device, Storage storage) {
        Lion lion = Lion.of(0.0625).withWeightDecay(2);
        int n = 207;
        double[] parameter = new double[n];
        double[] gradient = new double[n];
        for (int i = 0; i < n; i++) {
            parameter[i] = i - 100;
            gradient[i] = i % 2 == 0 ? 1 : -1;
        }
        LionState end = new LionState(storage, parameter, new double[n], gradient).run(lion, device, 200);
        double largest = Arrays.stream(end.parameter()).map(Math::abs).max().orElseThrow();
        // A rounded parameter rests where half its last place outweighs the step back: u |theta| >= lr (wd |theta| -
        // 1).
        double unit = LionOracle.unit(storage.parameter());
        double share = lion.learningRate() * lion.weightDecay();
        double transient_ = 107 * Math.pow(1 - share, 200);
        double bound = (1 / lion.weightDecay()) * share / (share - 2 * unit) + transient_;
        return Outcome.within(largest, bound, "largest parameter after 200 steps");
    }

    private static Outcome rateChanges(Device device, Storage storage) {
        LionState start = LionState.random(storage, 207, 17);
        LionState expected = start.run(LION, Device.reference(), 2);
        Lion scaled = LION.withLossScale(512);
        for (double rate : new double[] {0.125, 0, 0.5, 0.5}) {
            Lion lion = rate == 0.5 ? scaled : LION;
            expected = expected.run(lion.withLearningRate(rate), Device.reference(), 1);
        }
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            LionState.OnDevice tensors = start.on(arena);
            LionCall call = LION.bind(stream, tensors.parameter(), tensors.momentum(), tensors.gradient());
            try (Graph graph = stream.capture(call::run)) {
                call.run();
                graph.launch();
                call.setLearningRate(0.125);
                graph.launch();
                call.setLearningRate(0);
                call.run();
                call.setLearningRate(0.5);
                call.setLossScale(512);
                graph.launch();
                call.close(); // the graph keeps what it needs
                graph.launch();
                stream.synchronize();
            }
            return expected.sameBits(tensors.toState(storage));
        }
    }
}
