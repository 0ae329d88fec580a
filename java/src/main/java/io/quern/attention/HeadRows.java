package io.quern.attention;

import io.quern.DType;
import java.lang.foreign.MemorySegment;

/**
 * Rows of heads in host memory: element c of row i of head h of batch b lies at
 * {@code offset + b batchStride + h headStride + i rowStride + c}, counted in elements.
 */
record HeadRows(MemorySegment segment, DType dtype, long offset, long batchStride, long headStride, long rowStride) {

    /** {@return where a row begins, in bytes from the segment's beginning} */
    long at(int batch, int head, long row) {
        return (offset + batch * batchStride + head * headStride + row * rowStride) * dtype.bytes();
    }

    /** {@return where a row begins, as an address} */
    long address(int batch, int head, long row) {
        return segment.address() + at(batch, head, row);
    }

    /** {@return from a row to the next, in bytes} */
    long rowBytes() {
        return rowStride * dtype.bytes();
    }
}
