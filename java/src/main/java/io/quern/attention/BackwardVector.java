package io.quern.attention;

import io.quern.Launch;
import io.quern.Tensor;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.HostMemory;
import io.quern.cpu.PanelMath;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * The backward pass by the Vector API (FlashAttention-2, arXiv 2307.08691, algorithm 2): a block of keys stays while the
 * queries pass. Here keys lie in the lanes, so that four of the five products take what they need as it lies:
 *
 * <pre>
 *   S = Q K^T,  dP = dO V^T        (queries, columns)      in units of log2, the scale multiplied into Q
 *   P = 2^(S - LSE log2 e),  dS = P (dP - D + ...)         {@link BackwardRows}
 *   dV^T += dO^T P,  dK^T += Q^T dS                        (channels, columns)
 *   dQ += dS K                                             (queries, channels): channels in the lanes, filled up
 * </pre>
 *
 * <p>What all queries need of their outputs is made first. A part is a key head of a sequence, or a chunk of its keys
 * ({@link BackwardLayout}).
 */
final class BackwardVector implements Launch {
    private static final MemorySegment ALL = AddressSpace.ALL;

    private final BackwardLayout layout;
    private final int threads;
    private final Sequences sequences;
    private final BackwardRows[] rows;
    private final BackwardPart[] parts;
    private final Slots free;
    private final long[] totals; // of each thread or, where chunks are parts, of all
    private final long chunkGradients;
    private final long gradientBytes; // of a thread or of a chunk
    private final BiasGradient bias;
    private final BiasGradient keyBias;

    private final WorkerPool.Task clear = this::clear;
    private final WorkerPool.Task constants = this::constants;
    private final WorkerPool.Task meet = this::meet;
    private final WorkerPool.Task add = this::add;
    private final WorkerPool.Task write = this::write;
    private int firstChunk; // of those at work

    BackwardVector(Backward backward, int threads, long workspace) {
        this.layout = new BackwardLayout(backward);
        this.threads = threads;
        this.sequences = new Sequences(layout.inputs, 1);
        this.rows = new BackwardRows[threads];
        this.parts = new BackwardPart[threads];
        this.free = new Slots(threads);
        this.totals = new long[threads];
        this.gradientBytes = gradientBytes(layout);
        Backward.Gradients gradients = backward.gradients();
        long ofBias = workspace + HostMemory.lines(BackwardRows.scratchBytes(layout));
        long ofKeyBias = ofBias + HostMemory.lines(BiasGradient.scratchBytes(gradients.biasGradient()));
        this.bias = BiasGradient.of(gradients.biasGradient(), layout.math, ofBias);
        this.keyBias = BiasGradient.of(gradients.keyBiasGradient(), layout.math, ofKeyBias);
        long ofTotals = ofKeyBias + HostMemory.lines(BiasGradient.scratchBytes(gradients.keyBiasGradient()));
        this.chunkGradients = ofTotals + totals(layout, threads) * gradientBytes;
        long ofParts = chunkGradients + chunkGradients(layout, threads) * gradientBytes;
        long partBytes = BackwardPart.scratchBytes(layout);
        for (int i = 0; i < threads; i++) {
            totals[i] = ofTotals + (layout.split ? 0 : i) * gradientBytes;
            rows[i] = new BackwardRows(layout, sequences, workspace);
            parts[i] = new BackwardPart(layout, sequences, rows[i], bias, keyBias, ofParts + i * partBytes);
        }
    }

    static long workspaceBytes(Backward backward, int threads) {
        BackwardLayout layout = new BackwardLayout(backward);
        Backward.Gradients gradients = backward.gradients();
        return HostMemory.lines(BackwardRows.scratchBytes(layout))
                + HostMemory.lines(BiasGradient.scratchBytes(gradients.biasGradient()))
                + HostMemory.lines(BiasGradient.scratchBytes(gradients.keyBiasGradient()))
                + (totals(layout, threads) + chunkGradients(layout, threads)) * gradientBytes(layout)
                + threads * BackwardPart.scratchBytes(layout);
    }

    private static long gradientBytes(BackwardLayout layout) {
        return layout.gradientBytes(layout.split ? (long) layout.batches * layout.heads : layout.group);
    }

    private static int totals(BackwardLayout layout, int threads) {
        return layout.split ? 1 : threads;
    }

    private static int chunkGradients(BackwardLayout layout, int threads) {
        if (layout.split) {
            return Math.min(layout.chunks, BackwardLayout.MOST_AT_ONCE);
        }
        return layout.chunks > 1 ? threads : 0;
    }

    @Override
    public void run() {
        sequences.read();
        Backward.Gradients gradients = layout.backward.gradients();
        if (layout.ragged || layout.inputs.keyLengths() != null) {
            zero(gradients.queryGradient());
            zero(gradients.keysGradient());
            zero(gradients.valuesGradient());
        }
        int biasRows = (bias == null ? 0 : bias.rows()) + (keyBias == null ? 0 : keyBias.rows());
        WorkerPool.run(clear, biasRows, threads);
        WorkerPool.run(constants, layout.sequenceCount * layout.heads, threads);
        if (layout.split) {
            for (firstChunk = 0; firstChunk < layout.chunks; firstChunk += BackwardLayout.MOST_AT_ONCE) {
                WorkerPool.run(meet, layout.units * chunksAtWork(), threads);
                WorkerPool.run(add, layout.sequenceCount * layout.keyHeads, threads);
            }
        } else {
            WorkerPool.run(meet, layout.units, threads);
        }
        WorkerPool.run(write, biasRows, threads);
        for (int h = 0; h < layout.heads && gradients.sinksGradient() != null; h++) {
            rows[0].writeSink(gradients.sinksGradient(), h);
        }
    }

