package io.quern.lion;

import static io.quern.lion.LionCases.LION;
import static io.quern.lion.LionCases.numeric;
import static io.quern.lion.LionCases.property;
import static io.quern.lion.LionCases.sameBitsAsReference;
import static io.quern.lion.LionCases.specialValues;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Graph;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.TensorArena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What must hold of stochastic rounding, and of the step numbers that it draws by, on every device. */
final class LionRoundingCases {
    private static final int[] STOCHASTIC_SIZES = {7, 207, 4098, 70_001};

    private static final Lion STOCHASTIC = LION.withRounding(Rounding.stochastic(0x1234_5678_9abcL));

    private LionRoundingCases() {}

    static List<Case> all(Storage storage) {
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
}
