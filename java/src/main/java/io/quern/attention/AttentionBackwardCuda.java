package io.quern.attention;

import static io.quern.attention.AttentionCuda.ACROSS;
import static io.quern.attention.AttentionCuda.DOWN;
import static io.quern.attention.AttentionCuda.MOST_BLOCKS_Y_Z;
import static io.quern.attention.AttentionCuda.PACK_BYTES;
import static io.quern.attention.AttentionCuda.TENSOR_THREADS;
import static io.quern.attention.AttentionCuda.TILE_KEYS;
import static io.quern.attention.AttentionCuda.TYPES;
import static io.quern.attention.AttentionCuda.rowsOfBlock;

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
import java.util.ArrayList;
import java.util.List;

/**
 * Grids, blocks and arguments of the kernels of {@code cuda/attention/backward.cuh}, a launch a gradient, and of {@code
 * tensor_backward.cuh}, where one launch serves keys and values.
 */
final class AttentionBackwardCuda implements Kernel<Backward> {
    /** Of which input a launch computes the gradient; as in {@code backward.cuh}. */
    enum Target {
        QUERY,
        KEYS,
        VALUES,
        BIAS
    }

    /** Numbers that a row of queries leaves in the workspace. */
    private static final int ROW_CONSTANTS = 4;

    /** For what has no elements. */
    private final Kernel<Backward> onHost;

    AttentionBackwardCuda(Kernel<Backward> onHost) {
        this.onHost = onHost;
    }

    static List<CudaSymbol> symbols() {
        List<CudaSymbol> symbols = new ArrayList<>();
        for (DType dtype : TYPES) {
            for (String operation : List.of("rows", "sinks", "inputs", "bias")) {
                symbols.add(symbol("backward", operation, dtype));
            }
            if (dtype.bytes() == 2) {
                for (int mostChannels : new int[] {64, 128}) {
                    symbols.add(symbol("backward_tensor", "keys_" + mostChannels, dtype));
                    symbols.add(symbol("backward_tensor", "query_" + mostChannels, dtype));
                }
            }
        }
        return symbols;
    }

    private static CudaSymbol symbol(String family, String operation, DType dtype) {
        return AttentionCuda.symbol(
                family,
                "backward_" + operation,
                dtype,
                CudaParameter.structure(CudaProblem.BACKWARD_BYTES, Long.BYTES));
    }

    @Override
    public long workspaceBytes(Backward a, Stream stream) {
        Tensor query = a.inputs().query();
        return query.size(0)
                * query.size(1)
                * query.size(2)
                * ROW_CONSTANTS
                * query.dtype().accumulator().bytes();
    }

    @Override
    public Launch bind(Backward a, Stream stream, Workspace workspace) {
        Inputs inputs = a.inputs();
        if (inputs.sequences() == 0
                || inputs.query().elementCount() == 0
                || inputs.keys().elementCount() == 0) {
            return onHost.bind(a, stream, workspace);
        }
        Backward.Gradients gradients = a.gradients();
        List<CudaLaunch> launches = new ArrayList<>();
        CudaStream cuda = stream.cuda();
        long rows = workspace.address();
        boolean ragged = inputs.queryStarts() != null;
        long batches = ragged ? 1 : inputs.sequences();
        launches.add(launch(
                "rows",
                a,
                Target.QUERY,
                null,
                rows,
                cuda,
                blocks(inputs, Target.QUERY, DOWN),
                inputs.heads(),
                batches,
                0));
        if (cuda.context().properties().atLeast(8, 0) && TensorCores.serve(a)) {
            launches.add(tensorLaunch(a, Target.QUERY, rows, cuda));
            launches.add(tensorLaunch(a, Target.KEYS, rows, cuda));
        } else {
            for (Target target : List.of(Target.QUERY, Target.KEYS, Target.VALUES)) {
                launches.add(launch(
                        "inputs",
                        a,
                        target,
                        null,
                        rows,
                        cuda,
                        blocks(inputs, target, rowsOfBlock(inputs.query().dtype())),
                        heads(inputs, target),
                        batches,
                        shared(inputs)));
            }
        }
        for (Tensor bias : new Tensor[] {gradients.biasGradient(), gradients.keyBiasGradient()}) {
            if (bias != null) {
                boolean perQuery = bias.rank() == 4 && bias.size(2) > 1;
                long queryBlocks = perQuery ? Math.ceilDiv(bias.size(2), (long) rowsOfBlock(bias.dtype())) : 1;
                long tiles = Math.ceilDiv(inputs.keys().size(2), (long) TILE_KEYS);
                long z = ragged ? inputs.sequences() : bias.size(0);
                launches.add(launch(
                        "bias",
                        a,
                        Target.BIAS,
                        bias,
                        rows,
                        cuda,
                        tiles * queryBlocks,
                        bias.size(1),
                        z,
                        shared(inputs)));
            }
        }
        if (gradients.sinksGradient() != null) {
            launches.add(launch("sinks", a, Target.QUERY, null, rows, cuda, inputs.heads(), 1, 1, 0));
        }
        CudaLaunch[] all = launches.toArray(CudaLaunch[]::new);
        return () -> {
            for (CudaLaunch launch : all) {
                launch.run();
            }
        };
    }

