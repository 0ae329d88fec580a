package io.quern.linear;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.ToLongFunction;

/**
 * An operand of {@link GemmVector}, copied in the order in which {@link MicroKernel} reads it and in the type in which it
 * computes. Its lines, rows of op(A) or columns of op(B), are cut into units that a tile of C needs: 4 rows, or a panel of
 * columns. For each matrix of a round and each block of its depth, the units lie one after the other.
 *
 * <p>Where lines are contiguous in memory a unit of A keeps them so, a little apart, and a panel of B is filled column by
 * column. Where they are not, all lines' elements of one place in the depth are: they are dealt to the units row by row.
 */
final class PackedOperand {
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

    /** Lines that one part packs. */
    private static final int PART_LINES = 192;

    private final boolean isA;
    private final boolean alongDepth;
    private final Batches batches;
    private final ToLongFunction<Batches.Axis> stride;
    private final boolean shared;
    private final DType dtype;
    private final long source;
    private final long sourceRow;
    private final long lines;
    private final int depthBlock;
    private final MicroKernel kernel;
    private final PanelMath math;
    private final int unitLines;
    private final long unitBytes;
    private final int partUnits;
    private final long packed;

    // The round.
    private long firstMatrix;
    private int matrices;
    private long firstLine;
    private int units;
    private long firstDepth;
    private int depth;
    private int depthBlocks;

    private PackedOperand(GemmPlan plan, Product product, boolean isA, long packed) {
        Tensor tensor = isA ? product.a() : product.b();
        this.isA = isA;
        this.alongDepth = isA == ((isA ? product.gemm().a() : product.gemm().b()) == Gemm.Op.PLAIN);
        this.batches = plan.batches();
        this.stride = isA ? Batches.Axis::a : Batches.Axis::b;
        this.shared = batches.axes().stream().mapToLong(stride).allMatch(step -> step == 0);
        this.dtype = tensor.dtype();
        this.source = tensor.address();
        this.sourceRow = (isA ? batches.rowA() : batches.rowB()) * dtype.bytes();
        this.lines = isA ? batches.rows() : batches.columns();
        this.depthBlock = plan.depthBlock();
        this.kernel = plan.kernel();
        this.math = dtype == DType.FP64 ? PanelMath.FP64 : PanelMath.FP32;
        this.unitLines = isA ? MicroKernel.ROWS : kernel.columns();
        this.unitBytes = isA ? tileBytes(plan) : panelBytes(plan);
        this.partUnits = Math.max(1, PART_LINES / unitLines);
        this.packed = packed;
    }

    static PackedOperand ofA(GemmPlan plan, Product product, long packed) {
        return new PackedOperand(plan, product, true, packed);
    }

    static PackedOperand ofB(GemmPlan plan, Product product, long packed) {
        return new PackedOperand(plan, product, false, packed);
    }

    static long bytesOfA(GemmPlan plan) {
        return plan.matrices() * (long) plan.tiles() * depthBlocks(plan.depth(), plan.depthBlock()) * tileBytes(plan);
    }

    static long bytesOfB(GemmPlan plan) {
        return plan.matrices() * (long) plan.panels() * depthBlocks(plan.depth(), plan.depthBlock()) * panelBytes(plan);
    }

    /** Rows of a tile lie a line further apart than they are long: a multiple of a page would alias. */
    private static long tileBytes(GemmPlan plan) {
        return MicroKernel.ROWS * tileRow(plan.depthBlock(), plan.kernel());
    }

    private static long tileRow(int depthBlock, MicroKernel kernel) {
        return depthBlock * (long) kernel.elementBytes() + HostMemory.ALIGNMENT;
    }

    private static long panelBytes(GemmPlan plan) {
        return plan.depthBlock() * plan.kernel().rowBytes();
    }

    private static int depthBlocks(int depth, int depthBlock) {
        return Math.ceilDiv(depth, depthBlock);
    }

    /** Makes the next round pack anew: what was packed may have changed. */
    void forget() {
        matrices = 0;
    }

    /**
     * Takes up a round.
     *
     * @return how many parts there are to be packed: none if they are
     */
    int begin(long firstMatrix, int matrices, long firstLine, int units, long firstDepth, int depth) {
        int distinct = shared ? 1 : matrices;
        long first = shared ? 0 : firstMatrix;
        if (this.firstMatrix == first
                && this.matrices == distinct
                && this.firstLine == firstLine
                && this.units == units
                && this.firstDepth == firstDepth
                && this.depth == depth) {
            return 0;
        }
        this.firstMatrix = first;
        this.matrices = distinct;
        this.firstLine = firstLine;
        this.units = units;
        this.firstDepth = firstDepth;
        this.depth = depth;
        this.depthBlocks = depthBlocks(depth, depthBlock);
        return distinct * partsOfMatrix();
    }

