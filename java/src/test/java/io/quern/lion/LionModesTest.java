package io.quern.lion;

import io.quern.EmulatorModes;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kernels under every check and adversarial mode of the emulator. */
class LionModesTest {
    @TestFactory
    List<DynamicTest> onTheEmulator() {
        return EmulatorModes.of("lion")
                .cases(
                        LionCases.all(),
                        "step n=4098",
                        "step of unaligned views",
                        "many tensors as single steps",
                        "copies in BF16",
                        "skipped elements",
                        "clipped norm n=4098",
                        "cautious n=4098",
                        "cautious, many tensors",
                        "clipped norm of many tensors",
                        "the loss scale of a clipped norm in stream order",
                        "found with SKIP_STEP",
                        "zeroed gradients",
                        "stochastic rounding n=207",
                        "stochastic rounding, cut anyhow",
                        "step numbers in stream order",
                        "the rates change in stream order")
                .tests();
    }
}