    private static CudaLaunch launch(
            String operation,
            Backward a,
            Target target,
            Tensor bias,
            long rows,
            CudaStream stream,
            long x,
            long y,
            long z,
            int sharedBytes) {
        DType dtype = a.inputs().query().dtype();
        return CudaLaunch.of(stream.context().function(symbol("backward", operation, dtype)), stream)
                .grid(Math.toIntExact(x), (int) Math.min(y, MOST_BLOCKS_Y_Z), (int) Math.min(z, MOST_BLOCKS_Y_Z))
                .block(ACROSS, DOWN)
                .sharedBytes(sharedBytes)
                .structure(CudaProblem.of(a, target, bias, rows))
                .build();
    }

    /** The gradient by the queries, or those by keys and values. */
    private static CudaLaunch tensorLaunch(Backward a, Target target, long rows, CudaStream stream) {
        Inputs inputs = a.inputs();
        int mostChannels = TensorCores.mostChannels(inputs.attention());
        CudaSymbol symbol = symbol(
                "backward_tensor",
                (target == Target.QUERY ? "query_" : "keys_") + mostChannels,
                inputs.query().dtype());
        // As OWNED_ROWS and MET_ROWS: two matrices of rows that are owned, and two stages of two that are met.
        int owned = mostChannels == 64 ? 128 : 64;
        int met = mostChannels == 64 ? 64 : 32;
        int rowBytes = mostChannels * DType.BF16.bytes();
        int constantsBytes = ROW_CONSTANTS * Float.BYTES;
        return CudaLaunch.of(stream.context().function(symbol), stream)
                .grid(
                        Math.toIntExact(blocks(inputs, target, owned)),
                        (int) heads(inputs, target),
                        inputs.queryStarts() == null ? (int) inputs.sequences() : 1)
                .block(TENSOR_THREADS)
                .sharedBytes(2 * owned * rowBytes + 2 * met * (2 * rowBytes + constantsBytes))
                .structure(CudaProblem.of(a, target, null, rows))
                .build();
    }

    private static long heads(Inputs inputs, Target target) {
        return target == Target.QUERY ? inputs.heads() : inputs.keys().size(1);
    }

    /** With starts, enough wherever the sequences begin: as {@code slot} in {@code problem.cuh} counts. */
    private static long blocks(Inputs inputs, Target target, int block) {
        long tokens =
                target == Target.QUERY ? inputs.query().size(2) : inputs.keys().size(2);
        return inputs.queryStarts() == null ? Math.ceilDiv(tokens, (long) block) : tokens / block + inputs.sequences();
    }

    /** A chunk of what is owned, one of what it meets, and weights and products, each row with a pack behind it. */
    private static int shared(Inputs inputs) {
        int bytes = inputs.query().dtype().accumulator().bytes();
        int pack = PACK_BYTES / bytes;
        int rows = rowsOfBlock(inputs.query().dtype());
        return bytes * ((rows + TILE_KEYS) * (ACROSS + 1) * pack + 2 * rows * (TILE_KEYS + pack));
    }
}
