package io.quern.attention;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.DType;
import io.quern.Device;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.cpu.HostMemory;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The arguments of {@link Attention#forward(PagedCache)}.
 *
 * @param attention the settings
 * @param query (sequences, heads, queries, headDim), of the cache's type, or FP32 where that has 16 bits
 * @param cache keys and values; they are hidden from their sequence's length on, and alignment is to its last token
 * @param headScale (heads), multiplies the scale; null for 1
 * @param slopes (heads) of ALiBi; null for none
 * @param sinks (heads), a logit more in the denominator; null for none
 * @param out (sequences, heads, queries, valueDim), of the type of query; written
 * @param statistics what else is written
 */
public record PagedForward(
        Attention attention,
        Tensor query,
        PagedCache cache,
        Tensor headScale,
        Tensor slopes,
        Tensor sinks,
        Tensor out,
        Statistics statistics)
        implements Arguments {
    /** Checks everything but the device. */
    public PagedForward {
        Check.present("attention", attention);
        Check.present("cache", cache);
        Check.present("statistics", statistics);
        Check.dtype("query", query, cache.besideTypes());
        Check.shape("query", query, cache.sequences(), -1, -1, attention.headDim());
        Check.shape("keys", cache.keys(), -1, -1, -1, attention.headDim());
        Check.shape("values", cache.values(), -1, -1, -1, attention.valueDim());
        // What is left is what a forward pass over the same keys in a row would ask.
        contiguous(attention, query, cache, headScale, slopes, sinks, out, statistics, Contiguous.unread(cache, query));
        Forward.disjoint(cache.roles(Role.Use.READ), written(out, statistics));
    }

    /** The cache's keys and values, one behind the other: (sequences, keyHeads, capacity, dim), of the type of query. */
    record Contiguous(Tensor keys, Tensor values) {
        /** Beyond what a process can map. */
        private static final long UNREAD = 1L << 60;

        /** {@return tensors for sizes alone: at addresses where no tensor is} */
        static Contiguous unread(PagedCache cache, Tensor query) {
            return at(UNREAD, cache, query);
        }

        static Contiguous at(long address, PagedCache cache, Tensor query) {
            return of(address, cache, query, Contiguous::tensor);
        }

        static Contiguous on(Device.Cuda device, long address, PagedCache cache, Tensor query) {
            return of(address, cache, query, (at, dtype, shape) -> Tensor.borrow(device, at, dtype, shape));
        }

        private interface Borrowing {
            Tensor of(long address, DType dtype, long[] shape);
        }

        private static Contiguous of(long address, PagedCache cache, Tensor query, Borrowing tensor) {
            DType dtype = query.dtype();
            long[] keys = shape(cache, cache.keys());
            long[] values = shape(cache, cache.values());
            return new Contiguous(
                    tensor.of(address, dtype, keys), tensor.of(address + bytes(keys, dtype), dtype, values));
        }

        static long bytes(PagedCache cache, Tensor query) {
            return bytes(shape(cache, cache.keys()), query.dtype())
                    + bytes(shape(cache, cache.values()), query.dtype());
        }

        private static long[] shape(PagedCache cache, Tensor of) {
            return new long[] {cache.sequences(), of.size(1), cache.capacity(), of.size(3)};
        }

        private static long bytes(long[] shape, DType dtype) {
            return HostMemory.lines(shape[0] * shape[1] * shape[2] * shape[3] * dtype.bytes());
        }

        private static Tensor tensor(long address, DType dtype, long[] shape) {
            return Tensor.borrow(MemorySegment.ofAddress(address).reinterpret(bytes(shape, dtype)), dtype, shape);
        }
    }

    private static Forward contiguous(
            Attention attention,
            Tensor query,
            PagedCache cache,
            Tensor headScale,
            Tensor slopes,
            Tensor sinks,
            Tensor out,
            Statistics statistics,
            Contiguous rows) {
        Inputs inputs = new Inputs(
                attention,
                query,
                rows.keys,
                rows.values,
                cache.lengths(),
                null,
                null,
                null,
                null,
                null,
                headScale,
                slopes,
                sinks);
        return new Forward(inputs, out, statistics);
    }

    /** {@return the same call over keys and values in a row} */
    Forward contiguous(Contiguous rows) {
        return contiguous(attention, query, cache, headScale, slopes, sinks, out, statistics, rows);
    }

    /** {@return the same over keys and values that are nowhere: for sizes alone} */
    Forward unread() {
        return contiguous(Contiguous.unread(cache, query));
    }

    private static List<Role> written(Tensor out, Statistics statistics) {
        List<Role> written = statistics.roles();
        written.add(Role.written("out", out));
        return written;
    }

    PagedForward map(UnaryOperator<Tensor> to) {
        return new PagedForward(
                attention,
                to.apply(query),
                cache.map(to),
                to.apply(headScale),
                to.apply(slopes),
                to.apply(sinks),
                to.apply(out),
                statistics.map(to));
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = cache.roles(Role.Use.READ);
        Inputs.add(roles, "query", query);
        Inputs.add(roles, "headScale", headScale);
        Inputs.add(roles, "slopes", slopes);
        Inputs.add(roles, "sinks", sinks);
        roles.addAll(written(out, statistics));
        return List.copyOf(roles);
    }

    /** {@inheritDoc} Both products over the pairs that the band leaves, with every length at its most. */
    @Override
    public long flops() {
        return unread().flops();
    }

    /** Takes the tensors of a forward pass by name. {@code query} and {@code out} must be named. */
    public static final class Roles extends QueryRoles<Roles> {
        private final PagedCache cache;
        private Tensor out;
        private Tensor logSumExp;
        private Tensor maxLogit;
        private Tensor entropy;
        private Tensor effectiveCount;

        Roles(Attention attention, PagedCache cache) {
            super(attention);
            this.cache = cache;
        }

        @Override
        Roles self() {
            return this;
        }

        /** The output, (sequences, heads, queries, valueDim), written. */
        public Roles out(Tensor out) {
            this.out = out;
            return this;
        }

        /** Natural logarithm of the denominator, (sequences, heads, queries), written. */
        public Roles logSumExp(Tensor logSumExp) {
            this.logSumExp = logSumExp;
            return this;
        }

        /** The largest score of a key, (sequences, heads, queries), written. */
        public Roles maxLogit(Tensor maxLogit) {
            this.maxLogit = maxLogit;
            return this;
        }

        /** Entropy of the weights in nats, (sequences, heads, queries), written. */
        public Roles entropy(Tensor entropy) {
            this.entropy = entropy;
            return this;
        }

        /** 1 / sum p^2, (sequences, heads, queries), written. */
        public Roles effectiveCount(Tensor effectiveCount) {
            this.effectiveCount = effectiveCount;
            return this;
        }

        @Override
        public BoundCall bind(Stream stream) {
            return PagedCache.FORWARD.bind(arguments(), stream);
        }

        /** {@return the arguments, checked} */
        public PagedForward arguments() {
            return new PagedForward(
                    attention,
                    query,
                    cache,
                    headScale,
                    slopes,
                    sinks,
                    out,
                    new Statistics(logSumExp, maxLogit, entropy, effectiveCount));
        }
    }
}
