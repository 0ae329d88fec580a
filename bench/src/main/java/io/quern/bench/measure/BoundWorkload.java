package io.quern.bench.measure;

import io.quern.BoundCall;
import io.quern.Stream;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.List;

/** The usual workload: bound calls, their stream, the arena of their tensors, and how they are compared with their oracle. */
public final class BoundWorkload implements Workload {
    private final TensorArena arena;
    private final Stream stream;
    private final BoundCall[] calls;
    private final long flops;
    private final Runnable agreement;
    private final List<Peer> peers;

    /**
     * Takes over arena, stream and call.
     *
     * @param agreement runs the call and throws {@link Disagreement} if it differs from the oracle
     * @param peer run in turn with the call, or null
     */
    public BoundWorkload(TensorArena arena, Stream stream, BoundCall call, Runnable agreement, Peer peer) {
        this(arena, stream, List.of(call), agreement, peer);
    }

    /** The same of several calls, one after the other. */
    public BoundWorkload(TensorArena arena, Stream stream, List<BoundCall> calls, Runnable agreement, Peer peer) {
        this(arena, stream, calls, agreement, peer == null ? List.of() : List.of(peer));
    }

    /** The same with any number of peers. */
    public BoundWorkload(
            TensorArena arena, Stream stream, List<BoundCall> calls, Runnable agreement, List<Peer> peers) {
        this(arena, stream, calls, calls.stream().mapToLong(BoundCall::flops).sum(), agreement, peers);
    }

    /** The same of calls that cannot know how many FLOP they will do. */
    public BoundWorkload(
            TensorArena arena, Stream stream, List<BoundCall> calls, long flops, Runnable agreement, Peer peer) {
        this(arena, stream, calls, flops, agreement, peer == null ? List.of() : List.of(peer));
    }

    private BoundWorkload(
            TensorArena arena, Stream stream, List<BoundCall> calls, long flops, Runnable agreement, List<Peer> peers) {
        this.arena = arena;
        this.stream = stream;
        this.calls = calls.toArray(BoundCall[]::new);
        this.flops = flops;
        this.agreement = agreement;
        this.peers = peers;
    }

    @Override
    public void run() {
        for (BoundCall call : calls) {
            call.run();
        }
        stream.synchronize();
    }

    @Override
    public void agree() {
        agreement.run();
    }

    @Override
    public long bytes() {
        return Arrays.stream(calls).mapToLong(BoundCall::bytes).sum();
    }

    @Override
    public long flops() {
        return flops;
    }

    @Override
    public List<Peer> peers() {
        return peers;
    }

    @Override
    public void close() {
        for (BoundCall call : calls) {
            call.close();
        }
        stream.close();
        arena.close();
    }
}
