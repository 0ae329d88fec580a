package io.quern.linear;

import io.quern.DType;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** {@link Lora} as plain loops: sums in FP64; X A, dY B^T and what is written are rounded to the tensors' type. */
final class LoraReference {
    private LoraReference() {}

    static Launch forward(LoraForward p, Stream stream, Workspace workspace) {
        return () -> {
            Matrix x = Matrix.of(p.x());
            Matrix projected = x.times(Matrix.of(p.a())).roundedTo(p.x().dtype());
            if (p.projected() != null) {
                projected.copyTo(p.projected());
            }
            x.times(Matrix.of(p.weight()))
                    .plus(scale(p.lora(), p.x()), projected.times(Matrix.of(p.b())))
                    .copyTo(p.out());
        };
    }

    static Launch backward(LoraBackward p, Stream stream, Workspace workspace) {
        return () -> {
            double scale = scale(p.lora(), p.x());
            Matrix x = Matrix.of(p.x());
            Matrix a = Matrix.of(p.a());
            Matrix gradient = Matrix.of(p.outGradient());
            Matrix projectedGradient =
                    gradient.times(Matrix.of(p.b()).transposed()).roundedTo(p.x().dtype());
            if (p.xGradient() != null) {
                gradient.times(Matrix.of(p.weight()).transposed())
                        .plus(scale, projectedGradient.times(a.transposed()))
                        .copyTo(p.xGradient());
            }
            if (p.aGradient() != null) {
                x.transposed().times(projectedGradient).times(scale).copyTo(p.aGradient());
            }
            if (p.bGradient() != null) {
                Matrix projected = p.projected() != null
                        ? Matrix.of(p.projected())
                        : x.times(a).roundedTo(p.x().dtype());
                projected.transposed().times(gradient).times(scale).copyTo(p.bGradient());
            }
        };
    }

    private static double scale(Lora lora, Tensor x) {
        return x.dtype() == DType.FP64 ? lora.scale() : (float) lora.scale();
    }

    /** A matrix in FP64. */
    private record Matrix(int rows, int columns, double[] elements) {
        static Matrix of(Tensor tensor) {
            return new Matrix((int) tensor.size(0), (int) tensor.size(1), tensor.toDoubleArray());
        }

        Matrix times(Matrix other) {
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
            return new Matrix(rows, other.columns, product);
        }

        Matrix times(double factor) {
            double[] product = new double[elements.length];
            for (int i = 0; i < product.length; i++) {
                product[i] = factor * elements[i];
            }
            return new Matrix(rows, columns, product);
        }

        Matrix plus(double factor, Matrix other) {
            double[] sum = new double[elements.length];
            for (int i = 0; i < sum.length; i++) {
                sum[i] = elements[i] + factor * other.elements[i];
            }
            return new Matrix(rows, columns, sum);
        }

        Matrix transposed() {
            double[] turned = new double[elements.length];
            for (int i = 0; i < turned.length; i++) {
                turned[i % columns * rows + i / columns] = elements[i];
            }
            return new Matrix(columns, rows, turned);
        }

        Matrix roundedTo(DType dtype) {
            double[] rounded = new double[elements.length];
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment one = arena.allocate(Double.BYTES);
                for (int i = 0; i < rounded.length; i++) {
                    dtype.set(one, 0, elements[i]);
                    rounded[i] = dtype.get(one, 0);
                }
            }
            return new Matrix(rows, columns, rounded);
        }

        void copyTo(Tensor tensor) {
            tensor.copyFrom(elements);
        }
    }
}
