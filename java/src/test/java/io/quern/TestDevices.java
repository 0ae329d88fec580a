package io.quern;

import java.util.List;
import java.util.stream.Stream;

/** The devices on which this test JVM runs the cases; the build chooses them by a system property. */
public final class TestDevices {
    private static final String PROPERTY = "io.quern.test.devices";

    private TestDevices() {}

    /** {@return all of them; reference and cpu where the build says nothing} */
    public static List<Device> all() {
        return Stream.of(System.getProperty(PROPERTY, "reference,cpu").split(","))
                .map(Device::named)
                .toList();
    }
}
