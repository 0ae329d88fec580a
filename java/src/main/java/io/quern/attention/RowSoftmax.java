package io.quern.attention;

import io.quern.BoundCall;
import io.quern.KernelSet;
import io.quern.Stream;
import io.quern.Tensor;

/**
 * Softmax of rows, along the last axis, and its logarithm:
 *
 * <pre>{@code
 * SOFTMAX       y_i = e^{x_i} / sum_j e^{x_j}         dx_i = y_i (dy_i - sum_j dy_j y_j)
 * LOG_SOFTMAX   y_i = x_i - ln sum_j e^{x_j}          dx_i = dy_i - e^{y_i} sum_j dy_j
 * }</pre>
 *
 * <p>The row's maximum is taken from its elements before anything is raised to a power, so that nothing overflows. A row of
 * -infinity alone has no distribution: its softmax is 0, the logarithm of that -infinity, as of a query that sees no key in
 * {@link Attention}. NaN or +infinity in a row makes all of the row NaN.
 *
 * <p>Tensors have one axis or more, any strides with a contiguous last axis, and one floating type; sums are taken in FP64
 * for FP64 and in FP32, with the sums of blocks in FP64, for all other types; what is written is rounded once.
 *
 * <pre>{@code
 * RowSoftmax.SOFTMAX.run(stream, logits, probabilities);
 * }</pre>
 */
public enum RowSoftmax {
    /** Probabilities. */
    SOFTMAX,
    /** Logarithms of probabilities. */
    LOG_SOFTMAX;

    static final KernelSet<SoftmaxForward> FORWARD = new KernelSet<>(
            "softmax_forward", SoftmaxReference::forward, SoftmaxVector.FORWARD, RowSoftmaxCuda.FORWARD);

    static final KernelSet<SoftmaxBackward> BACKWARD = new KernelSet<>(
            "softmax_backward", SoftmaxReference::backward, SoftmaxVector.BACKWARD, RowSoftmaxCuda.BACKWARD);

    /**
     * Computes once.
     *
     * @param x rows
     * @param out of the type and shape of x, written; x itself, or apart from it
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public void run(Stream stream, Tensor x, Tensor out) {
        try (BoundCall call = bind(stream, x, out)) {
            call.run();
        }
    }

    /** Prepares {@link #run}, to be run as often as one likes. */
    public BoundCall bind(Stream stream, Tensor x, Tensor out) {
        return FORWARD.bind(new SoftmaxForward(this, x, out), stream);
    }

    /**
     * Computes the gradient once.
     *
     * @param out what {@link #run} wrote
     * @param outGradient of the type and shape of out
     * @param xGradient of the type and shape of out, written; outGradient itself, or apart from both
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public void runBackward(Stream stream, Tensor out, Tensor outGradient, Tensor xGradient) {
        try (BoundCall call = bindBackward(stream, out, outGradient, xGradient)) {
            call.run();
        }
    }

    /** Prepares {@link #runBackward}, to be run as often as one likes. */
    public BoundCall bindBackward(Stream stream, Tensor out, Tensor outGradient, Tensor xGradient) {
        return BACKWARD.bind(new SoftmaxBackward(this, out, outGradient, xGradient), stream);
    }
}
