package io.quern.flow;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.Allocation;
import io.quern.BoundCall;
import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import io.quern.flow.FlowProblem.Output;
import java.util.List;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs {@link FlowCases} on every device, and what is not a case. */
class FlowTest {
    @TestFactory
    List<DynamicContainer> cases() {
        return TestDevices.all().stream()
                .map(device -> DynamicContainer.dynamicContainer(
                        device.name(),
                        FlowCases.all().stream()
                                .map(c -> DynamicTest.dynamicTest(c.toString(), () -> check(c, device)))))
                .toList();
    }

    private static void check(Case c, Device device) {
        Outcome outcome = c.on(device);
        assertTrue(outcome.passed(), () -> c + " on " + device + ": " + outcome);
    }

    /** Queries of both kinds, more than one part has. */
    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32"})
    @Tag("cpu")
    void bitsDoNotDependOnThreads(DType dtype) {
        double[] times = new double[601];
        for (int i = 0; i < times.length; i++) {
            times[i] = 0.02 + 0.005 * i;
        }
        FlowProblem problem = FlowProblem.random(Flow.varianceExploding(), dtype, times.length, 200, 6, true, times);
        double[] expected = problem.on(Device.cpu(1), Output.VELOCITY).of().get(Output.VELOCITY);
        for (int threads : new int[] {2, 7}) {
            Outcome outcome = Outcome.sameBits(
                    expected,
                    problem.on(Device.cpu(threads), Output.VELOCITY).of().get(Output.VELOCITY));
            assertTrue(outcome.passed(), () -> threads + " threads: " + outcome);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32"})
    @Tag("cpu")
    void aRunOnTheCpuAllocatesNothing(DType dtype) {
        Device device = Device.cpu(1);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = arena.allocate(dtype, 5, 70).fill(0.25);
            Tensor y = arena.allocate(dtype, 140, 70).fill(0.5);
            Tensor w = arena.allocate(dtype, 140).fill(2);
            for (Noise noise : List.of(
                    Noise.gaussian(), Noise.student(3), Noise.tanh(), Noise.exponential(), Noise.uniform(-1, 1))) {
                Flow flow = Flow.straight(noise);
                try (BoundCall all = flow.evaluate()
                                .queries(x)
                                .data(y)
                                .weights(w)
                                .time(0.5)
                                .mean(arena.allocate(dtype, 5, 70))
                                .velocity(arena.allocate(dtype, 5, 70))
                                .score(arena.allocate(dtype, 5, 70))
                                .logDensity(arena.allocate(dtype, 5))
                                .divergence(arena.allocate(dtype, 5))
                                .bind(stream);
                        BoundCall velocity = flow.evaluate()
                                .queries(x)
                                .data(y)
                                .time(0.5)
                                .velocity(arena.allocate(dtype, 5, 70))
                                .bind(stream);
                        BoundCall gradient = flow.gradient()
                                .queries(x)
                                .data(y)
                                .time(0.5)
                                .velocityGradient(arena.allocate(dtype, 5, 70))
                                .queriesGradient(arena.allocate(dtype, 5, 70))
                                .bind(stream)) {
                    Allocation.assertNone(gradient.toString(), gradient::run);
                    Allocation.assertNone(all.toString(), all::run);
                    Allocation.assertNone(velocity.toString(), velocity::run);
                }
            }
        }
    }
}
