package io.quern.ode;

import static io.quern.cuda.CudaParameter.FLOAT64;
import static io.quern.cuda.CudaParameter.INT32;
import static io.quern.cuda.CudaParameter.INT64;
import static io.quern.cuda.CudaParameter.POINTER;
import static java.util.Collections.nCopies;

import io.quern.DType;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import io.quern.cuda.CudaContext;
import io.quern.cuda.CudaFunction;
import io.quern.cuda.CudaLaunch;
import io.quern.cuda.CudaParameter;
import io.quern.cuda.CudaProperties;
import io.quern.cuda.CudaStream;
import io.quern.cuda.CudaSymbol;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Grids, blocks and arguments of the kernels in {@code cuda/ode/}. Fields and events that {@link CudaCatalogue} lacks are compiled
 * when they are first solved, and refused where that cannot be.
 */
final class OdeCuda {
    /** Threads of a block, as {@code solve.cuh} says. */
    private static final int BLOCK = 128;

    private static final int WARP = 32;

    /** Trajectories of a warp: where there are many, its last ones, at which lanes run empty, count little. */
    private static final int MOST_SHARE = 1024;

    /** So many blocks one after the other on each place for one even out what shares differ in. */
    private static final int WAVES = 4;

    /** Of the settings: least, most, budget and first, before the tolerances. */
    private static final int SETTINGS = 4;

    /** Two addresses, four strides and the number of save points. */
    private static final int SAVING_BYTES = 7 * Long.BYTES;

    /** Four addresses, as many times a number of records or a stride as these have, and a tolerance. */
    private static final int WATCHING_BYTES = 12 * Long.BYTES;

    private static final Launch NOTHING = () -> {};

    static final Kernel<FixedSolve> FIXED = new Kernel<>() {
        @Override
        public long workspaceBytes(FixedSolve solve, Stream stream) {
            return timesBytes(solve.saves(), solve.trajectories());
        }

        @Override
        public Launch bind(FixedSolve solve, Stream stream, Workspace workspace) {
            return fixed(solve, stream, workspace);
        }
    };

    static final Kernel<AdaptiveSolve> ADAPTIVE = new Kernel<>() {
        @Override
        public long workspaceBytes(AdaptiveSolve solve, Stream stream) {
            return timesBytes(solve.saves(), solve.trajectories());
        }

        @Override
        public Launch bind(AdaptiveSolve solve, Stream stream, Workspace workspace) {
            return adaptive(solve, stream, workspace);
        }
    };

    private OdeCuda() {}

    /** What the launches below declare, for the test that compares it with the PTX. */
    public static List<CudaSymbol> symbols() {
        return CudaCatalogue.all().values().stream()
                .flatMap(known -> known.kernels().stream())
                .map(OdeCuda::symbol)
                .toList();
    }

    /** {@return a kernel of the catalogue as its module declares it} */
    static CudaSymbol symbol(CudaKernel kernel) {
        String known = CudaCatalogue.name(kernel);
        return symbol(kernel, kernel.module(known), kernel.symbol(known));
    }

    private static CudaSymbol symbol(CudaKernel kernel, String module, String name) {
        List<CudaParameter> parameters = new ArrayList<>();
        parameters.addAll(nCopies(5, POINTER)); // state, parameters, start, end or step, out
        if (!kernel.kind().adaptive()) {
            parameters.addAll(nCopies(3, INT64)); // state: stride; parameters: stride, step
            parameters.addAll(nCopies(2, INT64)); // out: stride; batch
            parameters.addAll(nCopies(2, FLOAT64)); // start and end or step, of all
            parameters.addAll(nCopies(2, INT32)); // steps, whether their length is given
        } else {
            parameters.addAll(nCopies(2, POINTER)); // statistics, last step
            parameters.addAll(nCopies(3, INT64)); // state: stride; parameters: stride, step
            parameters.addAll(nCopies(4, INT64)); // out, statistics: strides; batch, share of a warp
            parameters.addAll(nCopies(2, FLOAT64)); // start and end of all
            parameters.add(INT32); // whether the first step is given
            int bytes = kernel.dtype().bytes();
            int numbers = SETTINGS + 2 * kernel.ode().field().dimension();
            parameters.add(CudaParameter.structure(numbers * bytes, bytes));
        }
        if (kernel.kind().part() != CudaKernel.Part.SOLVE) {
            parameters.add(CudaParameter.structure(SAVING_BYTES, Long.BYTES));
        }
        if (kernel.kind().part() == CudaKernel.Part.WATCH) {
            parameters.add(CudaParameter.structure(WATCHING_BYTES, Long.BYTES));
        }
        return new CudaSymbol(module, name, parameters);
    }

