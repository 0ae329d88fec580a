package io.quern.rope;

import io.quern.Tensor;

/**
 * How the rows of x or out lie: (batches, tokens, heads, headDim) with the last axis contiguous. A tensor without a batch
 * axis is one batch. Strides are in elements.
 */
record HeadsLayout(long batches, long tokens, long heads, long batchStride, long tokenStride, long headStride) {
    static HeadsLayout of(Tensor x) {
        boolean batched = x.rank() == 4;
        return new HeadsLayout(
                batched ? x.size(0) : 1, x.size(-3), x.size(-2), batched ? x.stride(0) : 0, x.stride(-3), x.stride(-2));
    }

    /** The element with which a token's first head begins. */
    long at(long batch, long token) {
        return batch * batchStride + token * tokenStride;
    }
}
