package io.quern;

/**
 * A kernel bound to its arguments on one device. Everything was checked and sized when it was made: {@code run} checks
 * nothing and allocates nothing.
 */
@FunctionalInterface
public interface Launch {
    /** Runs on the host, or hands the kernel to its CUDA stream. */
    void run();

    /** Frees what the launch holds besides its workspace. */
    default void close() {}
}
