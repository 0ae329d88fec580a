package io.quern.ode;

import io.quern.DType;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Workspace;
import io.quern.cpu.HostMemory;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;
import java.util.BitSet;

/**
 * Steps chosen for each trajectory, by a compiled kernel. A lane whose trajectory has ended takes the next one of the part, so
 * that trajectories of few steps do not wait for those of many; first steps are chosen for some vectors of trajectories at a
 * time, in a block of their own, from which the lanes are filled.
 */
final class AdaptiveVector implements Launch, WorkerPool.Task {
    /** Trajectories of a part. Lanes run empty at its end only, for about as long as one trajectory takes. */
    private static final int LEAST_PART = 1024;

    private static final int MOST_PART = 4096;

    /** Enough for many threads, where parts need not be shorter than the least for that. */
    private static final int PARTS = 64;

    static final Kernel<AdaptiveSolve> KERNEL = new Kernel<>() {
        @Override
        public Launch bind(AdaptiveSolve solve, Stream stream, Workspace workspace) {
            return new AdaptiveVector(solve, FixedVector.threads(stream), workspace.address());
        }

        @Override
        public long workspaceBytes(AdaptiveSolve solve, Stream stream) {
            long blocks = HostMemory.lines(attempt(solve).bytes())
                    + HostMemory.lines(start(solve).bytes())
                    + HostMemory.lines(restart(solve).bytes());
            return FixedVector.threads(stream) * blocks;
        }
    };

    private final AdaptiveSolve solve;
    private final Trajectories trajectories;
    private final OdeField field;
    private final DType dtype;
    private final StepCompiler.Compiled attempt;
    private final StepCompiler.Compiled start;
    private final StepCompiler.Compiled restart;
    private final TrajectoryBlocks running;
    private final TrajectoryBlocks waiting;
    private final TrajectoryBlocks restarting;
    private final int part; // trajectories
    private final int threads;
    private final Slots slots;
    private final Lanes[] lanes; // of each slot
    private final FollowedRows followed; // null: nobody looks into the steps
    private final int shift; // of the rows that are not carried
    private final int events;

    private AdaptiveVector(AdaptiveSolve solve, int threads, long workspace) {
        this.solve = solve;
        this.trajectories = solve.trajectories();
        this.field = solve.ode().field();
        this.dtype = trajectories.dtype();
        this.attempt = attempt(solve);
        this.start = start(solve);
        this.restart = restart(solve);
        this.running = new TrajectoryBlocks(trajectories, attempt.lanes(), attempt.lanes());
        this.waiting = new TrajectoryBlocks(trajectories, start.lanes(), start.lanes());
        this.restarting = new TrajectoryBlocks(trajectories, restart.lanes(), restart.lanes());
        this.part = Math.clamp(trajectories.batch() / PARTS, LEAST_PART, MOST_PART);
        this.threads = threads;
        this.slots = new Slots(threads);
        this.lanes = new Lanes[threads];
        this.events = solve.events().size();
        this.shift = shift(solve);
        this.followed = solve.followed() ? FollowedRows.adaptive(solve.ode(), events) : null;
        long attemptBytes = HostMemory.lines(attempt.bytes());
        long startBytes = HostMemory.lines(start.bytes());
        for (int slot = 0; slot < threads; slot++) {
            long block = workspace + slot * (attemptBytes + startBytes + HostMemory.lines(restart.bytes()));
            Follower follower = followed == null
                    ? null
                    : new Follower(solve.ode(), trajectories, solve.saves(), solve.watch(), attempt.lanes());
            lanes[slot] = new Lanes(block, block + attemptBytes, startBytes, attempt.lanes(), follower);
            settings(running, attempt, lanes[slot].running, shift);
            settings(waiting, start, lanes[slot].waiting, 0);
            settings(restarting, restart, lanes[slot].restarting, 0);
        }
    }

    /** What a thread has in hand. */
    private static final class Lanes {
        private final long running; // block of the attempts
        private final long waiting; // block of the starts
        private final long restarting; // block of a start after a reset, in its first lane
        private final Follower follower; // null: nobody looks into the steps
        private final long[] trajectory; // of each lane of running; -1: none
        private long next; // the first that has not begun
        private long end; // of the part
        private long firstWaiting; // what the first lane of waiting holds
        private int taken; // of waiting
        private int ready; // of waiting

