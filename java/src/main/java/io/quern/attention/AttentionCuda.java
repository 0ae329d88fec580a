package io.quern.attention;

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
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Grids, blocks and arguments of the kernels of {@code cuda/attention/forward.cu}, {@code forward_tensor.cu} and {@code decode.cu}. */
final class AttentionCuda {
    static final Kernel<Forward> FORWARD = new Kernel<>() {
        @Override
        public Launch bind(Forward arguments, Stream stream, Workspace workspace) {
            return AttentionCuda.bind(arguments, stream.cuda(), workspace.address());
        }

        @Override
        public long workspaceBytes(Forward arguments, Stream stream) {
            return decodes(arguments.inputs()) ? splitBytes(arguments.inputs()) : 0;
        }
    };

    static final List<DType> TYPES = List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16);
    static final int MOST_BLOCKS_Y_Z = 65_535;

    // cuda/attention/decode.cuh
    private static final int SPLIT_KEYS = 256;
    private static final int MERGE_THREADS = 128;

    /** What a row's sums are, beside its outputs. */
    private static final int ROW_STATE = 4;

    /** With more rows of scores for each head of keys, or fewer splits, the other kernels are no slower. */
    private static final long MOST_DECODED_ROWS = 16;

    private static final long LEAST_SPLITS = 3;

    // cuda/attention/tensor_tile.cuh
    static final int TENSOR_THREADS = 128;

    // cuda/attention/tile.cuh
    static final int ACROSS = 16;
    static final int DOWN = 8;
    static final int TILE_KEYS = 64;
    static final int PACK_BYTES = 16;

    private static final Launch NOTHING = () -> {};

    private AttentionCuda() {}

    static Launch bind(Forward a, CudaStream stream, long workspace) {
        return decodes(a.inputs()) ? decode(a, stream, workspace) : forward(a, stream);
    }

    /** What the launches below declare, for the test that compares it with the PTX. */
    public static List<CudaSymbol> symbols() {
        List<CudaSymbol> symbols = new ArrayList<>();
        for (DType dtype : TYPES) {
            symbols.add(forwardSymbol(dtype, 256));
            if (dtype.bytes() > 2) {
                symbols.add(forwardSymbol(dtype, 64));
            } else {
                symbols.add(tensorSymbol(dtype, 64));
                symbols.add(tensorSymbol(dtype, 128));
                symbols.add(tensorSymbol(dtype, 256));
            }
        }
        for (DType dtype : TYPES) {
            symbols.add(decodeSymbol(dtype));
            symbols.add(mergeSymbol(dtype));
        }
        symbols.addAll(AttentionBackwardCuda.symbols());
        symbols.addAll(PagedCuda.symbols());
        symbols.addAll(RowSoftmaxCuda.symbols());
        symbols.addAll(MergeCuda.symbols());
        return List.copyOf(symbols);
    }

    /** {@return the kernel for an operation in a type, of a family's module for that type} */
    static CudaSymbol symbol(String family, String operation, DType dtype, CudaParameter... parameters) {
        String type = lower(dtype);
        return CudaSymbol.of("attention_" + family + "_" + type, "attention_" + operation + "_" + type, parameters);
    }

    static String lower(DType dtype) {
        return dtype.name().toLowerCase(Locale.ROOT);
    }

    private static CudaSymbol forwardSymbol(DType dtype, int mostChannels) {
        return symbol(
                "forward",
                "forward_" + mostChannels,
                dtype,
                CudaParameter.structure(CudaProblem.FORWARD_BYTES, Long.BYTES));
    }

    private static CudaSymbol tensorSymbol(DType dtype, int mostChannels) {
        return symbol(
                "forward_tensor",
                "forward_tensor_" + mostChannels,
                dtype,
                CudaParameter.structure(CudaProblem.FORWARD_BYTES, Long.BYTES));
    }

    private static Launch forward(Forward a, CudaStream stream) {
        Inputs inputs = a.inputs();
        if (inputs.sequences() == 0 || inputs.heads() == 0 || inputs.query().size(2) == 0) {
            return NOTHING;
        }
        if (stream.context().properties().atLeast(8, 0) && TensorCores.serve(a)) {
            return tensorForward(a, stream);
        }
        DType dtype = inputs.query().dtype();
        CudaSymbol symbol =
                forwardSymbol(dtype, dtype.bytes() > 2 && inputs.attention().valueDim() <= 64 ? 64 : 256);
        CudaLaunch.Builder launch = CudaLaunch.of(stream.context().function(symbol), stream);
        return onGrid(launch, inputs, inputs.keys().size(1), group(inputs), rowsOfBlock(dtype))
                .block(ACROSS, DOWN)
                .sharedBytes(sharedBytes(dtype, inputs.attention().headDim(), rowsOfBlock(dtype)))
                .structure(CudaProblem.of(a))
                .build()::run;
    }

    private static CudaSymbol decodeSymbol(DType dtype) {
        return symbol(
                "decode",
                "decode",
                dtype,
                CudaParameter.structure(CudaProblem.FORWARD_BYTES, Long.BYTES),
                CudaParameter.POINTER,
                CudaParameter.INT64,
                CudaParameter.structure(PagedCuda.TABLE_BYTES, Long.BYTES));
    }

    private static CudaSymbol mergeSymbol(DType dtype) {
        return symbol(
                "decode",
                "merge",
                dtype,
                CudaParameter.structure(CudaProblem.FORWARD_BYTES, Long.BYTES),
                CudaParameter.POINTER,
                CudaParameter.INT64);
    }

    /** Whether keys are cut into splits; they are as many whatever the lengths are in a run. */
    static boolean decodes(Inputs a) {
        return a.queryStarts() == null
                && a.query().elementCount() > 0
                && a.query().size(2) * group(a) <= MOST_DECODED_ROWS
                && splits(a) >= LEAST_SPLITS;
    }

    private static long splits(Inputs a) {
        return Math.ceilDiv(a.keys().size(2), (long) SPLIT_KEYS);
    }

    private static long splitBytes(Inputs a) {
        Tensor query = a.query();
        long rows = query.size(0) * query.size(1) * query.size(2) * splits(a);
        return rows
                * (ROW_STATE + a.attention().valueDim())
                * query.dtype().accumulator().bytes();
    }

    private static Launch decode(Forward a, CudaStream stream, long workspace) {
        return decode(a, CudaProblem.of(a), PagedCuda.noTable(), stream, workspace);
    }

    /** Of keys and values in pages; those of {@code a} are there for their sizes. */
    static Launch decodePaged(Forward a, PagedCache cache, MemorySegment table, CudaStream stream, long workspace) {
        return decode(a, CudaProblem.of(a, cache.keys(), cache.values()), table, stream, workspace);
    }

    private static Launch decode(
            Forward a, MemorySegment structure, MemorySegment table, CudaStream stream, long workspace) {
        Inputs inputs = a.inputs();
        DType dtype = inputs.query().dtype();
        int splits = Math.toIntExact(splits(inputs));
        CudaLaunch decode = CudaLaunch.of(stream.context().function(decodeSymbol(dtype)), stream)
                .grid(splits, (int) Math.min(inputs.keys().size(1), MOST_BLOCKS_Y_Z), (int)
                        Math.min(inputs.sequences(), MOST_BLOCKS_Y_Z))
                .block(ACROSS, DOWN)
                .sharedBytes(sharedBytes(dtype, inputs.attention().headDim(), DOWN))
                .structure(structure)
                .pointer(workspace)
                .int64(splits)
                .structure(table)
                .build();
        CudaLaunch merge = merge(a, structure, stream, workspace);
        return () -> {
            decode.run();
            merge.run();
        };
    }

    private static CudaLaunch merge(Forward a, MemorySegment structure, CudaStream stream, long workspace) {
        Inputs inputs = a.inputs();
        CudaSymbol symbol = mergeSymbol(inputs.query().dtype());
        return CudaLaunch.of(stream.context().function(symbol), stream)
                .grid((int) inputs.query().size(2), (int) Math.min(inputs.heads(), MOST_BLOCKS_Y_Z), (int)
                        Math.min(inputs.sequences(), MOST_BLOCKS_Y_Z))
                .block(MERGE_THREADS)
                .structure(structure)
                .pointer(workspace)
                .int64(splits(inputs))
                .build();
    }

    private static long group(Inputs a) {
        return a.heads() / a.keys().size(1);
    }

    private static Launch tensorForward(Forward a, CudaStream stream) {
        Attention attention = a.inputs().attention();
        int mostChannels = TensorCores.mostChannels(attention);
        // As TENSOR_QUERIES and TENSOR_KEYS: queries, a tile of keys, and one of values.
        int queries = mostChannels <= 128 ? 128 : 64;
        int keys = mostChannels <= 128 ? 64 : 32;
        CudaSymbol symbol = tensorSymbol(a.inputs().query().dtype(), mostChannels);
        CudaLaunch.Builder launch = CudaLaunch.of(stream.context().function(symbol), stream);
        return onGrid(launch, a.inputs(), a.inputs().heads(), 1, queries)
                .block(TENSOR_THREADS)
                .sharedBytes((queries + 2 * keys) * mostChannels * DType.BF16.bytes())
                .structure(CudaProblem.of(a))
                .build()::run;
    }

    /** Blocks of as many rows, of which a query has some; with starts, enough wherever the sequences begin. */
    private static CudaLaunch.Builder onGrid(
            CudaLaunch.Builder launch, Inputs inputs, long heads, long rowsOfQuery, int rowsOfBlock) {
        boolean ragged = inputs.queryStarts() != null;
        long rows = inputs.query().size(2) * rowsOfQuery;
        return launch.grid(
                Math.toIntExact(
                        ragged ? rows / rowsOfBlock + inputs.sequences() : Math.ceilDiv(rows, (long) rowsOfBlock)),
                (int) Math.min(heads, MOST_BLOCKS_Y_Z),
                ragged ? 1 : (int) Math.min(inputs.sequences(), MOST_BLOCKS_Y_Z));
    }

    static int rowsOfBlock(DType dtype) {
        return DOWN * (dtype == DType.FP64 ? 2 : 4);
    }

    /** Queries, a chunk of keys or values, and weights, each row with a pack behind it. */
    private static int sharedBytes(DType dtype, int headDim, int rows) {
        int bytes = dtype.accumulator().bytes();
        int pack = PACK_BYTES / bytes;
        int row = Math.ceilDiv(headDim, pack) * pack + pack;
        int chunk = TILE_KEYS * (ACROSS * pack + pack);
        return bytes * (rows * row + chunk + rows * (TILE_KEYS + pack));
    }
}
