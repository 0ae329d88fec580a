package io.quern.ode;

import io.quern.Case;
import io.quern.Case.Kind;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.List;

/** What the solvers do not take: each is refused by name, and no output is touched. */
final class OdeRefusals {
    private static final double FILL = 7;

    private OdeRefusals() {}

    @FunctionalInterface
    private interface Body {
        void on(Tensors at, Stream stream);
    }

    /** A batch of five, and outputs that a refused call must leave as they are. */
    private static final class Tensors {
        private final TensorArena arena;
        private final Tensor state;
        private final Tensor parameters;
        private final Tensor out;
        private final Tensor statistics;

        Tensors(TensorArena arena) {
            this.arena = arena;
            this.state = arena.allocate(DType.FP32, 3, 5).fill(1);
            this.parameters = arena.allocate(DType.FP32, 3, 5).fill(1);
            this.out = arena.allocate(DType.FP32, 3, 5).fill(FILL);
            this.statistics = arena.allocate(DType.INT32, 4, 5).fill(FILL);
        }

        FixedSolve.Roles fixed() {
            return Ode.of(OdeCatalogue.LORENZ, Method.HEUN)
                    .fixed()
                    .state(state)
                    .parameters(parameters)
                    .end(1)
                    .out(out);
        }

        AdaptiveSolve.Roles adaptive() {
            return Ode.of(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4)
                    .adaptive()
                    .state(state)
                    .parameters(parameters)
                    .end(1)
                    .tolerances(1e-3, 1e-3)
                    .statistics(statistics)
                    .out(out);
        }

        Tensor other(DType dtype, long... shape) {
            return arena.allocate(dtype, shape).fill(1);
        }

        Outcome untouched() {
            boolean same = Arrays.stream(out.toDoubleArray()).allMatch(x -> x == FILL)
                    && Arrays.stream(statistics.toDoubleArray()).allMatch(x -> x == FILL);
            return Outcome.that(same, "written in spite of the refusal");
        }
    }