    /** {@return a kernel that ships, or that can be compiled here} */
    private static CudaFunction function(CudaKernel kernel, CudaContext context) {
        String known = CudaCatalogue.name(kernel);
        if (known != null) {
            return context.function(symbol(kernel, kernel.module(known), kernel.symbol(known)));
        }
        String name = CudaSource.name(kernel);
        String module = kernel.symbol(name); // one for each kernel
        return context.compiled(
                symbol(kernel, module, module), kernel.toString(), () -> CudaSource.kernel(kernel, name));
    }

    private static Launch fixed(FixedSolve solve, Stream stream, Workspace workspace) {
        Trajectories trajectories = solve.trajectories();
        if (trajectories.batch() == 0) {
            return NOTHING;
        }
        CudaKernel.Kind kind = solve.saves() == null ? CudaKernel.Kind.FIXED : CudaKernel.Kind.FIXED_SAVING;
        CudaKernel kernel = new CudaKernel(solve.ode(), List.of(), trajectories.dtype(), kind);
        CudaFunction function = function(kernel, stream.cuda().context());
        Times target = solve.size() != null ? solve.size() : solve.end();
        CudaLaunch.Builder launch = CudaLaunch.of(function, stream.cuda())
                .grid(blocks(trajectories.batch(), BLOCK))
                .block(BLOCK);
        tensors(launch, trajectories, target);
        strides(launch, trajectories).int64(trajectories.batch());
        times(launch, trajectories, target).int32(solve.steps()).int32(solve.size() != null ? 1 : 0);
        if (solve.saves() != null) {
            launch.structure(saving(solve.saves(), trajectories, stream.cuda(), workspace));
        }
        return launch.build()::run;
    }

    private static Launch adaptive(AdaptiveSolve solve, Stream stream, Workspace workspace) {
        Trajectories trajectories = solve.trajectories();
        if (trajectories.batch() == 0) {
            return NOTHING;
        }
        CudaFunction function = function(kernel(solve), stream.cuda().context());
        return adaptive(solve, stream.cuda(), workspace, function, share(trajectories.batch(), function));
    }

    private static CudaKernel kernel(AdaptiveSolve solve) {
        CudaKernel.Kind kind = solve.watch() != null
                ? CudaKernel.Kind.ADAPTIVE_WATCHING
                : solve.saves() != null ? CudaKernel.Kind.ADAPTIVE_SAVING : CudaKernel.Kind.ADAPTIVE;
        return new CudaKernel(solve.ode(), solve.events(), solve.trajectories().dtype(), kind);
    }

    /** @param share trajectories of a warp, of which a lane takes the next when it is done with one; no result depends on it */
    static Launch adaptive(
            AdaptiveSolve solve, CudaStream stream, Workspace workspace, CudaFunction function, long share) {
        Trajectories trajectories = solve.trajectories();
        Tensor statistics = solve.statistics();
        CudaLaunch.Builder launch = CudaLaunch.of(function, stream)
                .grid(blocks(trajectories.batch(), share * (BLOCK / WARP)))
                .block(BLOCK);
        tensors(launch, trajectories, solve.end()).pointer(address(statistics)).pointer(address(solve.lastStep()));
        strides(launch, trajectories)
                .int64(statistics == null ? 0 : statistics.stride(0))
                .int64(trajectories.batch())
                .int64(share);
        times(launch, trajectories, solve.end())
                .int32(solve.steps().first() > 0 ? 1 : 0)
                .structure(settings(solve));
        if (solve.followed()) {
            launch.structure(saving(solve.saves(), trajectories, stream, workspace));
        }
        if (solve.watch() != null) {
            launch.structure(watching(solve.watch(), trajectories.dtype()));
        }
        return launch.build()::run;
    }

    /** Save points that all share lie in the workspace, which keeps them between runs. */
    private static long timesBytes(SavePoints saves, Trajectories trajectories) {
        return saves == null || saves.shared() == null
                ? 0
                : saves.shared().length * (long) trajectories.dtype().bytes();
    }

