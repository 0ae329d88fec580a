package io.quern.cuda;

import io.quern.cuda.CudaDriver.Provider;

/** The one class that knows {@code quern-emulator}, which need not be on the class path. */
final class EmulatorLibrary {
    private EmulatorLibrary() {}

    /**
     * Makes the emulator this process's {@code libcuda.so.1}.
     *
     * @throws NoClassDefFoundError if it is not on the class path
     */
    static void load() {
        call("load");
    }

    /** {@return what the emulator saw go wrong, to be appended to a message; empty if another driver is used} */
    static String report() {
        if (CudaDriver.provider() != Provider.EMULATOR) {
            return "";
        }
        String report = (String) call("report");
        return report.isBlank() ? "" : "\n" + report.strip();
    }

    private static Object call(String method) {
        try {
            return Class.forName("io.quern.emulator.Emulator").getMethod(method).invoke(null);
        } catch (ClassNotFoundException e) {
            throw new NoClassDefFoundError(e.getMessage());
        } catch (java.lang.reflect.InvocationTargetException e) {
            throw new UnsatisfiedLinkError(String.valueOf(e.getCause()));
        } catch (ReflectiveOperationException e) {
            throw new UnsatisfiedLinkError(e.toString());
        }
    }
}
