package io.quern.ode;

import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Workspace;
import io.quern.cpu.HostMemory;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;

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

    private final FixedSolve solve;
    private final StepCompiler.Compiled compiled;
    private final TrajectoryBlocks blocks;
    private final Arithmetic arithmetic;
    private final int threads;
    private final Slots slots;
    private final long workspace;
    private final int parts;

    private FixedVector(FixedSolve solve, StepCompiler.Compiled compiled, int threads, long workspace) {
        this.solve = solve;
        this.compiled = compiled;
        this.blocks = new TrajectoryBlocks(solve.trajectories(), compiled.lanes());
        this.arithmetic = Arithmetic.of(solve.trajectories().dtype());
        this.threads = threads;
        this.slots = new Slots(threads);
        this.workspace = workspace;
        this.parts = Math.toIntExact(Math.ceilDiv(solve.trajectories().batch(), (long) compiled.lanes()));
    }

    static int threads(Stream stream) {
        return stream.device() instanceof Device.Cpu cpu ? cpu.threads() : 1;
    }

    private static StepCompiler.Compiled compile(FixedSolve solve) {
        return solve.ode()
                .field()
                .kernels()
                .fixed(solve.ode(), solve.trajectories().dtype());
    }

    @Override
    public void run() {
        WorkerPool.run(this, parts, threads);
    }

    @Override
    public void run(int part) {
        int slot = slots.acquire();
        try {
            solve(part, workspace + slot * HostMemory.lines(compiled.bytes()));
        } finally {
            slots.release(slot);
        }
    }

    private void solve(int part, long block) {
        Trajectories trajectories = solve.trajectories();
        OdeField field = solve.ode().field();
        long from = (long) part * compiled.lanes();
        int count = (int) Math.min(compiled.lanes(), trajectories.batch() - from);
        long y = row(block, StepProgram.FIXED_Y);
        blocks.fill(row(block, StepProgram.NUMBER), 0);
        blocks.loadState(from, count, y);
        blocks.loadParameters(from, count, row(block, StepProgram.fixedParameters(field)));
        long start = row(block, StepProgram.fixedStart(field));
        long step = row(block, StepProgram.fixedStep(field));
        blocks.loadTimes(trajectories.start(), from, count, start);
        if (solve.size() != null) {
            blocks.loadTimes(solve.size(), from, count, step);
        } else {
            blocks.loadTimes(solve.end(), from, count, step);
            for (int lane = 0; lane < compiled.lanes(); lane++) {
                double distance = arithmetic.subtract(blocks.get(step, lane), blocks.get(start, lane));
                blocks.set(step, lane, arithmetic.divide(distance, solve.steps()));
            }
        }
        compiled.kernel().run(block, solve.steps());
        blocks.storeState(from, count, y);
    }

    private long row(long block, int row) {
        return block + compiled.row(row, solve.trajectories().dtype());
    }
}
