package io.quern.attention;

import static io.quern.attention.AttentionCuda.TYPES;

import io.quern.DType;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.StagedOnHost;
import io.quern.Stream;
import io.quern.cuda.CudaLaunch;
import io.quern.cuda.CudaParameter;
import io.quern.cuda.CudaStream;
import io.quern.cuda.CudaSymbol;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Grids, blocks and arguments of the kernels of {@code cuda/attention/states.cuh}. */
final class MergeCuda {
    static final Kernel<Merge> FORWARD = forward();
    static final Kernel<MergeBackward> BACKWARD = backward();

    private static final int WARP = 32;
    private static final int WARPS = 4;
    private static final int BYTES = 4 * 3 * CudaRows.BYTES + 3 * Long.BYTES;

    /** Blocks go on with further rows; so many fill any GPU. */
    private static final long MOST_BLOCKS = 1 << 16;

    private static final Launch NOTHING = () -> {};

    private MergeCuda() {}

    static List<CudaSymbol> symbols() {
        List<CudaSymbol> symbols = new ArrayList<>();
        for (DType dtype : TYPES) {
            symbols.add(symbol("states", dtype));
            symbols.add(symbol("states_backward", dtype));
        }
        return symbols;
    }

    private static CudaSymbol symbol(String operation, DType dtype) {
        return AttentionCuda.symbol("states", operation, dtype, CudaParameter.structure(BYTES, Long.BYTES));
    }

    private static Kernel<Merge> forward() {
        Kernel<Merge> onHost = StagedOnHost.of("attention_merge", Merge::map, MergeReference::forward);
        return (a, stream, workspace) -> {
            List<CudaRows> rows = rows(a.parts(), a.whole(), null, null);
            return rows.stream().allMatch(CudaRows::fit)
                    ? launch("states", a.parts(), rows, 1, stream)
                    : onHost.bind(a, stream, workspace);
        };
    }

    private static Kernel<MergeBackward> backward() {
        Kernel<MergeBackward> onHost =
                StagedOnHost.of("attention_merge_backward", MergeBackward::map, MergeReference::backward);
        return (a, stream, workspace) -> {
            List<CudaRows> rows = rows(a.parts(), a.whole(), a.wholeGradient(), a.partsGradient());
            return rows.stream().allMatch(CudaRows::fit)
                    ? launch("states_backward", a.parts(), rows, a.parts().out().size(0), stream)
                    : onHost.bind(a, stream, workspace);
        };
    }

    private static List<CudaRows> rows(AttentionState... states) {
        List<CudaRows> rows = new ArrayList<>();
        for (AttentionState state : states) {
            rows.add(state == null ? CudaRows.ofElements(null) : CudaRows.ofVectors(state.out()));
            rows.add(CudaRows.ofElements(state == null ? null : state.logSumExp()));
            rows.add(CudaRows.ofElements(state == null ? null : state.entropy()));
        }
        return rows;
    }

    /** With a warp for each of the whole's rows, `times` over. */
    private static Launch launch(
            String operation, AttentionState parts, List<CudaRows> all, long times, Stream stream) {
        long count = parts.out().size(0);
        long rows = parts.logSumExp().elementCount() / count;
        if (rows == 0) {
            return NOTHING;
        }
        MemorySegment structure = Arena.ofAuto().allocate(BYTES, Long.BYTES);
        long at = 0;
        for (CudaRows each : all) {
            at = each.write(structure, at);
        }
        CudaRows.write(new long[] {count, rows, parts.out().size(-1)}, structure, at);
        CudaStream cuda = stream.cuda();
        return CudaLaunch.of(
                        cuda.context().function(symbol(operation, parts.out().dtype())), cuda)
                .grid((int) Math.min(Math.ceilDiv(rows * times, (long) WARPS), MOST_BLOCKS))
                .block(WARP, WARPS)
                .structure(structure)
                .build()::run;
    }
}
