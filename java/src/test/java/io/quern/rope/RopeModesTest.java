package io.quern.rope;

import io.quern.EmulatorModes;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kernels under every check and adversarial mode of the emulator. */
class RopeModesTest {
    @TestFactory
    List<DynamicTest> onTheEmulator() {
        return EmulatorModes.of("rope")
                .cases(
                        RopeCases.all(),
                        "table bits",
                        "scaled Llama",
                        "packed qkv",
                        "unaligned rows",
                        "axes rotation",
                        "ragged",
                        "offset",
                        "joint in place",
                        "joint cache HEADS_FIRST",
                        "joint without values")
                .tests();
    }
}