    private static MemorySegment saving(
            SavePoints saves, Trajectories trajectories, CudaStream stream, Workspace workspace) {
        MemorySegment saving = Arena.ofAuto().allocate(SAVING_BYTES, Long.BYTES); // none: zeros
        if (saves == null) {
            return saving;
        }
        boolean shared = saves.shared() != null;
        if (shared && saves.points() > 0) {
            DType dtype = trajectories.dtype();
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment times = arena.allocate(timesBytes(saves, trajectories), Long.BYTES);
                for (int point = 0; point < saves.points(); point++) {
                    dtype.set(times, point, saves.shared()[point]);
                }
                stream.context().copyIn(workspace.address(), times);
            }
        }
        return longs(
                saving,
                shared ? workspace.address() : saves.each().address(),
                saves.saved().address(),
                shared ? 1 : saves.each().stride(0),
                shared ? 0 : 1,
                saves.saved().stride(0),
                saves.saved().stride(1),
                saves.points());
    }

    private static MemorySegment watching(EventWatch watch, DType dtype) {
        return longs(
                Arena.ofAuto().allocate(WATCHING_BYTES, Long.BYTES),
                address(watch.counts()),
                address(watch.numbers()),
                address(watch.times()),
                address(watch.states()),
                size(watch.numbers()),
                size(watch.times()),
                size(watch.states()),
                stride(watch.numbers(), 0),
                stride(watch.times(), 0),
                stride(watch.states(), 0),
                stride(watch.states(), 1),
                Double.doubleToRawLongBits(Arithmetic.of(dtype).round(watch.tolerance())));
    }

    private static MemorySegment longs(MemorySegment segment, long... values) {
        for (int i = 0; i < values.length; i++) {
            segment.setAtIndex(ValueLayout.JAVA_LONG, i, values[i]);
        }
        return segment;
    }

    private static long size(Tensor records) {
        return records == null ? 0 : records.size(0);
    }

    private static long stride(Tensor records, int axis) {
        return records == null ? 0 : records.stride(axis);
    }

    /** Whole warps of trajectories, so that each begins full. */
    private static long share(long batch, CudaFunction function) {
        CudaProperties device = function.context().properties();
        long resident = (long) device.multiprocessors() * function.blocksPerMultiprocessor(BLOCK, 0) * BLOCK;
        return Math.clamp(Math.ceilDiv(batch, WAVES * resident), 1, MOST_SHARE / WARP) * WARP;
    }

    private static int blocks(long trajectories, long ofBlock) {
        return Math.toIntExact(Math.ceilDiv(trajectories, ofBlock));
    }

    private static CudaLaunch.Builder tensors(CudaLaunch.Builder launch, Trajectories trajectories, Times target) {
        return launch.pointer(trajectories.state().address())
                .pointer(address(trajectories.parameters()))
                .pointer(address(trajectories.start().each()))
                .pointer(address(target.each()))
                .pointer(trajectories.out().address());
    }

    private static long address(Tensor tensor) {
        return tensor == null ? 0 : tensor.address();
    }

    private static CudaLaunch.Builder strides(CudaLaunch.Builder launch, Trajectories trajectories) {
        Tensor parameters = trajectories.parameters();
        boolean ofEach = parameters != null && parameters.rank() == 2;
        return launch.int64(trajectories.state().stride(0))
                .int64(ofEach ? parameters.stride(0) : 1)
                .int64(ofEach ? 1 : 0)
                .int64(trajectories.out().stride(0));
    }

    private static CudaLaunch.Builder times(CudaLaunch.Builder launch, Trajectories trajectories, Times target) {
        Arithmetic arithmetic = Arithmetic.of(trajectories.dtype());
        return launch.float64(arithmetic.round(trajectories.start().value())).float64(arithmetic.round(target.value()));
    }

    private static MemorySegment settings(AdaptiveSolve solve) {
        DType dtype = solve.trajectories().dtype();
        int dimension = solve.ode().field().dimension();
        AdaptiveSolve.Steps steps = solve.steps();
        MemorySegment settings = Arena.ofAuto().allocate((SETTINGS + 2L * dimension) * dtype.bytes(), Long.BYTES);
        dtype.set(settings, 0, steps.least());
        dtype.set(settings, 1, steps.most());
        dtype.set(settings, 2, steps.budget());
        dtype.set(settings, 3, steps.first());
        for (int i = 0; i < dimension; i++) {
            dtype.set(settings, SETTINGS + i, solve.relative(i));
            dtype.set(settings, SETTINGS + dimension + i, solve.absolute(i));
        }
        return settings;
    }
}
