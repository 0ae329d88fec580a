package io.quern.attention;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.BoundCall;
import io.quern.Check;
import io.quern.DType;
import io.quern.KernelSet;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Keys and values of many sequences in pages of equal size, handed out as the sequences grow (PagedAttention, Kwon et al.,
 * arXiv:2309.06180). Token t of sequence s lies in page {@code pages[s][t / pageTokens]} at row {@code t % pageTokens}. Sequences may
 * share pages.
 *
 * <pre>{@code
 * lengths.copyFrom(...);                                   // one more token in each sequence
 * cache.append(stream, newKeys, newValues);                // (sequences, keyHeads, 1, dim): the last tokens
 * Attention.causal(128).forward(cache).query(q).out(o).run(stream);
 * }</pre>
 *
 * <p>Page numbers and lengths are read by each run, and may change between runs. A value beyond the tensors is taken as the
 * nearest that is not, but that nothing is appended to a page that is none.
 *
 * @param keys (pages, keyHeads, pageTokens, headDim), floating; pages of (pageTokens, keyHeads, headDim) are a view by {@code
 *     transpose}
 * @param values (pages, keyHeads, pageTokens, valueDim), of the type of keys
 * @param pages (sequences, pages of a sequence at the most), INT32
 * @param lengths (sequences): tokens of each, INT32 or INT64
 */
public record PagedCache(Tensor keys, Tensor values, Tensor pages, Tensor lengths) {
    static final KernelSet<PagedForward> FORWARD =
            new KernelSet<>("attention_paged_forward", PagedReference.FORWARD, PagedVector.FORWARD, PagedCuda.FORWARD);

    static final KernelSet<PagedAppend> APPEND =
            new KernelSet<>("attention_paged_append", PagedReference::append, PagedVector::append, PagedCuda.APPEND);

    /** Checks types and shapes. */
    public PagedCache {
        Check.dtype("keys", keys, FP64, FP32, FP16, BF16);
        Check.rank("keys", keys, 4);
        Check.dtype("values", values, keys.dtype());
        Check.shape("values", values, keys.size(0), keys.size(1), keys.size(2), -1);
        Check.dtype("pages", pages, DType.INT32);
        Check.rank("pages", pages, 2);
        Check.dtype("lengths", lengths, DType.INT32, DType.INT64);
        Check.shape("lengths", lengths, pages.size(0));
        Check.that(
                keys.size(0) > 0 && keys.size(2) > 0 || pages.elementCount() == 0,
                "keys",
                "of a page and a token at least",
                keys);
        Check.range("pageTokens", keys.size(2), 0, Integer.MAX_VALUE);
        Check.range("tokens of a sequence", pages.size(1) * keys.size(2), 0, 1 << 30);
    }

    /**
     * Writes the keys and values of the last tokens of each sequence: {@code lengths} counts them already. Those of a
     * sequence with fewer tokens than are given are the last of what is given.
     *
     * @param newKeys (sequences, keyHeads, tokens, headDim), of the cache's type, or FP32 where that has 16 bits
     * @param newValues (sequences, keyHeads, tokens, valueDim), of the type of newKeys
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public void append(Stream stream, Tensor newKeys, Tensor newValues) {
        try (BoundCall call = bindAppend(stream, newKeys, newValues)) {
            call.run();
        }
    }

    /** Prepares {@link #append}, to be run as often as one likes. */
    public BoundCall bindAppend(Stream stream, Tensor newKeys, Tensor newValues) {
        return APPEND.bind(new PagedAppend(this, newKeys, newValues), stream);
    }

    /** {@return types that queries and new tokens may have: that of the cache, and FP32 where that has 16 bits} */
    DType[] besideTypes() {
        DType dtype = keys.dtype();
        return dtype == dtype.accumulator() ? new DType[] {dtype} : new DType[] {dtype, dtype.accumulator()};
    }

    int pageTokens() {
        return (int) keys.size(2);
    }

    int sequences() {
        return (int) pages.size(0);
    }

    /** {@return the most tokens that a sequence can have} */
    int capacity() {
        return (int) (pages.size(1) * keys.size(2));
    }

    /** {@return the tokens of a sequence as they are now; on the host} */
    int length(int sequence) {
        long index = sequence * lengths.stride(0);
        return Math.clamp((long) lengths.dtype().get(lengths.segment(), index), 0, capacity());
    }

    private int page(int sequence, int token) {
        long index = sequence * pages.stride(0) + token / pageTokens();
        return (int) pages.dtype().get(pages.segment(), index);
    }

    /** {@return the page that holds a token; on the host} */
    int pageToRead(int sequence, int token) {
        return Math.clamp(page(sequence, token), 0, (int) keys.size(0) - 1);
    }

    /** {@return the page that is to hold a token, or -1 if there is none; on the host} */
    int pageToWrite(int sequence, int token) {
        int page = page(sequence, token);
        return page < keys.size(0) ? Math.max(page, -1) : -1;
    }

    PagedCache map(UnaryOperator<Tensor> to) {
        return new PagedCache(to.apply(keys), to.apply(values), to.apply(pages), to.apply(lengths));
    }

    List<Role> roles(Role.Use use) {
        List<Role> roles = new ArrayList<>();
        roles.add(new Role("keys", keys, use));
        roles.add(new Role("values", values, use));
        roles.add(Role.read("pages", pages));
        roles.add(Role.read("lengths", lengths));
        return roles;
    }
}
