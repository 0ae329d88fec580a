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
                        "the rate changes in stream order")
                .tests();
    }
}
