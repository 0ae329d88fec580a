package io.quern.flow;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.quern.DType;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import io.quern.cuda.CudaLaunch;
import io.quern.cuda.CudaParameter;
import io.quern.cuda.CudaStream;
import io.quern.cuda.CudaSymbol;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Grids, blocks and arguments of the kernels of {@code cuda/flow}. */
final class FlowCuda {
    static final Kernel<Evaluation> EVALUATE = new Kernel<>() {
        @Override
        public Launch bind(Evaluation a, Stream stream, Workspace workspace) {
            return FlowCuda.bind(Call.of(a), stream.cuda(), workspace.address());
        }

        @Override
        public long workspaceBytes(Evaluation a, Stream stream) {
            return new Layout(Call.of(a), 0).end;
        }
    };

    static final Kernel<Gradient> GRADIENT = new Kernel<>() {
        @Override
        public Launch bind(Gradient a, Stream stream, Workspace workspace) {
            return FlowCuda.bind(Call.of(a), stream.cuda(), workspace.address());
        }

        @Override
        public long workspaceBytes(Gradient a, Stream stream) {
            return new Layout(Call.of(a), 0).end;
        }
    };

    /** As {@code Terms} in cuda/flow/problem.cuh: addresses, factors, their number, where to and how many elements. */
    private static final int TERMS_BYTES = (2 * Combination.MOST + 3) * Long.BYTES;

    private static final int COMBINE_THREADS = 256;

    static final Kernel<Combination> COMBINE = (a, stream, workspace) -> combine(a, stream.cuda());

    /**
     * An evaluation or a gradient.
     *
     * @param operation of the pass: attend or gradient
     * @param finish what comes after it
     * @param passes means of a query
     * @param fields none of a gradient
     * @param gradient null of an evaluation
     */
    private record Call(
            String operation,
            String finish,
            int passes,
            Flow flow,
            Points points,
            Evaluation.Fields fields,
            Gradient gradient) {
        static Call of(Evaluation a) {
            return new Call("attend", "finish", a.weighsSlopes() ? 2 : 1, a.flow(), a.points(), a.fields(), null);
        }

        static Call of(Gradient a) {
            Evaluation.Fields none = new Evaluation.Fields(null, null, null, null, null);
            return new Call("gradient", "finish_gradient", 2, a.flow(), a.points(), none, a);
        }
    }

    private static final List<DType> TYPES = List.of(DType.FP64, DType.FP32);
    private static final List<String> NOISES = List.of("gaussian", "student", "tanh", "exponential", "uniform");
    private static final List<Integer> MOST_CHANNELS = List.of(64, 256);

    // cuda/flow/attend.cuh
    private static final int ACROSS = 16;
    private static final int DOWN = 8;
    private static final int TILE = 64;
    private static final int PREPARE_THREADS = 256;
    private static final int PACK_BYTES = 16;

    /** What memory moves: what begins at a multiple of it is in no more of them than it needs. */
    private static final int SECTOR_BYTES = 32;

    /** Of Problem in cuda/flow/problem.cuh. */
    private static final int PROBLEM_BYTES = 45 * Long.BYTES;

    /** By the data alone: a query's bits depend on no other query. */
    private static final long MOST_SPLITS = 8;

    private static final long LEAST_SPLIT = 1024;

    /** Blocks go on with further elements; so many fill any GPU. */
    private static final long MOST_BLOCKS = 1 << 16;

    private static final Launch NOTHING = () -> {};

    private FlowCuda() {}

    /** What the launches below declare, for the test that compares it with the PTX. */
    public static List<CudaSymbol> symbols() {
        List<CudaSymbol> symbols = new ArrayList<>();
        for (DType dtype : TYPES) {
            symbols.add(endSymbol("prepare", dtype));
            symbols.add(endSymbol("finish", dtype));
            symbols.add(combineSymbol(dtype));
            symbols.add(endSymbol("finish_gradient", dtype));
            for (String noise : NOISES) {
                for (int most : MOST_CHANNELS) {
                    symbols.add(passSymbol("attend", noise, most, dtype));
                    symbols.add(passSymbol("gradient", noise, most, dtype));
                }
            }
        }
        return List.copyOf(symbols);
    }

