package io.quern.rope;

import io.quern.Check;
import io.quern.DType;
import io.quern.Tensor;
import io.quern.TensorArena;

/**
 * Cosines and sines of angles: one row a position or a token, one column a pair of channels. {@link Rope#table} makes one;
 * a model's own cache is wrapped by the constructor.
 *
 * @param cosine FP64 or FP32, (rows, pairs) or (batch, rows, pairs)
 * @param sine of the same type and shape
 * @param start the position of row 0; that of row i is {@code start + i}
 */
public record RopeTable(Tensor cosine, Tensor sine, long start) {
    /** Checks types and shapes. */
    public RopeTable {
        Check.dtype("cosine", cosine, DType.FP64, DType.FP32);
        Check.that(cosine.rank() == 2 || cosine.rank() == 3, "cosine", "(rows, pairs) or (batch, rows, pairs)", cosine);
        Check.sameElements("sine", sine, "cosine", cosine);
        Check.range("start", start, Long.MIN_VALUE, Long.MAX_VALUE - cosine.size(-2));
    }

    /** Wraps a cache whose row 0 belongs to position 0. */
    public RopeTable(Tensor cosine, Tensor sine) {
        this(cosine, sine, 0);
    }

    /**
     * {@return a table of zeros, to be filled}
     *
     * @param dtype FP64 for FP64 data, FP32 for all other
     * @param start the position of row 0
     * @param rows at least 0
     * @param pairs at least 1
     */
    public static RopeTable allocate(TensorArena arena, DType dtype, long start, long rows, int pairs) {
        Check.present("arena", arena);
        Tensor both = arena.allocate(dtype, 2, rows, pairs);
        return new RopeTable(both.select(0, 0), both.select(0, 1), start);
    }

    /** {@return how many rows, in each batch} */
    public long rows() {
        return cosine.size(-2);
    }

    /** {@return how many pairs of channels} */
    public long pairs() {
        return cosine.size(-1);
    }

    /** {@return how many batches have rows of their own} */
    public long batches() {
        return cosine.rank() == 3 ? cosine.size(0) : 1;
    }

    /** {@return FP64 or FP32} */
    public DType dtype() {
        return cosine.dtype();
    }

    /** From one batch of a tensor of this table to the next, in elements; 0 where all batches share its rows. */
    long batchStride(Tensor part) {
        return batches() > 1 ? part.stride(0) : 0;
    }
}
