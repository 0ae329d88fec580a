/**
 * Lion, the optimizer that steps by the sign of its momentum: {@link io.quern.lion.Lion}.
 *
 * <h2>Numeric contract</h2>
 *
 * <p><b>Bits.</b> A step gives the same bits on reference, CPU and CUDA, for any thread count, lane width, grid and grouping
 * of tensors; payloads of NaN aside. The reference is the definition. The compute type C is the widest of the three storage
 * types, at least FP32. With {@code [x]} for x rounded to C, to nearest even:
 *
 * <pre>{@code
 * decay = [learningRate * weightDecay], rest1 = [(1 - beta1) / lossScale], rest2 = [(1 - beta2) / lossScale]
 * computed in FP64; the rests negated to maximize
 * c     = [beta1 * m + [rest1 * g]]                      an fma on a rounded product
 * theta = [[theta - decay * theta] - learningRate * sign(c)]     an fma, then a difference
 * m     = [beta2 * m + [rest2 * g]]
 * }</pre>
 *
 * <p>Each result is then rounded once to its storage type, to nearest even; subnormals are kept, and what is too large
 * becomes infinite. A copy is the stored FP32 parameter, rounded likewise. FP16 and BF16 parameters may be rounded
 * stochastically instead: {@link io.quern.lion.Rounding} says by which random bits, the same on every device.
 *
 * <p>A loss scale that is a power of two changes no bit, where the scaled gradients neither overflowed nor became subnormal.
 *
 * <p><b>The norm</b> of all gradients is summed in FP64 by one tree, the same on every device. Each tensor is cut into chunks of
 * 4,096 elements. Sum i of 32 is that of the squares of the chunk's elements i, i + 32, ..., by fma in their order; then sum i
 * takes in sum i + 16 for i below 16, sum i + 8 for i below 8, and so on. The chunks of all tensors, in order, are added in
 * the same way to 256 sums. With {@code norm = sqrt(sum) / lossScale}, above the largest norm, gradients are multiplied by
 * {@code maxNorm / norm}: in the formula above, rest1 and rest2 are, before they are rounded to C. So the last bits of a norm, and
 * no others, depend on how a list is cut into tensors. A norm that is NaN clips nothing. Unless NaN propagate, gradients that are not finite are left out of the norm.
 *
 * <p><b>Caution.</b> A cautious step replaces sign(c) by 0 where c and g, or -g to maximize, have not one sign, NaN of c aside. The
 * learning rate of a tensor is then {@code [[learningRate] / max(share, 0.001)]}, with the share of its elements where they have,
 * a quotient in FP64; the decay stays that of the learning rate itself.
 *
 * <p><b>Signs.</b> sign(+0) = +0, sign(-0) = -0 and sign(NaN) = NaN. Where c is a zero, weight decay alone moves the
 * parameter.
 *
 * <p><b>NaN</b> propagates unless {@link io.quern.lion.NanPolicy} says otherwise: a NaN in the momentum or the gradient makes
 * parameter and momentum NaN at that place and nowhere else; a NaN parameter stays one. An infinite parameter becomes NaN,
 * because its decay is taken from it. An infinite gradient moves the parameter by the learning rate, and the momentum becomes
 * infinite.
 *
 * <p><b>Small steps.</b> A parameter in 16 bits takes no step that is less than half its last place: BF16 holds 8 bits, so
 * one of size 1 ignores learning rates below 2^-9 downwards and 2^-8 upwards. FP32 parameters fed by BF16 gradients take them;
 * stochastic rounding takes them in the mean.
 */
package io.quern.lion;
