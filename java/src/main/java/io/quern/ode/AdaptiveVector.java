package io.quern.ode;

import io.quern.DType;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import io.quern.cpu.HostMemory;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;

/**
 * Steps chosen for each trajectory, by a compiled kernel. A lane whose trajectory has ended takes the next one of the part, so
 * that trajectories of few steps do not wait for those of many; first steps are chosen for a vector of trajectories at a time,
 * in a block of its own, from which the lanes are filled.
 */
final class AdaptiveVector implements Launch, WorkerPool.Task {
    /** Trajectories of a part. Lanes run empty at its end only, for about as long as one trajectory takes. */
    private static final int PART = 1024;

    static final Kernel<AdaptiveSolve> KERNEL = new Kernel<>() {
        @Override
        public Launch bind(AdaptiveSolve solve, Stream stream, Workspace workspace) {
            return new AdaptiveVector(solve, FixedVector.threads(stream), workspace.address());
        }

        @Override
        public long workspaceBytes(AdaptiveSolve solve, Stream stream) {
            long blocks = HostMemory.lines(attempt(solve).bytes())
                    + HostMemory.lines(start(solve).bytes());
            return FixedVector.threads(stream) * blocks;
        }
    };

    private final AdaptiveSolve solve;
    private final Trajectories trajectories;
    private final OdeField field;
    private final DType dtype;
    private final StepCompiler.Compiled attempt;
    private final StepCompiler.Compiled start;
    private final TrajectoryBlocks running;
    private final TrajectoryBlocks waiting;
    private final int threads;
    private final Slots slots;
    private final Lanes[] lanes; // of each slot

    private AdaptiveVector(AdaptiveSolve solve, int threads, long workspace) {
        this.solve = solve;
        this.trajectories = solve.trajectories();
        this.field = solve.ode().field();
        this.dtype = trajectories.dtype();
        this.attempt = attempt(solve);
        this.start = start(solve);
        this.running = new TrajectoryBlocks(trajectories, attempt.lanes());
        this.waiting = new TrajectoryBlocks(trajectories, start.lanes());
        this.threads = threads;
        this.slots = new Slots(threads);
        this.lanes = new Lanes[threads];
        long stride = HostMemory.lines(attempt.bytes()) + HostMemory.lines(start.bytes());
        for (int slot = 0; slot < threads; slot++) {
            long block = workspace + slot * stride;
            lanes[slot] = new Lanes(block, block + HostMemory.lines(attempt.bytes()), attempt.lanes());
            settings(running, attempt, lanes[slot].running);
            settings(waiting, start, lanes[slot].waiting);
        }
    }

    /** What a thread has in hand. */
    private static final class Lanes {
        private final long running; // block of the attempts
        private final long waiting; // block of the starts
        private final long[] trajectory; // of each lane of running; -1: none
        private long next; // the first that has not begun
        private long end; // of the part
        private long firstWaiting; // what the first lane of waiting holds
        private int taken; // of waiting
        private int ready; // of waiting

        private Lanes(long running, long waiting, int count) {
            this.running = running;
            this.waiting = waiting;
            this.trajectory = new long[count];
        }
    }

    private static StepCompiler.Compiled attempt(AdaptiveSolve solve) {
        return solve.ode()
                .field()
                .kernels()
                .attempt(solve.ode(), solve.trajectories().dtype());
    }

    private static StepCompiler.Compiled start(AdaptiveSolve solve) {
        boolean firstGiven = solve.steps().first() > 0;
        return solve.ode()
                .field()
                .kernels()
                .start(solve.ode(), solve.trajectories().dtype(), firstGiven);
    }

    /** Rows that are the same for all trajectories. */
    private void settings(TrajectoryBlocks blocks, StepCompiler.Compiled compiled, long block) {
        Arithmetic arithmetic = Arithmetic.of(dtype);
        AdaptiveSolve.Steps steps = solve.steps();
        blocks.fill(row(compiled, block, StepProgram.least(field)), arithmetic.round(steps.least()));
        blocks.fill(row(compiled, block, StepProgram.most(field)), arithmetic.round(steps.most()));
        blocks.fill(row(compiled, block, StepProgram.budget(field)), steps.budget());
        blocks.fill(row(compiled, block, StepProgram.first(field)), arithmetic.round(steps.first()));
        for (int i = 0; i < field.dimension(); i++) {
            blocks.fill(row(compiled, block, StepProgram.relative(field) + i), arithmetic.round(solve.relative(i)));
            blocks.fill(row(compiled, block, StepProgram.absolute(field) + i), arithmetic.round(solve.absolute(i)));
        }
    }

    @Override
    public void run() {
        WorkerPool.run(this, Math.toIntExact(Math.ceilDiv(trajectories.batch(), (long) PART)), threads);
    }

    @Override
    public void run(int part) {
        int slot = slots.acquire();
        try {
            Lanes own = lanes[slot];
            own.next = (long) part * PART;
            own.end = Math.min(own.next + PART, trajectories.batch());
            own.taken = 0;
            own.ready = 0;
            solve(own);
        } finally {
            slots.release(slot);
        }
    }

    private void solve(Lanes own) {
        int under = 0;
        for (int lane = 0; lane < own.trajectory.length; lane++) {
            under += refill(own, lane) ? 1 : 0;
        }
        long status = row(attempt, own.running, StepProgram.STATUS);
        while (under > 0) {
            attempt.kernel().run(own.running, Integer.MAX_VALUE);
            for (int lane = 0; lane < own.trajectory.length; lane++) {
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
            running.set(row(attempt, own.running, StepProgram.STATUS), lane, -1);
            return false;
        }
        int from = own.taken++;
        own.trajectory[lane] = own.firstWaiting + from;
        for (int row = 0; row <= StepProgram.end(field); row++) {
            copy(own, row, from, lane);
        }
        for (int p = 0; p < field.parameters(); p++) {
            copy(own, StepProgram.adaptiveParameters(field) + p, from, lane);
        }
        return true;
    }

    private void copy(Lanes own, int row, int from, int lane) {
        running.set(row(attempt, own.running, row), lane, waiting.get(row(start, own.waiting, row), from));
    }

    /** Begins the next trajectories, as many as the block of starts has lanes. */
    private void stage(Lanes own) {
        int count = (int) Math.min(start.lanes(), own.end - own.next);
        if (count == 0) {
            return;
        }
        waiting.loadState(own.next, count, row(start, own.waiting, StepProgram.Y));
        waiting.loadParameters(own.next, count, row(start, own.waiting, StepProgram.adaptiveParameters(field)));
        waiting.loadTimes(trajectories.start(), own.next, count, row(start, own.waiting, StepProgram.T));
        waiting.loadTimes(solve.end(), own.next, count, row(start, own.waiting, StepProgram.end(field)));
        start.kernel().run(own.waiting, 1);
        own.firstWaiting = own.next;
        own.next += count;
        own.taken = 0;
        own.ready = count;
    }

    /** Writes down what came of a lane's trajectory. */
    private void finish(Lanes own, int lane) {
        long i = own.trajectory[lane];
        Tensor out = trajectories.out();
        boolean finite = true;
        for (int component = 0; component < field.dimension(); component++) {
            double y = number(own, StepProgram.Y + component, lane);
            finite &= Double.isFinite(y);
            dtype.set(out.segment(), component * out.stride(0) + i, y);
        }
        int status = (int) number(own, StepProgram.STATUS, lane) - 1;
        solve.report(
                i,
                (int) number(own, StepProgram.ACCEPTED, lane),
                (int) number(own, StepProgram.REJECTED, lane),
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
