package io.quern.cuda;

import io.quern.DeviceUnavailableException;

/**
 * The one CUDA driver of this process: NVIDIA's, or Quern's emulator of it. Both are a {@code libcuda.so.1}, and a process
 * binds one; which, {@code -Dio.quern.cuda=driver|emulator} says at start-up.
 */
public final class CudaDriver {
    /** The property that names the provider. */
    public static final String PROPERTY = "io.quern.cuda";

    private CudaDriver() {}

    /** Whose {@code libcuda.so.1} it is. */
    public enum Provider {
        /** NVIDIA's, for the GPUs of this machine. */
        DRIVER,
        /** Quern's emulator, which runs PTX on the CPU. */
        EMULATOR;

        /** {@return the value of {@link #PROPERTY} that chooses it} */
        public String property() {
            return this == DRIVER ? "driver" : "emulator";
        }
    }

    /**
     * Whether there is CUDA here, or why not and what to do.
     *
     * @param available whether there is at least one device
     * @param provider whose driver was looked for
     * @param deviceCount how many devices it has
     * @param driverVersion the newest CUDA it supports, 12040 for 12.4; 0 where unknown
     * @param cause in one line, empty if available
     * @param cure in one line, empty if available
     */
    public record Availability(
            boolean available, Provider provider, int deviceCount, int driverVersion, String cause, String cure) {
        static Availability of(Provider provider, int deviceCount, int driverVersion) {
            return new Availability(true, provider, deviceCount, driverVersion, "", "");
        }
    }

    /** {@return whose driver this process uses, chosen at start-up} */
    public static Provider provider() {
        return availability().provider();
    }

    /**
     * Looks for CUDA, once; later calls return what the first one found. Never throws, and calls nothing native before it is
     * known to be there.
     */
    public static Availability availability() {
        return Found.PROBE.availability();
    }

    /**
     * Insists on a device.
     *
     * @throws DeviceUnavailableException with cause and cure, if it is not there
     */
    public static void require(int ordinal) {
        Availability found = availability();
        String device = "cuda:" + ordinal;
        if (!found.available()) {
            throw new DeviceUnavailableException(device, found.cause(), found.cure());
        }
        if (ordinal < 0 || ordinal >= found.deviceCount()) {
            throw new DeviceUnavailableException(
                    device,
                    "the driver shows " + found.deviceCount() + " device(s), numbered from 0",
                    "use cuda:0"
                            + (found.deviceCount() > 1 ? " to cuda:" + (found.deviceCount() - 1) : "")
                            + ", or show more devices with CUDA_VISIBLE_DEVICES");
        }
    }

    /**
     * Insists on a provider.
     *
     * @throws DeviceUnavailableException if this process was started with the other one
     */
    public static void require(Provider wanted) {
        if (provider() != wanted) {
            throw new DeviceUnavailableException(
                    "CUDA by the " + wanted.property(),
                    "this process uses the " + provider().property() + ", and a process binds one libcuda.so.1",
                    "start another with -D" + PROPERTY + "=" + wanted.property());
        }
    }

    /** {@return the driver; only after {@link #availability} said that there is one} */
    static DynamicLibrary library() {
        return Found.PROBE.library();
    }

    /** Apart, so that the enum and the records above can be used without looking for a driver. */
    private static final class Found {
        static final DriverProbe PROBE = DriverProbe.run();

        private Found() {}
    }
}
