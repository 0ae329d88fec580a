package io.quern.attention;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.Case;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.TestDevices;
import java.util.List;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Runs {@link AttentionCases} on every device. */
class AttentionTest {
    @TestFactory
    List<DynamicContainer> cases() {
        return TestDevices.all().stream()
                .map(device -> DynamicContainer.dynamicContainer(
                        device.name(),
                        AttentionCases.all().stream()
                                .map(c -> DynamicTest.dynamicTest(c.toString(), () -> check(c, device)))))
                .toList();
    }

    private static void check(Case c, Device device) {
        Outcome outcome = c.on(device);
        assertTrue(outcome.passed(), () -> c + " on " + device + ": " + outcome);
    }
}
