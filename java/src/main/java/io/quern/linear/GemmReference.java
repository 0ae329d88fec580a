package io.quern.linear;

import io.quern.DType;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;

/** {@link Gemm} as plain loops, sums in FP64, rounded once to the type of C. */
final class GemmReference {
    private GemmReference() {}

    static Launch bind(Product product, Stream stream, Workspace workspace) {
        return () -> run(product);
    }

    private static void run(Product p) {
        long[] sizes = p.c().shape();
        long[] strides = p.c().strides();
        long[] a = p.countingStrides(p.a());
        long[] b = p.countingStrides(p.b());
        long matrices = 1;
        for (int axis = 0; axis < a.length; axis++) {
            matrices *= sizes[axis];
        }
        for (long matrix = 0; matrix < matrices; matrix++) {
            long atA = 0;
            long atB = 0;
            long atC = 0;
            long rest = matrix;
            for (int axis = a.length - 1; axis >= 0; axis--) {
                long index = rest % sizes[axis];
                rest /= sizes[axis];
                atA += index * a[axis];
                atB += index * b[axis];
                atC += index * strides[axis];
            }
            multiply(p, atA, atB, atC);
        }
    }

    private static void multiply(Product p, long atA, long atB, long atC) {
        double alpha = p.rounded(p.gemm().alpha());
        double beta = p.rounded(p.gemm().beta());
        boolean plainA = p.gemm().a() == Gemm.Op.PLAIN;
        boolean plainB = p.gemm().b() == Gemm.Op.PLAIN;
        long rowA = p.a().stride(-2);
        long rowB = p.b().stride(-2);
        for (long i = 0; i < p.rows(); i++) {
            for (long j = 0; j < p.columns(); j++) {
                double sum = 0;
                for (long l = 0; alpha != 0 && l < p.depth(); l++) {
                    sum += get(p.a(), atA + (plainA ? i * rowA + l : l * rowA + i))
                            * get(p.b(), atB + (plainB ? l * rowB + j : j * rowB + l));
                }
                long at = atC + i * p.c().stride(-2) + j;
                double result = alpha == 0 ? 0 : alpha * sum;
                DType dtype = p.c().dtype();
                dtype.set(p.c().segment(), at, beta == 0 ? result : result + beta * get(p.c(), at));
            }
        }
    }

    private static double get(Tensor tensor, long index) {
        return tensor.dtype().get(tensor.segment(), index);
    }
}
