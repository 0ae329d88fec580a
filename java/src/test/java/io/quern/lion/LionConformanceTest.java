package io.quern.lion;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Our devices conform; implementations with known mistakes do not, by the check that is about each. */
class LionConformanceTest {
    @TestFactory
    List<DynamicTest> ours() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            for (LionConformance.Check check : LionConformance.checks()) {
                tests.add(
                        DynamicTest.dynamicTest(device.name() + ": " + check, () -> assertNull(check.of(on(device)))));
            }
        }
        return tests;
    }

    private static LionConformance.Implementation on(Device device) {
        return (rate, beta1, beta2, decay, theta, m, g) -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensor parameter = tensor(arena, theta);
                Tensor momentum = tensor(arena, m);
                Lion.of(rate)
                        .withBetas(beta1, beta2)
                        .withWeightDecay(decay)
                        .step(stream, parameter, momentum, tensor(arena, g));
                System.arraycopy(parameter.toFloatArray(), 0, theta, 0, theta.length);
                System.arraycopy(momentum.toFloatArray(), 0, m, 0, m.length);
            }
        };
    }

    private static Tensor tensor(TensorArena arena, float[] values) {
        return arena.allocate(DType.FP32, values.length).copyFrom(values);
    }

    /** As a plain loop writes it, without fma: the checks leave rounding free. */
    @Test
    void aPlainLoopConforms() {
        LionConformance.Implementation lion = stepping((theta, c, decay) -> Math.signum(c) + decay * theta);
        for (LionConformance.Check check : LionConformance.checks()) {
            assertNull(check.of(lion), check.name());
        }
    }

    /** Each is in some library, or was. */
    @TestFactory
    List<DynamicTest> mistakesAreFound() {
        return List.of(
                found("the sign of zero is zero", stepping((theta, c, decay) -> (c < 0 ? -1 : 1) + decay * theta)),
                found(
                        "every size of c steps by the learning rate",
                        stepping((theta, c, decay) -> 2 <= Math.abs(c) && Math.abs(c) < 4 ? Math.signum(c) : 0)),
                found("weight decay is decoupled", (rate, beta1, beta2, decay, theta, m, g) -> {
                    for (int i = 0; i < theta.length; i++) {
                        float coupled = g[i] + decay * theta[i];
                        theta[i] -= rate * Math.signum(beta1 * m[i] + (1 - beta1) * coupled);
                        m[i] = beta2 * m[i] + (1 - beta2) * coupled;
                    }
                }),
                found(
                        "weight decay is of the old parameter",
                        stepping((theta, c, decay) -> Math.signum(c) + decay * (theta - 0.5f * Math.signum(c)))),
                found(
                        "beta1 is the step's, beta2 the momentum's",
                        (rate, beta1, beta2, decay, theta, m, g) -> stepping((old, c, d) -> Math.signum(c) + d * old)
                                .step(rate, beta2, beta1, decay, theta, m, g)),
                found("the step takes the old momentum", (rate, beta1, beta2, decay, theta, m, g) -> {
                    for (int i = 0; i < theta.length; i++) {
                        m[i] = beta2 * m[i] + (1 - beta2) * g[i];
                        theta[i] -= rate * (Math.signum(beta1 * m[i] + (1 - beta1) * g[i]) + decay * theta[i]);
                    }
                }),
                found(
                        "NaN stays NaN, and where it is",
                        stepping((theta, c, decay) -> (c > 0 ? 1 : c < 0 ? -1 : 0) + decay * theta)),
                found(
                        "an infinite gradient steps by the learning rate",
                        stepping((theta, c, decay) -> (c == 0 ? 0 : c / Math.abs(c)) + decay * theta)),
                found(
                        "outside the guard band the sign is that of c",
                        stepping((theta, c, decay) -> (Math.abs(c) < 1e-6f ? 0 : Math.signum(c)) + decay * theta)));
    }

    private static DynamicTest found(String name, LionConformance.Implementation mistaken) {
        return DynamicTest.dynamicTest(name, () -> {
            LionConformance.Check check = LionConformance.checks().stream()
                    .filter(each -> each.name().equals(name))
                    .findFirst()
                    .orElseThrow();
            assertNotNull(check.of(mistaken));
        });
    }

    @FunctionalInterface
    private interface Direction {
        /** What a parameter loses per unit of learning rate. */
        float of(float theta, float c, float decay);
    }

    private static LionConformance.Implementation stepping(Direction direction) {
        return (rate, beta1, beta2, decay, theta, m, g) -> {
            for (int i = 0; i < theta.length; i++) {
                float c = beta1 * m[i] + (1 - beta1) * g[i];
                theta[i] -= rate * direction.of(theta[i], c, decay);
                m[i] = beta2 * m[i] + (1 - beta2) * g[i];
            }
        };
    }
}
