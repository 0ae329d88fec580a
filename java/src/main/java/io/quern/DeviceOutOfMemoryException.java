package io.quern;

/** A device has no room for an allocation. Nothing was allocated, and what was there before is untouched. */
public final class DeviceOutOfMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String device;
    private final long requested;
    private final long free;
    private final long total;

    /**
     * @param device its name, as {@code "cuda:0"}
     * @param requested bytes asked for
     * @param free bytes the device says are free; they need not lie together
     * @param total bytes the device has
     */
    public DeviceOutOfMemoryException(String device, long requested, long free, long total) {
        super(device
                + " is out of memory: "
                + requested
                + " bytes requested, "
                + free
                + " free, "
                + total
                + " in total");
        this.device = device;
        this.requested = requested;
        this.free = free;
        this.total = total;
    }

    /** {@return the name of the device} */
    public String device() {
        return device;
    }

    /** {@return bytes asked for} */
    public long requested() {
        return requested;
    }

    /** {@return bytes that were free} */
    public long free() {
        return free;
    }

    /** {@return bytes the device has} */
    public long total() {
        return total;
    }
}
