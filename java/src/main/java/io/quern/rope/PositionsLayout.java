package io.quern.rope;

import io.quern.Check;
import io.quern.DType;
import io.quern.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Where the position of a token comes from: a tensor (tokens) or (batches, tokens), with an axis of axes before these where
 * there are several; the token's index; or its index within its sequence. {@code shift} is added to whole numbers, wrapping
 * around: a table that begins at any position is searched by one addition and one comparison, and no sum can wrap into its
 * rows that does not belong there. Strides are in elements.
 *
 * @param tensor positions, or where the sequences start; null for consecutive ones
 */
record PositionsLayout(Tensor tensor, Kind kind, long axisStride, long batchStride, long tokenStride, long shift) {
    /** What a position is read from; the order is that of {@code cuda/rope/rope.cu}. */
    enum Kind {
        /** Nothing: it is the token's index. */
        CONSECUTIVE,
        INT32,
        INT64,
        /** The largest start that is not above the token's index, or 0, is taken from it. */
        STARTS_INT32,
        STARTS_INT64,
        FP32,
        FP64
    }

    static PositionsLayout consecutive(long shift) {
        return new PositionsLayout(null, Kind.CONSECUTIVE, 0, 0, 0, shift);
    }

    static PositionsLayout of(int axes, Tensor positions, long shift) {
        Kind kind = switch (positions.dtype()) {
            case INT32 -> Kind.INT32;
            case INT64 -> Kind.INT64;
            case FP32 -> Kind.FP32;
            default -> Kind.FP64;
        };
        boolean batched = positions.rank() == (axes > 1 ? 3 : 2) && positions.size(-2) > 1;
        return new PositionsLayout(
                positions,
                kind,
                axes > 1 ? positions.stride(0) : 0,
                batched ? positions.stride(-2) : 0,
                positions.stride(-1),
                shift);
    }

    static PositionsLayout ofSequences(Tensor starts, long shift) {
        Kind kind = starts.dtype() == DType.INT32 ? Kind.STARTS_INT32 : Kind.STARTS_INT64;
        return new PositionsLayout(starts, kind, 0, 0, starts.stride(0), shift);
    }

    /** The host memory of the tensor; of size 0 where there is none. */
    MemorySegment segment() {
        return tensor == null ? MemorySegment.NULL : tensor.segment();
    }

    /** Where the tensor begins, on any device; 0 where there is none. */
    long address() {
        return tensor == null ? 0 : tensor.address();
    }

    /** How many starts of sequences there are. */
    long starts() {
        return kind == Kind.STARTS_INT32 || kind == Kind.STARTS_INT64 ? tensor.size(0) : 0;
    }

    /** A token's position plus the shift, where positions are whole numbers. */
    long whole(MemorySegment segment, int axis, long batch, long token) {
        long index = axis * axisStride + batch * batchStride + token * tokenStride;
        long position = switch (kind) {
            case CONSECUTIVE -> token;
            case INT32 -> segment.get(ValueLayout.JAVA_INT, index * 4);
            case INT64 -> segment.get(ValueLayout.JAVA_LONG, index * 8);
            case STARTS_INT32, STARTS_INT64 -> token - latestStart(segment, token);
            case FP32, FP64 -> throw new AssertionError("rows of a table are whole numbers");
        };
        return position + shift;
    }

    /** A token's position on an axis, rounded to FP64. */
    double exact(MemorySegment segment, int axis, long batch, long token) {
        long index = axis * axisStride + batch * batchStride + token * tokenStride;
        return switch (kind) {
            case FP32 -> segment.get(ValueLayout.JAVA_FLOAT, index * 4);
            case FP64 -> segment.get(ValueLayout.JAVA_DOUBLE, index * 8);
            default -> whole(segment, axis, batch, token);
        };
    }

    /** A token's position on an axis, rounded to FP32. */
    float rounded(MemorySegment segment, int axis, long batch, long token) {
        return switch (kind) {
            case FP32, FP64 -> (float) exact(segment, axis, batch, token);
            default -> whole(segment, axis, batch, token);
        };
    }

    private long latestStart(MemorySegment segment, long token) {
        long notAbove = 0; // so many starts are known not to be above the token
        long end = starts();
        while (notAbove < end) {
            long middle = (notAbove + end) >>> 1;
            if (start(segment, middle) <= token) {
                notAbove = middle + 1;
            } else {
                end = middle;
            }
        }
        return notAbove == 0 ? 0 : start(segment, notAbove - 1);
    }

    private long start(MemorySegment segment, long i) {
        return kind == Kind.STARTS_INT32
                ? segment.get(ValueLayout.JAVA_INT, i * tokenStride * 4)
                : segment.get(ValueLayout.JAVA_LONG, i * tokenStride * 8);
    }

    /** Checks that there is one position a token and axis, the same for all batches or for each its own. */
    static void check(String name, Tensor positions, int axes, long batches, long tokens, DType... types) {
        Check.dtype(name, positions, types);
        int rank = positions.rank();
        int plain = axes > 1 ? 2 : 1; // the rank without batches
        boolean fits = rank == plain || rank == plain + 1 && (positions.size(-2) == 1 || positions.size(-2) == batches);
        String before = axes > 1 ? axes + " x " : "";
        Check.that(
                fits && positions.size(-1) == tokens && (axes == 1 || positions.size(0) == axes),
                name,
                "[" + before + tokens + "] or [" + before + batches + " x " + tokens + "], one for each token of x"
                        + (axes > 1 ? " and each axis" : ""),
                positions);
    }

    /** Checks where sequences start. */
    static void checkStarts(Tensor starts) {
        Check.dtype("sequenceStarts", starts, DType.INT32, DType.INT64);
        Check.rank("sequenceStarts", starts, 1);
    }
}