        private Lanes(long running, long waiting, long bytesOfStarts, int count, Follower follower) {
            this.running = running;
            this.waiting = waiting;
            this.restarting = waiting + bytesOfStarts;
            this.follower = follower;
            this.trajectory = new long[count];
        }
    }

    private static StepCompiler.Compiled attempt(AdaptiveSolve solve) {
        StepKernels kernels = solve.ode().field().kernels();
        DType dtype = solve.trajectories().dtype();
        BitSet uniform = uniform(solve, shift(solve));
        return solve.followed()
                ? kernels.attemptFollowed(solve.ode(), dtype, solve.events(), uniform)
                : kernels.attempt(solve.ode(), dtype, uniform);
    }

    private static StepCompiler.Compiled start(AdaptiveSolve solve) {
        boolean firstGiven = solve.steps().first() > 0;
        return solve.ode()
                .field()
                .kernels()
                .start(solve.ode(), solve.trajectories().dtype(), firstGiven, uniform(solve, 0));
    }

    private static StepCompiler.Compiled restart(AdaptiveSolve solve) {
        boolean firstGiven = solve.steps().first() > 0;
        return solve.ode()
                .field()
                .kernels()
                .restart(solve.ode(), solve.trajectories().dtype(), firstGiven, uniform(solve, 0));
    }

    /** {@return how much further rows that are not carried lie where steps are looked into} */
    private static int shift(AdaptiveSolve solve) {
        return solve.followed()
                ? FollowedRows.adaptive(solve.ode(), solve.events().size()).count()
                : 0;
    }

    /** {@return the rows that are the same for all trajectories} */
    private static BitSet uniform(AdaptiveSolve solve, int shift) {
        OdeField field = solve.ode().field();
        BitSet rows = new BitSet();
        rows.set(shift + StepProgram.end(field), solve.end().each() == null);
        rows.set(shift + StepProgram.least(field), shift + StepProgram.adaptiveParameters(field));
        rows.set(
                shift + StepProgram.adaptiveParameters(field),
                shift + StepProgram.adaptiveRows(field),
                solve.trajectories().oneParameterSet());
        return rows;
    }

    /**
     * Rows that are the same for all trajectories.
     *
     * @param shift of the rows that are not carried
     */
    private void settings(TrajectoryBlocks blocks, StepCompiler.Compiled compiled, long block, int shift) {
        Arithmetic arithmetic = Arithmetic.of(dtype);
        AdaptiveSolve.Steps steps = solve.steps();
        blocks.fill(row(compiled, block, shift + StepProgram.least(field)), arithmetic.round(steps.least()));
        blocks.fill(row(compiled, block, shift + StepProgram.most(field)), arithmetic.round(steps.most()));
        blocks.fill(row(compiled, block, shift + StepProgram.budget(field)), steps.budget());
        blocks.fill(row(compiled, block, shift + StepProgram.first(field)), arithmetic.round(steps.first()));
        for (int i = 0; i < field.dimension(); i++) {
            long relative = row(compiled, block, shift + StepProgram.relative(field) + i);
            long absolute = row(compiled, block, shift + StepProgram.absolute(field) + i);
            blocks.fill(relative, arithmetic.round(solve.relative(i)));
            blocks.fill(absolute, arithmetic.round(solve.absolute(i)));
        }
    }

    @Override
    public void run() {
        WorkerPool.run(this, Math.toIntExact(Math.ceilDiv(trajectories.batch(), (long) part)), threads);
    }

    @Override
    public void run(int number) {
        int slot = slots.acquire();
        try {
            Lanes own = lanes[slot];
            own.next = (long) number * part;
            own.end = Math.min(own.next + part, trajectories.batch());
            own.taken = 0;
            own.ready = 0;
            loadUniform(own);
            solve(own);
        } finally {
            slots.release(slot);
        }
    }

    /** Rows that are the same for all trajectories, but may be others in the next run. */
    private void loadUniform(Lanes own) {
        if (trajectories.start().each() == null) {
            waiting.loadTimes(trajectories.start(), 0, 0, row(start, own.waiting, StepProgram.T));
        }
        if (solve.end().each() == null) {
            running.loadTimes(solve.end(), 0, 0, row(attempt, own.running, shift + StepProgram.end(field)));
            waiting.loadTimes(solve.end(), 0, 0, row(start, own.waiting, StepProgram.end(field)));
        }
        if (trajectories.oneParameterSet()) {
            int row = StepProgram.adaptiveParameters(field);
            running.loadParameters(0, 0, row(attempt, own.running, shift + row));
            waiting.loadParameters(0, 0, row(start, own.waiting, row));
        }
    }

