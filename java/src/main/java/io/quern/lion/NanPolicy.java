package io.quern.lion;

/**
 * What a step does where a gradient is NaN or infinite, as it was stored: with a scaled loss that is what an overflow of the
 * backward pass leaves. NaN in parameters and momenta propagates always.
 */
public enum NanPolicy {
    /** Computes with it: parameter and momentum at that place become NaN or infinite. Costs nothing. */
    PROPAGATE,
    /** Leaves parameter and momentum at that place as they are. Costs nothing. */
    SKIP_ELEMENT,
    /** Leaves all of a tensor as it is. Looks first: gradients are read once more. */
    SKIP_TENSOR,
    /** Leaves all tensors as they are. Looks first: gradients are read once more. */
    SKIP_STEP;

    boolean looksFirst() {
        return this == SKIP_TENSOR || this == SKIP_STEP;
    }
}
