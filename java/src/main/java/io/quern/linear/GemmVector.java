package io.quern.linear;

import io.quern.DType;
import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Workspace;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * {@link Gemm} by the Vector API: both operands are packed, then multiplied tile by tile (Goto and van de Geijn, "Anatomy of
 * High-Performance Matrix Multiplication", ACM TOMS 34, 2008).
 *
 * <p>A round packs as much of A and of B as the workspace holds, and multiplies it. What it multiplies is cut into blocks of C,
 * each a part for one thread. A block's sums stay in scratch memory over all of the depth; alpha, beta and the rounding to the
 * type of C come last:
 *
 * <pre>
 *   for each block of the depth
 *     for each panel of B in the block of C         (depth, columns), in the first-level cache
 *       for each tile of A in the block of C        (4, depth), in the second-level cache
 *         sums = sums + A B                         (4, columns), by MicroKernel
 *   C = alpha sums + beta C
 * </pre>
 *
 * Every element is the sum of the depth's blocks in their order, each summed in the order of its terms: its bits depend neither
 * on parts nor on threads, nor on other rows, columns or matrices.
 */
final class GemmVector implements Launch {
    static final Kernel<Product> KERNEL = new Kernel<>() {
        @Override
        public Launch bind(Product product, Stream stream, Workspace workspace) {
            return product.c().elementCount() == 0
                    ? () -> {}
                    : new GemmVector(product, threads(stream), HostMemory.lines(workspace.address()));
        }

        /** A line more than is used: a caller's workspace need not begin at one. */
        @Override
        public long workspaceBytes(Product product, Stream stream) {
            return product.c().elementCount() == 0
                    ? 0
                    : HostMemory.ALIGNMENT
                            + GemmPlan.of(product, threads(stream)).bytes();
        }
    };

    private static final MemorySegment ALL = AddressSpace.ALL;

    private final int threads;
    private final Product product;
    private final GemmPlan plan;
    private final Batches batches;
    private final MicroKernel kernel;
    private final PanelMath math;
    private PackedOperand a;
    private final PackedOperand b;
    private final DType dtype;
    private final long c;
    private final double alpha;
    private final double beta;
    private final long count;
    private final long depth;
    private final long sums;
    private final Slots free;
    private final WorkerPool.Task packing = this::pack;
    private final WorkerPool.Task multiplying = this::multiply;

    /** Whether A is another product's, which packs it before this one runs. */
    private boolean follows;

    // The round.
    private long firstMatrix;
    private long firstRow;
    private int tiles;
    private long firstColumn;
    private int panels;
    private int partsOfA;
    private boolean first;
    private boolean last;

    private GemmVector(Product product, int threads, long workspace) {
        this.threads = threads;
        this.product = product;
        this.plan = GemmPlan.of(product, threads);
        this.batches = plan.batches();
        this.kernel = plan.kernel();
        this.math = product.accumulator() == DType.FP64 ? PanelMath.FP64 : PanelMath.FP32;
        this.a = PackedOperand.ofA(plan, product, workspace);
        long behindA = workspace + PackedOperand.bytesOfA(plan);
        this.b = PackedOperand.ofB(plan, product, behindA);
        this.sums = behindA + PackedOperand.bytesOfB(plan);
        this.dtype = product.c().dtype();
        this.c = product.c().address();
        this.alpha = product.gemm().alpha();
        this.beta = product.gemm().beta();
        this.count = batches.count();
        this.depth = alpha == 0 ? 0 : batches.depth(); // what is multiplied by 0 is not read
        this.free = new Slots(threads);
    }

    private static int threads(Stream stream) {
        return ((Device.Cpu) stream.device()).threads();
    }

    /**
     * Says that the other product always runs just before this one, in the same workspace. Where both take the same A, what the
     * other leaves packed of it is not packed again.
     */
    void follow(GemmVector other) {
        if (product.a() == other.product.a()
                && product.gemm().a() == other.product.gemm().a()
                && plan.cutsALike(other.plan)) {
            a = other.a;
            follows = true;
        }
    }

    @Override
    public void run() {
        if (!follows) {
            a.forget();
        }
        b.forget();
        int columns = kernel.columns();
        for (firstMatrix = 0; firstMatrix < count; firstMatrix += plan.matrices()) {
            int matrices = (int) Math.min(plan.matrices(), count - firstMatrix);
            for (firstColumn = 0; firstColumn < batches.columns(); firstColumn += (long) plan.panels() * columns) {
                panels = (int) Math.min(plan.panels(), Math.ceilDiv(batches.columns() - firstColumn, columns));
                for (firstRow = 0; firstRow < batches.rows(); firstRow += (long) plan.tiles() * MicroKernel.ROWS) {
                    tiles = (int) Math.min(plan.tiles(), Math.ceilDiv(batches.rows() - firstRow, MicroKernel.ROWS));
                    runRounds(matrices);
                }
            }
        }
    }

    /** All of the depth; one round without any where there is none. */
    private void runRounds(int matrices) {
        long done = 0;
        do {
            int some = (int) Math.min(plan.depth(), depth - done);
            first = done == 0;
            last = done + some == depth;
            partsOfA = a.begin(firstMatrix, matrices, firstRow, tiles, done, some);
            int partsOfB = b.begin(firstMatrix, matrices, firstColumn, panels, done, some);
            WorkerPool.run(packing, partsOfA + partsOfB, threads);
            WorkerPool.run(multiplying, matrices * plan.rowBlocks() * plan.columnBlocks(), threads);
            done += some;
        } while (done < depth);
    }

    private void pack(int part) {
        if (part < partsOfA) {
            a.pack(part);
        } else {
            b.pack(part - partsOfA);
        }
    }

    private void multiply(int part) {
        if (plan.manyRoundsDeep()) {
            multiply(part, sums + part * plan.sumsBytes());
            return;
        }
        int slot = free.acquire();
        try {
            multiply(part, sums + slot * plan.sumsBytes());
        } finally {
            free.release(slot);
        }
    }

    /** Blocks of one range of columns come one after the other: they share panels. */
    private void multiply(int part, long sums) {
        int row = part % plan.rowBlocks();
        int column = part / plan.rowBlocks() % plan.columnBlocks();
        int matrix = part / plan.rowBlocks() / plan.columnBlocks();
        int tile = (int) ((long) tiles * row / plan.rowBlocks());
        int endTile = (int) ((long) tiles * (row + 1) / plan.rowBlocks());
        int panel = (int) ((long) panels * column / plan.columnBlocks());
        int endPanel = (int) ((long) panels * (column + 1) / plan.columnBlocks());
        for (int block = 0; block < a.depthBlocks(); block++) {
            for (int p = panel; p < endPanel; p++) {
                sum(matrix, block, tile, endTile, p, sums + (p - panel) * kernel.rowBytes());
            }
        }
        if (last) {
            finish(matrix, tile, endTile, panel, endPanel, sums);
        }
    }

    private void sum(int matrix, int block, int tile, int endTile, int panel, long sums) {
        int terms = a.depthBegin(block + 1) - a.depthBegin(block);
        boolean fromZero = first && block == 0;
        long at = b.at(matrix, block, panel);
        long step = MicroKernel.ROWS * plan.sumsRow();
        for (int t = tile; t < endTile; t++) {
            long to = sums + (t - tile) * step;
            kernel.multiplyAdd(
                    terms,
                    a.at(matrix, block, t),
                    a.tileRow(),
                    a.tileStep(),
                    at,
                    fromZero ? MicroKernel.zeros() : to,
                    fromZero ? 0 : plan.sumsRow(),
                    to,
                    plan.sumsRow());
        }
    }

    /** Writes a block of C, those of its rows and columns that there are. */
    private void finish(int matrix, int tile, int endTile, int panel, int endPanel, long sums) {
        long row = firstRow + (long) tile * MicroKernel.ROWS;
        int rows = (int) Math.min((endTile - tile) * (long) MicroKernel.ROWS, batches.rows() - row);
        long column = firstColumn + (long) panel * kernel.columns();
        int length = (int) Math.min((endPanel - panel) * (long) kernel.columns(), batches.columns() - column);
        long to =
                c + (batches.at(Batches.Axis::c, firstMatrix + matrix) + row * batches.rowC() + column) * dtype.bytes();
        for (int i = 0; i < rows; i++) {
            finish(length, sums + i * plan.sumsRow(), to + i * batches.rowC() * dtype.bytes());
        }
    }

    private void finish(int length, long sums, long to) {
        if (a.depthBlocks() == 0) { // no terms, and nobody wrote their sum
            HostMemory.clear(sums, (long) length * kernel.elementBytes());
        }
        if (dtype.bytes() == kernel.elementBytes()) {
            math.combine(length, sums, alpha, to, beta);
            return;
        }
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        if (beta != 0) {
            blocks.load(0, dtype, ALL, to, length);
        }
        math.combine(length, sums, alpha, blocks.address(0), beta);
        blocks.store(0, dtype, ALL, to, length);
    }
}
