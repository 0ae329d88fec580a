package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import io.quern.EmulatorModes;
import io.quern.Outcome;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kernels under every check and adversarial mode of the emulator: those of all fields of {@link CudaCatalogue}. */
class OdeModesTest {
    private static final DType[] TYPES = {DType.FP64, DType.FP32};

    @TestFactory
    List<DynamicTest> onTheEmulator() {
        EmulatorModes modes = EmulatorModes.of("ode");
        CudaCatalogue.all().forEach((name, known) -> {
            if (known.parts().contains(CudaKernel.Part.SOLVE)) {
                modes.work("fixed " + name, device -> fixed(device, known.field()))
                        .work("adaptive " + name, device -> adaptive(device, known.field()));
            }
            if (known.parts().contains(CudaKernel.Part.SAVE)) {
                modes.work("saving " + name, device -> saving(device, known.field()));
            }
        });
        return modes.work("bouncing", device -> events(device, OdeFollowCases::bouncingSameBits))
                .work("houses", device -> events(device, HotWaterCases::morningSameBits))
                .tests();
    }

    private interface Events {
        Outcome sameBits(Device device, DType dtype, Method method);
    }

    private static void events(Device device, Events events) {
        for (DType dtype : TYPES) {
            for (Method method : Method.values()) {
                if (method.adaptive()) {
                    Outcome outcome = events.sameBits(device, dtype, method);
                    assertTrue(outcome.passed(), () -> method + " in " + dtype + ": " + outcome);
                }
            }
        }
    }

    private static void saving(Device device, OdeField field) {
        for (DType dtype : TYPES) {
            for (Method method : Method.values()) {
                Outcome outcome = OdeFollowCases.savingSameBits(device, dtype, field, method);
                assertTrue(outcome.passed(), () -> method + " in " + dtype + ": " + outcome);
            }
        }
    }

    private static void fixed(Device device, OdeField field) {
        for (DType dtype : TYPES) {
            for (Method method : Method.values()) {
                Outcome outcome = OdeCases.methodSameBits(device, dtype, field, method);
                assertTrue(outcome.passed(), () -> method + " in " + dtype + ": " + outcome);
            }
        }
    }

    private static void adaptive(Device device, OdeField field) {
        for (DType dtype : TYPES) {
            Outcome outcome = OdeCases.adaptiveSameBits(device, dtype, field);
            assertTrue(outcome.passed(), () -> dtype + ": " + outcome);
        }
    }
}
