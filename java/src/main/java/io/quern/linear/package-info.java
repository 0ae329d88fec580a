/**
 * Products of matrices and what is made of them: {@link io.quern.linear.Gemm}, {@link io.quern.linear.Lora}, {@link
 * io.quern.linear.Adapters} and {@link io.quern.linear.Propagator} say what they compute, this page what is rounded and where.
 *
 * <h2>Numbers</h2>
 *
 * Inputs are widened exactly; alpha and beta are rounded to the type of the sums: FP64 for FP64, FP32 for all others. The
 * reference sums in FP64 and rounds once to the type of C. A kernel sums in FP64 for FP64 and in FP32 for all others, and rounds
 * once more where C is FP16 or BF16. With u half an ulp of 1 in the type of the sums, the error of an element is at most
 *
 * <pre>
 *   (k + 3) u |alpha| sum |a| |b|  +  2 u |beta c|  +  half an ulp of the result in the type of C
 * </pre>
 *
 * in any order of the sums; on unit-normal FP32 inputs its relative L2 norm is below 1e-6.
 *
 * <p>{@link io.quern.linear.Lora} is a sequence of such products. X A and dY B^T are rounded to the tensors' type, and so are
 * X W0 and dY W0^T before the small product is added to them; the reference rounds the latter two only with what is added. A
 * merged weight is rounded once, an unmerged one once more: the residual is of the size of an ulp of the larger of both.
 *
 * <p>{@link io.quern.linear.Adapters} keeps x A in the type of the sums and rounds out once, with the bound of a product whose
 * k is the sum of in and rank.
 *
 * <p>{@link io.quern.linear.Propagator} forms its P in FP64 on the host and rounds it once; a step is a product.
 *
 * <p>The same call gives the same bits on one device: on the CPU whatever the number of threads, and a row, column or matrix has
 * the same bits whatever else is in the call. On CUDA each stream has a cuBLAS handle of its own, which is what NVIDIA's
 * documentation asks of who wants the same bits again; another GPU or release of cuBLAS may sum in another order.
 *
 * <h2>What runs where</h2>
 *
 * On the CPU any product, at any strides. Its workspace holds both operands packed, up to 64 MiB of each. Products of one B with
 * many A, whose rows lie evenly, are one product of more rows.
 *
 * <p>On CUDA cuBLAS 12 multiplies, by way of JCublas2 ({@code cublasGemmEx}, {@code cublasGemmStridedBatchedEx}): one call for
 * each index of the axes that no single stride walks. FP32 is never rounded to TF32. Sizes and distances of rows are below
 * 2^31 there; what is larger is refused when the call is bound. {@code libcublas.so.12} is not part of JCuda and not of the driver:
 * where it is missing, binding says so. Adapters are two kernels of our own, which need no cuBLAS: all their loads of factors
 * fill their sectors where the rank is a power of two.
 */
package io.quern.linear;
