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
 * On the CPU and on CUDA both passes have kernels for every setting (on the CPU up to 2^30 rows and keys, beyond them the
 * reference). A backward call on CUDA without any query, key or sequence runs the reference, waits for the stream and cannot
 * be captured into a graph.
 * Softmax of rows, merging of partial states and a paged cache have kernels on both; attention of more than one query a
 * sequence on the CPU, and of more than a few or of another type than the cache on CUDA, copies the cache to its workspace
 * first. Of tensors with more than six axes that cannot be counted as one, softmax and merging on CUDA run the reference,
 * too, as does a paged cache without pages.
 *
 * <p>On the CPU one query a sequence, or as many that at most 8 rows share a key of more than 512, have a kernel of their own
 * where scores are changed by nothing but band, lengths and sinks; with starts they have not. What it sums up it sums up in
 * another order.
 *
 * <p>On CUDA a few queries (16 rows of heads that share keys, at the most) that meet more than 512 keys are computed in splits
 * of 256 keys, merged afterwards. In a backward pass gradients are launches of their own, each with a fixed order of its
 * sums: nothing is added atomically. On the CPU a backward pass takes P from the logSumExp that is given and D from the
 * output: with 16-bit types their rounding is in the gradients.
 *
 * <h2>Tensor cores</h2>
 *
 * From compute capability 8.0 on, FP16 and BF16 have kernels of their own, of 64 keys and more, in rows that begin at
 * multiples of 16 bytes, with channels in multiples of 8: for out and logSumExp with up to 256 of them, and for gradients by
 * query, keys, values and sinks with up to 128. They know a band, lengths, starts, sinks, and in the forward pass scales of
 * heads. Whatever else is asked for, the other kernels do. Here weights, and in the backward pass dS, are rounded to the storage
 * type before they are multiplied, and powers of two are the hardware's (within 2^-22.5).
 *
 * <p>The backward pass has one kernel for dQ and one for dK and dV, whose blocks own what they write: no atomics, but scores and
 * dO . v are computed in both, so that 7 products are done where 5 are needed.
 *
 * <p>Counted on the emulator for one head of 1024 queries and keys in BF16: PTX instructions that threads execute for 1000
 * FLOP of the formula (seen pairs alone; a backward pass has 10 for a pair and channel), the share of mma among them; from
 * NVIDIA's assembler the registers of a thread on sm_80, of a backward pass those of dQ and of dK with dV; and the bytes that
 * leave or reach the first-level cache over those of the tensors. Loads and stores of shared memory have no bank conflicts,
 * those of global memory fill their sectors, and no register is spilt on sm_80, 86, 89 and 90.
 *
 * <pre>
 *   pass       channels  mask    instructions   mma share   registers   shared   blocks on sm_80 / 86 / 90   bytes / minimum
 *   forward    64        full    35.9           22%         210         32 KiB   2 / 2 / 2                    4.47
 *   forward    64        causal  44.4           19%         210         32 KiB   2 / 2 / 2                    2.74
 *   forward    128       full    27.4           29%         254         64 KiB   2 / 1 / 2                    4.49
 *   forward    128       causal  33.2           25%         254         64 KiB   2 / 1 / 2                    2.74
 *   forward    256       full    31.5           25%         244         64 KiB   2 / 1 / 2                    8.49
 *   forward    256       causal  35.9           22%         244         64 KiB   2 / 1 / 2                    4.74
 *   backward   64        full    48.9           22%         214, 246    66 KiB   2 / 1 / 2                    5.28
 *   backward   64        causal  59.9           19%         214, 246    66 KiB   2 / 1 / 2                    3.48
 *   backward   128       full    44.5           25%         177, 251    65 KiB   2 / 1 / 2                    9.26
 *   backward   128       causal  52.8           21%         177, 251    65 KiB   2 / 1 / 2                    5.45
 * </pre>
 *
 * <h2>Ranges and costs on the CPU</h2>
 *
 * Scores are kept in units of log2: of a bias below -2.3e38 (FP32) nothing more is kept than that it is so low.
 * Noise, dropout and the entropy-invariant scale under a mask cost many times what the rest does: they go one by one. In a
 * backward pass so do masks, biases, ALiBi and the derivatives by entropy and softcap. There a gradient by a bias that several
 * batches or heads share lets fewer threads work side by side.
 */
package io.quern.attention;
