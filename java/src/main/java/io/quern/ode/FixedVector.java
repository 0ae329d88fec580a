package io.quern.ode;

import io.quern.DType;
import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Workspace;
import io.quern.cpu.HostMemory;
import io.quern.cpu.Lanes;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;
import java.util.BitSet;

/** Steps of equal length by a compiled kernel: block after block of trajectories, each from its start to its end. */
final class FixedVector implements Launch, WorkerPool.Task {
    static final Kernel<FixedSolve> KERNEL = new Kernel<>() {
        @Override
        public Launch bind(FixedSolve solve, Stream stream, Workspace workspace) {
            return new FixedVector(solve, compile(solve), threads(stream), workspace.address());
        }

        @Override
        public long workspaceBytes(FixedSolve solve, Stream stream) {
            return threads(stream) * HostMemory.lines(compile(solve).bytes());
        }
    };

    /** Of each thread, at the least, where there are enough trajectories: threads do not all begin and end at once. */
    private static final int PARTS = 4;

    private static final int LEAST_VECTORS = 4; // of a part

    private final FixedSolve solve;
    private final OdeField field;
    private final StepCompiler.Compiled compiled;
    private final int vector; // lanes
    private final TrajectoryBlocks blocks;
    private final Arithmetic arithmetic;
    private final int threads;
    private final Slots slots;
    private final long workspace;
    private final int part; // trajectories of one
    private final int parts;
    private final FollowedRows followed; // null: nothing is saved on the way
    private final int shift; // of the rows that are not carried
    private final Follower[] followers; // of each slot

    private FixedVector(FixedSolve solve, StepCompiler.Compiled compiled, int threads, long workspace) {
        this.solve = solve;
        this.field = solve.ode().field();
        this.compiled = compiled;
        this.vector = Lanes.BITS / Byte.SIZE / solve.trajectories().dtype().bytes();
        this.blocks = new TrajectoryBlocks(
                solve.trajectories(), compiled.lanes(), solve.saves() == null ? vector : compiled.lanes());
        this.arithmetic = Arithmetic.of(solve.trajectories().dtype());
        this.threads = threads;
        this.slots = new Slots(threads);
        this.workspace = workspace;
        long batch = solve.trajectories().batch();
        this.part = part(batch, threads);
        this.parts = Math.toIntExact(Math.ceilDiv(batch, (long) part));
        this.followed = solve.saves() == null ? null : FollowedRows.fixed(solve.ode());
        this.shift = shift(solve);
        this.followers = new Follower[followed == null ? 0 : threads];
        for (int slot = 0; slot < followers.length; slot++) {
            followers[slot] = new Follower(solve.ode(), solve.trajectories(), solve.saves(), null, compiled.lanes());
        }
    }

    /** {@return how many trajectories are to go together, in whole vectors, so that all threads have some} */
    private int part(long batch, int threads) {
        long vectors = Math.ceilDiv(Math.ceilDiv(batch, (long) PARTS * threads), (long) vector);
        return (int) Math.min(Math.max(vectors, LEAST_VECTORS) * vector, compiled.lanes());
    }

    static int threads(Stream stream) {
        return stream.device() instanceof Device.Cpu cpu ? cpu.threads() : 1;
    }

    private static StepCompiler.Compiled compile(FixedSolve solve) {
        StepKernels kernels = solve.ode().field().kernels();
        DType dtype = solve.trajectories().dtype();
        return solve.saves() == null
                ? kernels.fixed(solve.ode(), dtype, uniform(solve))
                : kernels.fixedFollowed(solve.ode(), dtype, uniform(solve));
    }

    /** {@return how much further rows that are not carried lie where steps are looked into} */
    private static int shift(FixedSolve solve) {
        return solve.saves() == null
                ? 0
                : FollowedRows.fixed(solve.ode()).carried()
                        - StepProgram.fixedStart(solve.ode().field());
    }

    /** {@return the rows that are the same for all trajectories} */
    private static BitSet uniform(FixedSolve solve) {
        OdeField field = solve.ode().field();
        int shift = shift(solve);
        boolean start = solve.trajectories().start().each() == null;
        boolean step = solve.size() != null
                ? solve.size().each() == null
                : start && solve.end().each() == null;
        BitSet rows = new BitSet();
        rows.set(StepProgram.NUMBER);
        rows.set(shift + StepProgram.fixedStart(field), start);
        rows.set(shift + StepProgram.fixedStep(field), step);
        rows.set(
                shift + StepProgram.fixedParameters(field),
                shift + StepProgram.fixedRows(field),
                solve.trajectories().oneParameterSet());
        return rows;
    }

    @Override
    public void run() {
        WorkerPool.run(this, parts, threads);
    }

