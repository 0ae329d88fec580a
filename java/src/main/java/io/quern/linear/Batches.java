package io.quern.linear;

import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * A product as kernels take it: matrices by the distance of their rows, and where those of each product begin. Axes that
 * one stride can walk in all three tensors are one, and matrices whose rows go on where those of the last end are one matrix
 * of more rows.
 *
 * @param rows m
 * @param columns n
 * @param depth k
 * @param rowA from a row of A, as it is stored, to the next, in elements
 * @param rowB from a row of B, as it is stored, to the next
 * @param rowC from a row of C to the next
 * @param axes which count products, outermost first
 */
record Batches(long rows, long columns, long depth, long rowA, long rowB, long rowC, List<Axis> axes) {
    /**
     * An axis that counts products.
     *
     * @param size at least 2
     * @param a from a matrix A to the next, in elements; 0 where there is but one
     * @param b from a matrix B to the next
     * @param c from a matrix C to the next
     */
    record Axis(long size, long a, long b, long c) {
        /** Whether this axis goes on where the inner one ends. */
        private boolean continues(Axis inner) {
            return a == inner.a * inner.size && b == inner.b * inner.size && c == inner.c * inner.size;
        }
    }

    Batches {
        axes = List.copyOf(axes);
    }

    /** {@return those of a product that is not empty} */
    static Batches of(Product product) {
        long[] a = product.countingStrides(product.a());
        long[] b = product.countingStrides(product.b());
        long[] c = product.countingStrides(product.c());
        List<Axis> axes = new ArrayList<>();
        for (int i = 0; i < c.length; i++) {
            Axis axis = new Axis(product.c().size(i), a[i], b[i], c[i]);
            if (axis.size == 1) {
                continue;
            }
            if (!axes.isEmpty() && axes.getLast().continues(axis)) {
                axis = new Axis(axes.removeLast().size * axis.size, axis.a, axis.b, axis.c);
            }
            axes.add(axis);
        }
        Batches all = new Batches(
                product.rows(),
                product.columns(),
                product.depth(),
                rowStride(product.a()),
                rowStride(product.b()),
                rowStride(product.c()),
                axes);
        return product.gemm().a() == Gemm.Op.PLAIN ? all.withRowsOfMany() : all;
    }

    /** The stride of an axis of size 1 means nothing, and cuBLAS refuses one shorter than a row. */
    private static long rowStride(Tensor matrix) {
        return matrix.size(-2) == 1 ? Math.max(1, matrix.size(-1)) : matrix.stride(-2);
    }

    /** One B for all along the innermost axis: its matrices A and C are one, if their rows lie evenly. */
    private Batches withRowsOfMany() {
        if (axes.isEmpty() || axes.getLast().b != 0) {
            return this;
        }
        Axis inner = axes.getLast();
        boolean single = rows == 1 && inner.a >= depth && inner.c >= columns;
        if (!single && !(inner.a == rows * rowA && inner.c == rows * rowC)) {
            return this;
        }
        return new Batches(
                rows * inner.size,
                columns,
                depth,
                single ? inner.a : rowA,
                rowB,
                single ? inner.c : rowC,
                axes.subList(0, axes.size() - 1));
    }

    /** {@return the same products but for those along an axis, of which only the first are left} */
    Batches without(Axis axis) {
        List<Axis> others = new ArrayList<>(axes);
        others.remove(axis);
        return new Batches(rows, columns, depth, rowA, rowB, rowC, others);
    }

    /** {@return how many products} */
    long count() {
        return axes.stream().mapToLong(Axis::size).reduce(1, Math::multiplyExact);
    }

    /**
     * {@return where a matrix of a product begins, in elements}
     *
     * @param stride of which tensor
     * @param index of the product
     */
    long at(ToLongFunction<Axis> stride, long index) {
        long rest = index;
        long at = 0;
        for (int i = axes.size() - 1; i >= 0; i--) {
            Axis axis = axes.get(i);
            at += rest % axis.size * stride.applyAsLong(axis);
            rest /= axis.size;
        }
        return at;
    }
}
