package io.quern.linear;

import io.quern.DType;
import io.quern.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A small matrix in FP64, by plain loops: for references, and for what is prepared once.
 *
 * @param rows how many
 * @param columns how many
 * @param elements row by row
 */
record HostMatrix(int rows, int columns, double[] elements) {
    static HostMatrix of(Tensor tensor) {
        return new HostMatrix((int) tensor.size(0), (int) tensor.size(1), tensor.toDoubleArray());
    }

    HostMatrix times(HostMatrix other) {
        double[] product = new double[rows * other.columns];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < other.columns; j++) {
                double sum = 0;
                for (int l = 0; l < columns; l++) {
                    sum += elements[i * columns + l] * other.elements[l * other.columns + j];
                }
                product[i * other.columns + j] = sum;
            }
        }
        return new HostMatrix(rows, other.columns, product);
    }

    HostMatrix times(double factor) {
        double[] product = new double[elements.length];
        for (int i = 0; i < product.length; i++) {
            product[i] = factor * elements[i];
        }
        return new HostMatrix(rows, columns, product);
    }

    HostMatrix plus(double factor, HostMatrix other) {
        double[] sum = new double[elements.length];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = elements[i] + factor * other.elements[i];
        }
        return new HostMatrix(rows, columns, sum);
    }

    HostMatrix transposed() {
        double[] turned = new double[elements.length];
        for (int i = 0; i < turned.length; i++) {
            turned[i % columns * rows + i / columns] = elements[i];
        }
        return new HostMatrix(columns, rows, turned);
    }

    HostMatrix roundedTo(DType dtype) {
        double[] rounded = new double[elements.length];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment one = arena.allocate(Double.BYTES);
            for (int i = 0; i < rounded.length; i++) {
                dtype.set(one, 0, elements[i]);
                rounded[i] = dtype.get(one, 0);
            }
        }
        return new HostMatrix(rows, columns, rounded);
    }

    void copyTo(Tensor tensor) {
        tensor.copyFrom(elements);
    }

    static HostMatrix identity(int size) {
        double[] elements = new double[size * size];
        for (int i = 0; i < size; i++) {
            elements[i * size + i] = 1;
        }
        return new HostMatrix(size, size, elements);
    }

    HostMatrix plus(HostMatrix other) {
        return plus(1, other);
    }

    HostMatrix minus(HostMatrix other) {
        return plus(-1, other);
    }

    /** {@return the largest sum of a column's absolute values} */
    double norm1() {
        double norm = 0;
        for (int j = 0; j < columns; j++) {
            double sum = 0;
            for (int i = 0; i < rows; i++) {
                sum += Math.abs(elements[i * columns + j]);
            }
            norm = sum > norm || sum != sum ? sum : norm;
        }
        return norm;
    }

    /** {@return X of this X = other, by elimination with row pivots; not finite where this is singular} */
    HostMatrix solve(HostMatrix other) {
        double[] a = elements.clone();
        double[] x = other.elements.clone();
        int width = other.columns;
        for (int step = 0; step < rows; step++) {
            int pivot = step;
            for (int i = step + 1; i < rows; i++) {
                pivot = Math.abs(a[i * rows + step]) > Math.abs(a[pivot * rows + step]) ? i : pivot;
            }
            swapRows(a, rows, step, pivot);
            swapRows(x, width, step, pivot);
            for (int i = step + 1; i < rows; i++) {
                double factor = a[i * rows + step] / a[step * rows + step];
                subtractRow(a, rows, i, factor, step);
                subtractRow(x, width, i, factor, step);
            }
        }
        for (int step = rows - 1; step >= 0; step--) {
            for (int j = 0; j < width; j++) {
                x[step * width + j] /= a[step * rows + step];
            }
            for (int i = 0; i < step; i++) {
                subtractRow(x, width, i, a[i * rows + step], step);
            }
        }
        return new HostMatrix(rows, width, x);
    }

    private static void swapRows(double[] matrix, int width, int i, int j) {
        for (int column = 0; column < width; column++) {
            double kept = matrix[i * width + column];
            matrix[i * width + column] = matrix[j * width + column];
            matrix[j * width + column] = kept;
        }
    }

    private static void subtractRow(double[] matrix, int width, int from, double factor, int row) {
        for (int column = 0; column < width; column++) {
            matrix[from * width + column] -= factor * matrix[row * width + column];
        }
    }
}
