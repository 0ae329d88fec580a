package io.quern.attention;

import io.quern.DType;
import io.quern.Launch;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;

/**
 * Attention of one or a few queries a sequence by the Vector API. Keys and values go by once, for all heads that share them; nothing else
 * costs as much. Keys are split into stretches of {@link #SPLIT}, so that a long sequence keeps every thread busy; what a
 * stretch gives, (m, l, u, w, O) as in {@link RowSums}, is added up in the order of the keys:
 *
 * <pre>
 *   m = max m_a,   l = sum l_a 2^(m_a - m),   O = sum O_a 2^(m_a - m)
 * </pre>
 *
 * <p>Where a stretch begins depends on nothing but the key's number: the bits are the same at any thread count, and whatever
 * else is in the batch.
 */
final class DecodeVector implements Launch {
    /** Keys of a stretch: some hundred microseconds from memory. */
    static final int SPLIT = 2048;

    /** Rows that share a key, beyond which the micro-kernel is faster though some of its columns stay empty. */
    private static final int MOST_ROWS = 8;

    /** With fewer keys there is little to read and nothing to split. */
    private static final int LEAST_KEYS = 512;

    private final int threads;
    private final int splits;
    private final int parts;
    private final int rows;
    private final Sequences sequences;
    private final DecodePart[] slots;
    private final Slots free;
    private final WorkerPool.Task scan = this::scan;
    private final WorkerPool.Task merge;

    DecodeVector(Forward forward, int threads, long workspace) {
        this(
                forward,
                CacheRows.of(forward.inputs().keys()),
                CacheRows.of(forward.inputs().values()),
                threads,
                workspace);
    }

    /** With keys and values that lie elsewhere than the inputs say. */
    DecodeVector(Forward forward, CacheRows keys, CacheRows values, int threads, long workspace) {
        Inputs inputs = forward.inputs();
        this.threads = threads;
        this.splits = splits(inputs);
        this.sequences = new Sequences(inputs, 1);
        int keyHeads = (int) inputs.keys().size(1);
        this.parts = sequences.count * keyHeads * splits;
        this.rows = sequences.count * (int) (inputs.heads() * inputs.query().size(2));
        this.free = new Slots(threads);
        this.slots = new DecodePart[threads];
        long bytes = DecodePart.scratchBytes(forward);
        DecodeStates states = new DecodeStates(forward, sequences, splits, workspace + threads * bytes);
        for (int i = 0; i < threads; i++) {
            slots[i] = new DecodePart(forward, keys, values, sequences, states, workspace + i * bytes);
        }
        merge = states::merge;
    }

    /** {@return whether this kernel can do it: few queries a sequence, and nothing that changes scores one by one} */
    static boolean fits(Inputs inputs) {
        long queries = inputs.query().size(2);
        boolean few = queries * inputs.heads() <= MOST_ROWS * inputs.keys().size(1)
                && inputs.keys().size(2) > LEAST_KEYS;
        return (queries == 1 || queries > 1 && few)
                && inputs.queryStarts() == null
                && inputs.query().dtype() != DType.FP64
                && ScoreTerms.plain(inputs)
                && inputs.attention().randomness().dropout() == 0;
    }

    static long workspaceBytes(Forward forward, int threads) {
        return threads * DecodePart.scratchBytes(forward) + DecodeStates.bytes(forward, splits(forward.inputs()));
    }

    /** By the tensor: lengths change from run to run, the workspace does not. */
    private static int splits(Inputs inputs) {
        return (int) Math.max(1, Math.ceilDiv(inputs.keys().size(2), SPLIT));
    }

    @Override
    public void run() {
        sequences.read();
        WorkerPool.run(scan, parts, threads);
        WorkerPool.run(merge, rows, threads);
    }

    private void scan(int part) {
        int slot = free.acquire();
        try {
            slots[slot].run(part / splits, part % splits);
        } finally {
            free.release(slot);
        }
    }
}