    private int partsOfMatrix() {
        return Math.ceilDiv(units, partUnits);
    }

    /** {@return how many blocks the depth of the round has} */
    int depthBlocks() {
        return depthBlocks;
    }

    /** {@return the first term of a block of the depth, in the round; blocks are as equal as can be} */
    int depthBegin(int block) {
        return (int) ((long) depth * block / depthBlocks);
    }

    /** {@return where a unit lies} */
    long at(int matrix, int block, int unit) {
        return packed + (((shared ? 0 : matrix) * (long) depthBlocks + block) * units + unit) * unitBytes;
    }

    /** {@return from a row of a tile to the next, in bytes} */
    long tileRow() {
        return alongDepth ? tileRow(depthBlock, kernel) : kernel.elementBytes();
    }

    /** {@return from a column of a tile to the next, in bytes} */
    long tileStep() {
        return alongDepth ? kernel.elementBytes() : (long) MicroKernel.ROWS * kernel.elementBytes();
    }

    /** Packs a part. */
    void pack(int part) {
        int matrix = part / partsOfMatrix();
        int unit = part % partsOfMatrix() * partUnits;
        int end = Math.min(units, unit + partUnits);
        long from = source + batches.at(stride, firstMatrix + matrix) * dtype.bytes();
        for (int block = 0; block < depthBlocks; block++) {
            if (alongDepth) {
                packLines(matrix, block, unit, end, from);
            } else {
                packDepth(matrix, block, unit, end, from);
            }
        }
    }

    private void packLines(int matrix, int block, int firstUnit, int endUnit, long from) {
        int begin = depthBegin(block);
        int length = depthBegin(block + 1) - begin;
        for (int unit = firstUnit; unit < endUnit; unit++) {
            long to = at(matrix, block, unit);
            long line = firstLine + (long) unit * unitLines;
            int some = (int) Math.min(unitLines, lines - line);
            for (int i = 0; i < some; i++) {
                long run = wide(from + (line + i) * sourceRow + (firstDepth + begin) * dtype.bytes(), length);
                if (isA) {
                    MemorySegment.copy(
                            ALL, run, ALL, to + i * tileRow(depthBlock, kernel), (long) length * kernel.elementBytes());
                } else {
                    math.packColumn(length, run, 1, to, i);
                }
            }
        }
    }

    private void packDepth(int matrix, int block, int firstUnit, int endUnit, long from) {
        int begin = depthBegin(block);
        int length = depthBegin(block + 1) - begin;
        long line = firstLine + (long) firstUnit * unitLines;
        int some = (int) Math.min((endUnit - firstUnit) * (long) unitLines, lines - line);
        long to = at(matrix, block, firstUnit);
        long row = from + (firstDepth + begin) * sourceRow + line * dtype.bytes();
        for (int i = 0; i < length; i++) {
            long run = wide(row + i * sourceRow, some);
            if (isA) {
                dealToTiles(some, run, to + i * tileStep());
            } else {
                math.packRow(some, run, to + i * kernel.rowBytes(), unitBytes);
            }
        }
    }

    /** Copies four elements to each tile. */
    private void dealToTiles(int count, long run, long to) {
        int bytes = MicroKernel.ROWS * kernel.elementBytes();
        int whole = count / MicroKernel.ROWS;
        for (int tile = 0; tile < whole; tile++) {
            for (int i = 0; i < bytes; i += Long.BYTES) {
                ALL.set(LONG, to + tile * unitBytes + i, ALL.get(LONG, run + (long) tile * bytes + i));
            }
        }
        long rest = (long) count * kernel.elementBytes() - (long) whole * bytes;
        for (long i = 0; i < rest; i++) {
            ALL.set(BYTE, to + whole * unitBytes + i, ALL.get(BYTE, run + (long) whole * bytes + i));
        }
    }

    /** {@return where elements lie in the type in which they are multiplied: where they are, or in a block of the thread's own} */
    private long wide(long address, int count) {
        if (dtype.bytes() == kernel.elementBytes()) {
            return address;
        }
        return Fp32Blocks.ofThread().load(0, dtype, ALL, address, count).address();
    }
}
