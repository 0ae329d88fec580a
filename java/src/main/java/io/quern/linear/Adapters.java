package io.quern.linear;

import io.quern.Check;
import io.quern.KernelSet;

/**
 * Many adaptations ({@link Lora}) in one batch, of which each token picks its own (BGMV and SGMV of Chen et al., "Punica:
 * Multi-Tenant LoRA Serving", arXiv 2310.18547, section 4):
 *
 * <pre>
 *   out_t  =  out_t + s (x_t A_g) B_g        g = picks_t, or picks_i for the tokens of segment i;  no g, no change
 *
 *   x (tokens, in), A (adapters, in, rank), B (adapters, rank, columns), out (tokens, columns)
 * </pre>
 *
 * <p>A pick of -1, or any other that is no adapter's number, is none. Adapters of lower rank than others are stored in the same
 * tensors, their ranks beside them: columns of A and rows of B beyond an adapter's rank are not read. Picks, starts and ranks are
 * read by each run, and never refused.
 *
 * <pre>{@code
 * Adapters.of(2).apply().x(x).a(a).b(b).picks(picks).out(y).run(stream);      // after y = x W0
 * }</pre>
 *
 * <p>x A is kept in the type of the sums, FP64 for FP64 and FP32 for all others, and out rounded once. A token's bits depend on
 * no other token.
 *
 * @param scale s, finite
 */
public record Adapters(double scale) {
    static final KernelSet<Adaptation> KERNELS =
            new KernelSet<>("linear_adapters", AdaptersReference::bind, AdaptersVector.KERNEL, LinearCuda.ADAPTERS);

    /** Checks the scale. */
    public Adapters {
        Check.range("scale", scale, -Float.MAX_VALUE, Float.MAX_VALUE);
    }

    /** {@return adapters with that scale} */
    public static Adapters of(double scale) {
        return new Adapters(scale);
    }

    /** {@return an application to a batch, whose tensors are named one by one} */
    public Adaptation.Roles apply() {
        return new Adaptation.Roles(this);
    }
}
