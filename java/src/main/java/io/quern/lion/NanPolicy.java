package io.quern.lion;

/**
 * What a step does where a gradient is NaN or infinite, as it was stored: with a scaled loss that is what an overflow of the
 * backward pass leaves. NaN in parameters and momenta propagates always.
 */
public enum NanPolicy {
    /** Computes with it: parameter and momentum at that place become NaN or infinite. Costs nothing. */
    PROPAGATE,
    /** Leaves parameter and momentum at that place as they are. Costs nothing. */
    SKIP_ELEMENT
}
