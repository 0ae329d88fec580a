package io.quern.attention;

import static io.quern.attention.AttentionCuda.TYPES;

import io.quern.DType;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.StagedOnHost;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.cuda.CudaLaunch;
import io.quern.cuda.CudaParameter;
import io.quern.cuda.CudaStream;
import io.quern.cuda.CudaSymbol;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Grids, blocks and arguments of the kernels of {@code cuda/attention/softmax.cuh}. */
final class RowSoftmaxCuda {
    static final Kernel<SoftmaxForward> FORWARD = forward();
    static final Kernel<SoftmaxBackward> BACKWARD = backward();

    private static final int WARP = 32;
    private static final int WARPS = 8;
    private static final int PACK_BYTES = 16;
    private static final int BYTES = 4 * CudaRows.BYTES + 5 * Long.BYTES;

    /** Beyond so many elements a block takes a row, not a warp. */
    private static final long LONG_ROW = 1024;

    /** Blocks go on with further rows; so many fill any GPU. */
    private static final long MOST_BLOCKS = 1 << 16;

    private static final Launch NOTHING = () -> {};

    private RowSoftmaxCuda() {}

    static List<CudaSymbol> symbols() {
        List<CudaSymbol> symbols = new ArrayList<>();
        for (DType dtype : TYPES) {
            symbols.add(symbol("softmax", dtype));
            symbols.add(symbol("softmax_backward", dtype));
        }
        return symbols;
    }

    private static CudaSymbol symbol(String operation, DType dtype) {
        return AttentionCuda.symbol("softmax", operation, dtype, CudaParameter.structure(BYTES, Long.BYTES));
    }

    private static Kernel<SoftmaxForward> forward() {
        Kernel<SoftmaxForward> onHost =
                StagedOnHost.of("softmax_forward", SoftmaxForward::map, SoftmaxReference::forward);
        return (a, stream, workspace) -> fit(a.x(), a.out())
                ? launch("softmax", a.kind(), a.x(), null, null, a.out(), stream)
                : onHost.bind(a, stream, workspace);
    }

    private static Kernel<SoftmaxBackward> backward() {
        Kernel<SoftmaxBackward> onHost =
                StagedOnHost.of("softmax_backward", SoftmaxBackward::map, SoftmaxReference::backward);
        return (a, stream, workspace) -> fit(a.out(), a.outGradient(), a.xGradient())
                ? launch("softmax_backward", a.kind(), null, a.out(), a.outGradient(), a.xGradient(), stream)
                : onHost.bind(a, stream, workspace);
    }

    private static boolean fit(Tensor... tensors) {
        for (Tensor tensor : tensors) {
            if (!CudaRows.ofVectors(tensor).fit()) {
                return false;
            }
        }
        return true;
    }

    private static Launch launch(
            String operation, RowSoftmax kind, Tensor x, Tensor y, Tensor dy, Tensor to, Stream stream) {
        long length = to.size(-1);
        if (to.elementCount() == 0) {
            return NOTHING;
        }
        long rows = to.elementCount() / length;
        MemorySegment structure = Arena.ofAuto().allocate(BYTES, Long.BYTES);
        boolean packed = true;
        long at = 0;
        for (Tensor tensor : new Tensor[] {x, y, dy, to}) {
            CudaRows each = tensor == null ? CudaRows.ofElements(null) : CudaRows.ofVectors(tensor);
            packed &= each.aligned(PACK_BYTES, to.dtype().bytes());
            at = each.write(structure, at);
        }
        boolean whole = length > LONG_ROW;
        long[] numbers = {rows, length, kind == RowSoftmax.LOG_SOFTMAX ? 1 : 0, whole ? 1 : 0, packed ? 1 : 0};
        CudaRows.write(numbers, structure, at);
        CudaStream cuda = stream.cuda();
        return CudaLaunch.of(cuda.context().function(symbol(operation, to.dtype())), cuda)
                .grid((int) Math.min(whole ? rows : Math.ceilDiv(rows, (long) WARPS), MOST_BLOCKS))
                .block(WARP, WARPS)
                .structure(structure)
                .build()::run;
    }
}
