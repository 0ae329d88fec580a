package io.quern.linear;

import io.quern.BoundCall;
import io.quern.Check;
import io.quern.KernelSet;
import io.quern.Stream;
import io.quern.Tensor;

/**
 * Low-rank adaptation of a linear layer (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685,
 * equation 3; seen from the gradient in kexue.fm 9590): weights W0 stay, and two small factors are learned beside them.
 *
 * <pre>
 *   Y  =  X W0 + s (X A) B              X (tokens, in), W0 (in, out), A (in, rank), B (rank, out), Y (tokens, out)
 *
 *   dX =  dY W0^T + s (dY B^T) A^T      dA  =  s X^T (dY B^T)      dB  =  s (X A)^T dY
 * </pre>
 *
 * <p>W0 + s A B is never formed but by {@link #merge}, which puts it in W0's place. All tensors are of one type and have two
 * axes, the last of them contiguous; tokens of several sequences are the rows of one matrix.
 *
 * <pre>{@code
 * Lora lora = Lora.of(8, 16);
 * lora.forward().x(x).weight(w0).a(a).b(b).out(y).run(stream);
 * lora.backward().x(x).weight(w0).a(a).b(b).outGradient(dy).aGradient(da).bGradient(db).run(stream);
 * }</pre>
 *
 * @param rank of A B, at least 1
 * @param scale s, finite
 */
public record Lora(int rank, double scale) {
    static final KernelSet<LoraForward> FORWARD = new KernelSet<>(
            "linear_lora",
            LoraReference::forward,
            new LoraKernel.Forward(GemmVector.KERNEL),
            new LoraKernel.Forward(GemmCuda.KERNEL));

    static final KernelSet<LoraBackward> BACKWARD = new KernelSet<>(
            "linear_lora_backward",
            LoraReference::backward,
            new LoraKernel.Backward(GemmVector.KERNEL),
            new LoraKernel.Backward(GemmCuda.KERNEL));

    /** Checks rank and scale. */
    public Lora {
        Check.that(rank >= 1, "rank", "at least 1", rank);
        Check.range("scale", scale, -Double.MAX_VALUE, Double.MAX_VALUE);
    }

    /**
     * {@return an adaptation with the paper's scale, alpha / rank}
     *
     * @param rank of A B
     * @param alpha the paper's constant: with it, rates of learning need not follow the rank
     */
    public static Lora of(int rank, double alpha) {
        return new Lora(rank, alpha / rank);
    }

    /** {@return a forward pass, whose tensors are named one by one} */
    public LoraForward.Roles forward() {
        return new LoraForward.Roles(this);
    }

    /** {@return a backward pass, whose tensors are named one by one} */
    public LoraBackward.Roles backward() {
        return new LoraBackward.Roles(this);
    }

    /**
     * Adds s A B to the weights, which then do alone what the forward pass does with both.
     *
     * @param a (in, rank)
     * @param b (rank, out)
     * @param weight (in, out), written
     */
    public void merge(Stream stream, Tensor a, Tensor b, Tensor weight) {
        try (BoundCall call = bindMerge(stream, a, b, weight)) {
            call.run();
        }
    }

    /** Prepares {@link #merge}, to be run as often as one likes. */
    public BoundCall bindMerge(Stream stream, Tensor a, Tensor b, Tensor weight) {
        return bindAddition(stream, scale, a, b, weight);
    }

    /**
     * Subtracts s A B from weights to which it was added. Both round: what is left is not what was before {@link #merge}, to
     * the last bit, which {@link #unmerge(Stream, Tensor, Tensor, Tensor, Tensor)} measures.
     *
     * @param a (in, rank), as it was then
     * @param b (rank, out), as it was then
     * @param weight (in, out), written
     */
    public void unmerge(Stream stream, Tensor a, Tensor b, Tensor weight) {
        try (BoundCall call = bindUnmerge(stream, a, b, weight)) {
            call.run();
        }
    }

    /** Prepares {@link #unmerge}, to be run as often as one likes. */
    public BoundCall bindUnmerge(Stream stream, Tensor a, Tensor b, Tensor weight) {
        return bindAddition(stream, -scale, a, b, weight);
    }

    /**
     * Does {@link #unmerge} and waits for it.
     *
     * @param original the weights before they were merged, of the type and shape of weight, on any device
     * @return how far the weights are from them
     */
    public Residual unmerge(Stream stream, Tensor a, Tensor b, Tensor weight, Tensor original) {
        Check.sameElements("original", original, "weight", weight);
        unmerge(stream, a, b, weight);
        stream.synchronize();
        return Residual.between(weight, original);
    }

    private BoundCall bindAddition(Stream stream, double factor, Tensor a, Tensor b, Tensor weight) {
        LoraForward.checkFactors(this, weight, a, b);
        return Gemm.PRODUCT.alpha(factor).beta(1).bind(stream, a, b, weight);
    }

    /**
     * How far weights are from others.
     *
     * @param largest difference of two elements
     * @param relative the norm of all differences over the norm of the others; NaN if that is 0
     */
    public record Residual(double largest, double relative) {
        private static Residual between(Tensor weight, Tensor original) {
            double[] are = weight.toDoubleArray();
            double[] were = original.toDoubleArray();
            double largest = 0;
            double squares = 0;
            double size = 0;
            for (int i = 0; i < are.length; i++) {
                double difference = are[i] - were[i];
                largest = Math.max(largest, Math.abs(difference)); // NaN stays
                squares += difference * difference;
                size += were[i] * were[i];
            }
            return new Residual(largest, Math.sqrt(squares / size));
        }
    }
}
