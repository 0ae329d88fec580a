package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Work captured from a stream, put back into a stream as a whole at the cost of one launch. It holds the argument values and
 * addresses of the moment of capture; the memory behind them must outlive it.
 *
 * <p>Used by one thread at a time.
 */
public final class CudaGraph implements AutoCloseable {
    private final CudaContext context;
    private final List<Object> launches;
    private final MemorySegment slot = Arena.ofAuto().allocate(JAVA_LONG);

    /** The {@code CUgraphExec}; 0 when closed. */
    private long handle;

    private CudaGraph(CudaContext context, long handle, List<Object> launches) {
        this.context = context;
        this.handle = handle;
        this.launches = List.copyOf(launches);
    }

    /** Makes a captured {@code CUgraph} ready to launch, and frees it. */
    static CudaGraph instantiate(CudaContext context, long graph, List<Object> launches) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment slot = arena.allocate(JAVA_LONG);
            context.call(
                    "cuGraphInstantiate on " + context.name(),
                    () -> DriverCalls.graphInstantiate(slot.address(), graph));
            return new CudaGraph(context, slot.get(JAVA_LONG, 0), launches);
        } finally {
            context.call("cuGraphDestroy on " + context.name(), () -> DriverCalls.graphDestroy(graph));
        }
    }

    /** Puts the whole graph into a stream. Allocates nothing. */
    public void launch(CudaStream stream) {
        if (handle == 0) {
            throw new IllegalStateException("this graph on " + context.name() + " is closed");
        }
        if (stream.context() != context) {
            throw new IllegalArgumentException(
                    "this graph was captured in another context than the stream's, " + stream.context());
        }
        long streamHandle = stream.handle();
        boolean pushed = context.enter(slot);
        int code = DriverCalls.graphLaunch(handle, streamHandle);
        if (pushed) {
            context.leave(slot);
        }
        stream.launched(this);
        Reference.reachabilityFence(this);
        if (code != DriverStatus.SUCCESS) {
            throw DriverStatus.failure(code, "launching " + this, null);
        }
    }

    /**
     * Frees the graph. A launch under way is still done.
     *
     * @throws IllegalStateException if it is closed already
     */
    @Override
    public void close() {
        if (handle == 0) {
            throw new IllegalStateException("this graph on " + context.name() + " is closed");
        }
        long closing = handle;
        handle = 0;
        context.call("cuGraphExecDestroy on " + context.name(), () -> DriverCalls.graphExecDestroy(closing));
    }

    @Override
    public String toString() {
        return "a graph of "
                + launches.size()
                + " kernels on "
                + context.name()
                + launches.stream().map(Object::toString).collect(Collectors.joining("; ", " [", "]"));
    }
}
