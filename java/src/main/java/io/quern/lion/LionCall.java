package io.quern.lion;

import io.quern.BoundCall;

/**
 * A step of {@link Lion} bound to its tensors on a stream: everything is checked, {@link #run} allocates nothing. As with any
 * {@link BoundCall}, one thread at a time uses it.
 */
public final class LionCall implements AutoCloseable {
    private final BoundCall call;
    private final Coefficients coefficients;
    private boolean closed;

    LionCall(BoundCall call, Coefficients coefficients) {
        this.call = call;
        this.coefficients = coefficients;
    }

    /**
     * Does the step, in the stream's order.
     *
     * @throws IllegalStateException if this, the stream or the memory of a tensor is closed; nothing was written
     */
    public void run() {
        call.run();
    }

    /**
     * Changes the learning rate for what comes after in the stream's order, replays of a graph that captured this included;
     * steps already under way keep the old one. Allocates nothing.
     *
     * <p>On CUDA the rate lies in the call's own memory and is written there by a launch of its own.
     *
     * @param learningRate 0 or more
     * @throws IllegalStateException if this or the stream is closed, or while the stream captures: a graph has no rate of its
     *     own, so change it before or between replays
     */
    public void setLearningRate(double learningRate) {
        Lion.checkLearningRate(learningRate);
        if (closed) {
            throw new IllegalStateException("lion_step: this call is closed");
        }
        if (call.stream().isCapturing()) {
            throw new IllegalStateException(
                    "lion_step: the learning rate cannot change while the stream captures; change it between replays");
        }
        if (learningRate != coefficients.learningRate()) {
            coefficients.setLearningRate(learningRate);
        }
    }

    /** {@return the learning rate of the next run} */
    public double learningRate() {
        return coefficients.learningRate();
    }

    /** {@return the call beneath, which knows its stream, bytes and floating-point operations} */
    public BoundCall call() {
        return call;
    }

    /** Gives back what the call holds once no graph needs it. Closing again does nothing. */
    @Override
    public void close() {
        closed = true;
        call.close();
    }
}
