package io.quern.attention;

import static io.quern.attention.AttentionCuda.MOST_BLOCKS_Y_Z;
import static io.quern.attention.AttentionCuda.TYPES;

import io.quern.DType;
import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.StagedOnHost;
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

/**
 * Grids, blocks and arguments of the kernels of {@code cuda/attention/paged.cuh}. Few queries of the cache's type take keys and
 * values from their pages, in splits; for more of them the cache is laid out in the workspace first.
 */
final class PagedCuda {
    static final Kernel<PagedForward> FORWARD = new Kernel<>() {
        private final Kernel<PagedForward> onHost =
                StagedOnHost.of("attention_paged_forward", PagedForward::map, PagedReference.FORWARD);

        @Override
        public Launch bind(PagedForward a, Stream stream, Workspace workspace) {
            if (empty(a.cache()) || a.query().elementCount() == 0) {
                return onHost.bind(a, stream, workspace);
            }
            return inPages(a)
                    ? AttentionCuda.decodePaged(
                            a.unread(), a.cache(), table(a.cache()), stream.cuda(), workspace.address())
                    : gathered(a, stream, workspace.address());
        }

        @Override
        public long workspaceBytes(PagedForward a, Stream stream) {
            Forward unread = a.unread();
            return (inPages(a) ? 0 : PagedForward.Contiguous.bytes(a.cache(), a.query()))
                    + AttentionCuda.FORWARD.workspaceBytes(unread, stream);
        }
    };

    static final Kernel<PagedAppend> APPEND = new Kernel<>() {
        private final Kernel<PagedAppend> onHost =
                StagedOnHost.of("attention_paged_append", PagedAppend::map, PagedReference::append);

        @Override
        public Launch bind(PagedAppend a, Stream stream, Workspace workspace) {
            if (empty(a.cache()) || a.newKeys().size(2) == 0) {
                return onHost.bind(a, stream, workspace);
            }
            PagedCache cache = a.cache();
            return copy("append", cache, a.newKeys(), a.newValues(), cache.keys(), cache.values(), stream.cuda());
        }
    };

    /** Size of {@code PageTable}. */
    static final int TABLE_BYTES = 8 * Long.BYTES;

    private static final int COPY_BYTES = TABLE_BYTES + (4 * 4 + 5) * Long.BYTES;
    private static final int WARP = 32;
    private static final int WARPS = 4;
    private static final int PACK_BYTES = 16;

    /** Blocks of tokens go on with further ones; so many fill any GPU. */
    private static final long MOST_BLOCKS = 1 << 14;

    private PagedCuda() {}

    static List<CudaSymbol> symbols() {
        List<CudaSymbol> symbols = new ArrayList<>();
        for (DType dtype : TYPES) {
            for (String operation : List.of("append", "gather")) {
                symbols.add(copySymbol(operation, dtype, dtype));
                if (dtype.bytes() == 2) {
                    symbols.add(copySymbol(operation, dtype, DType.FP32));
                }
            }
        }
        return symbols;
    }

    private static CudaSymbol copySymbol(String operation, DType cache, DType beside) {
        return CudaSymbol.of(
                "attention_paged",
                "attention_" + operation + "_" + AttentionCuda.lower(cache) + "_" + AttentionCuda.lower(beside),
                CudaParameter.structure(COPY_BYTES, Long.BYTES));
    }

    private static boolean empty(PagedCache cache) {
        return cache.pages().elementCount() == 0 || cache.keys().elementCount() == 0;
    }

    /** Whether keys and values are taken from their pages. */
    private static boolean inPages(PagedForward a) {
        return a.query().dtype() == a.cache().keys().dtype()
                && AttentionCuda.decodes(a.unread().inputs());
    }

    private static Launch gathered(PagedForward a, Stream stream, long workspace) {
        Device.Cuda device = (Device.Cuda) stream.device();
        PagedForward.Contiguous rows = PagedForward.Contiguous.on(device, workspace, a.cache(), a.query());
        long after = workspace + PagedForward.Contiguous.bytes(a.cache(), a.query());
        PagedCache cache = a.cache();
        Launch gather = copy("gather", cache, cache.keys(), cache.values(), rows.keys(), rows.values(), stream.cuda());
        Launch attend = AttentionCuda.bind(a.contiguous(rows), stream.cuda(), after);
        return () -> {
            gather.run();
            attend.run();
        };
    }

    private static Launch copy(
            String operation,
            PagedCache cache,
            Tensor fromKeys,
            Tensor fromValues,
            Tensor toKeys,
            Tensor toValues,
            CudaStream stream) {
        boolean append = operation.equals("append");
        Tensor beside = append ? fromKeys : toKeys;
        long tokens = beside.size(2);
        DType dtype = cache.keys().dtype();
        int widest = Math.max(dtype.bytes(), beside.dtype().bytes());
        boolean packed = true;
        MemorySegment structure = Arena.ofAuto().allocate(COPY_BYTES, Long.BYTES);
        MemorySegment.copy(table(cache), 0, structure, 0, TABLE_BYTES);
        long at = TABLE_BYTES;
        for (Tensor each : new Tensor[] {fromKeys, fromValues, toKeys, toValues}) {
            packed &= aligned(each, PACK_BYTES / widest);
            long[] numbers = {each.address(), each.stride(0), each.stride(1), each.stride(2)};
            at = CudaRows.write(numbers, structure, at);
        }
        long[] numbers = {
            cache.keys().size(1), tokens, cache.keys().size(3), cache.values().size(3), packed ? 1 : 0
        };
        CudaRows.write(numbers, structure, at);
        CudaSymbol symbol = copySymbol(operation, dtype, beside.dtype());
        return CudaLaunch.of(stream.context().function(symbol), stream)
                .grid(
                        (int) Math.min(Math.ceilDiv(tokens, (long) WARPS), MOST_BLOCKS),
                        (int) Math.min(cache.keys().size(1), MOST_BLOCKS_Y_Z),
                        Math.min(cache.sequences(), MOST_BLOCKS_Y_Z))
                .block(WARP, WARPS)
                .structure(structure)
                .build()::run;
    }

    /** Whether every row begins with a pack of so many elements. */
    private static boolean aligned(Tensor tensor, int elements) {
        boolean aligned = tensor.address() % ((long) elements * tensor.dtype().bytes()) == 0;
        for (int axis = 0; axis < 3; axis++) {
            aligned &= tensor.size(axis) == 1 || tensor.stride(axis) % elements == 0;
        }
        return aligned;
    }

    /** {@return the table of a cache without pages} */
    static MemorySegment noTable() {
        return Arena.ofAuto().allocate(TABLE_BYTES, Long.BYTES);
    }

    private static MemorySegment table(PagedCache cache) {
        MemorySegment table = Arena.ofAuto().allocate(TABLE_BYTES, Long.BYTES);
        long[] numbers = {
            cache.pages().address(),
            cache.pages().stride(0),
            cache.lengths().address(),
            cache.lengths().dtype().bytes(),
            cache.sequences(),
            cache.keys().size(0),
            cache.pageTokens(),
            cache.capacity()
        };
        CudaRows.write(numbers, table, 0);
        return table;
    }
}