    private static CudaSymbol combineSymbol(DType dtype) {
        return symbol("ends", "combine", dtype, TERMS_BYTES);
    }

    /** Of the ends: what comes before and after the pass. */
    private static CudaSymbol endSymbol(String operation, DType dtype) {
        return symbol("ends", operation, dtype);
    }

    private static CudaSymbol passSymbol(String operation, String noise, int mostChannels, DType dtype) {
        return symbol(operation + "_" + noise, operation + "_" + noise + "_" + mostChannels, dtype);
    }

    private static CudaSymbol symbol(String module, String operation, DType dtype) {
        return symbol(module, operation, dtype, PROBLEM_BYTES);
    }

    private static CudaSymbol symbol(String module, String operation, DType dtype, int structureBytes) {
        String type = dtype.name().toLowerCase(Locale.ROOT);
        return CudaSymbol.of(
                "flow_" + module + "_" + type,
                "flow_" + operation + "_" + type,
                CudaParameter.structure(structureBytes, Long.BYTES));
    }

    private static Launch bind(Call a, CudaStream stream, long workspace) {
        if (a.points().count() == 0) {
            return NOTHING;
        }
        Layout layout = new Layout(a, workspace);
        MemorySegment problem = problem(a, layout);
        DType dtype = a.points().dtype();
        int channels = a.points().channels();
        int most = channels <= 64 ? 64 : 256;
        long prepared = Math.max(a.points().timeCount(), a.points().dataCount());
        CudaLaunch prepare = launch(endSymbol("prepare", dtype), stream)
                .grid((int) Math.min(Math.ceilDiv(prepared, (long) PREPARE_THREADS), MOST_BLOCKS))
                .block(PREPARE_THREADS)
                .structure(problem)
                .build();
        CudaLaunch attend = launch(passSymbol(a.operation(), name(a.flow().noise()), most, dtype), stream)
                .grid(
                        Math.toIntExact(Math.ceilDiv(a.points().count(), queriesOfBlock(dtype))),
                        Math.ceilDiv(channels, most) * layout.passes,
                        (int) layout.splits)
                .block(ACROSS, DOWN)
                .structure(problem)
                .build();
        CudaLaunch finish = launch(endSymbol(a.finish(), dtype), stream)
                .grid((int) Math.min(a.points().count(), MOST_BLOCKS))
                .block(ACROSS, DOWN)
                .structure(problem)
                .build();
        return () -> {
            prepare.run();
            attend.run();
            finish.run();
        };
    }

    private static Launch combine(Combination a, CudaStream stream) {
        if (a.out().elementCount() == 0) {
            return NOTHING;
        }
        Writer to = new Writer(Arena.ofAuto().allocate(TERMS_BYTES, Long.BYTES));
        for (int i = 0; i < Combination.MOST; i++) {
            to.integer(i < a.terms().size() ? a.terms().get(i).address() : 0);
        }
        for (int i = 0; i < Combination.MOST; i++) {
            to.number(i < a.terms().size() ? a.factors()[i] : 0);
        }
        to.integer(a.terms().size()).integer(a.out().address()).integer(a.out().elementCount());
        return launch(combineSymbol(a.out().dtype()), stream)
                .grid((int) Math.min(Math.ceilDiv(a.out().elementCount(), (long) COMBINE_THREADS), MOST_BLOCKS))
                .block(COMBINE_THREADS)
                .structure(to.structure)
                .build()::run;
    }

    private static CudaLaunch.Builder launch(CudaSymbol symbol, CudaStream stream) {
        return CudaLaunch.of(stream.context().function(symbol), stream);
    }

    private static long queriesOfBlock(DType dtype) {
        return DOWN * (dtype == DType.FP64 ? 2L : 4L);
    }

    private static String name(Noise noise) {
        return switch (noise) {
            case Noise.Gaussian _ -> "gaussian";
            case Noise.Student _ -> "student";
            case Noise.Tanh _ -> "tanh";
            case Noise.Exponential _ -> "exponential";
            case Noise.Uniform _ -> "uniform";
        };
    }

