package io.quern.bench.attention;

import io.quern.Tensor;
import io.quern.bench.measure.Peer;
import java.util.ServiceLoader;

/**
 * PyTorch's scaled_dot_product_attention from Java, on our kernels' own memory. What implements this is compiled in the
 * build's profile {@code pytorch} alone, with PyTorch's Java binding and a hundred megabytes of natives.
 */
interface PyTorch {
    /** {@return the forward pass, whose result is compared with {@code out} when it is first called} */
    Peer forward(Setting setting, Tensor query, Tensor keys, Tensor values, Tensor out, int threads);

    /** {@return both passes, whose results are compared with those of {@code pass} when they are first called} */
    Peer training(Setting setting, BackwardBench.Pass pass, int threads);

    /** {@return the one on the class path, where {@link Peer#available} says that it is} */
    static PyTorch here() {
        return ServiceLoader.load(PyTorch.class).findFirst().orElseThrow();
    }
}
