package io.quern.linear;

import io.quern.EmulatorModes;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kernels under every check and adversarial mode of the emulator. */
class LinearModesTest {
    @TestFactory
    List<DynamicTest> onTheEmulator() {
        return EmulatorModes.of("linear")
                .cases(LinearCases.all(), "adapters: a pick a token 70x33x40", "adapters: segments", "adapters: ranks")
                .tests();
    }
}
