package io.quern.bench.linear;

import io.quern.Tensor;
import io.quern.bench.measure.Peer;
import java.util.ServiceLoader;

/**
 * OpenBLAS from Java, on our kernels' own memory. What implements this is compiled in the build's profile {@code pytorch} alone,
 * which brings OpenBLAS along.
 */
public interface OpenBlas {
    /**
     * {@return C = A B, whose result is compared with {@code c} when it is first called}
     *
     * @param c our own result
     * @param theirs written
     */
    Peer product(Tensor a, Tensor b, Tensor c, Tensor theirs, int threads);

    /** {@return the one on the class path, where {@link Peer#available} says that it is} */
    static OpenBlas here() {
        return ServiceLoader.load(OpenBlas.class).findFirst().orElseThrow();
    }
}
