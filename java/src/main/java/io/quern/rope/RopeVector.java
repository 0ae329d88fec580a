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

    static final Kernel<JointRotation> JOINT = new Kernel<>() {
        @Override
        public Launch bind(JointRotation arguments, Stream stream, Workspace workspace) {
            return new Joint(arguments, ((Device.Cpu) stream.device()).threads(), workspace);
        }

        @Override
        public long workspaceBytes(JointRotation arguments, Stream stream) {
            return parts(arguments).count() * new TurnLayout(arguments.query()).scratchBytes();
        }
    };

    static final Kernel<Tabulation> ANGLES = new Kernel<>() {
        @Override
        public Launch bind(Tabulation arguments, Stream stream, Workspace workspace) {
            return new Angles(arguments, ((Device.Cpu) stream.device()).threads(), workspace);
        }

        @Override
        public long workspaceBytes(Tabulation arguments, Stream stream) {
            return parts(arguments).count() * new TokenAngles(arguments.rope(), arguments.positionsLayout()).bytes();
        }
    };

    /** What a part moves at the least; each has scratch memory of its own. */
    private static final long PART_BYTES = 256 << 10;

    private RopeVector() {}

    private static RowParts parts(Rotation a) {
        HeadsLayout x = a.xLayout();
        return RowParts.of(x.batches() * x.tokens(), a.bytes(), PART_BYTES);
    }

    private static RowParts parts(JointRotation a) {
        HeadsLayout x = a.query().xLayout();
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
            this.heads = new RopeHeads(a.rope(), a.x(), a.out());
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
                long row = turns.place(b, t, scratch, turnsAt);
                heads.rotate(
                        x.at(b, t) * elementBytes,
                        out.at(b, t) * elementBytes,
                        turns.cosines(b, row, scratch, turnsAt),
                        turns.sines(b, row, scratch, turnsAt));
            }
        }
    }

    private static final class Joint implements Launch, WorkerPool.Task {
        /** Of the queries, of the keys: one call rotates either, since C2 would not inline the vectors of two. */
        private final RopeHeads[] heads;

        private final HeadsLayout[] from;
        private final HeadsLayout[] to;
        private final TurnLayout turns;
        private final MemorySegment value; // null where there are none
        private final MemorySegment valueOut;
        private final HeadsLayout valueLayout;
        private final HeadsLayout valueOutLayout;
        private final long valueBytes; // of a head
        private final PositionsLayout slots;
        private final MemorySegment slotsMemory;
        private final long capacity;
        private final MemorySegment scratch;
        private final int elementBytes;
        private final RowParts parts;
        private final int threads;

        Joint(JointRotation a, int threads, Workspace workspace) {
            Rotation query = a.query();
            Rope rope = query.rope();
            boolean hasValues = a.value() != null;
            this.heads = new RopeHeads[] {
                new RopeHeads(rope, query.x(), query.out()), new RopeHeads(rope, a.key(), a.keyOut())
            };
            this.from = new HeadsLayout[] {query.xLayout(), HeadsLayout.of(a.key())};
            this.to = new HeadsLayout[] {query.outLayout(), HeadsLayout.of(a.keyOut())};
            this.turns = new TurnLayout(query);
            this.value = hasValues ? a.value().segment() : null;
            this.valueOut = hasValues ? a.valueOut().segment() : null;
            this.valueLayout = hasValues ? HeadsLayout.of(a.value()) : null;
            this.valueOutLayout = hasValues ? HeadsLayout.of(a.valueOut()) : null;
            this.elementBytes = a.key().dtype().bytes();
            this.valueBytes = hasValues ? a.value().size(-1) * elementBytes : 0;
            this.slots = a.slotsLayout();
            this.slotsMemory = slots.segment();
            this.capacity = a.capacity();
            this.scratch = workspace.segment();
            this.parts = parts(a);
            this.threads = threads;
        }

        @Override
        public void run() {
            WorkerPool.run(this, parts.count(), threads);
        }

        @Override
        public void run(int part) {
            long tokens = from[0].tokens();
            long end = parts.end(part);
            long turnsAt = part * turns.scratchBytes();
            for (long i = parts.begin(part); i < end; i++) {
                long b = i / tokens;
                long t = i % tokens;
                long slot = slots.whole(slotsMemory, 0, b, t);
                boolean kept = slot >= 0 && slot < capacity;
                long row = turns.place(b, t, scratch, turnsAt);
                long cosines = turns.cosines(b, row, scratch, turnsAt);
                long sines = turns.sines(b, row, scratch, turnsAt);
                for (int side = 0; side < (kept ? 2 : 1); side++) {
                    long outAt = to[side].at(b, side == 0 ? t : slot);
                    heads[side].rotate(from[side].at(b, t) * elementBytes, outAt * elementBytes, cosines, sines);
                }
                if (kept) {
                    copyValues(b, t, slot);
                }
            }
        }

        private void copyValues(long b, long t, long slot) {
            if (value == null) {
                return;
            }
            long from = valueLayout.at(b, t) * elementBytes;
            long to = valueOutLayout.at(b, slot) * elementBytes;
            for (long h = 0; h < valueLayout.heads(); h++) {
                MemorySegment.copy(
                        value,
                        from + h * valueLayout.headStride() * elementBytes,
                        valueOut,
                        to + h * valueOutLayout.headStride() * elementBytes,
                        valueBytes);
            }
        }
    }

    private static final class Angles implements Launch, WorkerPool.Task {
        private final TokenAngles angles;
        private final RopeTable table;
        private final MemorySegment cosine;
        private final MemorySegment sine;
        private final MemorySegment scratch;
        private final int pairs;
        private final RowParts parts;
        private final int threads;

        Angles(Tabulation a, int threads, Workspace workspace) {
            this.angles = new TokenAngles(a.rope(), a.positionsLayout());
            this.table = a.table();
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
                angles.compute(b, row, scratch, at);
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
