package io.quern.linear;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;
import static io.quern.DType.INT32;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments of {@link Adapters#apply}.
 *
 * @param adapters the scale
 * @param x (tokens, in)
 * @param a (adapters, in, rank)
 * @param b (adapters, rank, columns)
 * @param picks INT32, (tokens), or (segments) where there are starts
 * @param starts INT32, (segments + 1), not falling: segment i has the tokens from starts[i] to before starts[i + 1]; or null
 * @param ranks INT32, (adapters); or null: all have the rank of the tensors
 * @param out (tokens, columns); read and written
 */
public record Adaptation(
        Adapters adapters, Tensor x, Tensor a, Tensor b, Tensor picks, Tensor starts, Tensor ranks, Tensor out)
        implements Arguments {
    /** Checks types, shapes and overlap. */
    public Adaptation {
        Check.present("adapters", adapters);
        Check.dtype("x", x, FP64, FP32, FP16, BF16);
        Check.rank("x", x, 2);
        Check.dtype("a", a, x.dtype());
        Check.shape("a", a, -1, x.size(1), -1);
        Check.dtype("b", b, x.dtype());
        Check.shape("b", b, a.size(0), a.size(2), -1);
        checkNumbers("picks", picks, starts == null ? x.size(0) : -1);
        if (starts != null) {
            checkNumbers("starts", starts, picks.size(0) + 1);
        }
        if (ranks != null) {
            checkNumbers("ranks", ranks, a.size(0));
        }
        Check.dtype("out", out, x.dtype());
        Check.shape("out", out, x.size(0), b.size(2));
        Check.writable("out", out);
        Check.disjoint("out", out, "x", x);
        Check.disjoint("out", out, "a", a);
        Check.disjoint("out", out, "b", b);
    }

    private static void checkNumbers(String name, Tensor numbers, long size) {
        Check.dtype(name, numbers, INT32);
        Check.shape(name, numbers, size);
    }

    long tokens() {
        return x.size(0);
    }

    long rank() {
        return a.size(2);
    }

    /** The type of the sums. */
    DType accumulator() {
        return x.dtype().accumulator();
    }

    /** {@return the scale as kernels take it} */
    double roundedScale() {
        return accumulator() == FP64 ? adapters.scale() : (float) adapters.scale();
    }

    /** {@return the number of a token's adapter, or -1; on the host} */
    long adapterOf(long token) {
        long at = starts == null ? token : segmentOf(token);
        long pick = at < 0 ? -1 : number(picks, at);
        return pick < a.size(0) ? Math.max(pick, -1) : -1;
    }

    /** The last segment that begins at or before the token, if the token is in it; else -1. */
    private long segmentOf(long token) {
        long low = 0;
        long high = picks.size(0);
        while (low < high) {
            long middle = (low + high) / 2;
            if (number(starts, middle) <= token) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low > 0 && token < number(starts, low) ? low - 1 : -1;
    }

    /** {@return how many columns of A an adapter has; on the host} */
    long rankOf(long adapter) {
        return ranks == null ? rank() : Math.clamp(number(ranks, adapter), 0, rank());
    }

    private static long number(Tensor numbers, long at) {
        return (long) INT32.get(numbers.segment(), at);
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>(
                List.of(Role.read("x", x), Role.read("a", a), Role.read("b", b), Role.read("picks", picks)));
        if (starts != null) {
            roles.add(Role.read("starts", starts));
        }
        if (ranks != null) {
            roles.add(Role.read("ranks", ranks));
        }
        roles.add(Role.written("out", out));
        return roles;
    }

    /** As many as all tokens have that pick an adapter of full rank. */
    @Override
    public long flops() {
        return 2 * tokens() * rank() * (x.size(1) + b.size(2));
    }

    /** Names the tensors of an application. */
    public static final class Roles {
        private final Adapters adapters;
        private Tensor x;
        private Tensor a;
        private Tensor b;
        private Tensor picks;
        private Tensor starts;
        private Tensor ranks;
        private Tensor out;

        Roles(Adapters adapters) {
            this.adapters = adapters;
        }

        /** (tokens, in), FP64, FP32, FP16 or BF16. */
        public Roles x(Tensor tensor) {
            x = tensor;
            return this;
        }

        /** (adapters, in, rank). */
        public Roles a(Tensor tensor) {
            a = tensor;
            return this;
        }

        /** (adapters, rank, columns). */
        public Roles b(Tensor tensor) {
            b = tensor;
            return this;
        }

        /** Each token's adapter, INT32 (tokens), or each segment's (segments); -1 for none. */
        public Roles picks(Tensor tensor) {
            picks = tensor;
            return this;
        }

        /** Where segments begin, and where the last one ends; INT32 (segments + 1), optional. */
        public Roles starts(Tensor tensor) {
            starts = tensor;
            return this;
        }

        /** Ranks that are lower than the tensors', INT32 (adapters), optional. */
        public Roles ranks(Tensor tensor) {
            ranks = tensor;
            return this;
        }

        /** (tokens, columns); added to. */
        public Roles out(Tensor tensor) {
            out = tensor;
            return this;
        }

        /** Prepares the application, to be run as often as one likes. */
        public BoundCall bind(Stream stream) {
            return Adapters.KERNELS.bind(new Adaptation(adapters, x, a, b, picks, starts, ranks, out), stream);
        }

        /** Applies once. */
        public void run(Stream stream) {
            try (BoundCall call = bind(stream)) {
                call.run();
            }
        }
    }
}
