package io.quern.attention;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.quern.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What {@code AnyRows} of {@code cuda/attention/rows.cuh} is: where rows of a tensor of any rank lie, counted row-major. Axes
 * that can be counted as one are one.
 *
 * @param address 0 where there is no tensor
 * @param sizes of the axes over which rows are counted
 * @param strides of these, in elements
 */
record CudaRows(long address, long[] sizes, long[] strides) {
    private static final int AXES = 6;
    static final int BYTES = Long.BYTES * (1 + 2 * AXES);

    /** {@return the vectors along the last axis} */
    static CudaRows ofVectors(Tensor tensor) {
        return of(tensor, tensor.rank() - 1);
    }

    /** {@return the elements; none of no tensor} */
    static CudaRows ofElements(Tensor tensor) {
        return tensor == null ? new CudaRows(0, new long[0], new long[0]) : of(tensor, tensor.rank());
    }

    private static CudaRows of(Tensor tensor, int axes) {
        long[] sizes = new long[axes];
        long[] strides = new long[axes];
        int count = 0;
        for (int axis = 0; axis < axes; axis++) {
            long size = tensor.size(axis);
            long stride = tensor.stride(axis);
            if (size == 1) {
                continue;
            }
            if (count > 0 && strides[count - 1] == size * stride) {
                count--;
                size *= sizes[count];
            }
            sizes[count] = size;
            strides[count] = stride;
            count++;
        }
        return new CudaRows(tensor.address(), Arrays.copyOf(sizes, count), Arrays.copyOf(strides, count));
    }

    /** Whether the kernels have room for the axes. */
    boolean fit() {
        return sizes.length <= AXES;
    }

    /** Whether every row begins at a multiple of so many bytes. */
    boolean aligned(int bytes, int bytesOfElement) {
        return address % bytes == 0 && Arrays.stream(strides).allMatch(stride -> stride * bytesOfElement % bytes == 0);
    }

    /** Writes numbers one behind the other. {@return where they end} */
    static long write(long[] numbers, MemorySegment to, long from) {
        long at = from;
        for (long number : numbers) {
            to.set(JAVA_LONG, at, number);
            at += Long.BYTES;
        }
        return at;
    }

    /** Writes the structure. {@return where it ends} */
    long write(MemorySegment to, long at) {
        to.set(JAVA_LONG, at, address);
        int unused = AXES - sizes.length;
        for (int axis = 0; axis < AXES; axis++) {
            boolean used = axis >= unused;
            to.set(JAVA_LONG, at + Long.BYTES * (1 + axis), used ? sizes[axis - unused] : 1);
            to.set(JAVA_LONG, at + Long.BYTES * (1 + AXES + axis), used ? strides[axis - unused] : 0);
        }
        return at + BYTES;
    }
}
