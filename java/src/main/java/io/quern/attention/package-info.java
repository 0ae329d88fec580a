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
 * the reference). The backward pass has kernels for every setting on CUDA, and runs the reference on the CPU; so it does for
 * a call on CUDA without any query, key or sequence, which waits for the stream and cannot be captured into a graph.
 * Softmax of rows has a kernel on the CPU, merging of partial states none yet: what has none on CUDA runs the reference in
 * the same way.
 *
 * <p>On CUDA a few queries (16 rows of heads that share keys, at the most) that meet more than 512 keys are computed in splits
 * of 256 keys, merged afterwards. In a backward pass gradients are launches of their own, each with a fixed order of its
 * sums: nothing is added atomically.
 *
 * <p>On the CPU scores are kept in units of log2: of a bias below -2.3e38 (FP32) nothing more is kept than that it is so low.
 * Noise, dropout and the entropy-invariant scale under a mask cost many times what the rest does: they go one by one.
 */
package io.quern.attention;