    private void solve(Lanes own) {
        int under = 0;
        for (int lane = 0; lane < own.trajectory.length; lane++) {
            under += refill(own, lane) ? 1 : 0;
        }
        long status = row(attempt, own.running, StepProgram.STATUS);
        while (under > 0) {
            long called = attempt.kernel().run(own.running, Integer.MAX_VALUE, attempt.lanes());
            for (; called != 0; called &= called - 1) {
                int lane = Long.numberOfTrailingZeros(called);
                if (followed != null && number(own, followed.pause(), lane) > 0) {
                    look(own, lane);
                }
                if (running.get(status, lane) > 0) {
                    finish(own, lane);
                    under -= refill(own, lane) ? 0 : 1;
                }
            }
        }
    }

    /** Gives a lane the next trajectory; {@return whether there was one} */
    private boolean refill(Lanes own, int lane) {
        if (own.taken == own.ready) {
            stage(own);
        }
        if (own.taken == own.ready) {
            own.trajectory[lane] = -1;
            // Its numbers go on, of a trajectory that has ended or of none: nobody reads them.
            if (followed != null) {
                set(own, followed.pause(), lane, 0);
            }
            running.set(row(attempt, own.running, StepProgram.STATUS), lane, -1);
            return false;
        }
        int from = own.taken++;
        own.trajectory[lane] = own.firstWaiting + from;
        copy(own, from, lane, 0, 0, StepProgram.end(field));
        if (solve.end().each() != null) {
            copy(own, from, lane, StepProgram.end(field), shift, 1);
        }
        if (!trajectories.oneParameterSet()) {
            copy(own, from, lane, StepProgram.adaptiveParameters(field), shift, field.parameters());
        }
        if (followed != null) {
            follow(own, lane);
        }
        return true;
    }

    /** Copies rows of a start to a lane, where they lie further on. */
    private void copy(Lanes own, int from, int lane, int firstRow, int further, int rows) {
        long bytes = dtype.bytes();
        waiting.copyLane(
                row(start, own.waiting, firstRow) + from * bytes,
                running,
                row(attempt, own.running, firstRow + further) + lane * bytes,
                rows);
    }

    private void set(Lanes own, int row, int lane, double value) {
        running.set(row(attempt, own.running, row), lane, value);
    }

    /** Begins to look into the steps of a lane's trajectory. */
    private void follow(Lanes own, int lane) {
        Follower follower = own.follower;
        follower.to = number(own, StepProgram.T, lane);
        take(own, lane, StepProgram.Y, follower.y1);
        take(own, lane, shift + StepProgram.adaptiveParameters(field), follower.parameter);
        follower.begin(lane, own.trajectory[lane], forward(own, lane));
        give(own, lane);
    }

    /** {@return whether a lane's trajectory, at its start, goes forward} */
    private boolean forward(Lanes own, int lane) {
        return number(own, StepProgram.T, lane) <= number(own, shift + StepProgram.end(field), lane);
    }

    /** Looks into the step that a lane's trajectory has taken, if it was taken. */
    private void look(Lanes own, int lane) {
        if (number(own, StepProgram.MAY_GROW, lane) == 0) {
            return; // rejected
        }
        Follower follower = own.follower;
        follower.from = number(own, followed.from(), lane);
        follower.to = number(own, StepProgram.T, lane);
        follower.h = number(own, StepProgram.LAST_STEP, lane);
        take(own, lane, followed.state(), follower.y0);
        take(own, lane, StepProgram.Y, follower.y1);
        take(own, lane, followed.slope(), follower.f0);
        take(own, lane, StepProgram.slope(field), follower.f1);
        if (followed.quartic()) {
            take(own, lane, followed.sum(), follower.quartic);
        }
        take(own, lane, shift + StepProgram.adaptiveParameters(field), follower.parameter);
        for (int e = 0; e < events; e++) {
            follower.side(lane, e, number(own, followed.side() + e, lane));
        }
        switch (follower.pass(lane, own.trajectory[lane])) {
            case WHOLE -> {}
            case ENDED -> {
                set(own, StepProgram.STATUS, lane, 1 + OdeStatus.EVENT.ordinal());
                set(own, StepProgram.T, lane, follower.to);
                for (int i = 0; i < field.dimension(); i++) {
                    set(own, StepProgram.Y + i, lane, follower.y1[i]);
                }
            }
            case RESET -> restart(own, lane);
        }
        give(own, lane);
    }