    private int chunksAtWork() {
        return Math.min(BackwardLayout.MOST_AT_ONCE, layout.chunks - firstChunk);
    }

    private static void zero(Tensor tensor) {
        HeadRows rows = HeadRows.of(tensor);
        long bytes = tensor.size(3) * tensor.dtype().bytes();
        for (int b = 0; b < tensor.size(0); b++) {
            for (int h = 0; h < tensor.size(1); h++) {
                for (int i = 0; i < tensor.size(2); i++) {
                    HostMemory.clear(rows.at(b, h, i), bytes);
                }
            }
        }
    }

    private void clear(int row) {
        int ofBias = bias == null ? 0 : bias.rows();
        if (row < ofBias) {
            bias.clear(row);
        } else {
            keyBias.clear(row - ofBias);
        }
    }

    private void write(int row) {
        int ofBias = bias == null ? 0 : bias.rows();
        if (row < ofBias) {
            bias.write(row);
        } else {
            keyBias.write(row - ofBias);
        }
    }

    private void constants(int sequenceAndHead) {
        int slot = free.acquire();
        try {
            rows[slot].run(sequenceAndHead / layout.heads, sequenceAndHead % layout.heads);
        } finally {
            free.release(slot);
        }
    }

    /** Does a unit, or a chunk of it: a sequence and a key head, or all of one of them, or of both. */
    private void meet(int part) {
        int atWork = layout.split ? chunksAtWork() : 1;
        int unit = part / atWork;
        int unitHeads = layout.allHeads ? 1 : layout.keyHeads;
        int sequence = unit / unitHeads;
        int head = unit % unitHeads;
        int endOfSequences = layout.allSequences ? layout.sequenceCount : sequence + 1;
        int endOfHeads = layout.allHeads ? layout.keyHeads : head + 1;
        int slot = free.acquire();
        try {
            for (int s = sequence; s < endOfSequences; s++) {
                for (int h = head; h < endOfHeads; h++) {
                    if (layout.split) {
                        long to = chunkGradients + part % atWork * gradientBytes;
                        parts[slot].run(s, h, firstChunk + part % atWork, to + offset(s, h));
                    } else {
                        meetChunks(slot, s, h);
                    }
                }
            }
        } finally {
            free.release(slot);
        }
    }

    /** Where the gradient of a key head's queries begins among those of all. */
    private long offset(int sequence, int keyHead) {
        return layout.gradientBytes((long) sequences.row[sequence] * layout.heads + (long) keyHead * layout.group);
    }

    private void meetChunks(int slot, int sequence, int keyHead) {
        long total = totals[slot];
        parts[slot].run(sequence, keyHead, 0, total);
        for (int chunk = 1; chunk * layout.chunkKeys < sequences.keys[sequence]; chunk++) {
            long gradients = chunkGradients + slot * gradientBytes;
            parts[slot].run(sequence, keyHead, chunk, gradients);
            add(sequence, gradients, total);
        }
        parts[slot].write(sequence, keyHead, total);
    }

    /** Adds the gradients of the chunks that were at work to those before them, in their order, and writes the last sums. */
    private void add(int sequenceAndKeyHead) {
        int sequence = sequenceAndKeyHead / layout.keyHeads;
        int keyHead = sequenceAndKeyHead % layout.keyHeads;
        long offset = offset(sequence, keyHead);
        long total = totals[0] + offset;
        for (int i = 0; i < chunksAtWork(); i++) {
            int chunk = firstChunk + i;
            long gradients = chunkGradients + i * gradientBytes + offset;
            if (chunk == 0) {
                copy(sequence, gradients, total);
            } else if (chunk * layout.chunkKeys < sequences.keys[sequence]) {
                add(sequence, gradients, total);
            }
        }
        if (firstChunk + chunksAtWork() == layout.chunks) {
            int slot = free.acquire();
            try {
                parts[slot].write(sequence, keyHead, total);
            } finally {
                free.release(slot);
            }
        }
    }

    private long rowsOf(int sequence, int head) {
        return ((long) head * layout.rowsPerHead + rows[0].place(sequence, 0)) * layout.gradientRow;
    }

    private void copy(int sequence, long from, long to) {
        for (int g = 0; g < layout.group; g++) {
            long at = rowsOf(sequence, g);
            MemorySegment.copy(ALL, from + at, ALL, to + at, sequences.queries[sequence] * layout.gradientRow);
        }
    }

    private void add(int sequence, long from, long to) {
        PanelMath math = layout.math;
        int length = (int) (layout.gradientRow / layout.bytes);
        for (int g = 0; g < layout.group; g++) {
            for (int i = 0; i < sequences.queries[sequence]; i++) {
                long at = rowsOf(sequence, g) + i * layout.gradientRow;
                math.addVector(length, from + at, to + at);
            }
        }
    }
}
