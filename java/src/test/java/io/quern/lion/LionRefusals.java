package io.quern.lion;

import io.quern.Case;
import io.quern.Case.Kind;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What Lion refuses, by which words, and that nothing was written. */
final class LionRefusals {
    private static final Lion LION = Lion.of(0.5);
    private static final int SIZE = 12;
    private static final double FILL = 3;

    private LionRefusals() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        cases.add(refused(
                "momentum of another shape",
                (at, stream) -> stepRefused(
                        at,
                        stream,
                        at.parameter,
                        at.momentum.reshape(3, 4),
                        at.gradient,
                        "momentum",
                        "parameter",
                        "12",
                        "3")));
        cases.add(refused(
                "gradient of another size",
                (at, stream) -> stepRefused(
                        at,
                        stream,
                        at.parameter,
                        at.momentum,
                        at.gradient.slice(0, 0, 11),
                        "gradient",
                        "parameter",
                        "11",
                        "12")));
        cases.add(refused(
                "types that do not go together",
                (at, stream) -> stepRefused(
                        at,
                        stream,
                        at.parameter,
                        at.allocate(DType.FP16),
                        at.gradient,
                        "(FP32, FP16, FP32)",
                        "(BF16, FP32, BF16)")));
        cases.add(refused(
                "integers",
                (at, stream) -> stepRefused(
                        at,
                        stream,
                        at.allocate(DType.INT32),
                        at.allocate(DType.INT32),
                        at.allocate(DType.INT32),
                        "INT32",
                        "FP32")));
        cases.add(refused(
                "a copy in FP32",
                (at, stream) ->
                        copyRefused(at, stream, at.parameter, at.allocate(DType.FP32), "copy", "FP16", "FP32")));
        cases.add(refused(
                "a copy of what is not FP32",
                (at, stream) -> copyRefused(
                        at, stream, at.allocate(DType.FP64), at.allocate(DType.BF16), "parameter", "FP32", "FP64")));
        cases.add(refused(
                "copies that overlap",
                (at, stream) -> copiesRefused(
                        at,
                        stream,
                        List.of(new int[] {0, 6}, new int[] {5, 11}),
                        "copies[0]",
                        "copies[1]",
                        "overlap")));
        cases.add(refused(
                "fewer copies than parameters",
                (at, stream) -> copiesRefused(at, stream, List.of(new int[] {0, 6}), "copies", "2", "1")));
        cases.add(refused(
                "counts that are not INT64", (at, stream) -> foundRefused(at, stream, at.allocate(DType.FP32))));
        cases.add(refused(
                "counts for another number of tensors",
                (at, stream) -> foundRefused(at, stream, at.allocate(DType.INT64))));
        cases.add(refused(
                "stochastic rounding to FP32",
                (at, stream) -> Outcome.refusal(
                                IllegalArgumentException.class,
                                () -> LION.withRounding(Rounding.stochastic(1))
                                        .step(stream, at.parameter, at.momentum, at.gradient),
                                "parameter",
                                "BF16",
                                "FP32")
                        .and(at.untouched())));
        cases.add(refused("a list of two storages", LionRefusals::twoStorages));
        cases.add(refused(
                "the same tensor twice",
                (at, stream) -> stepRefused(
                        at, stream, at.parameter, at.parameter, at.gradient, "momentum", "parameter", "overlap")));
        cases.add(refused("a gradient in the parameter's memory", LionRefusals::sharedMemory));
        cases.add(refused("overlap across a list", LionRefusals::overlapAcrossList));
        cases.add(refused("a column of a matrix", LionRefusals::stridedViews));
        cases.add(refused(
                "lists of different lengths",
                (at, stream) -> listsRefused(
                        at, stream, List.of(at.parameter), List.of(), List.of(at.gradient), "momenta", "1", "0")));
        cases.add(refused(
                "no tensors",
                (at, stream) ->
                        listsRefused(at, stream, List.of(), List.of(), List.of(), "parameters", "at least one", "0")));
        cases.add(refused(
                "a missing tensor",
                (at, stream) -> stepRefused(at, stream, at.parameter, null, at.gradient, "momentum", "null")));
        cases.add(refused("memory of another device", LionRefusals::otherDevice));
        cases.add(refused("settings out of range", LionRefusals::settings));
        cases.add(refused("an arena that was closed", LionRefusals::closedArena));
        cases.add(refused("a call that was closed", LionRefusals::closedCall));
        cases.add(refused("rates while capturing", LionRefusals::rateWhileCapturing));
        return cases;
    }

    private static Case refused(String name, Body body) {
        return new Case("lion", "refuses " + name, Kind.REFUSAL, null, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                return body.on(new Tensors(arena), stream);
            }
        });
    }

    private static Outcome stepRefused(
            Tensors at, Stream stream, Tensor parameter, Tensor momentum, Tensor gradient, String... parts) {
        return Outcome.refusal(
                        IllegalArgumentException.class, () -> LION.step(stream, parameter, momentum, gradient), parts)
                .and(at.untouched());
    }

    /** The other tensors are stored as the parameter is. */
    private static Outcome copyRefused(Tensors at, Stream stream, Tensor parameter, Tensor copy, String... parts) {
        boolean plain = parameter == at.parameter;
        Tensor momentum = plain ? at.momentum : at.allocate(parameter.dtype());
        Tensor gradient = plain ? at.gradient : at.allocate(parameter.dtype());
        return Outcome.refusal(
                        IllegalArgumentException.class,
                        () -> LION.step(stream, parameter, momentum, gradient, copy),
                        parts)
                .and(at.untouched());
    }

    private static Outcome foundRefused(Tensors at, Stream stream, Tensor found) {
        return Outcome.refusal(
                        IllegalArgumentException.class,
                        () -> LION.bind(
                                stream,
                                List.of(at.parameter),
                                List.of(at.momentum),
                                List.of(at.gradient),
                                List.of(),
                                found),
                        "found",
                        found.dtype().name())
                .and(at.untouched());
    }

    /** Two halves, copied to ranges of one tensor. */
    private static Outcome copiesRefused(Tensors at, Stream stream, List<int[]> ranges, String... parts) {
        Tensor copy = at.allocate(DType.BF16);
        return Outcome.refusal(
                        IllegalArgumentException.class,
                        () -> LION.bind(
                                stream,
                                List.of(at.parameter.slice(0, 0, 6), at.parameter.slice(0, 6, 12)),
                                List.of(at.momentum.slice(0, 0, 6), at.momentum.slice(0, 6, 12)),
                                List.of(at.gradient.slice(0, 0, 6), at.gradient.slice(0, 6, 12)),
                                ranges.stream()
                                        .map(range -> copy.slice(0, range[0], range[1]))
                                        .toList()),
                        parts)
                .and(at.untouched());
    }

    private static Outcome listsRefused(
            Tensors at,
            Stream stream,
            List<Tensor> parameters,
            List<Tensor> momenta,
            List<Tensor> gradients,
            String... parts) {
        return Outcome.refusal(
                        IllegalArgumentException.class, () -> LION.step(stream, parameters, momenta, gradients), parts)
                .and(at.untouched());
    }

    private static Outcome twoStorages(Tensors at, Stream stream) {
        return listsRefused(
                at,
                stream,
                List.of(at.parameter, at.allocate(DType.BF16)),
                List.of(at.momentum, at.allocate(DType.FP32)),
                List.of(at.gradient, at.allocate(DType.BF16)),
                "gradients[1]",
                "FP32",
                "BF16");
    }

    private static Outcome sharedMemory(Tensors at, Stream stream) {
        return stepRefused(
                at,
                stream,
                at.parameter.slice(0, 0, 6),
                at.momentum.slice(0, 0, 6),
                at.parameter.slice(0, 5, 11),
                "parameter",
                "gradient",
                "overlap");
    }

    /** Two gradients may share memory (tied weights); what is written may not, however far apart in the lists. */
    private static Outcome overlapAcrossList(Tensors at, Stream stream) {
        Tensor first = at.parameter.slice(0, 0, 4);
        Tensor second = at.parameter.slice(0, 4, 8);
        Tensor gradient = at.gradient.slice(0, 0, 4);
        Outcome refused = listsRefused(
                at,
                stream,
                List.of(first, second, at.parameter.slice(0, 7, 11)),
                List.of(at.momentum.slice(0, 0, 4), at.momentum.slice(0, 4, 8), at.momentum.slice(0, 8, 12)),
                List.of(gradient, gradient, gradient),
                "parameters[1]",
                "parameters[2]",
                "overlap");
        LION.step(
                stream,
                List.of(first, second),
                List.of(at.momentum.slice(0, 0, 4), at.momentum.slice(0, 4, 8)),
                List.of(gradient, gradient));
        stream.synchronize();
        Outcome zeroed = Outcome.refusal(
                IllegalArgumentException.class,
                () -> LION.withGradients(Lion.Gradients.ZEROED)
                        .step(
                                stream,
                                List.of(first, second),
                                List.of(at.momentum.slice(0, 0, 4), at.momentum.slice(0, 4, 8)),
                                List.of(gradient, gradient)),
                "gradients[0]",
                "gradients[1]",
                "overlap");
        return refused.and(zeroed)
                .and(Outcome.that(at.parameter.toDoubleArray()[7] == FILL - 0.5, "tied gradients are taken"));
    }

    private static Outcome stridedViews(Tensors at, Stream stream) {
        Tensor parameter = at.parameter.reshape(3, 4).slice(1, 0, 2);
        Tensor momentum = at.momentum.reshape(3, 4).slice(1, 0, 2);
        Tensor gradient = at.gradient.reshape(3, 4).slice(1, 0, 2);
        return stepRefused(at, stream, parameter, momentum, gradient, "gradient", "dense");
    }

    /** The other kind of memory: a CUDA device cannot reach the host's; the host is asked to run on what CUDA owns. */
    private static Outcome otherDevice(Tensors at, Stream stream) {
        if (stream.device().onHost()) {
            return Outcome.passed("the host reaches all the memory that is here");
        }
        try (TensorArena host = TensorArena.open(Device.cpu());
                Stream hostStream = Stream.open(Device.cpu())) {
            Tensor onHost = host.allocate(DType.FP32, SIZE);
            return stepRefused(at, stream, at.parameter, at.momentum, onHost, "gradient", "cuda:0", "cpu")
                    .and(stepRefused(
                            at, hostStream, at.parameter, at.momentum, at.gradient, "gradient", "host", "cuda:0"));
        }
    }

    private static Outcome settings(Tensors at, Stream stream) {
        Outcome outcome = Outcome.passed("");
        for (double rate : new double[] {-1e-3, Double.NaN, Double.POSITIVE_INFINITY, 1e39}) {
            outcome = outcome.and(settingRefused(() -> Lion.of(rate), "learningRate", rate));
        }
        for (double beta : new double[] {-0.1, 1.1, Double.NaN}) {
            outcome = outcome.and(settingRefused(() -> LION.withBetas(beta, 0.5), "beta1", beta))
                    .and(settingRefused(() -> LION.withBetas(0.5, beta), "beta2", beta));
        }
        outcome = outcome.and(settingRefused(() -> LION.withWeightDecay(-1), "weightDecay", -1));
        for (double scale : new double[] {0, -1, Double.NaN, 0x1p65, 0x1p-65}) {
            outcome = outcome.and(settingRefused(() -> LION.withLossScale(scale), "lossScale", scale));
        }
        for (double norm : new double[] {0, -1, Double.NaN}) {
            outcome = outcome.and(settingRefused(() -> LION.withMaxNorm(norm), "maxNorm", norm));
        }
        outcome = outcome.and(Outcome.refusal(
                        IllegalArgumentException.class, () -> LION.withDirection(null), "direction", "null"))
                .and(Outcome.refusal(IllegalArgumentException.class, () -> LION.withRounding(null), "rounding", "null"))
                .and(Outcome.refusal(IllegalArgumentException.class, () -> new Rounding(null, 1), "mode", "null"))
                .and(Outcome.refusal(
                        IllegalArgumentException.class, () -> LION.withNanPolicy(null), "nanPolicy", "null"))
                .and(Outcome.refusal(
                        IllegalArgumentException.class, () -> LION.withGradients(null), "gradients", "null"))
                .and(Outcome.refusal(IllegalArgumentException.class, () -> LION.withCaution(null), "caution", "null"));
        try (LionCall call = LION.bind(stream, at.parameter, at.momentum, at.gradient)) {
            outcome = outcome.and(settingRefused(() -> call.setLearningRate(-1), "learningRate", -1))
                    .and(settingRefused(() -> call.setLossScale(0), "lossScale", 0))
                    .and(Outcome.refusal(IllegalArgumentException.class, () -> call.setStepNumber(-1), "number", "-1"));
        }
        return outcome.and(at.untouched());
    }

    private static Outcome settingRefused(Outcome.Action action, String name, double value) {
        return Outcome.refusal(IllegalArgumentException.class, action, name, String.valueOf(value));
    }

    private static Outcome closedArena(Tensors at, Stream stream) {
        TensorArena brief = TensorArena.open(stream.device());
        Tensor gradient = brief.allocate(DType.FP32, SIZE);
        try (LionCall call = LION.bind(stream, at.parameter, at.momentum, gradient)) {
            brief.close();
            return Outcome.refusal(IllegalStateException.class, call::run, "arena", "closed")
                    .and(Outcome.refusal(
                            IllegalStateException.class,
                            () -> LION.step(stream, at.parameter, at.momentum, gradient),
                            "arena",
                            "closed"))
                    .and(at.untouched());
        }
    }

    private static Outcome closedCall(Tensors at, Stream stream) {
        LionCall call = LION.bind(stream, at.parameter, at.momentum, at.gradient);
        call.close();
        call.close();
        return Outcome.refusal(IllegalStateException.class, call::run, "lion_step", "closed")
                .and(Outcome.refusal(IllegalStateException.class, () -> call.setLearningRate(1), "lion_step", "closed"))
                .and(Outcome.refusal(IllegalStateException.class, () -> call.setLossScale(2), "lion_step", "closed"))
                .and(at.untouched());
    }

    private static Outcome rateWhileCapturing(Tensors at, Stream stream) {
        Outcome[] refused = new Outcome[2];
        try (LionCall call = LION.bind(stream, at.parameter, at.momentum, at.gradient)) {
            stream.capture(() -> {
                        call.run();
                        refused[0] = Outcome.refusal(
                                IllegalStateException.class, () -> call.setLearningRate(1), "learning rate", "capture");
                        refused[1] = Outcome.refusal(
                                IllegalStateException.class, () -> call.setLossScale(2), "loss scale", "capture");
                    })
                    .close();
        }
        return refused[0].and(refused[1]).and(at.untouched());
    }

    @FunctionalInterface
    private interface Body {
        Outcome on(Tensors at, Stream stream) throws Exception;
    }

    /** Three FP32 tensors that a refused call must leave as they are. */
    private static final class Tensors {
        private final TensorArena arena;
        private final Tensor parameter;
        private final Tensor momentum;
        private final Tensor gradient;

        Tensors(TensorArena arena) {
            this.arena = arena;
            this.parameter = allocate(DType.FP32);
            this.momentum = allocate(DType.FP32);
            this.gradient = allocate(DType.FP32);
        }

        Tensor allocate(DType dtype) {
            return arena.allocate(dtype, SIZE).fill(FILL);
        }

        Outcome untouched() {
            for (Tensor tensor : List.of(parameter, momentum, gradient)) {
                if (Arrays.stream(tensor.toDoubleArray()).anyMatch(value -> value != FILL)) {
                    return Outcome.failed(
                            "written in spite of the refusal: " + Arrays.toString(tensor.toDoubleArray()));
                }
            }
            return Outcome.passed("");
        }
    }
}
