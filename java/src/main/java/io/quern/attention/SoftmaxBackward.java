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
 * The arguments of {@link RowSoftmax#bindBackward}.
 *
 * @param kind which of the two
 * @param out (..., n), floating, what the forward call wrote
 * @param outGradient of the type and shape of out
 * @param xGradient of the type and shape of out; written; outGradient itself, or apart from both
 */
record SoftmaxBackward(RowSoftmax kind, Tensor out, Tensor outGradient, Tensor xGradient) implements Arguments {
    /** A product and a sum, a difference, a product. */
    private static final long FLOPS_OF_AN_ELEMENT = 4;

    SoftmaxBackward {
        Check.dtype("out", out, FP64, FP32, FP16, BF16);
        Check.that(out.rank() >= 1, "out", "a tensor of one axis or more", out);
        Check.sameElements("outGradient", outGradient, "out", out);
        Check.sameElements("xGradient", xGradient, "out", out);
        Check.writable("xGradient", xGradient);
        Check.disjoint("xGradient", xGradient, "out", out);
        Check.disjointOrSame("xGradient", xGradient, "outGradient", outGradient);
    }

    SoftmaxBackward map(UnaryOperator<Tensor> to) {
        return new SoftmaxBackward(kind, to.apply(out), to.apply(outGradient), to.apply(xGradient));
    }

    @Override
    public List<Role> roles() {
        return List.of(
                Role.read("out", out), Role.read("outGradient", outGradient), Role.written("xGradient", xGradient));
    }

    @Override
    public long flops() {
        return FLOPS_OF_AN_ELEMENT * out.elementCount();
    }
}
