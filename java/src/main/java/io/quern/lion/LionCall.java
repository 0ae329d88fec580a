package io.quern.lion;

import io.quern.BoundCall;
import io.quern.Check;

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
     * <p>On CUDA the rates lie in the call's own memory and are written there by a launch of their own.
     *
     * @param learningRate 0 or more
     * @throws IllegalStateException if this or the stream is closed, or while the stream captures: a graph has no rate of its
     *     own, so change it before or between replays
     */
    public void setLearningRate(double learningRate) {
        Lion.checkLearningRate(learningRate);
        requireChangeable("learning rate");
        if (learningRate != coefficients.learningRate()) {
            coefficients.setLearningRate(learningRate);
        }
    }

    /**
     * Changes the loss scale, by which gradients are divided, in the same way.
     *
     * @param lossScale 2^-64 to 2^64
     * @throws IllegalStateException as {@link #setLearningRate}
     */
    public void setLossScale(double lossScale) {
        Lion.checkLossScale(lossScale);
        requireChangeable("loss scale");
        if (lossScale != coefficients.lossScale()) {
            coefficients.setLossScale(lossScale);
        }
    }

    /**
     * Sets the number of the next step, of which the random bits of stochastic rounding depend; it is 0 at first and counts on
     * with every run, replays of a graph included. Who continues from saved parameters continues from their step.
     *
     * @param number 0 or more
     * @throws IllegalStateException as {@link #setLearningRate}
     */
    public void setStepNumber(long number) {
        Check.range("number", number, 0, Long.MAX_VALUE);
        requireChangeable("step number");
        coefficients.setStep(number);
    }

    private void requireChangeable(String rate) {
        if (closed) {
            throw new IllegalStateException("lion_step: this call is closed");
        }
        if (call.stream().isCapturing()) {
            throw new IllegalStateException(
                    "lion_step: the " + rate + " cannot change while the stream captures; change it between replays");
        }
    }

    /** {@return the learning rate of the next run} */
    public double learningRate() {
        return coefficients.learningRate();
    }

    /** {@return the loss scale of the next run} */
    public double lossScale() {
        return coefficients.lossScale();
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
