package io.quern.flow;

import io.quern.EmulatorModes;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kernels under every check and adversarial mode of the emulator. */
class FlowModesTest {
    @TestFactory
    List<DynamicTest> onTheEmulator() {
        EmulatorModes modes = EmulatorModes.of("flow");
        for (String name : List.of("rectified", "poisson", "uniform prior", "radial tanh", "radial exponential")) {
            modes.cases(
                    FlowCases.all(),
                    name + " n=17 m=67 d=3",
                    name + " n=37 m=131 d=70",
                    "gradient, " + name + " n=17 m=67 d=3",
                    "gradient, " + name + " n=2 m=131 d=70");
        }
        return modes.cases(FlowCases.all(), "poisson n=3 m=1100 d=3", "poisson n=3 m=70 d=260", "sampler: combinations")
                .tests();
    }
}
