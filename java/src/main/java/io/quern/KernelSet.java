package io.quern;

/**
 * One operation on every device: the line in which a room lists its reference, its CPU kernel and its CUDA kernel.
 *
 * @param name what telemetry and errors call the operation: {@code rope_apply}
 * @param reference the formula as plain loops
 * @param cpu the Vector API kernel
 * @param cuda the CUDA kernel
 * @param <A> the operation's arguments
 */
public record KernelSet<A extends Arguments>(String name, Kernel<A> reference, Kernel<A> cpu, Kernel<A> cuda) {
    /**
     * Binds the operation to arguments on a stream, with a workspace of its own where it needs one.
     *
     * @throws IllegalArgumentException if a tensor lies where the stream's device cannot reach it
     * @throws IllegalStateException if a tensor's arena or the stream is closed, or the stream is capturing
     */
    public BoundCall bind(A arguments, Stream stream) {
        check(arguments, stream);
        Kernel<A> kernel = on(stream.device());
        Workspace workspace = Workspace.allocate(stream, kernel.workspaceBytes(arguments, stream));
        return bind(kernel, arguments, stream, workspace);
    }

    /**
     * Binds the operation with a workspace that the caller gives and keeps.
     *
     * @param workspace densely packed, of any type, at least {@link #workspaceBytes}, beginning at a multiple of 16 bytes;
     *     overlaps no argument; written
     * @throws IllegalArgumentException if the workspace is too small, misaligned or read-only, or a tensor lies out of reach
     */
    public BoundCall bind(A arguments, Stream stream, Tensor workspace) {
        check(arguments, stream);
        Kernel<A> kernel = on(stream.device());
        Check.reachable("workspace", workspace, stream.device());
        for (Role role : arguments.roles()) {
            Check.disjoint("workspace", workspace, role.name(), role.tensor());
        }
        return bind(kernel, arguments, stream, Workspace.borrow(workspace, kernel.workspaceBytes(arguments, stream)));
    }

    /** {@return the scratch memory that {@link #bind(Arguments, Stream, Tensor)} asks for, in bytes} */
    public long workspaceBytes(A arguments, Stream stream) {
        check(arguments, stream);
        return on(stream.device()).workspaceBytes(arguments, stream);
    }

    private Kernel<A> on(Device device) {
        return switch (device) {
            case Device.Reference _ -> reference;
            case Device.Cpu _ -> cpu;
            case Device.Cuda _ -> cuda;
        };
    }

    private BoundCall bind(Kernel<A> kernel, A arguments, Stream stream, Workspace workspace) {
        try {
            return new BoundCall(name, arguments, stream, workspace, kernel.bind(arguments, stream, workspace));
        } catch (RuntimeException | Error refused) {
            workspace.close();
            throw refused;
        }
    }

    private void check(A arguments, Stream stream) {
        Check.present("arguments", arguments);
        Check.present("stream", stream);
        stream.requireOpen();
        if (stream.isCapturing()) { // binding may allocate, which a capture cannot take in
            throw new IllegalStateException(name + " cannot be bound while the stream captures: bind it before");
        }
        for (Role role : arguments.roles()) {
            Check.reachable(role.name(), role.tensor(), stream.device());
            role.tensor().requireOpen();
        }
    }
}