    static List<Case> all() {
        return List.of(
                refusal(
                        "state of another dimension",
                        (at, s) -> at.fixed().state(at.other(DType.FP32, 4, 5)).run(s),
                        "state",
                        "3",
                        "4"),
                refusal(
                        "state in BF16",
                        (at, s) -> at.fixed().state(at.other(DType.BF16, 3, 5)).run(s),
                        "state",
                        "FP64",
                        "BF16"),
                refusal("no state", (at, s) -> at.fixed().state(null).run(s), "state", "null"),
                refusal("no parameters", (at, s) -> at.fixed().parameters(null).run(s), "parameters", "null"),
                refusal(
                        "parameters of another batch",
                        (at, s) -> at.fixed()
                                .parameters(at.other(DType.FP32, 3, 6))
                                .run(s),
                        "parameters",
                        "3 x 5",
                        "3 x 6"),
                refusal(
                        "parameters in FP64",
                        (at, s) -> at.fixed()
                                .parameters(at.other(DType.FP64, 3, 5))
                                .run(s),
                        "parameters",
                        "FP32",
                        "FP64"),
                refusal(
                        "out of another type",
                        (at, s) -> at.fixed().out(at.other(DType.FP64, 3, 5)).run(s),
                        "out",
                        "FP32",
                        "FP64"),
                refusal(
                        "out upon parameters",
                        (at, s) -> at.fixed().out(at.parameters).run(s),
                        "out",
                        "parameters",
                        "overlap"),
                refusal(
                        "out upon a part of state",
                        (at, s) -> {
                            Tensor wide = at.other(DType.FP32, 4, 5);
                            at.fixed()
                                    .state(wide.slice(0, 0, 3))
                                    .out(wide.slice(0, 1, 4))
                                    .run(s);
                        },
                        "out",
                        "state",
                        "overlap"),
                refusal(
                        "an end that is NaN",
                        (at, s) -> at.fixed().end(Double.NaN).run(s),
                        "end",
                        "finite",
                        "NaN"),
                refusal("end and size", (at, s) -> at.fixed().size(1).run(s), "end", "size", "both given"),
                refusal(
                        "neither end nor size",
                        (at, s) -> Ode.of(OdeCatalogue.LORENZ, Method.HEUN)
                                .fixed()
                                .state(at.state)
                                .parameters(at.parameters)
                                .out(at.out)
                                .run(s),
                        "end",
                        "size",
                        "both missing"),
                refusal(
                        "save points out of order",
                        (at, s) -> at.fixed()
                                .savePoints(0, 0.5, 0.25)
                                .saved(at.other(DType.FP32, 3, 3, 5))
                                .run(s),
                        "savePoints[2]",
                        "0.5",
                        "0.25"),
                refusal(
                        "save points that run against the solve",
                        (at, s) -> at.adaptive()
                                .savePoints(1, 0.5, 0)
                                .saved(at.other(DType.FP32, 3, 3, 5))
                                .run(s),
                        "savePoints[1]",
                        "1.0, forward",
                        "0.5"),
                refusal(
                        "save points that run against the steps",
                        (at, s) -> Ode.of(OdeCatalogue.LORENZ, Method.HEUN)
                                .fixed()
                                .state(at.state)
                                .parameters(at.parameters)
                                .size(-0.5)
                                .savePoints(0, 0.25)
                                .saved(at.other(DType.FP32, 2, 3, 5))
                                .out(at.out)
                                .run(s),
                        "savePoints[1]",
                        "0.0, backward",
                        "0.25"),
                refusal(
                        "a save point that is NaN",
                        (at, s) -> at.adaptive()
                                .savePoints(Double.NaN)
                                .saved(at.other(DType.FP32, 1, 3, 5))
                                .run(s),
                        "savePoints[0]",
                        "finite",
                        "NaN"),
                refusal(
                        "save points without saved",
                        (at, s) -> at.adaptive().savePoints(0.5).run(s),
                        "saved",
                        "null"),
                refusal(
                        "saved without save points",
                        (at, s) -> at.adaptive()
                                .saved(at.other(DType.FP32, 1, 3, 5))
                                .run(s),
                        "saved",
                        "savePoints"),
                refusal(
                        "saved of another shape",
                        (at, s) -> at.adaptive()
                                .savePoints(0.5, 1)
                                .saved(at.other(DType.FP32, 2, 5, 3))
                                .run(s),
                        "saved",
                        "2 x 3 x 5",
                        "2 x 5 x 3"),
                refusal(
                        "saved upon out",
                        (at, s) -> at.fixed()
                                .savePoints(0.5)
                                .saved(at.out.reshape(1, 3, 5))
                                .run(s),
                        "saved",
                        "out",
                        "overlap"),
                refusal(
                        "an event of another field",
                        (at, s) -> at.adaptive()
                                .events(OdeEvent.of(OdeCatalogue.HARMONIC, Crossing.BOTH, (t, y, p) -> y.at(0)))
                                .run(s),
                        "events",
                        "dimension 3",
                        "dimension 2",
                        "OdeRefusals.java"),
                refusal(
                        "records without events",
                        (at, s) -> at.adaptive()
                                .eventCounts(at.other(DType.INT32, 5))
                                .run(s),
                        "events",
                        "none"),
                refusal(
                        "records of another batch",
                        (at, s) -> at.adaptive()
                                .events(anEvent())
                                .eventTimes(at.other(DType.FP32, 2, 4))
                                .run(s),
                        "eventTimes",
                        "5",
                        "4"),
                refusal(
                        "records upon statistics",
                        (at, s) -> at.adaptive()
                                .events(anEvent())
                                .eventNumbers(at.statistics)
                                .run(s),
                        "eventNumbers",
                        "statistics",
                        "overlap"),
                refusal(
                        "a negative tolerance of events",
                        (at, s) -> at.adaptive()
                                .events(anEvent())
                                .eventTolerance(-1)
                                .run(s),
                        "eventTolerance",
                        "-1"),
                refusal(
                        "a reset of too few components",
                        (at, s) -> anEvent().resetting((t, y, p) -> List.of(t)),
                        "reset",
                        "3",
                        "1",
                        "OdeRefusals.java"),
                refusal(
                        "an event without a function",
                        (at, s) -> OdeEvent.of(OdeCatalogue.LORENZ, Crossing.BOTH, (t, y, p) -> null),
                        "function",
                        "null",
                        "OdeRefusals.java"),
                refusal("no steps", (at, s) -> at.fixed().steps(0).run(s), "steps", "1", "0"),
                refusal(
                        "start of another batch",
                        (at, s) -> at.fixed().start(at.other(DType.FP32, 4)).run(s),
                        "start",
                        "5",
                        "4"),
                refusal(
                        "end of another type",
                        (at, s) -> at.adaptive().end(at.other(DType.FP64, 5)).run(s),
                        "end",
                        "FP32",
                        "FP64"),
                refusal(
                        "statistics of another shape",
                        (at, s) -> at.adaptive()
                                .statistics(at.other(DType.INT32, 3, 5))
                                .run(s),
                        "statistics",
                        "4 x 5",
                        "3 x 5"),
                refusal(
                        "lastStep upon out",
                        (at, s) -> at.adaptive()
                                .lastStep(at.out.slice(0, 0, 1).reshape(5))
                                .run(s),
                        "lastStep",
                        "out",
                        "overlap"),
                refusal(
                        "no tolerances",
                        (at, s) -> at.adaptive()
                                .tolerances(new double[] {1}, new double[] {1})
                                .run(s),
                        "rtol",
                        "3",
                        "1"),
                refusal(
                        "tolerances of zero",
                        (at, s) -> at.adaptive().tolerances(0, 0).run(s),
                        "atol[0]",
                        "above 0",
                        "0"),
                refusal(
                        "a negative tolerance",
                        (at, s) -> at.adaptive().tolerances(1e-3, -1).run(s),
                        "atol[0]",
                        "-1"),
                refusal(
                        "least above most",
                        (at, s) -> at.adaptive().minStep(1).maxStep(0.5).run(s),
                        "maxStep",
                        "1.0",
                        "0.5"),
                refusal("no budget", (at, s) -> at.adaptive().maxSteps(0).run(s), "maxSteps", "0"),
                refusal(
                        "adaptive without an error estimate",
                        (at, s) -> Ode.of(OdeCatalogue.LORENZ, Method.RUNGE_KUTTA_4)
                                .adaptive()
                                .state(at.state)
                                .parameters(at.parameters)
                                .end(1)
                                .tolerances(1e-3, 1e-3)
                                .out(at.out)
                                .run(s),
                        "method",
                        "error",
                        "RUNGE_KUTTA_4"),
                refusal(
                        "a constant too large for FP32",
                        (at, s) -> {
                            OdeField large = OdeField.of(
                                    3, 0, (t, y, p) -> List.of(y.at(0).times(1e300), t, t));
                            Ode.of(large, Method.EULER)
                                    .fixed()
                                    .state(at.state)
                                    .end(1)
                                    .out(at.out)
                                    .run(s);
                        },
                        "1.0E300",
                        "FP32",
                        "OdeRefusals.java"));
    }

    private static OdeEvent anEvent() {
        return OdeEvent.of(OdeCatalogue.LORENZ, Crossing.BOTH, (t, y, p) -> y.at(0));
    }

    private static Case refusal(String name, Body body, String... parts) {
        return new Case("ode", "refuses " + name, Kind.REFUSAL, null, device -> refused(device, body, parts));
    }

    private static Outcome refused(Device device, Body body, String... parts) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensors at = new Tensors(arena);
            return Outcome.refusal(IllegalArgumentException.class, () -> body.on(at, stream), parts)
                    .and(at.untouched());
        }
    }
}
