package io.quern.attention;

import static io.quern.attention.AttentionProblem.extras;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import io.quern.EmulatorModes;
import io.quern.Outcome;
import io.quern.TestDevices;
import io.quern.attention.AttentionProblem.Extra;
import io.quern.cuda.CudaContext;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kernels under every check and adversarial mode of the emulator. */
class AttentionModesTest {
    @TestFactory
    List<DynamicTest> onTheEmulator() {
        EmulatorModes modes = EmulatorModes.of("attention")
                .cases(
                        AttentionCases.all(),
                        "forward everything",
                        "forward few queries, everything",
                        "merge: 37 channels",
                        "paged: pages of 7, queries=3",
                        "paged: tokens appended",
                        "paged: FP32 over FP16, queries=3",
                        "paged: FP32 over BF16, queries=3",
                        "paged: FP32 tokens appended",
                        "rows: SOFTMAX n=1025",
                        "rows: SOFTMAX backward n=1025");
        for (DType dtype : List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16)) {
            Attention causal = Attention.causal(12).withValueDim(10);
            backward(modes, "everything", causal.withSoftcap(5), dtype, 9, 12, extras(Extra.values()));
            modes.work(
                    "forward, many channels " + dtype,
                    device -> forward(Attention.full(20).withValueDim(72), dtype, device));
            if (dtype.bytes() == 2 && tensorCores()) {
                modes.work("forward, tensor, wide " + dtype, cuda -> AttentionCudaTest.packedRows(cuda, dtype, 200, 0));
                backward(modes, "tensor", Attention.causal(64), dtype, 33, 66, extras());
                backward(modes, "tensor, wide", Attention.full(128), dtype, 20, 66, extras());
            }
        }
        return modes.tests();
    }

    /** Whether the kernels for tensor cores ship for this JVM's device; the others would serve in their place. */
    private static boolean tensorCores() {
        return TestDevices.all().stream()
                .anyMatch(device -> device instanceof Device.Cuda cuda
                        && CudaContext.of(cuda.ordinal()).properties().atLeast(8, 0));
    }

    private static void forward(Attention attention, DType dtype, Device device) {
        AttentionProblem problem = new AttentionProblem(attention, dtype, 1, 2, 1, 9, 21, extras());
        Outcome outcome = AttentionOracle.judge(problem, problem.on(device));
        assertTrue(outcome.passed(), outcome::toString);
    }

    private static void backward(
            EmulatorModes modes,
            String name,
            Attention attention,
            DType dtype,
            int queries,
            int keys,
            Set<Extra> extras) {
        UnaryOperator<AttentionProblem.Result> of =
                name.startsWith("tensor") ? AttentionProblem.Result::withoutEntropy : UnaryOperator.identity();
        modes.work(
                "backward, " + name + " " + dtype,
                device -> AttentionBackwardTest.assertGradients(
                        new AttentionProblem(attention, dtype, 1, 2, 1, queries, keys, extras), device, of));
    }
}
