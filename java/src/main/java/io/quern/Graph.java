package io.quern;

import io.quern.cuda.CudaGraph;
import java.util.List;

/**
 * Bound calls captured from a stream, replayed together. It owns what it captured: the calls' workspaces live until the
 * graph is closed, whether or not the calls were closed before.
 */
public final class Graph implements AutoCloseable {
    private final Stream stream;
    private final List<BoundCall> calls;
    private final CudaGraph cuda; // null on the host
    private boolean closed;

    Graph(Stream stream, List<BoundCall> calls, CudaGraph cuda) {
        this.stream = stream;
        this.calls = calls;
        this.cuda = cuda;
    }

    /** {@return how many calls it replays} */
    public int size() {
        return calls.size();
    }

    /**
     * Replays the calls in their order on the stream they were captured from.
     *
     * @throws IllegalStateException if the graph, the stream or memory that a call uses is closed, or the stream is
     *     capturing; nothing was run
     */
    public void launch() {
        if (closed) {
            throw new IllegalStateException("the graph is closed");
        }
        stream.requireOpen();
        stream.requireNotCapturing("takes no other graph");
        for (int i = 0; i < calls.size(); i++) {
            calls.get(i).requireOpenResources();
        }
        if (cuda != null) {
            cuda.launch(stream.cuda());
            return;
        }
        for (int i = 0; i < calls.size(); i++) {
            calls.get(i).launchObserved();
        }
    }

    /** Waits for a replay under way, then frees the graph and what only it still held. Closing again does nothing. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            if (cuda != null) {
                waitAndFree();
            }
        } finally {
            calls.forEach(BoundCall::release);
        }
    }

    private void waitAndFree() {
        try {
            stream.synchronizeIfOpen();
        } finally {
            cuda.close();
        }
    }
}