    private static MemorySegment problem(Call a, Layout layout) {
        Points points = a.points();
        Evaluation.Fields fields = a.fields();
        Writer to = new Writer(Arena.ofAuto().allocate(PROBLEM_BYTES, Long.BYTES));
        to.rows(points.queries()).rows(points.data()).rows(points.weights()).rows(points.times());
        to.rows(fields.mean()).rows(fields.logDensity()).rows(fields.velocity());
        to.rows(fields.score()).rows(fields.divergence());
        to.integer(points.count()).integer(points.dataCount()).integer(points.channels());
        schedule(a.flow().schedule(), to);
        to.number(points.times() == null ? points.time() : 0);
        switch (a.flow().noise()) {
            case Noise.Student s -> to.number(s.dimensions()).number(0);
            case Noise.Uniform u -> to.number(u.low()).number(u.high());
            case Noise.Gaussian _, Noise.Tanh _, Noise.Exponential _ ->
                to.number(0).number(0);
        }
        to.number(a.flow().noise().logConstant(points.channels()));
        to.integer(layout.splits)
                .integer(layout.splitData)
                .integer(layout.passes)
                .integer(layout.partialLength);
        to.integer(layout.moments).integer(layout.totalWeight).integer(layout.logWeights);
        to.integer(layout.sums).integer(layout.partial);
        Gradient g = a.gradient();
        to.rows(g == null ? null : g.velocityGradient()).rows(g == null ? null : g.meanGradient());
        to.rows(g == null ? null : g.logDensityGradient()).rows(g == null ? null : g.queriesGradient());
        return to.structure;
    }

    private static void schedule(Schedule schedule, Writer to) {
        switch (schedule) {
            case Schedule.Exploding _ -> to.integer(0).number(0).number(0);
            case Schedule.Geometric g -> to.integer(1).number(g.least()).number(g.most());
            case Schedule.Preserving p -> to.integer(2).number(p.betaMin()).number(p.betaMax());
            case Schedule.Straight _ -> to.integer(3).number(0).number(0);
        }
    }

    /** Where things lie in the workspace, and how the work is cut. */
    private static final class Layout {
        private static final int MOMENT_BYTES = 4 * Double.BYTES;
        private static final int SUMS = 4;

        final int passes;
        final long splitData;
        final long splits;
        final long partialLength;
        final long moments;
        final long totalWeight;
        final long logWeights;
        final long sums;
        final long partial;
        final long end;

        Layout(Call a, long workspace) {
            Points points = a.points();
            long bytes = points.dtype().bytes();
            long data = points.dataCount();
            passes = a.passes();
            splitData = Math.max(LEAST_SPLIT, Math.ceilDiv(Math.ceilDiv(data, MOST_SPLITS), (long) TILE) * TILE);
            splits = Math.ceilDiv(data, splitData);
            partialLength = packed(points.channels() * bytes) / bytes;
            moments = workspace;
            totalWeight = moments + points.timeCount() * MOMENT_BYTES;
            long ofWeights = totalWeight + SECTOR_BYTES;
            logWeights = points.weights() == null ? 0 : ofWeights;
            sums = ofWeights + (points.weights() == null ? 0 : sectors(data * bytes));
            partial = sums + sectors(splits * points.count() * SUMS * bytes);
            end = partial + splits * passes * points.count() * partialLength * bytes;
        }

        private static long sectors(long bytes) {
            return Math.ceilDiv(bytes, (long) SECTOR_BYTES) * SECTOR_BYTES;
        }

        private static long packed(long bytes) {
            return Math.ceilDiv(bytes, (long) PACK_BYTES) * PACK_BYTES;
        }
    }

    /** Writes numbers one behind the other. */
    private static final class Writer {
        private final MemorySegment structure;
        private long at;

        Writer(MemorySegment structure) {
            this.structure = structure;
        }

        Writer rows(Tensor tensor) {
            integer(tensor == null ? 0 : tensor.address());
            return integer(tensor == null || tensor.size(0) == 1 ? 0 : tensor.stride(0));
        }

        Writer integer(long value) {
            structure.set(JAVA_LONG, at, value);
            at += Long.BYTES;
            return this;
        }

        Writer number(double value) {
            structure.set(JAVA_DOUBLE, at, value);
            at += Double.BYTES;
            return this;
        }
    }
}
