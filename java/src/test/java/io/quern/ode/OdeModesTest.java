package io.quern.ode;

import io.quern.EmulatorModes;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kernels under every check and adversarial mode of the emulator. */
class OdeModesTest {
    /** Of {@link CudaCatalogue}, as cases name them. */
    private static final List<String> FIELDS =
            List.of("decay", "harmonic", "Lorenz", "Van der Pol", "Kepler", "Arenstorf", "free fall");

    @TestFactory
    List<DynamicTest> onTheEmulator() {
        return EmulatorModes.of("ode")
                .cases(
                        OdeCases.all(),
                        FIELDS.stream()
                                .flatMap(field -> Stream.of("fixed " + field, "adaptive " + field))
                                .toArray(String[]::new))
                .tests();
    }
}
