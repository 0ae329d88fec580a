package io.quern;

/**
 * A device that was asked for by name cannot be used here. The message is one line: the device, why it is not there, and
 * what to do about it.
 */
public final class DeviceUnavailableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String device;
    private final String reason;
    private final String cure;

    /**
     * @param device its name, as {@code "cuda:0"}
     * @param reason why it cannot be used, without a full stop
     * @param cure what its user can do, without a full stop
     */
    public DeviceUnavailableException(String device, String reason, String cure) {
        super(device + " is not available: " + reason + "; " + cure);
        this.device = device;
        this.reason = reason;
        this.cure = cure;
    }

    /** {@return the name of the device that was asked for} */
    public String device() {
        return device;
    }

    /** {@return why it cannot be used} */
    public String reason() {
        return reason;
    }

    /** {@return what its user can do} */
    public String cure() {
        return cure;
    }
}
