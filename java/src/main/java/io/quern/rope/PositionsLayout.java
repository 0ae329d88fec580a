package io.quern.rope;

import io.quern.Check;
import io.quern.DType;
import io.quern.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Where the position of a token comes from: a tensor (tokens) or (batches, tokens) of integers, or the token's index. In
 * either case {@code shift} is added, wrapping around: a table that begins at any position is searched by one addition and
 * one comparison, and no sum can wrap into its rows that does not belong there. Strides are in elements.
 *
 * @param elementBytes 4 or 8; 0 where there is no tensor
 */
record PositionsLayout(Tensor tensor, int elementBytes, long batchStride, long tokenStride, long shift) {
    static PositionsLayout of(Tensor positions, long shift) {
        if (positions == null) {
            return new PositionsLayout(null, 0, 0, 0, shift);
        }
        boolean batched = positions.rank() == 2 && positions.size(0) > 1;
        return new PositionsLayout(
                positions, positions.dtype().bytes(), batched ? positions.stride(0) : 0, positions.stride(-1), shift);
    }

    /** The host memory of the tensor; of size 0 where there is none. */
    MemorySegment segment() {
        return tensor == null ? MemorySegment.NULL : tensor.segment();
    }

    /** Where the tensor begins, on any device; 0 where there is none. */
    long address() {
        return tensor == null ? 0 : tensor.address();
    }

    /** A token's position plus the shift. */
    long at(MemorySegment segment, long batch, long token) {
        long index = batch * batchStride + token * tokenStride;
        long position = switch (elementBytes) {
            case 0 -> token;
            case 4 -> segment.get(ValueLayout.JAVA_INT, index * 4);
            default -> segment.get(ValueLayout.JAVA_LONG, index * 8);
        };
        return position + shift;
    }

    /** Checks that positions are integers, one a token, the same for all batches or for each its own. */
    static void check(Tensor positions, long batches, long tokens) {
        Check.dtype("positions", positions, DType.INT32, DType.INT64);
        boolean fits = positions.rank() == 1
                || positions.rank() == 2 && (positions.size(0) == 1 || positions.size(0) == batches);
        Check.that(
                fits && positions.size(-1) == tokens,
                "positions",
                "[" + tokens + "] or [" + batches + " x " + tokens + "], one for each token of x",
                positions);
    }
}