    @Override
    public void run(int number) {
        int slot = slots.acquire();
        try {
            solve(number, slot, workspace + slot * HostMemory.lines(compiled.bytes()));
        } finally {
            slots.release(slot);
        }
    }

    private void solve(int number, int slot, long block) {
        Trajectories trajectories = solve.trajectories();
        long from = (long) number * part;
        int count = (int) Math.min(part, trajectories.batch() - from);
        long y = row(block, StepProgram.FIXED_Y);
        blocks.fill(row(block, StepProgram.NUMBER), 0);
        blocks.loadState(from, count, y);
        blocks.loadParameters(from, count, row(block, shift + StepProgram.fixedParameters(field)));
        long start = row(block, shift + StepProgram.fixedStart(field));
        long step = row(block, shift + StepProgram.fixedStep(field));
        blocks.loadTimes(trajectories.start(), from, count, start);
        if (solve.size() != null) {
            blocks.loadTimes(solve.size(), from, count, step);
        } else {
            loadLengths(from, count, step);
        }
        if (followed == null) {
            compiled.kernel().run(block, solve.steps(), count);
        } else {
            follow(followers[slot], from, count, block);
        }
        blocks.storeState(from, count, y);
    }

    private void loadLengths(long from, int count, long row) {
        Times start = solve.trajectories().start();
        boolean same = start.each() == null && solve.end().each() == null;
        int lanes = blocks.stepped(same ? 1 : count);
        for (int lane = 0; lane < lanes; lane++) {
            long i = from + Math.min(lane, count - 1);
            double distance = arithmetic.subtract(blocks.time(solve.end(), i), blocks.time(start, i));
            blocks.set(row, lane, arithmetic.divide(distance, solve.steps()));
        }
    }

    /** From the start to the end; whenever a trajectory comes to a save point, its step is looked into. */
    private void follow(Follower follower, long from, int count, long block) {
        for (int lane = 0; lane < compiled.lanes(); lane++) {
            take(block, lane, StepProgram.FIXED_Y, follower.y1);
            take(block, lane, shift + StepProgram.fixedParameters(field), follower.parameter);
            follower.to = number(block, shift + StepProgram.fixedStart(field), lane);
            follower.h = number(block, shift + StepProgram.fixedStep(field), lane);
            follower.evaluateSlope();
            for (int i = 0; i < field.dimension(); i++) {
                blocks.set(row(block, StepProgram.fixedStart(field) + i), lane, follower.f1[i]);
            }
            if (lane < count) {
                follower.begin(lane, from + lane, follower.h >= 0);
            }
            giveNextSave(follower, from, count, block, lane);
        }
        int done = 0;
        while (done < solve.steps()) {
            compiled.kernel().run(block, solve.steps() - done, count);
            done = (int) number(block, StepProgram.NUMBER, 0);
            for (int lane = 0; lane < count; lane++) {
                if (done == solve.steps() || number(block, followed.pause(), lane) > 0) {
                    look(follower, from + lane, lane, done, block);
                    giveNextSave(follower, from, count, block, lane);
                }
            }
        }
        for (int lane = 0; lane < count; lane++) {
            follower.finish(lane, from + lane);
        }
    }

    private void look(Follower follower, long i, int lane, int done, long block) {
        double start = number(block, shift + StepProgram.fixedStart(field), lane);
        follower.h = number(block, shift + StepProgram.fixedStep(field), lane);
        follower.from = number(block, followed.from(), lane);
        boolean atEnd = done == solve.steps() && solve.end() != null;
        follower.to = atEnd ? blocks.time(solve.end(), i) : arithmetic.fma(done, follower.h, start);
        take(block, lane, followed.state(), follower.y0);
        take(block, lane, StepProgram.FIXED_Y, follower.y1);
        take(block, lane, followed.slope(), follower.f0);
        take(block, lane, StepProgram.fixedStart(field), follower.f1);
        if (followed.quartic()) {
            take(block, lane, followed.sum(), follower.quartic);
        }
        follower.pass(lane, i);
    }

    /** Lanes behind the last trajectory have none. */
    private void giveNextSave(Follower follower, long from, int count, long block, int lane) {
        boolean forward = number(block, shift + StepProgram.fixedStep(field), lane) >= 0;
        double none = forward ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
        double next = lane < count ? follower.nextSave(lane, from + lane, forward) : none;
        blocks.set(row(block, shift + StepProgram.fixedRows(field)), lane, next);
    }

    private void take(long block, int lane, int firstRow, double[] to) {
        for (int i = 0; i < to.length; i++) {
            to[i] = number(block, firstRow + i, lane);
        }
    }

    private double number(long block, int row, int lane) {
        return blocks.get(row(block, row), lane);
    }

    private long row(long block, int row) {
        return block + compiled.row(row, solve.trajectories().dtype());
    }
}