    private void take(Lanes own, int lane, int firstRow, double[] to) {
        for (int i = 0; i < to.length; i++) {
            to[i] = number(own, firstRow + i, lane);
        }
    }

    /** Tells a lane what its steps must look out for. */
    private void give(Lanes own, int lane) {
        boolean forward = forward(own, lane);
        double next = own.follower.nextSave(lane, own.trajectory[lane], forward);
        set(own, shift + StepProgram.adaptiveRows(field), lane, next);
        for (int e = 0; e < events; e++) {
            set(own, followed.side() + e, lane, own.follower.side(lane, e));
        }
    }

    /** Goes on from where and when a lane's state was set anew. */
    private void restart(Lanes own, int lane) {
        long block = own.restarting;
        Follower follower = own.follower;
        int endRow = shift + StepProgram.end(field);
        double end = number(own, endRow, lane);
        restarting.set(row(restart, block, StepProgram.T), 0, follower.to);
        restarting.set(row(restart, block, StepProgram.end(field)), 0, end);
        for (int i = 0; i < field.dimension(); i++) {
            restarting.set(row(restart, block, StepProgram.Y + i), 0, follower.y1[i]);
        }
        for (int p = 0; p < field.parameters(); p++) {
            restarting.set(row(restart, block, StepProgram.adaptiveParameters(field) + p), 0, follower.parameter[p]);
        }
        restart.kernel().run(block, 1, 1);
        take(own, lane, StepProgram.T, StepProgram.MAY_GROW + 1 - StepProgram.T);
        take(own, lane, StepProgram.Y, StepProgram.end(field) - StepProgram.Y);
        double tried = number(own, StepProgram.ACCEPTED, lane) + number(own, StepProgram.REJECTED, lane);
        int status = tried >= solve.steps().budget() ? 1 + OdeStatus.STEP_BUDGET.ordinal() : 0;
        set(own, StepProgram.STATUS, lane, follower.to == end ? 1 + OdeStatus.DONE.ordinal() : status);
    }

    /** Copies rows of a restart to a lane. */
    private void take(Lanes own, int lane, int firstRow, int rows) {
        restarting.copyLane(
                row(restart, own.restarting, firstRow),
                running,
                row(attempt, own.running, firstRow) + (long) lane * dtype.bytes(),
                rows);
    }

    /** Begins the next trajectories, as many as the block of starts has lanes. */
    private void stage(Lanes own) {
        int count = (int) Math.min(start.lanes(), own.end - own.next);
        if (count == 0) {
            return;
        }
        waiting.loadState(own.next, count, row(start, own.waiting, StepProgram.Y));
        if (!trajectories.oneParameterSet()) {
            waiting.loadParameters(own.next, count, row(start, own.waiting, StepProgram.adaptiveParameters(field)));
        }
        if (trajectories.start().each() != null) {
            waiting.loadTimes(trajectories.start(), own.next, count, row(start, own.waiting, StepProgram.T));
        }
        if (solve.end().each() != null) {
            waiting.loadTimes(solve.end(), own.next, count, row(start, own.waiting, StepProgram.end(field)));
        }
        start.kernel().run(own.waiting, 1, count);
        own.firstWaiting = own.next;
        own.next += count;
        own.taken = 0;
        own.ready = count;
    }

    /** Writes down what came of a lane's trajectory. */
    private void finish(Lanes own, int lane) {
        long i = own.trajectory[lane];
        boolean finite = running.storeLane(row(attempt, own.running, StepProgram.Y) + (long) lane * dtype.bytes(), i);
        int status = (int) number(own, StepProgram.STATUS, lane) - 1;
        if (own.follower != null) {
            own.follower.finish(lane, i);
        }
        solve.report(
                i,
                (int) number(own, StepProgram.ACCEPTED, lane),
                (int) number(own, StepProgram.REJECTED, lane),
                own.follower == null ? 0 : own.follower.restarts(lane),
                finite ? status : OdeStatus.NOT_FINITE.ordinal(),
                number(own, StepProgram.LAST_STEP, lane));
    }

    private double number(Lanes own, int row, int lane) {
        return running.get(row(attempt, own.running, row), lane);
    }

    private long row(StepCompiler.Compiled compiled, long block, int row) {
        return block + compiled.row(row, dtype);
    }
}
