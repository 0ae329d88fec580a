package io.quern;

import java.util.Arrays;

/**
 * Whether two strided views of one memory share a byte. Exact: the query and key slices of packed rows interleave without
 * touching, and are found apart.
 */
final class Overlap {
    private Overlap() {}

    static boolean between(Tensor a, Tensor b) {
        if (!a.device().sharesMemoryWith(b.device()) || a.elementCount() == 0 || b.elementCount() == 0) {
            return false;
        }
        return meet(0, Axes.of(a), b.address() - a.address(), Axes.of(b));
    }

    /** Whether {@code a} placed at byte {@code atA} meets {@code b} placed at {@code atB}. */
    private static boolean meet(long atA, Axes a, long atB, Axes b) {
        if (atA + a.span <= atB || atB + b.span <= atA) {
            return false;
        }
        if (a.inner == null && b.inner == null) {
            return true;
        }
        if (b.inner == null || (a.inner != null && a.stride < b.stride)) {
            return meet(atB, b, atA, a); // split the coarser one
        }
        if (a.inner == null || a.stride != b.stride || a.inner.span > a.stride || b.inner.span > b.stride) {
            return anyRowMeets(atB, b, atA, a, b.inner == null);
        }
        return alignedRowsMeet(atA, a, atB, b);
    }

    /** Splits one of the two along its outermost axis, and looks only at the rows that can reach the other. */
    private static boolean anyRowMeets(long atB, Axes b, long atA, Axes a, boolean splitA) {
        Axes split = splitA ? a : b;
        Axes whole = splitA ? b : a;
        long atSplit = splitA ? atA : atB;
        long atWhole = splitA ? atB : atA;
        long first = Math.max(0, Math.floorDiv(atWhole - atSplit - split.inner.span, split.stride) + 1);
        long last = Math.min(split.count - 1, Math.floorDiv(atWhole + whole.span - 1 - atSplit, split.stride));
        for (long row = first; row <= last; row++) {
            if (meet(atSplit + row * split.stride, split.inner, atWhole, whole)) {
                return true;
            }
        }
        return false;
    }

    /** Both have rows of one stride, none longer than it: a row of one can meet two neighbouring rows of the other. */
    private static boolean alignedRowsMeet(long atA, Axes a, long atB, Axes b) {
        long rows = Math.floorDiv(atB - atA, a.stride);
        long within = Math.floorMod(atB - atA, a.stride);
        return rowsExist(a, b, rows) && meet(0, a.inner, within, b.inner)
                || rowsExist(a, b, rows + 1) && meet(0, a.inner, within - a.stride, b.inner);
    }

    /** Whether some row i of {@code a} and i - shift of {@code b} both exist. */
    private static boolean rowsExist(Axes a, Axes b, long shift) {
        return shift < a.count && -shift < b.count;
    }

    /** A view's axes from the largest stride inward, in bytes; the innermost is a run of bytes with no inner. */
    private record Axes(long count, long stride, Axes inner, long span) {
        static Axes of(Tensor tensor) {
            long[] shape = tensor.shape();
            long[] strides = tensor.strides();
            long bytes = tensor.dtype().bytes();
            Integer[] outward = new Integer[shape.length];
            for (int axis = 0; axis < shape.length; axis++) {
                outward[axis] = axis;
            }
            Arrays.sort(outward, (x, y) -> Long.compare(strides[x], strides[y]));
            Axes axes = new Axes(1, bytes, null, bytes);
            for (int axis : outward) {
                if (shape[axis] > 1) {
                    axes = axes.within(shape[axis], strides[axis] * bytes);
                }
            }
            return axes;
        }

        private Axes within(long count, long stride) {
            if (inner == null && span == stride) {
                return new Axes(1, stride * count, null, stride * count); // the run grows
            }
            return new Axes(count, stride, this, (count - 1) * stride + span);
        }
    }
}
