package io.quern.cpu;

import io.quern.DeviceUnavailableException;

/** Whether the JVM was started with the Vector API. Touches none of its classes: they may be absent. */
public final class VectorModule {
    private static final String NAME = "jdk.incubator.vector";
    private static final boolean PRESENT = ModuleLayer.boot().findModule(NAME).isPresent();

    private VectorModule() {}

    /** {@return whether the Vector API is there} */
    public static boolean present() {
        return PRESENT;
    }

    /**
     * Checks that the Vector API is there.
     *
     * @throws DeviceUnavailableException with the cure if it is not: no jar can add the module by itself
     */
    public static void require() {
        if (!PRESENT) {
            throw new DeviceUnavailableException(
                    "cpu",
                    "the JVM was started without the module " + NAME,
                    "start it with --add-modules " + NAME + ", or use Device.reference()");
        }
    }
}
