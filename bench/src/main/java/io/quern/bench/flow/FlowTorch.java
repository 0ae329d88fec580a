package io.quern.bench.flow;

import io.quern.Tensor;
import io.quern.bench.measure.Peer;
import io.quern.flow.Flow;
import java.util.ServiceLoader;

/**
 * The same velocities by PyTorch, on our kernels' own memory: distances, softmax and a product of matrices. What implements this is
 * compiled in the build's profile {@code pytorch} alone.
 */
public interface FlowTorch {
    /** {@return velocities at a time, compared with {@code velocity} when they are first computed} */
    Peer velocity(Flow flow, double time, Tensor queries, Tensor data, Tensor velocity, int threads);

    /** {@return the one on the class path, where {@link Peer#available} says that it is} */
    static FlowTorch here() {
        return ServiceLoader.load(FlowTorch.class).findFirst().orElseThrow();
    }
}
