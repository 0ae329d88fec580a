package io.quern.bench.measure;

import java.util.List;

/** A kernel with its tensors, ready to be timed again and again. Opened, used and closed by one thread. */
public interface Workload extends AutoCloseable {
    /** Makes one call as an application would; returns when its result is there. */
    void run();

    /**
     * Makes one call and compares its result with the oracle.
     *
     * @throws Disagreement if they differ by more than the kernel's contract allows
     */
    void agree();

    /** {@return the bytes that a call must move} */
    long bytes();

    /** {@return the floating-point operations of a call} */
    long flops();

    /** {@return what can be run in turn with it} */
    default List<Peer> peers() {
        return List.of();
    }

    /** Frees the tensors. */
    @Override
    void close();
}
