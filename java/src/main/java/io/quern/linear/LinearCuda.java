package io.quern.linear;

import io.quern.Check;
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
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Grids, blocks and arguments of the kernels of {@code cuda/linear/linear.cu}. */
final class LinearCuda {
    static final Kernel<Adaptation> ADAPTERS = new Kernel<>() {
        @Override
        public Launch bind(Adaptation p, Stream stream, Workspace workspace) {
            return launch(p, stream.cuda(), workspace.address());
        }

        /** x A. */
        @Override
        public long workspaceBytes(Adaptation p, Stream stream) {
            return p.tokens() * p.rank() * p.accumulator().bytes();
        }
    };

    private static final int WARP = 32;
    private static final int WARPS = 8;
    private static final int BLOCK = WARP * WARPS;
    private static final int BYTES = 20 * Long.BYTES;

    /** CUDA's bounds of a grid. */
    private static final long MOST_X = Integer.MAX_VALUE;

    private static final long MOST_Y = 65_535;

    private LinearCuda() {}

    static List<CudaSymbol> symbols() {
        List<CudaSymbol> symbols = new ArrayList<>();
        for (DType dtype : List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16)) {
            symbols.add(symbol("shrink", dtype));
            symbols.add(symbol("expand", dtype));
        }
        return symbols;
    }

    private static CudaSymbol symbol(String operation, DType dtype) {
        return CudaSymbol.of(
                "linear",
                "linear_" + operation + "_" + dtype.name().toLowerCase(Locale.ROOT),
                CudaParameter.structure(BYTES, Long.BYTES));
    }

    private static Launch launch(Adaptation p, CudaStream stream, long projected) {
        if (p.out().elementCount() == 0 || p.rank() == 0 || p.a().size(0) == 0) {
            return () -> {};
        }
        MemorySegment arguments = structure(p, projected);
        Runnable shrink = launch("shrink", p, stream, arguments, Math.ceilDiv(p.rank(), (long) WARP), WARP, WARPS);
        Runnable expand =
                launch("expand", p, stream, arguments, Math.ceilDiv(p.out().size(1), (long) BLOCK), BLOCK, 1);
        return () -> {
            shrink.run();
            expand.run();
        };
    }

    private static Runnable launch(
            String operation, Adaptation p, CudaStream stream, MemorySegment arguments, long blocks, int x, int y) {
        Check.range("tokens of x, on CUDA", p.tokens(), 0, MOST_X);
        Check.range("rank of a over 32, and columns of b over 256, on CUDA", blocks, 0, MOST_Y);
        return CudaLaunch.of(stream.context().function(symbol(operation, p.x().dtype())), stream)
                .grid((int) p.tokens(), (int) blocks)
                .block(x, y)
                .structure(arguments)
                .build()::run;
    }

    private static MemorySegment structure(Adaptation p, long projected) {
        long[] numbers = {
            p.x().address(),
            p.a().address(),
            p.b().address(),
            p.out().address(),
            projected,
            p.picks().address(),
            addressOf(p.starts()),
            addressOf(p.ranks()),
            p.x().stride(0),
            p.a().stride(0),
            p.a().stride(1),
            p.b().stride(0),
            p.b().stride(1),
            p.out().stride(0),
            p.x().size(1),
            p.rank(),
            p.out().size(1),
            p.a().size(0),
            p.picks().size(0),
            Double.doubleToRawLongBits(p.adapters().scale())
        };
        MemorySegment structure = Arena.ofAuto().allocate(BYTES, Long.BYTES);
        MemorySegment.copy(numbers, 0, structure, ValueLayout.JAVA_LONG, 0, numbers.length);
        return structure;
    }

    private static long addressOf(Tensor tensor) {
        return tensor == null ? 0 : tensor.address();
    }
}
