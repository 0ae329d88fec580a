/**
 * Rotary position embeddings: {@link io.quern.rope.Rope} says what they are, this page what is rounded and where.
 *
 * <h2>Bits</h2>
 *
 * Reference, CPU (any lane width, any number of threads) and CUDA give the same bits, NaN payloads aside. x is widened
 * exactly to the compute type, FP64 for FP64 and FP32 for all other; cosine c and sine s have that type. Then
 *
 * <pre>
 *   y0 = fma(x0, c, -(x1 * s))        y1 = fma(x1, c, x0 * s)
 * </pre>
 *
 * each rounded as written, and once more to the type of out. The inverse negates s. Against the exact rotation by (c, s) y0
 * is off by at most u (|x1 s| + |y0|), y1 likewise, with u = 2^-53 for FP64 and 2^-24 for FP32; FP16 and BF16 add half an
 * ulp of their own.
 *
 * <h2>Angles</h2>
 *
 * {@link io.quern.rope.AngleRounding#EXACT}: the frequency is a sum of two doubles, the product with the position is reduced
 * without error ({@link io.quern.cpu.Trig}); cosine and sine are within 4e-16 of the truth in an FP64 table, and within
 * 2^-25 + 4e-16 = 3e-8 in an FP32 one, for |position * frequency| below 2^45. From there on they are NaN. A whole position
 * beyond 2^53 is first rounded to FP64. {@link io.quern.rope.AngleRounding#FP32}: the angle is fl32(fl32(position) *
 * fl32(frequency)), its cosine and sine as accurate as before. A table entry is the FP64 value rounded once. fl32(frequency)
 * is the formula's value rounded once, too; the code of a model, which rounds after each operation, may have its neighbour,
 * and then {@link io.quern.rope.Frequencies#of} takes the model's own numbers.
 *
 * <p>On A axes, A above 1, each product is cut into whole quarter turns and a rest, within 2^-53 of the truth; both are summed
 * in the axes' order, and the sum of the rests is cut once more. Cosine and sine are off by another
 * (pi/2) A (A + 5) / 4 2^-53: 6e-16 for two axes, 1.1e-15 for three. Rounded angles are summed in FP32, each sum rounded. An
 * axis on which a pair's frequency is 0 adds nothing, unless the position there is NaN or infinite.
 *
 * <p>A position in FP64 is exact; one in FP32, or a whole number below 2^53, is widened exactly.
 *
 * <p>{@link io.quern.rope.Scaling Scaled} frequencies are as exact as others. An attention factor f (rounded to FP32 with
 * rounded angles) multiplies cosine and sine in FP64 before that one rounding: an entry is off by f (4e-16 + 2^-53), and in
 * an FP32 table by half an ulp of a number up to f, 2^-24 = 6e-8 for f from 1 to 2.
 *
 * The ends of YaRN's ramp over fractions of pairs are computed in FP64: at position 10^7 that alone moves an angle by 2e-9.
 *
 * <p>At position 0 cosine is f and sine is 0: where f is 1, finite channels go through unchanged, but that a zero may lose
 * its sign.
 *
 * <h2>Tables</h2>
 *
 * A position outside a table is found on the device, where positions may change between runs: the rotated channels of such
 * a token become NaN, the others are copied, nothing outside the table is read. Table and data types: FP64 for FP64, FP32
 * for FP32, FP16 and BF16; a cache in another type is converted by the caller.
 *
 * <h2>Caches of keys and values</h2>
 *
 * {@link io.quern.rope.Rope#rotateJointly} gives each head the bits that a rotation alone gives it. Slots may change between
 * runs, too: a token whose slot the cache lacks is not written, its query is rotated all the same. The gradient is the
 * rotation the other way, of the same bounds.
 */
package io.quern.rope;
