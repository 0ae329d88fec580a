package io.quern.attention;

import io.quern.DType;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.HostMemory;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * A paged cache on the CPU. One query a sequence takes keys and values from their pages, as they go by once; for more of them,
 * and for whatever {@link DecodeVector} does not do, they are laid out one behind the other first.
 */
final class PagedVector {
    private static final MemorySegment ALL = AddressSpace.ALL;

    static final Kernel<PagedForward> FORWARD = new Kernel<>() {
        @Override
        public Launch bind(PagedForward a, Stream stream, Workspace workspace) {
            long scratch = HostMemory.lines(workspace.address());
            Forward unread = a.unread();
            if (DecodeVector.fits(unread.inputs())) {
                CacheRows keys = CacheRows.of(a.cache().keys(), a.cache());
                CacheRows values = CacheRows.of(a.cache().values(), a.cache());
                return new DecodeVector(unread, keys, values, AttentionVector.threads(stream), scratch);
            }
            PagedForward.Contiguous rows = PagedForward.Contiguous.at(scratch, a.cache(), a.query());
            long after = scratch + PagedForward.Contiguous.bytes(a.cache(), a.query());
            Launch attend = new PrefillVector(a.contiguous(rows), AttentionVector.threads(stream), after);
            WorkerPool.Task gather = gather(a.cache(), rows);
            int parts = a.cache().sequences() * (int) a.cache().keys().size(1);
            return () -> {
                WorkerPool.run(gather, parts, AttentionVector.threads(stream));
                attend.run();
            };
        }

        /** A line more than is used: a caller's workspace need not begin at one. */
        @Override
        public long workspaceBytes(PagedForward a, Stream stream) {
            Forward unread = a.unread();
            return HostMemory.ALIGNMENT
                    + (DecodeVector.fits(unread.inputs())
                            ? DecodeVector.workspaceBytes(unread, AttentionVector.threads(stream))
                            : PagedForward.Contiguous.bytes(a.cache(), a.query())
                                    + PrefillVector.workspaceBytes(unread, AttentionVector.threads(stream)));
        }
    };

    private PagedVector() {}

    private static WorkerPool.Task gather(PagedCache cache, PagedForward.Contiguous to) {
        CacheRows keys = CacheRows.of(cache.keys(), cache);
        CacheRows values = CacheRows.of(cache.values(), cache);
        HeadRows toKeys = HeadRows.of(to.keys());
        HeadRows toValues = HeadRows.of(to.values());
        int heads = (int) cache.keys().size(1);
        int headDim = (int) cache.keys().size(3);
        int valueDim = (int) cache.values().size(3);
        boolean widen = cache.keys().dtype() != to.keys().dtype();
        return part -> {
            int sequence = part / heads;
            int head = part % heads;
            int length = cache.length(sequence);
            keys.gather(sequence, head, length, widen, headDim, toKeys.at(sequence, head, 0));
            values.gather(sequence, head, length, widen, valueDim, toValues.at(sequence, head, 0));
        };
    }

    static Launch append(PagedAppend a, Stream stream, Workspace workspace) {
        Append keys = new Append(a.cache(), a.newKeys(), a.cache().keys());
        Append values = new Append(a.cache(), a.newValues(), a.cache().values());
        return () -> {
            WorkerPool.run(keys, a.cache().sequences(), AttentionVector.threads(stream));
            WorkerPool.run(values, a.cache().sequences(), AttentionVector.threads(stream));
        };
    }

    /** Appends the new rows of a sequence. */
    private record Append(PagedCache cache, DType fromType, HeadRows from, DType toType, HeadRows to, int[] sizes)
            implements WorkerPool.Task {
        Append(PagedCache cache, Tensor from, Tensor to) {
            this(cache, from.dtype(), HeadRows.of(from), to.dtype(), HeadRows.of(to), new int[] {
                (int) from.size(1), (int) from.size(2), (int) from.size(3)
            });
        }

        @Override
        public void run(int sequence) {
            int heads = sizes[0];
            int tokens = sizes[1];
            int length = cache.length(sequence);
            for (int t = Math.max(0, tokens - length); t < tokens; t++) {
                int token = length - tokens + t;
                int page = cache.pageToWrite(sequence, token);
                for (int h = 0; h < heads && page >= 0; h++) {
                    write(from.at(sequence, h, t), to.at(page, h, token % cache.pageTokens()));
                }
            }
        }

        private void write(long row, long target) {
            int count = sizes[2];
            if (fromType == toType) {
                MemorySegment.copy(ALL, row, ALL, target, (long) count * toType.bytes());
                return;
            }
            for (int c = 0; c < count; c += Fp32Blocks.LENGTH) {
                Fp32Blocks blocks = Fp32Blocks.ofThread();
                int some = Math.min(Fp32Blocks.LENGTH, count - c);
                blocks.load(0, fromType, ALL, row + (long) c * fromType.bytes(), some);
                blocks.store(0, toType, ALL, target + (long) c * toType.bytes(), some);
            }
        }
    }
}
