package io.quern.attention;

import io.quern.DType;
import io.quern.Tensor;
import java.lang.foreign.MemorySegment;

/** Where the rows of a tensor lie: its vectors along the last axis, counted row-major over all other axes. */
final class TensorRows {
    private final DType dtype;
    private final MemorySegment segment;
    private final long[] sizes;
    private final long[] strides;
    private final long length;
    private final long count;

    TensorRows(Tensor tensor) {
        dtype = tensor.dtype();
        segment = tensor.segment();
        sizes = tensor.shape();
        strides = tensor.strides();
        length = tensor.size(-1);
        long rows = 1;
        for (int axis = 0; axis < sizes.length - 1; axis++) {
            rows *= sizes[axis];
        }
        count = length == 0 ? 0 : rows;
    }

    /** {@return how many rows there are; none if they have no elements} */
    long count() {
        return count;
    }

    /** {@return the elements of a row} */
    long length() {
        return length;
    }

    MemorySegment segment() {
        return segment;
    }

    /** {@return the index of a row's first element} */
    long at(long row) {
        long rest = row;
        long at = 0;
        for (int axis = sizes.length - 2; axis >= 0; axis--) {
            at += rest % sizes[axis] * strides[axis];
            rest /= sizes[axis];
        }
        return at;
    }

    double get(long index) {
        return dtype.get(segment, index);
    }

    void set(long index, double value) {
        dtype.set(segment, index, value);
    }
}
