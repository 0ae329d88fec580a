package io.quern;

/**
 * One operation on one kind of device.
 *
 * @param <A> the operation's arguments
 */
@FunctionalInterface
public interface Kernel<A extends Arguments> {
    /**
     * Prepares a launch: chooses splits, writes the argument block.
     *
     * @param arguments checked, on a device that {@code stream} can reach
     * @param workspace at least {@link #workspaceBytes} of scratch memory on the stream's device
     */
    Launch bind(A arguments, Stream stream, Workspace workspace);

    /** {@return how much scratch memory a launch with these arguments needs, in bytes} */
    default long workspaceBytes(A arguments, Stream stream) {
        return 0;
    }
}
