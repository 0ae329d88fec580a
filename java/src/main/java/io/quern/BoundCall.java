package io.quern;

import io.quern.cuda.Nvtx;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A kernel call with everything checked, chosen and sized once. {@link #run} may be repeated any number of times: it
 * allocates nothing and checks only that nothing it needs was closed meanwhile.
 *
 * <p>On a CUDA stream {@code run} returns when the kernel is queued; {@link Stream#synchronize} waits for it. On the host it
 * returns when the kernel is done. A call is used by one thread at a time.
 *
 * <p>It keeps its arguments reachable and owns its workspace unless the caller gave one. {@link #close} frees that; a
 * {@link Graph} that captured the call keeps it alive until the graph is closed.
 */
public final class BoundCall implements AutoCloseable {
    private final String kernel;
    private final Arguments arguments;
    private final Stream stream;
    private final Workspace workspace;
    private final Launch launch;
    private final TensorArena[] arenas;
    private final MemorySegment.Scope[] borrowed;
    private final long bytes;
    private final long flops;
    private final long range; // the kernel's name, for NVIDIA's profilers
    private int holders = 1;
    private boolean closed;

    BoundCall(String kernel, Arguments arguments, Stream stream, Workspace workspace, Launch launch) {
        this.kernel = kernel;
        this.arguments = arguments;
        this.stream = stream;
        this.workspace = workspace;
        this.launch = launch;
        this.bytes = arguments.bytes();
        this.flops = arguments.flops();
        this.range = Nvtx.name(kernel);
        List<Tensor> tensors = java.util.stream.Stream.concat(
                        arguments.roles().stream().map(Role::tensor),
                        java.util.stream.Stream.ofNullable(workspace.given()))
                .toList();
        this.arenas = tensors.stream()
                .map(Tensor::arena)
                .filter(arena -> arena != null)
                .distinct()
                .toArray(TensorArena[]::new);
        this.borrowed = tensors.stream()
                .map(Tensor::borrowedScope)
                .filter(scope -> scope != null)
                .distinct()
                .toArray(MemorySegment.Scope[]::new);
    }

    /**
     * Runs the kernel once.
     *
     * @throws IllegalStateException if the call, its stream or memory that it uses is closed; nothing was written
     * @throws CudaException if the launch was refused
     */
    public void run() {
        if (closed) {
            throw new IllegalStateException(kernel + ": this call is closed");
        }
        requireOpenResources();
        if (stream.record(this)) {
            return;
        }
        launchObserved();
    }

    /** {@return the operation: {@code rope_apply}} */
    public String kernel() {
        return kernel;
    }

    /** {@return the stream on which it runs} */
    public Stream stream() {
        return stream;
    }

    /** {@return the bytes that a run must move at the least} */
    public long bytes() {
        return bytes;
    }

    /** {@return the floating-point operations of a run; an fma counts two} */
    public long flops() {
        return flops;
    }

    /** {@return the size of its scratch memory in bytes} */
    public long workspaceBytes() {
        return workspace.bytes();
    }

    /** Gives the workspace back once no graph needs it. Further runs throw; closing again does nothing. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            release();
        }
    }

    @Override
    public String toString() {
        return kernel + " on " + stream.device() + " " + arguments.roles();
    }

    void requireOpenResources() {
        stream.requireOpen();
        for (TensorArena arena : arenas) {
            arena.requireOpen();
        }
        for (MemorySegment.Scope scope : borrowed) {
            if (!scope.isAlive()) {
                throw new IllegalStateException(kernel + ": borrowed memory was closed by its owner");
            }
        }
    }

    /** What a run does once it is neither refused nor only recorded. */
    void launchObserved() {
        Nvtx.push(range);
        try {
            if (KernelLaunchEvent.PROBE.isEnabled()) {
                launchRecorded();
            } else {
                launch.run();
            }
        } finally {
            Nvtx.pop();
        }
    }

    private void launchRecorded() {
        KernelLaunchEvent event = new KernelLaunchEvent();
        event.begin();
        launch.run();
        event.end();
        if (event.shouldCommit()) {
            event.kernel = kernel;
            event.device = stream.device().name();
            event.bytes = bytes;
            event.flops = flops;
            event.commit();
        }
    }

    synchronized void retain() {
        holders++;
    }

    synchronized void release() {
        if (--holders == 0) {
            try {
                launch.close();
            } finally {
                workspace.close();
            }
        }
    }
}
