package io.quern.linear;

import io.quern.DType;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;

/**
 * How {@link GemmVector} cuts a product. All sizes follow from the product but for the number of blocks, which grows with the
 * threads; no result depends on them.
 *
 * @param batches what is multiplied
 * @param kernel multiplies a tile
 * @param depthBlock the most terms that a tile sums up before they are added to what was summed before
 * @param matrices the most products of a round
 * @param tiles the most tiles of A in a round
 * @param panels the most panels of B in a round
 * @param depth the most terms of a round
 * @param rowBlocks how many blocks the tiles of a round are cut into
 * @param columnBlocks how many blocks the panels of a round are cut into
 * @param sumsBytes of a block's sums
 * @param sumsCount how many blocks' sums are kept
 */
record GemmPlan(
        Batches batches,
        MicroKernel kernel,
        int depthBlock,
        int matrices,
        int tiles,
        int panels,
        int depth,
        int rowBlocks,
        int columnBlocks,
        long sumsBytes,
        int sumsCount) {
    /** A panel of so many bytes leaves room for tiles of A and of sums in a first-level cache of 32 KiB. */
    private static final long PANEL_BYTES = 24 << 10;

    /** Packed A of a round, and packed B: beyond the caches of one core, so that what is packed twice costs little. */
    private static final long ROUND_BYTES = 64L << 20;

    /** Terms of a round: sums of longer ones stay in the workspace from round to round. */
    private static final int ROUND_DEPTH = 8192;

    /** Packed operands of several products in one round: they are used soon, in the caches. */
    private static final long MANY_BYTES = 4L << 20;

    /** Rows of a block of C, and the bytes of one of its rows of sums: these and A's tiles fit half a MiB. */
    private static final int BLOCK_ROWS = 128;

    private static final long BLOCK_ROW_BYTES = 1920;

    /** Blocks for a thread to have at the least, so that all are busy to the end. */
    private static final int BLOCKS_PER_THREAD = 4;

    /** FLOP that a block is worth: some 10 microseconds. */
    private static final long LEAST_FLOPS = 1 << 20;

    static GemmPlan of(Product product, int threads) {
        Batches batches = Batches.of(product);
        MicroKernel kernel = product.accumulator() == DType.FP64 ? MicroKernel.FP64 : MicroKernel.FP32;
        int depthBlock = (int) (PANEL_BYTES / kernel.rowBytes());
        int depth = (int) Math.min(batches.depth(), ROUND_DEPTH);
        long lines = ROUND_BYTES / kernel.elementBytes() / Math.max(depth, 1);
        int tiles =
                (int) Math.min(Math.ceilDiv(batches.rows(), MicroKernel.ROWS), Math.ceilDiv(lines, MicroKernel.ROWS));
        int panels = (int)
                Math.min(Math.ceilDiv(batches.columns(), kernel.columns()), Math.ceilDiv(lines, kernel.columns()));
        boolean whole = depth == batches.depth()
                && tiles == Math.ceilDiv(batches.rows(), MicroKernel.ROWS)
                && panels == Math.ceilDiv(batches.columns(), kernel.columns());
        long bytes = Math.max(1, depth)
                * (tiles * (long) MicroKernel.ROWS * kernel.elementBytes() + panels * kernel.rowBytes());
        int matrices = whole ? (int) Math.clamp(MANY_BYTES / bytes, 1, batches.count()) : 1;
        int rowBlocks = Math.ceilDiv(tiles, BLOCK_ROWS / MicroKernel.ROWS);
        int columnBlocks = (int) Math.ceilDiv(panels, BLOCK_ROW_BYTES / kernel.rowBytes());
        long flops = 2L * matrices * tiles * MicroKernel.ROWS * panels * kernel.columns() * depth;
        long wanted = threads == 1 ? 1 : Math.min((long) BLOCKS_PER_THREAD * threads, flops / LEAST_FLOPS);
        while ((long) matrices * rowBlocks * columnBlocks < wanted && (rowBlocks < tiles || columnBlocks < panels)) {
            // Along the longer side of a block.
            boolean tall =
                    (long) tiles * MicroKernel.ROWS * columnBlocks > (long) panels * kernel.columns() * rowBlocks;
            if (columnBlocks == panels || tall && rowBlocks < tiles) {
                rowBlocks++;
            } else {
                columnBlocks++;
            }
        }
        long sumsBytes = (long) Math.ceilDiv(tiles, rowBlocks)
                * MicroKernel.ROWS
                * sumsRow(Math.ceilDiv(panels, columnBlocks), kernel);
        int sumsCount = depth < batches.depth() ? rowBlocks * columnBlocks : threads;
        return new GemmPlan(
                batches,
                kernel,
                depthBlock,
                matrices,
                tiles,
                panels,
                depth,
                rowBlocks,
                columnBlocks,
                sumsBytes,
                sumsCount);
    }

    /** {@return from a row of a block's sums to the next, in bytes; not a multiple of a page, which would alias} */
    private static long sumsRow(int panels, MicroKernel kernel) {
        return panels * kernel.rowBytes() + HostMemory.ALIGNMENT;
    }

    /** {@return from a row of a block's sums to the next, in bytes} */
    long sumsRow() {
        return sumsRow(Math.ceilDiv(panels, columnBlocks), kernel);
    }

    /** {@return whether sums are kept from round to round, those of each block, and not those of each thread} */
    boolean manyRoundsDeep() {
        return depth < batches.depth();
    }

    /** {@return whether both are plans of one product, not of many, and take as much of A in a round} */
    boolean cutsALike(GemmPlan other) {
        return batches.axes().isEmpty()
                && other.batches.axes().isEmpty()
                && kernel == other.kernel
                && tiles == other.tiles
                && depth == other.depth;
    }

    long bytes() {
        return PackedOperand.bytesOfA(this) + PackedOperand.bytesOfB(this) + sumsCount * sumsBytes;
    }
}
