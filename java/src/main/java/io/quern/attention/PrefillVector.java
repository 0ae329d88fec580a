package io.quern.attention;

import io.quern.DType;
import io.quern.Launch;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;

/**
 * Attention of many queries by the Vector API, in one pass over the keys (FlashAttention-2, arXiv 2307.08691, algorithm 1).
 *
 * <p>Queries lie in the lanes: Q is packed once, transposed, into panels with a column a query. Then both products take keys
 * and values as they are, because the micro-kernel reads A at any strides:
 *
 * <pre>
 *   S = K Q^T    (block of keys, columns)      in units of log2, the scale packed into Q
 *   P = 2^(S - m)                              the softmax goes down the columns, no lane needs another
 *   O^T = O^T 2^(m_old - m) + V^T P            (valueDim, columns)
 * </pre>
 *
 * <p>A part is a few panels of one key head: they pass over a block of keys one after the other while it is in the
 * second-level cache. Heads that share a key head are rows of the same panels. Blocks begin at multiples of {@link #BLOCK},
 * and a block that one query does not see changes nothing for it: the bits of a row depend neither on the parts nor on the
 * other rows.
 */
final class PrefillVector implements Launch, WorkerPool.Task {
    /** Keys of a block: with a panel's columns, S fits the first-level cache. */
    static final int BLOCK = 128;

    /** Queries of a part at the most: their O^T and Q, with a block of K and V, fit a second-level cache of 1 MiB. */
    private static final int PART_ROWS = 384;

    /** Parts to have at the least, so that a few threads are equally busy, if there are panels enough. */
    private static final int LEAST_PARTS = 32;

    private final int threads;
    private final Sequences sequences;
    private final PrefillPart[] slots;
    private final Slots free;

    PrefillVector(Forward forward, int threads, long workspace) {
        this.threads = threads;
        int panels = panelsPerPart(forward.inputs());
        int columns = microKernel(forward.inputs().query().dtype()).columns();
        this.sequences = new Sequences(forward.inputs(), panels * columns);
        this.slots = new PrefillPart[threads];
        this.free = new Slots(threads);
        long bytes = PrefillPart.scratchBytes(forward, panels);
        for (int i = 0; i < threads; i++) {
            slots[i] = new PrefillPart(forward, sequences, panels, workspace + i * bytes);
        }
    }

    static long workspaceBytes(Forward forward, int threads) {
        return threads * PrefillPart.scratchBytes(forward, panelsPerPart(forward.inputs()));
    }

    static MicroKernel microKernel(DType dtype) {
        return dtype == DType.FP64 ? MicroKernel.FP64 : MicroKernel.FP32;
    }

    static PanelMath panelMath(DType dtype) {
        return dtype == DType.FP64 ? PanelMath.FP64 : PanelMath.FP32;
    }

    /** By the tensors alone: lengths and starts change from run to run, the workspace does not. */
    private static int panelsPerPart(Inputs inputs) {
        int columns = microKernel(inputs.query().dtype()).columns();
        long rows = inputs.heads() * inputs.query().size(0) * inputs.query().size(2);
        return Math.clamp(rows / columns / LEAST_PARTS, 1, PART_ROWS / columns);
    }

    @Override
    public void run() {
        sequences.read();
        WorkerPool.run(this, sequences.parts(), threads);
    }

    @Override
    public void run(int part) {
        int slot = free.acquire();
        try {
            slots[slot].run(sequences.sequence(part), sequences.keyHead(part), sequences.firstRow(part));
        } finally {
            free.release(slot);
        }
    }
}
