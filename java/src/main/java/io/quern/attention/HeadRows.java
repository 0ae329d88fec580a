package io.quern.attention;

import io.quern.Tensor;

/**
 * Rows of heads in host memory: row i of head h of batch b begins at
 * {@code address + b batchStride + h headStride + i rowStride}, in bytes.
 */
record HeadRows(long address, long batchStride, long headStride, long rowStride) {
    /** {@return the rows of a tensor (batch, heads, rows) or (batch, heads, rows, length)} */
    static HeadRows of(Tensor tensor) {
        int bytes = tensor.dtype().bytes();
        return new HeadRows(
                tensor.segment().address(),
                tensor.stride(0) * bytes,
                tensor.stride(1) * bytes,
                tensor.stride(2) * bytes);
    }

    /** {@return where a row begins} */
    long at(long batch, long head, long row) {
        return address + batch * batchStride + head * headStride + row * rowStride;
    }
}
