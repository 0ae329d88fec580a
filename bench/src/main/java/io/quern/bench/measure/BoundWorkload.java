package io.quern.bench.measure;

import io.quern.BoundCall;
import io.quern.Stream;
import io.quern.TensorArena;

/** The usual workload: one bound call, its stream, the arena of its tensors, and how it is compared with its oracle. */
public final class BoundWorkload implements Workload {
    private final TensorArena arena;
    private final Stream stream;
    private final BoundCall call;
    private final Runnable agreement;
    private final Peer peer;

    /**
     * Takes over arena, stream and call.
     *
     * @param agreement runs the call and throws {@link Disagreement} if it differs from the oracle
     * @param peer run in turn with the call, or null
     */
    public BoundWorkload(TensorArena arena, Stream stream, BoundCall call, Runnable agreement, Peer peer) {
        this.arena = arena;
        this.stream = stream;
        this.call = call;
        this.agreement = agreement;
        this.peer = peer;
    }

    @Override
    public void run() {
        call.run();
        stream.synchronize();
    }

    @Override
    public void agree() {
        agreement.run();
    }

    @Override
    public long bytes() {
        return call.bytes();
    }

    @Override
    public long flops() {
        return call.flops();
    }

    @Override
    public Peer peer() {
        return peer;
    }

    @Override
    public void close() {
        call.close();
        stream.close();
        arena.close();
    }
}
