package io.quern.attention;

import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.Workspace;

/** A paged cache as plain loops: attention to a copy in which the tokens of a sequence are one behind the other. */
final class PagedReference {
    static final Kernel<PagedForward> FORWARD = PagedReference::forward;

    private PagedReference() {}

    private static Launch forward(PagedForward a, Stream stream, Workspace workspace) {
        return () -> {
            try (TensorArena arena = TensorArena.open(Device.reference())) {
                PagedForward.Contiguous unread = PagedForward.Contiguous.unread(a.cache(), a.query());
                Tensor keys = arena.allocate(a.query().dtype(), unread.keys().shape());
                Tensor values =
                        arena.allocate(a.query().dtype(), unread.values().shape());
                gather(a.cache(), a.cache().keys(), keys);
                gather(a.cache(), a.cache().values(), values);
                Forward forward = a.contiguous(new PagedForward.Contiguous(keys, values));
                AttentionReference.forward(forward, stream, workspace).run();
            }
        };
    }

    private static void gather(PagedCache cache, Tensor from, Tensor to) {
        for (int s = 0; s < cache.sequences(); s++) {
            for (long h = 0; h < from.size(1); h++) {
                for (int t = 0; t < cache.length(s); t++) {
                    copy(from, cache.pageToRead(s, t), h, t % cache.pageTokens(), to, s, h, t);
                }
            }
        }
    }

    private static void copy(
            Tensor from, long page, long head, long row, Tensor to, long toBatch, long toHead, long toRow) {
        long source = page * from.stride(0) + head * from.stride(1) + row * from.stride(2);
        long target = toBatch * to.stride(0) + toHead * to.stride(1) + toRow * to.stride(2);
        for (long c = 0; c < from.size(3); c++) {
            to.dtype().set(to.segment(), target + c, from.dtype().get(from.segment(), source + c));
        }
    }

    static Launch append(PagedAppend a, Stream stream, Workspace workspace) {
        return () -> {
            append(a.cache(), a.newKeys(), a.cache().keys());
            append(a.cache(), a.newValues(), a.cache().values());
        };
    }

    private static void append(PagedCache cache, Tensor from, Tensor to) {
        int tokens = (int) from.size(2);
        for (int s = 0; s < cache.sequences(); s++) {
            for (int t = Math.max(0, tokens - cache.length(s)); t < tokens; t++) {
                int token = cache.length(s) - tokens + t;
                int page = cache.pageToWrite(s, token);
                for (long h = 0; h < from.size(1) && page >= 0; h++) {
                    copy(from, s, h, t, to, page, h, token % cache.pageTokens());
                }
            }
        }
    }
}
