package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.quern.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasOperation;

/**
 * A product of matrices by cuBLAS, through JCublas2, ready to be put into a stream again and again: C = alpha op(A) op(B) +
 * beta C, of one pair or of many at constant strides. Matrices are row-major here. cuBLAS reads the same memory as transposed,
 * column-major matrices, so it is asked for C^T = op(B)^T op(A)^T.
 *
 * <p>Sums of FP64 and FP32 are those of their type, without TF32 ({@code PEDANTIC}); of FP16 and BF16 the products are exact in
 * FP32, the tensor cores' sums too wide to be rounded to 16 bits on the way.
 */
public final class CudaProduct {
    /** Of {@code cublasComputeType_t}, which JCuda has no names for. */
    private static final int COMPUTE_32F = 68;

    private static final int COMPUTE_32F_PEDANTIC = 69;
    private static final int COMPUTE_64F_PEDANTIC = 71;
    private static final int DEFAULT_ALGORITHM = -1;

    private final CudaStream stream;
    private final Cublas cublas;
    private final Size size;
    private final Matrix a;
    private final Matrix b;
    private final Matrix c;
    private final Pointer pointerA;
    private final Pointer pointerB;
    private final Pointer pointerC;
    private final Pointer alpha;
    private final Pointer beta;
    private final int compute;
    private final MemorySegment slot = Arena.ofAuto().allocate(JAVA_LONG);

    /**
     * How large.
     *
     * @param m rows of op(A) and C
     * @param n columns of op(B) and C
     * @param k columns of op(A), rows of op(B)
     * @param batch how many products
     */
    public record Size(int m, int n, int k, int batch) {}

    /**
     * An operand, or the first of a batch.
     *
     * @param address of its first element, on the device
     * @param dtype FP64, FP32, FP16 or BF16
     * @param transposed whether its transpose is meant
     * @param row from a row to the next, in elements
     * @param stride from a matrix to the next, in elements
     */
    public record Matrix(long address, DType dtype, boolean transposed, int row, long stride) {
        private int operation() {
            return transposed ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
        }

        private int type() {
            return switch (dtype) {
                case FP64 -> cudaDataType.CUDA_R_64F;
                case FP32 -> cudaDataType.CUDA_R_32F;
                case FP16 -> cudaDataType.CUDA_R_16F;
                case BF16 -> cudaDataType.CUDA_R_16BF;
                case INT32, INT64 -> throw new IllegalArgumentException("cuBLAS multiplies no " + dtype);
            };
        }
    }

    /**
     * Prepares a product.
     *
     * @param a of one type with b
     * @param c not transposed; written
     * @throws io.quern.DeviceUnavailableException where there is no cuBLAS, with the cause and the cure
     */
    public CudaProduct(CudaStream stream, Size size, double alpha, Matrix a, Matrix b, double beta, Matrix c) {
        this.stream = stream;
        this.cublas = stream.cublas();
        this.size = size;
        this.a = a;
        this.b = b;
        this.c = c;
        this.pointerA = Handles.memory(a.address());
        this.pointerB = Handles.memory(b.address());
        this.pointerC = Handles.memory(c.address());
        boolean fp64 = a.dtype() == DType.FP64;
        this.alpha = fp64 ? Pointer.to(new double[] {alpha}) : Pointer.to(new float[] {(float) alpha});
        this.beta = fp64 ? Pointer.to(new double[] {beta}) : Pointer.to(new float[] {(float) beta});
        this.compute = switch (a.dtype()) {
            case FP64 -> COMPUTE_64F_PEDANTIC;
            case FP32 -> COMPUTE_32F_PEDANTIC;
            default -> COMPUTE_32F;
        };
    }

    /**
     * Puts the product into the stream.
     *
     * @throws io.quern.CudaException if cuBLAS refuses it
     */
    public void run() {
        stream.handle(); // throws if the stream, and with it the handle, is closed
        CudaContext context = stream.context();
        boolean pushed = context.enter(slot);
        int code;
        try {
            code = Cublas.status(this::call);
        } finally {
            if (pushed) {
                context.leave(slot);
            }
        }
        stream.launched(this);
        Cublas.check(code, "launching " + this);
    }

    private int call() {
        return size.batch() == 1
                ? JCublas2.cublasGemmEx_new(
                        cublas.handle(),
                        b.operation(),
                        a.operation(),
                        size.n(),
                        size.m(),
                        size.k(),
                        alpha,
                        pointerB,
                        b.type(),
                        b.row(),
                        pointerA,
                        a.type(),
                        a.row(),
                        beta,
                        pointerC,
                        c.type(),
                        c.row(),
                        compute,
                        DEFAULT_ALGORITHM)
                : JCublas2.cublasGemmStridedBatchedEx_new(
                        cublas.handle(),
                        b.operation(),
                        a.operation(),
                        size.n(),
                        size.m(),
                        size.k(),
                        alpha,
                        pointerB,
                        b.type(),
                        b.row(),
                        b.stride(),
                        pointerA,
                        a.type(),
                        a.row(),
                        a.stride(),
                        beta,
                        pointerC,
                        c.type(),
                        c.row(),
                        c.stride(),
                        size.batch(),
                        compute,
                        DEFAULT_ALGORITHM);
    }

    @Override
    public String toString() {
        return (size.batch() == 1 ? "cublasGemmEx" : "cublasGemmStridedBatchedEx") + " of " + a.dtype() + ", " + size;
    }
}
