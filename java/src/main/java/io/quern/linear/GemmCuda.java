package io.quern.linear;

import io.quern.Check;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.cuda.CudaProduct;
import java.util.Comparator;
import java.util.function.ToLongFunction;

/** {@link Gemm} by cuBLAS: one call, or one for each index of the axes that no single stride walks. */
final class GemmCuda {
    static final Kernel<Product> KERNEL = (product, stream, workspace) ->
            product.c().elementCount() == 0 ? () -> {} : new GemmCuda(product).launch(stream);

    private static final Batches.Axis SINGLE = new Batches.Axis(1, 0, 0, 0);

    private final Product product;
    private final Batches all;

    /** Walked by cuBLAS itself. */
    private final Batches.Axis inner;

    /** Walked by calls. */
    private final Batches outer;

    private GemmCuda(Product product) {
        this.product = product;
        this.all = Batches.of(product);
        this.inner = all.axes().stream()
                .max(Comparator.comparingLong(Batches.Axis::size))
                .orElse(SINGLE);
        this.outer = all.without(inner);
    }

    private Launch launch(Stream stream) {
        CudaProduct[] calls = new CudaProduct[checked("outer axes of c", outer.count())];
        for (int i = 0; i < calls.length; i++) {
            calls[i] = call(stream, i);
        }
        return () -> {
            for (CudaProduct call : calls) {
                call.run();
            }
        };
    }

    private CudaProduct call(Stream stream, long index) {
        Gemm gemm = product.gemm();
        CudaProduct.Size size = new CudaProduct.Size(
                checked("m", all.rows()),
                checked("n", all.columns()),
                checked("k", all.depth()),
                checked("the longest axis of c that counts products", inner.size()));
        return new CudaProduct(
                stream.cuda(),
                size,
                gemm.alpha(),
                matrix("a", product.a(), gemm.a(), all.rowA(), Batches.Axis::a, index),
                matrix("b", product.b(), gemm.b(), all.rowB(), Batches.Axis::b, index),
                gemm.beta(),
                matrix("c", product.c(), Gemm.Op.PLAIN, all.rowC(), Batches.Axis::c, index));
    }

    private CudaProduct.Matrix matrix(
            String name, Tensor tensor, Gemm.Op op, long row, ToLongFunction<Batches.Axis> stride, long index) {
        return new CudaProduct.Matrix(
                tensor.address() + outer.at(stride, index) * tensor.dtype().bytes(),
                tensor.dtype(),
                op == Gemm.Op.TRANSPOSED,
                checked("the distance of rows of " + name, row),
                stride.applyAsLong(inner));
    }

    /** cuBLAS counts in 32 bits. */
    private static int checked(String name, long size) {
        Check.range(name + ", on CUDA", size, 0, Integer.MAX_VALUE);
        return (int) size;
    }
}
