package io.quern.attention;

import io.quern.DType;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.cuda.CudaLaunch;
import io.quern.cuda.CudaParameter;
import io.quern.cuda.CudaStream;
import io.quern.cuda.CudaSymbol;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Grids, blocks and arguments of the kernels of {@code cuda/attention/attention.cu}. */
final class AttentionCuda {
    static final Kernel<Forward> FORWARD = (arguments, stream, workspace) -> forward(arguments, stream.cuda());

    private static final String ROOM = "attention";
    private static final List<DType> TYPES = List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16);
    private static final int MOST_BLOCKS_Y_Z = 65_535;

    // cuda/attention/tile.cuh
    private static final int ACROSS = 16;
    private static final int DOWN = 8;
    private static final int TILE_KEYS = 64;
    private static final int PACK_BYTES = 16;

    private static final Launch NOTHING = () -> {};

    private AttentionCuda() {}

    /** What the launches below declare, for the test that compares it with the PTX. */
    public static List<CudaSymbol> symbols() {
        List<CudaSymbol> symbols = new ArrayList<>();
        for (DType dtype : TYPES) {
            symbols.add(forwardSymbol(dtype, 256));
            if (dtype.bytes() > 2) {
                symbols.add(forwardSymbol(dtype, 64));
            }
        }
        return List.copyOf(symbols);
    }

    private static CudaSymbol forwardSymbol(DType dtype, int mostChannels) {
        return CudaSymbol.of(
                ROOM,
                "attention_forward_" + mostChannels + "_" + dtype.name().toLowerCase(Locale.ROOT),
                CudaParameter.structure(CudaProblem.FORWARD_BYTES, Long.BYTES));
    }

    private static Launch forward(Forward a, CudaStream stream) {
        Inputs inputs = a.inputs();
        if (inputs.sequences() == 0 || inputs.heads() == 0 || inputs.query().size(2) == 0) {
            return NOTHING;
        }
        DType dtype = inputs.query().dtype();
        CudaSymbol symbol =
                forwardSymbol(dtype, dtype.bytes() > 2 && inputs.attention().valueDim() <= 64 ? 64 : 256);
        return CudaLaunch.of(stream.context().function(symbol), stream)
                .grid(
                        blocksOfQueries(inputs, queriesOfBlock(dtype)),
                        (int) Math.min(inputs.heads(), MOST_BLOCKS_Y_Z),
                        inputs.queryStarts() == null ? (int) Math.min(inputs.sequences(), MOST_BLOCKS_Y_Z) : 1)
                .block(ACROSS, DOWN)
                .sharedBytes(forwardSharedBytes(dtype, inputs.attention().headDim()))
                .structure(CudaProblem.of(a))
                .build()::run;
    }

    private static int queriesOfBlock(DType dtype) {
        return DOWN * (dtype == DType.FP64 ? 2 : 4);
    }

    /** With starts, enough wherever the sequences begin: as {@code slot} in {@code problem.cuh} counts. */
    private static int blocksOfQueries(Inputs inputs, int block) {
        long queries = inputs.query().size(2);
        return Math.toIntExact(
                inputs.queryStarts() == null
                        ? Math.ceilDiv(queries, (long) block)
                        : queries / block + inputs.sequences());
    }

    /** Queries, a chunk of keys or values, and weights, each row with a pack behind it. */
    private static int forwardSharedBytes(DType dtype, int headDim) {
        int bytes = dtype.accumulator().bytes();
        int pack = PACK_BYTES / bytes;
        int queries = queriesOfBlock(dtype);
        int row = Math.ceilDiv(headDim, pack) * pack + pack;
        int chunk = TILE_KEYS * (ACROSS * pack + pack);
        return bytes * (queries * row + chunk + queries * (TILE_KEYS + pack));
    }
}
