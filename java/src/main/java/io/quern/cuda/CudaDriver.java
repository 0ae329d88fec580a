package io.quern.cuda;

public final class CudaDriver {
    public enum Provider {
        DRIVER,
        EMULATOR
    }

    public record Availability(
            boolean available,
            Provider provider,
            int deviceCount,
            int driverVersion,
            String cause,
            String cure) {}

    public static Availability availability() {
        return new Availability(false, Provider.DRIVER, 0, 0, "stub", "none");
    }
}
