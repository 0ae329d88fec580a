package io.quern;

/**
 * One thing that must hold on every device. The tests run it and so does {@code ./quern verify}: a case is written once.
 *
 * @param room the kernel family
 * @param name says the settings: {@code "step n=4098"}; unique with room and type
 * @param kind what is asserted
 * @param dtype the type the case is about; null where it is about none
 * @param body does it
 */
public record Case(String room, String name, Kind kind, DType dtype, Body body) {
    /** What a case asserts. */
    public enum Kind {
        /** The result, against an oracle, within a derived bound. */
        NUMERIC,
        /** A mathematical identity. */
        PROPERTY,
        /** That bad input is refused clearly and leaves every output untouched. */
        REFUSAL
    }

    /** What a case does. */
    @FunctionalInterface
    public interface Body {
        /**
         * Runs on a device.
         *
         * @throws Exception counts as a failure
         */
        Outcome on(Device device) throws Exception;
    }

    /** {@return the outcome on a device; an exception becomes a failure that says where it came from} */
    public Outcome on(Device device) {
        try {
            return body.on(device);
        } catch (Exception | AssertionError | LinkageError thrown) {
            StackTraceElement[] trace = thrown.getStackTrace();
            return Outcome.failed(thrown + (trace.length == 0 ? "" : " at " + trace[0]));
        }
    }

    @Override
    public String toString() {
        return room + " " + name + (dtype == null ? "" : " " + dtype);
    }
}
