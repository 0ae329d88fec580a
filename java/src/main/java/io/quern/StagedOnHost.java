package io.quern;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/**
 * Stands in for a CUDA kernel where there is none: tensors are copied to the host, the reference runs there, and what it
 * wrote is copied back. It waits for the stream, and cannot be captured into a graph.
 */
public final class StagedOnHost implements Launch {
    private final String name;
    private final Stream stream;
    private final TensorArena arena = TensorArena.open(Device.reference());
    private final List<Role> roles;
    private final Map<Tensor, Tensor> staged = new IdentityHashMap<>();
    private Launch launch;

    private StagedOnHost(String name, List<Role> roles, Stream stream) {
        this.name = name;
        this.roles = roles;
        this.stream = stream;
        for (Role role : roles) {
            staged.computeIfAbsent(role.tensor(), t -> arena.allocate(t.dtype(), t.shape()));
        }
    }

    /** {@return a kernel for CUDA from one for the host} */
    public static <A extends Arguments> Kernel<A> of(
            String name, BiFunction<A, UnaryOperator<Tensor>, A> map, Kernel<A> onHost) {
        return (arguments, stream, workspace) -> {
            StagedOnHost call = new StagedOnHost(name, arguments.roles(), stream);
            A copy = map.apply(arguments, tensor -> tensor == null ? null : call.staged.get(tensor));
            call.launch = onHost.bind(copy, stream, workspace);
            return call;
        };
    }

    @Override
    public void run() {
        if (stream.isCapturing()) {
            throw new IllegalStateException(
                    name + " has no CUDA kernel for this call and cannot be captured into a graph");
        }
        stream.synchronize();
        roles.forEach(role -> staged.get(role.tensor()).copyFrom(role.tensor()));
        launch.run();
        for (Role role : roles) {
            if (role.use() == Role.Use.WRITTEN) {
                role.tensor().copyFrom(staged.get(role.tensor()));
            }
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
