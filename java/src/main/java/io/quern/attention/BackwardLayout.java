package io.quern.attention;

import io.quern.DType;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;

/**
 * Sizes of {@link BackwardVector}, all by the tensors alone: lengths and starts change from run to run, the workspace does
 * not.
 *
 * <p>Keys are counted in panels of as many as the micro-kernel has columns, panels in chunks. What a chunk gives to the
 * queries' gradient is summed up apart, and chunks are added in their order: the bits are the same whether one thread meets
 * them all or several do, and a chunk has so many keys whatever else is in the batch.
 */
final class BackwardLayout {
    /** Queries of a block: weights and products of a panel fit the first-level cache. */
    static final int QUERIES = 64;

    /** Chunks that are computed side by side at the most: each has a gradient of all queries of its own. */
    static final int MOST_AT_ONCE = 8;

    private static final int CHUNK_PANELS = 16;
    private static final int TILE = MicroKernel.ROWS;

    /** Parts to have at the least, so that a few threads are equally busy: with fewer heads chunks are parts. */
    private static final int LEAST_PARTS = 16;

    /** What a block of keys may take of a second-level cache of 1 MiB; the rest is for queries. */
    private static final int BLOCK_BYTES = 512 << 10;

    final Backward backward;
    final Inputs inputs;
    final DType dtype;
    final boolean narrow;
    final MicroKernel kernel;
    final PanelMath math;
    final int bytes;
    final int columns;
    final long row;
    final int heads;
    final int keyHeads;
    final int group;
    final int headDim;
    final int valueDim;
    final boolean ragged;
    final int sequenceCount;
    final int batches;

    /** Panels of a block, and keys of a chunk. */
    final int panels;

    final int chunkKeys;
    final int chunks;

    /** Rows that a head has in what is kept of rows of queries: each sequence's end with room for a tile. */
    final int rowsPerHead;

    /** A tile's columns in bytes: channels of the queries' gradient. */
    final long channelTile;

    /** A row of the queries' gradient in bytes, whole tiles of them, and from there to the next. */
    final long gradientChannels;

    final long gradientRow;

    /** Whether a part meets all sequences, or all key heads: they add to the same numbers. */
    final boolean allSequences;

    final boolean allHeads;

    /** Sequences and key heads of which each makes parts of its own. */
    final int units;

    /** Whether a chunk is a part of its own. */
    final boolean split;

    BackwardLayout(Backward backward) {
        this.backward = backward;
        this.inputs = backward.inputs();
        this.dtype = inputs.query().dtype();
        this.narrow = dtype != dtype.accumulator();
        this.kernel = PrefillVector.microKernel(dtype);
        this.math = PrefillVector.panelMath(dtype);
        this.bytes = kernel.elementBytes();
        this.columns = kernel.columns();
        this.row = kernel.rowBytes();
        this.heads = (int) inputs.heads();
        this.keyHeads = (int) inputs.keys().size(1);
        this.group = keyHeads == 0 ? 0 : heads / keyHeads;
        this.headDim = inputs.attention().headDim();
        this.valueDim = inputs.attention().valueDim();
        this.ragged = inputs.queryStarts() != null;
        this.sequenceCount = (int) inputs.sequences();
        this.batches = (int) inputs.query().size(0);
        this.panels = panels();
        this.chunkKeys = CHUNK_PANELS * columns;
        this.chunks = Math.ceilDiv((int) inputs.keys().size(2), chunkKeys);
        this.rowsPerHead = (int) inputs.query().size(2) + TILE * (ragged ? sequenceCount : 1);
        this.channelTile = row / MicroKernel.VECTORS * MicroKernel.ROW_VECTORS;
        this.gradientChannels = Math.ceilDiv((long) headDim * bytes, channelTile) * channelTile;
        this.gradientRow = oddLines(gradientChannels);
        Backward.Gradients gradients = backward.gradients();
        this.allSequences = BiasGradient.sharedBySequences(gradients.biasGradient(), inputs)
                || BiasGradient.sharedBySequences(gradients.keyBiasGradient(), inputs);
        this.allHeads = BiasGradient.sharedByHeads(gradients.biasGradient(), inputs)
                || BiasGradient.sharedByHeads(gradients.keyBiasGradient(), inputs);
        this.units = (allSequences ? Math.min(1, sequenceCount) : sequenceCount)
                * (allHeads ? Math.min(1, keyHeads) : keyHeads);
        this.split = units < LEAST_PARTS && chunks > 1;
    }

    /** A power of two, so that a chunk is whole blocks. */
    private int panels() {
        long panelBytes = row * (3 * tiled(headDim) + 2 * tiled(valueDim));
        int most = Math.clamp(BLOCK_BYTES / panelBytes, 1, CHUNK_PANELS);
        int needed = Math.max(1, Math.ceilDiv((int) inputs.keys().size(2), columns));
        return Math.min(Integer.highestOneBit(most), needed == 1 ? 1 : 2 * Integer.highestOneBit(needed - 1));
    }

    static int tiled(int length) {
        return Math.ceilDiv(length, TILE) * TILE;
    }

    /** {@return bytes from a staged row to the next: an odd number of cache lines, or columns would meet in few sets} */
    static long oddLines(long bytes) {
        return HostMemory.lines(bytes) | HostMemory.ALIGNMENT;
    }

    /** {@return bytes of the queries' gradient of a number of heads} */
    long gradientBytes(long headCount) {
        return headCount * rowsPerHead * gradientRow;
    }
}
