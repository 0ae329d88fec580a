package io.quern.linear;

import io.quern.BoundCall;
import io.quern.Check;
import io.quern.KernelSet;
import io.quern.Stream;
import io.quern.Tensor;

/**
 * The product of matrices of the BLAS (Dongarra et al., "A Set of Level 3 Basic Linear Algebra Subprograms", ACM TOMS 16,
 * 1990, section 5), of one pair or of many:
 *
 * <pre>
 *   C  =  alpha op(A) op(B)  +  beta C        op(X) = X | X^T        op(A) (m, k), op(B) (k, n), C (m, n)
 * </pre>
 *
 * <p>The last two axes of a tensor are a matrix, whose rows are contiguous and may lie at any distance; those before them count
 * matrices. Axes of C that count have a counterpart of the same size in A and B, or one of size 1, or none: then one matrix
 * serves all. Axes are aligned at their ends, as by NumPy's matmul.
 *
 * <p>A and B are of one type; C is of that type too, or FP32 where it is FP16 or BF16. Where beta is 0 C is not read, and where
 * alpha is 0 A and B are not: what lies there, NaN or infinity, leaves no trace. What is rounded is said in the package's
 * description.
 *
 * <pre>{@code
 * Gemm.PRODUCT.transposeB().run(stream, x, weights, y);                        // y = x weights^T
 *
 * BoundCall call = Gemm.PRODUCT.beta(1).bind(stream, activations, w, sum);     // sum += activations w
 * call.run();                                                                  // as often as one likes
 * }</pre>
 *
 * @param a whether A is transposed
 * @param b whether B is transposed
 * @param alpha factor of the product; finite
 * @param beta factor of what C was; finite
 */
public record Gemm(Op a, Op b, double alpha, double beta) {
    /** C = A B. */
    public static final Gemm PRODUCT = new Gemm(Op.PLAIN, Op.PLAIN, 1, 0);

    static final KernelSet<Product> KERNELS =
            new KernelSet<>("linear_gemm", GemmReference::bind, GemmVector.KERNEL, GemmCuda.KERNEL);

    /** How an operand enters a product. */
    public enum Op {
        /** As it is. */
        PLAIN,
        /** Its transpose. */
        TRANSPOSED;

        /** {@return the other one} */
        public Op transpose() {
            return this == PLAIN ? TRANSPOSED : PLAIN;
        }
    }

    /** Checks that the factors are finite. */
    public Gemm {
        Check.present("a", a);
        Check.present("b", b);
        Check.range("alpha", alpha, -Double.MAX_VALUE, Double.MAX_VALUE);
        Check.range("beta", beta, -Double.MAX_VALUE, Double.MAX_VALUE);
    }

    /** {@return the same with the transpose of A in its place} */
    public Gemm transposeA() {
        return new Gemm(a.transpose(), b, alpha, beta);
    }

    /** {@return the same with the transpose of B in its place} */
    public Gemm transposeB() {
        return new Gemm(a, b.transpose(), alpha, beta);
    }

    /** {@return the same with another factor of the product} */
    public Gemm alpha(double other) {
        return new Gemm(a, b, other, beta);
    }

    /** {@return the same with another factor of what C was; 0 writes C without reading it} */
    public Gemm beta(double other) {
        return new Gemm(a, b, alpha, other);
    }

    /**
     * Computes once.
     *
     * @param a (..., m, k), or (..., k, m) where it is transposed
     * @param b (..., k, n), or (..., n, k) where it is transposed
     * @param c (..., m, n), written; overlaps neither
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public void run(Stream stream, Tensor a, Tensor b, Tensor c) {
        try (BoundCall call = bind(stream, a, b, c)) {
            call.run();
        }
    }

    /** Prepares {@link #run}, to be run as often as one likes. */
    public BoundCall bind(Stream stream, Tensor a, Tensor b, Tensor c) {
        return KERNELS.bind(new Product(this, a, b, c), stream);
    }

    /** The same with a workspace that the caller gives and keeps, of {@link #workspaceBytes}. */
    public BoundCall bind(Stream stream, Tensor a, Tensor b, Tensor c, Tensor workspace) {
        return KERNELS.bind(new Product(this, a, b, c), stream, workspace);
    }

    /** {@return the scratch memory that a call needs, in bytes} */
    public long workspaceBytes(Stream stream, Tensor a, Tensor b, Tensor c) {
        return KERNELS.workspaceBytes(new Product(this, a, b, c), stream);
    }
}
