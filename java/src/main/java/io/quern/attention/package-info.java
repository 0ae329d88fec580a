/**
 * Softmax attention: {@link io.quern.attention.Attention} says what it is, this page what is rounded and where.
 *
 * <h2>Numbers</h2>
 *
 * Inputs are widened exactly. The reference sums in FP64 and rounds each output once to its type. A kernel accumulates in
 * FP64 for FP64 and in FP32 for all other types. Its error is at most twice that of the same formula done naively (FP32
 * sums, weights rounded to the type of the values) plus 2 ulp of the largest output, and at most
 * {@code c eps (1 + max|s|) sum p |v|}: rounding one logit s moves its weight by {@code eps |s|}.
 *
 * <p>The same call gives the same bits on one device, whatever the number of threads; a row's bits depend neither on the
 * other rows nor on the rest of the batch.
 *
 * <h2>What a kernel receives</h2>
 *
 * A {@link io.quern.attention.Forward}, checked: shapes, types, overlap. Strides are those of the tensors; only the last
 * axis is contiguous. Of a mask, a bias and a bias of keys, axes of size 1 serve every index. Lengths and starts are read by
 * each run ({@code Inputs.sequence}) and clamped to the tensors, never refused: a kernel cannot throw.
 * {@code Band.begin} and {@code Band.end} give the keys that a query sees. What they hide, or the mask or an infinite bias,
 * must neither be multiplied nor added: 0 times infinity is NaN.
 *
 * <h2>What runs where</h2>
 *
 * On the CPU and on CUDA the forward pass has kernels for every setting (on the CPU up to 2^30 rows and keys, beyond them
 * the reference). The backward pass runs the reference; for CUDA on the host, through copies, until its kernels come: such a
 * call waits for the stream and cannot be captured into a graph.
 *
 * <p>On the CPU scores are kept in units of log2: of a bias below -2.3e38 (FP32) nothing more is kept than that it is so low.
 * Noise, dropout and the entropy-invariant scale under a mask cost many times what the rest does: they go one by one.
 */
package io.quern.attention;
