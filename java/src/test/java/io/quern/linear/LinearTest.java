package io.quern.linear;

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
import java.util.List;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs {@link LinearCases} on every device, and what is not a case. */
class LinearTest {
    @TestFactory
    List<DynamicContainer> cases() {
        return TestDevices.all().stream()
                .map(device -> DynamicContainer.dynamicContainer(
                        device.name(),
                        LinearCases.all().stream()
                                .map(c -> DynamicTest.dynamicTest(c.toString(), () -> check(c, device)))))
                .toList();
    }

    private static void check(Case c, Device device) {
        Outcome outcome = c.on(device);
        assertTrue(outcome.passed(), () -> c + " on " + device + ": " + outcome);
    }

    /** Blocks of C are cut by the number of threads; no bit of it is. */
    @ParameterizedTest
    @EnumSource(names = {"FP64", "BF16"})
    @Tag("cpu")
    void bitsDoNotDependOnThreads(DType dtype) {
        double[] alone = product(dtype, 1);
        for (int threads : new int[] {2, 7}) {
            Outcome outcome = Outcome.sameBits(alone, product(dtype, threads));
            assertTrue(outcome.passed(), () -> threads + " threads: " + outcome);
        }
    }

    private static double[] product(DType dtype, int threads) {
        Device device = Device.cpu(threads);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            GemmProblem problem = GemmProblem.of(Gemm.PRODUCT.transposeB().beta(0.5), dtype, 71, 60, 300);
            Tensor c = problem.random(arena, dtype, 3, problem.shapeOfC());
            problem.gemm()
                    .run(
                            stream,
                            problem.random(arena, dtype, 1, problem.shapeOfA()),
                            problem.random(arena, dtype, 2, problem.shapeOfB()),
                            c);
            return c.toDoubleArray();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    @Tag("cpu")
    void aRunOnTheCpuAllocatesNothing(DType dtype) {
        Device device = Device.cpu(1);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor a = arena.allocate(dtype, 2, 10, 20).fill(0.5);
            Tensor b = arena.allocate(dtype, 2, 20, 50).fill(0.5);
            Tensor c = arena.allocate(dtype, 2, 10, 50);
            Tensor d = arena.allocate(dtype, 2, 20, 20);
            Tensor e = arena.allocate(dtype, 2, 20, 10);
            try (BoundCall plain = Gemm.PRODUCT.alpha(2).beta(0.25).bind(stream, a, b, c);
                    BoundCall transposed = Gemm.PRODUCT.transposeA().bind(stream, a, a, d);
                    BoundCall both = Gemm.PRODUCT.transposeA().transposeB().bind(stream, a, e, d)) {
                Allocation.assertNone(plain.toString(), plain::run);
                Allocation.assertNone(transposed.toString(), transposed::run);
                Allocation.assertNone(both.toString(), both::run);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void anAdaptedLayerAllocatesNothing(DType dtype) {
        Device device = Device.cpu(1);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Lora lora = Lora.of(2, 4);
            Tensor x = arena.allocate(dtype, 5, 6).fill(0.5);
            Tensor w = arena.allocate(dtype, 6, 7).fill(0.5);
            Tensor a = arena.allocate(dtype, 6, 2).fill(0.5);
            Tensor b = arena.allocate(dtype, 2, 7).fill(0.5);
            Tensor y = arena.allocate(dtype, 5, 7);
            try (BoundCall forward =
                            lora.forward().x(x).weight(w).a(a).b(b).out(y).bind(stream);
                    BoundCall backward = lora.backward()
                            .x(x)
                            .weight(w)
                            .a(a)
                            .b(b)
                            .outGradient(y)
                            .xGradient(arena.allocate(dtype, 5, 6))
                            .aGradient(arena.allocate(dtype, 6, 2))
                            .bGradient(arena.allocate(dtype, 2, 7))
                            .bind(stream)) {
                Allocation.assertNone(forward.toString(), forward::run);
                Allocation.assertNone(backward.toString(), backward::run);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "BF16"})
    void adaptersAllocateNothing(DType dtype) {
        Device device = Device.cpu(1);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            try (BoundCall call = Adapters.of(0.5)
                    .apply()
                    .x(arena.allocate(dtype, 3, 5))
                    .a(arena.allocate(dtype, 2, 5, 4))
                    .b(arena.allocate(dtype, 2, 4, 9))
                    .picks(arena.allocate(DType.INT32, 2))
                    .starts(arena.allocate(DType.INT32, 3).copyFrom(new int[] {0, 1, 3}))
                    .ranks(arena.allocate(DType.INT32, 2).fill(3))
                    .out(arena.allocate(dtype, 3, 9))
                    .bind(stream)) {
                Allocation.assertNone(call.toString(), call::run);
            }
        }
    }
}
