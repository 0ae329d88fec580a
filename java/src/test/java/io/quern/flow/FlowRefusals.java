package io.quern.flow;

import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.Case;
import io.quern.DType;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;

/** What flows refuse, and how. */
final class FlowRefusals {
    private FlowRefusals() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        refusal(
                cases,
                "no data",
                (roles, arena) -> roles.data(arena.allocate(FP32, 0, 3)),
                "data",
                "one datum or more");
        refusal(cases, "other channels", (roles, arena) -> roles.data(arena.allocate(FP32, 4, 2)), "data", "[any x 3]");
        refusal(
                cases,
                "another type",
                (roles, arena) -> roles.data(arena.allocate(FP64, 4, 3)),
                "data",
                "FP32",
                "FP64");
        refusal(
                cases,
                "a type of 16 bits",
                (roles, arena) -> roles.queries(arena.allocate(DType.BF16, 2, 3)),
                "queries",
                "FP64 or FP32");
        refusal(cases, "one axis", (roles, arena) -> roles.queries(arena.allocate(FP32, 3)), "queries", "2 axes");
        refusal(cases, "too few weights", (roles, arena) -> roles.weights(arena.allocate(FP32, 3)), "weights", "[4]");
        refusal(
                cases,
                "times of another type",
                (roles, arena) -> roles.times(arena.allocate(FP32, 2)),
                "times",
                "FP64");
        refusal(cases, "too many times", (roles, arena) -> roles.times(arena.allocate(FP64, 3)), "times", "(1) or (2)");
        refusal(cases, "sigma of 0", (roles, arena) -> roles.time(0), "time", "sigma is above 0", "0.0");
        refusal(cases, "no time", (roles, arena) -> roles.time(Double.NaN), "time", "NaN");
        refusal(cases, "a short output", (roles, arena) -> roles.score(arena.allocate(FP32, 2, 2)), "score", "[2 x 3]");
        refusal(
                cases,
                "an output of another type",
                (roles, arena) -> roles.logDensity(arena.allocate(FP64, 2)),
                "logDensity",
                "FP32");
        refusal(cases, "no output", (roles, arena) -> roles.velocity(null), "the outputs", "none");
        cases.add(new Case("flow", "refuses an output over an input", Case.Kind.REFUSAL, FP32, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensor x = arena.allocate(FP32, 2, 3);
                Evaluation.Roles roles = Flow.poisson()
                        .evaluate()
                        .queries(x)
                        .data(arena.allocate(FP32, 4, 3))
                        .time(1)
                        .mean(x);
                return Outcome.refusal(
                        IllegalArgumentException.class, () -> roles.bind(stream), "mean", "queries", "overlap");
            }
        }));
        return cases;
    }

    private static void refusal(
            List<Case> cases, String name, BiConsumer<Evaluation.Roles, TensorArena> spoil, String... parts) {
        cases.add(new Case("flow", "refuses " + name, Case.Kind.REFUSAL, FP32, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Fenced velocity = Fenced.allocate(arena, FP32, 2, 3);
                Evaluation.Roles roles = Flow.poisson()
                        .evaluate()
                        .queries(arena.allocate(FP32, 2, 3))
                        .data(arena.allocate(FP32, 4, 3))
                        .time(1)
                        .velocity(velocity.tensor());
                spoil.accept(roles, arena);
                boolean untouched =
                        Arrays.stream(velocity.tensor().toDoubleArray()).allMatch(Double::isNaN);
                return Outcome.refusal(IllegalArgumentException.class, () -> roles.run(stream), parts)
                        .and(Outcome.that(untouched, "the output was touched"));
            }
        }));
    }
}
