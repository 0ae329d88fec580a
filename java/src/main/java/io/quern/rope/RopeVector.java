package io.quern.rope;

import io.quern.DType;
import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Workspace;
import io.quern.cpu.RowParts;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * Rotary embeddings by the Vector API. Tokens are shared among the threads; for each one the cosines and sines of its
 * position are laid out once as its heads need them ({@link TurnLayout}), then its heads are rotated ({@link RopeHeads}).
 */
final class RopeVector {
    static final Kernel<Rotation> APPLY = new Kernel<>() {
        @Override
        public Launch bind(Rotation arguments, Stream stream, Workspace workspace) {
            return new Apply(arguments, ((Device.Cpu) stream.device()).threads(), workspace);
        }

        @Override
        public long workspaceBytes(Rotation arguments, Stream stream) {
            return parts(arguments).count() * new TurnLayout(arguments).scratchBytes();
        }
    };

    static final Kernel<Tabulation> ANGLES = new Kernel<>() {
        @Override
        public Launch bind(Tabulation arguments, Stream stream, Workspace workspace) {
            return new Angles(arguments, ((Device.Cpu) stream.device()).threads(), workspace);
        }

        @Override
        public long workspaceBytes(Tabulation arguments, Stream stream) {
            return parts(arguments).count() * new TokenAngles(arguments.rope()).bytes();
        }
    };

    /** What a part moves at the least; each has scratch memory of its own. */
    private static final long PART_BYTES = 256 << 10;

    private RopeVector() {}

    private static RowParts parts(Rotation a) {
        HeadsLayout x = a.xLayout();
        return RowParts.of(x.batches() * x.tokens(), a.bytes(), PART_BYTES);
    }

    private static RowParts parts(Tabulation a) {
        return RowParts.of(a.table().batches() * a.table().rows(), a.bytes(), PART_BYTES);
    }

    private static final class Apply implements Launch, WorkerPool.Task {
        private final TurnLayout turns;
        private final RopeHeads heads;
        private final HeadsLayout x;
        private final HeadsLayout out;
        private final MemorySegment scratch;
        private final int elementBytes;
        private final RowParts parts;
        private final int threads;

        Apply(Rotation a, int threads, Workspace workspace) {
            this.turns = new TurnLayout(a);
            this.heads = new RopeHeads(a, workspace.segment());
            this.x = a.xLayout();
            this.out = a.outLayout();
            this.scratch = workspace.segment();
            this.elementBytes = a.x().dtype().bytes();
            this.parts = parts(a);
            this.threads = threads;
        }

        @Override
        public void run() {
            WorkerPool.run(this, parts.count(), threads);
        }

        @Override
        public void run(int part) {
            long end = parts.end(part);
            long turnsAt = part * turns.scratchBytes();
            for (long i = parts.begin(part); i < end; i++) {
                long b = i / x.tokens();
                long t = i % x.tokens();
                turns.place(b, t, scratch, turnsAt);
                heads.rotate(x.at(b, t) * elementBytes, out.at(b, t) * elementBytes, turnsAt);
            }
        }
    }

    private static final class Angles implements Launch, WorkerPool.Task {
        private final TokenAngles angles;
        private final RopeTable table;
        private final PositionsLayout positions;
        private final MemorySegment positionsMemory;
        private final MemorySegment cosine;
        private final MemorySegment sine;
        private final MemorySegment scratch;
        private final int pairs;
        private final RowParts parts;
        private final int threads;

        Angles(Tabulation a, int threads, Workspace workspace) {
            this.angles = new TokenAngles(a.rope());
            this.table = a.table();
            this.positions = a.positionsLayout();
            this.positionsMemory = positions.segment();
            this.cosine = table.cosine().segment();
            this.sine = table.sine().segment();
            this.scratch = workspace.segment();
            this.pairs = a.rope().pairs();
            this.parts = parts(a);
            this.threads = threads;
        }

        @Override
        public void run() {
            WorkerPool.run(this, parts.count(), threads);
        }

        @Override
        public void run(int part) {
            long rows = table.rows();
            long end = parts.end(part);
            long at = part * angles.bytes();
            for (long i = parts.begin(part); i < end; i++) {
                long b = i / rows;
                long row = i % rows;
                angles.compute(positions.at(positionsMemory, b, row), scratch, at);
                store(
                        at,
                        cosine,
                        b * table.batchStride(table.cosine())
                                + row * table.cosine().stride(-2));
                store(
                        at + 8L * pairs,
                        sine,
                        b * table.batchStride(table.sine()) + row * table.sine().stride(-2));
            }
        }

        private void store(long from, MemorySegment to, long element) {
            if (table.dtype() == DType.FP64) {
                MemorySegment.copy(scratch, from, to, 8 * element, 8L * pairs);
            } else {
                TurnLayout.narrow(scratch, from, to, 4 * element, pairs);
            }
        }
    }
}
