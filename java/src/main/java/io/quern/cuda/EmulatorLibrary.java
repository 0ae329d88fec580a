package io.quern.cuda;

import io.quern.cuda.CudaDriver.Provider;
import io.quern.emulator.Emulator;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** The one class that knows {@code quern-emulator}, which need not be on the class path. */
final class EmulatorLibrary {
    private EmulatorLibrary() {}

    /**
     * Makes the emulator this process's {@code libcuda.so.1}.
     *
     * @throws NoClassDefFoundError if it is not on the class path
     */
    static void load() {
        Emulator.load();
    }

    /** Tells the emulator how many registers the kernels of a module need, which a driver finds out by itself. */
    static void tellRegisters(byte[] ptx, Map<String, Integer> registers) {
        Emulator.registers(new String(ptx, StandardCharsets.US_ASCII), registers);
    }

    /** {@return what the emulator saw go wrong, to be appended to a message; empty if another driver is used} */
    static String report() {
        if (CudaDriver.provider() != Provider.EMULATOR) {
            return "";
        }
        String report = Emulator.report();
        return report.isBlank() ? "" : "\n" + report.strip();
    }
}
