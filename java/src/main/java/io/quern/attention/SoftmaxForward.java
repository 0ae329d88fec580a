package io.quern.attention;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.Arguments;
import io.quern.Check;
import io.quern.Role;
import io.quern.Tensor;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The arguments of {@link RowSoftmax#bind}.
 *
 * @param kind which of the two
 * @param x (..., n), floating
 * @param out of the type and shape of x; written; x itself, or apart from it
 */
record SoftmaxForward(RowSoftmax kind, Tensor x, Tensor out) implements Arguments {
    /** A maximum, a subtraction, a power of two (1 multiplication, 3 additions, 6 fma, 1 multiplication), a sum, a product. */
    private static final long FLOPS_OF_AN_ELEMENT = 20;

    SoftmaxForward {
        Check.dtype("x", x, FP64, FP32, FP16, BF16);
        Check.that(x.rank() >= 1, "x", "a tensor of one axis or more", x);
        Check.sameElements("out", out, "x", x);
        Check.writable("out", out);
        Check.disjointOrSame("out", out, "x", x);
    }

    SoftmaxForward map(UnaryOperator<Tensor> to) {
        return new SoftmaxForward(kind, to.apply(x), to.apply(out));
    }

    @Override
    public List<Role> roles() {
        return List.of(Role.read("x", x), Role.written("out", out));
    }

    @Override
    public long flops() {
        return FLOPS_OF_AN_ELEMENT * x.elementCount();
    }
}
