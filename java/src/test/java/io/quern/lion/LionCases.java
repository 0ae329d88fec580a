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
import io.quern.lion.Lion.Direction;
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

    static final Lion LION = Lion.of(3e-3).withBetas(0.95, 0.98).withWeightDecay(0.1);

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
            cases.addAll(LionClipCases.all(storage));
            if (storage.parameter().bytes() == 2) {
                cases.addAll(LionRoundingCases.all(storage));
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

    static Case numeric(String name, Storage storage, Case.Body body) {
        return new Case("lion", named(name, storage), Kind.NUMERIC, storage.parameter(), body);
    }

    static Case property(String name, Storage storage, Case.Body body) {
        return new Case("lion", named(name, storage), Kind.PROPERTY, storage.parameter(), body);
    }

    private static String named(String name, Storage storage) {
        boolean alike = storage.parameter() == storage.momentum() && storage.momentum() == storage.gradient();
        return alike ? name : name + " " + storage;
    }

    static Outcome sameBitsAsReference(Device device, Storage storage, Lion lion, int size) {
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
    static Outcome specialValues(Device device, Storage storage, Lion lion) {
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
    static int[] many(Device device) {
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
