package io.quern.linear;

import io.quern.DType;
import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.HostMemory;
import io.quern.cpu.PanelMath;
import io.quern.cpu.RowParts;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * {@link Adapters} by the Vector API. Tokens are shared among the threads. Both products go down the rows of a factor, each row
 * times a number added to a vector of sums: x A along the rank, and block by block along the columns what is added to out.
 */
final class AdaptersVector implements Launch, WorkerPool.Task {
    static final Kernel<Adaptation> KERNEL = new Kernel<>() {
        @Override
        public Launch bind(Adaptation p, Stream stream, Workspace workspace) {
            return new AdaptersVector(p, threads(stream), HostMemory.lines(workspace.address()));
        }

        /** A line more than is used: a caller's workspace need not begin at one. */
        @Override
        public long workspaceBytes(Adaptation p, Stream stream) {
            return HostMemory.ALIGNMENT + threads(stream) * scratchBytes(p);
        }
    };

    /** FLOP that a part is worth: some 10 microseconds. */
    private static final long PART_FLOPS = 1 << 16;

    private static final int BLOCK = Fp32Blocks.LENGTH;
    private static final MemorySegment ALL = AddressSpace.ALL;

    private final Adaptation p;
    private final DType dtype;
    private final PanelMath math;
    private final RowParts parts;
    private final int threads;
    private final Slots free;

    /** Of each thread: x A, and a block of sums. */
    private final long scratch;

    private final long scratchBytes;

    private AdaptersVector(Adaptation p, int threads, long scratch) {
        this.p = p;
        this.dtype = p.x().dtype();
        this.math = dtype == DType.FP64 ? PanelMath.FP64 : PanelMath.FP32;
        this.parts = RowParts.of(p.tokens(), p.flops(), PART_FLOPS);
        this.threads = threads;
        this.free = new Slots(threads);
        this.scratch = scratch;
        this.scratchBytes = scratchBytes(p);
    }

    private static int threads(Stream stream) {
        return ((Device.Cpu) stream.device()).threads();
    }

    private static long scratchBytes(Adaptation p) {
        return HostMemory.lines((p.rank() + BLOCK) * p.accumulator().bytes());
    }

    @Override
    public void run() {
        WorkerPool.run(this, parts.count(), threads);
    }

    @Override
    public void run(int part) {
        int slot = free.acquire();
        try {
            long end = parts.end(part);
            for (long token = parts.begin(part); token < end; token++) {
                long adapter = p.adapterOf(token);
                long rank = adapter < 0 ? 0 : p.rankOf(adapter);
                if (rank > 0) {
                    long projected = scratch + slot * scratchBytes;
                    project(token, adapter, rank, projected);
                    add(
                            token,
                            adapter,
                            rank,
                            projected,
                            projected + p.rank() * p.accumulator().bytes());
                }
            }
        } finally {
            free.release(slot);
        }
    }

    private void project(long token, long adapter, long rank, long projected) {
        Tensor x = p.x();
        Tensor a = p.a();
        int wide = p.accumulator().bytes();
        HostMemory.clear(projected, rank * wide);
        long row = x.address() + token * x.stride(0) * dtype.bytes();
        long matrix = a.address() + adapter * a.stride(0) * dtype.bytes();
        for (long i = 0; i < x.size(1); i += BLOCK) {
            int some = (int) Math.min(BLOCK, x.size(1) - i);
            long factors = wide(0, row + i * dtype.bytes(), some);
            for (int k = 0; k < some; k++) {
                long from = matrix + (i + k) * a.stride(1) * dtype.bytes();
                for (long r = 0; r < rank; r += BLOCK) {
                    int length = (int) Math.min(BLOCK, rank - r);
                    math.combine(
                            length,
                            wide(1, from + r * dtype.bytes(), length),
                            math.get(factors, k),
                            projected + r * wide,
                            1);
                }
            }
        }
    }

    private void add(long token, long adapter, long rank, long projected, long sums) {
        Tensor b = p.b();
        Tensor out = p.out();
        long matrix = b.address() + adapter * b.stride(0) * dtype.bytes();
        long row = out.address() + token * out.stride(0) * dtype.bytes();
        for (long j = 0; j < out.size(1); j += BLOCK) {
            int length = (int) Math.min(BLOCK, out.size(1) - j);
            for (int r = 0; r < rank; r++) {
                long from = matrix + (r * b.stride(1) + j) * dtype.bytes();
                math.combine(length, wide(1, from, length), math.get(projected, r), sums, r == 0 ? 0 : 1);
            }
            long to = row + j * dtype.bytes();
            long target = wide(0, to, length);
            math.combine(length, sums, p.adapters().scale(), target, 1);
            if (target != to) {
                Fp32Blocks.ofThread().store(0, dtype, ALL, to, length);
            }
        }
    }

    /** {@return where elements lie in the type of the sums: where they are, or in a block of the thread's own} */
    private long wide(int block, long address, int count) {
        if (dtype == p.accumulator()) {
            return address;
        }
        return Fp32Blocks.ofThread().load(block, dtype, ALL, address, count).address();
    }
}
