package io.quern.linear;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.Arguments;
import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * The arguments of {@link Gemm#bind}.
 *
 * @param gemm which product
 * @param a (..., m, k), or (..., k, m) where it is transposed
 * @param b (..., k, n), or (..., n, k) where it is transposed
 * @param c (..., m, n); written
 */
record Product(Gemm gemm, Tensor a, Tensor b, Tensor c) implements Arguments {
    Product {
        Check.dtype("a", a, FP64, FP32, FP16, BF16);
        Check.dtype("b", b, a.dtype());
        if (a.dtype().bytes() == Short.BYTES) {
            Check.dtype("c", c, a.dtype(), FP32);
        } else {
            Check.dtype("c", c, a.dtype());
        }
        Check.that(c.rank() >= 2, "c", "a matrix or several", c);
        checkOperand("a", a, gemm.a(), c, -2);
        checkOperand("b", b, gemm.b(), c, -1);
        long depth = a.size(gemm.a() == Gemm.Op.PLAIN ? -1 : -2);
        int axis = gemm.b() == Gemm.Op.PLAIN ? -2 : -1;
        Check.that(b.size(axis) == depth, "axis " + axis + " of b", "k of a, " + depth, b);
        checkFactor("alpha", a.dtype(), gemm.alpha());
        checkFactor("beta", a.dtype(), gemm.beta());
        Check.writable("c", c);
        Check.disjoint("c", c, "a", a);
        Check.disjoint("c", c, "b", b);
    }

    /** Rank, axes that count, and the size that C has too: m of A, which is C's axis -2, and n of B, its axis -1. */
    private static void checkOperand(String name, Tensor operand, Gemm.Op op, Tensor c, int axisOfC) {
        Check.that(operand.rank() >= 2, name, "a matrix or several", operand);
        Check.that(operand.rank() <= c.rank(), name, "of at most the " + c.rank() + " axes of c", operand);
        for (int axis = -3; axis >= -operand.rank(); axis--) {
            Check.that(
                    operand.size(axis) == c.size(axis) || operand.size(axis) == 1,
                    "axis " + axis + " of " + name,
                    "that of c, " + c.size(axis) + ", or 1",
                    operand);
        }
        int axis = op == Gemm.Op.PLAIN ? axisOfC : -3 - axisOfC;
        Check.that(
                operand.size(axis) == c.size(axisOfC),
                "axis " + axis + " of " + name,
                "axis " + axisOfC + " of c, " + c.size(axisOfC),
                operand);
    }

    /** What is rounded to FP32 must not become infinite. */
    private static void checkFactor(String name, DType dtype, double factor) {
        double most = dtype == FP64 ? Double.MAX_VALUE : Float.MAX_VALUE;
        Check.range(name, factor, -most, most);
    }

    long rows() {
        return c.size(-2);
    }

    long columns() {
        return c.size(-1);
    }

    long depth() {
        return a.size(gemm.a() == Gemm.Op.PLAIN ? -1 : -2);
    }

    /** The type in which it is computed. */
    DType accumulator() {
        return a.dtype().accumulator();
    }

    /** A factor as the kernels take it, rounded to the type in which they compute. */
    double rounded(double factor) {
        return accumulator() == FP64 ? factor : (float) factor;
    }

    @Override
    public List<Role> roles() {
        return List.of(Role.read("a", a), Role.read("b", b), Role.written("c", c));
    }

    @Override
    public long flops() {
        return 2 * depth() * c.elementCount();
    }

    @Override
    public long bytes() {
        int writtenAndRead = gemm.beta() == 0 ? 1 : 2;
        return a.elementCount() * a.dtype().bytes()
                + b.elementCount() * b.dtype().bytes()
                + writtenAndRead * c.elementCount() * c.dtype().bytes();
    }

    /** {@return the strides of an operand along C's axes that count; 0 where one matrix serves all} */
    long[] countingStrides(Tensor operand) {
        long[] strides = new long[c.rank() - 2];
        Arrays.setAll(strides, i -> {
            int axis = i - c.rank();
            return -axis <= operand.rank() && operand.size(axis) > 1 ? operand.stride(axis) : 0;
        });
        return strides;
    }
}
