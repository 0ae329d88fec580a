/**
 * Flows from noise to data, whose velocity is attention with a radial score: {@link io.quern.flow.Flow} says what it is, {@link
 * io.quern.flow.Noise} and {@link io.quern.flow.Schedule} which, this page what is rounded and where.
 *
 * <h2>Numbers</h2>
 *
 * FP64 accumulates in FP64, FP32 in FP32; alpha and what scores are multiplied by are rounded once to the type, the rest of what
 * depends on time is FP64. The reference sums in FP64 and rounds each output once. The same call gives the same bits on one
 * device (CPU: at one lane width), whatever the number of threads; a query's bits depend on no other query.
 *
 * <p>What decides is the score, which is large: s = -|x - alpha y|^2 / (2 sigma^2) is -1500 for a point that is one sigma in each of
 * 3072 channels from its datum, and e^s shows an error of s absolutely. So
 *
 * <ul>
 *   <li><b>Differences</b>: components are subtracted before they are squared, each rounded once by an fma, and squares are summed in
 *       chunks of 64 channels, the chunks with what each addition loses kept for the next. A score is then off by some
 *       2e-7 of itself in FP32, and by what rounding alpha moves it. CUDA and the reference do nothing else, nor does the CPU where
 *       noise is not Gaussian or the divergence is asked for.
 *   <li><b>A product</b>: for Gaussian noise |x'|^2 - 2 alpha x'.y' + alpha^2 |y'|^2 takes half the time, x' and y' being queries and data less
 *       a centre (the mean of up to 256 data). But a score is off by up to (1 + sqrt(d)/16) eps (|x'| + alpha max|y'|)^2 / (2 sigma^2), which
 *       for data within 0..1 and sigma = .01 is 0.3 with 784 channels and 3 with 3072. It serves a query only where that is at most 1e-4
 *       (FP32; FP64: 1e-12).
 * </ul>
 *
 * With errors ds of scores a mean is off by at most sum p |y - mean| ds, and by the rounding of a sum of all data. Scores of noise with a
 * pole at the datum (tanh and exponential in two channels and more) take |u|^2 to be at least 2^-100 (FP64: 2^-200).
 *
 * <p>The divergence is a d + b sum p (y - mean) . grad s; the sum is taken from distances, as
 * {@code ((x - alpha mean) . score - sum p slope |u|^2) / alpha}: where alpha is small, eps d / alpha of it is noise, and far
 * from all data eps sum p |u|^2 / alpha. At alpha = 0 it is a d.
 *
 * <p>A gradient sums slopes, data weighted by them, and these times c = y . (b df + dm), and is off by at most {@code 8 eps (1 + max|s|)} of the
 * sum of its terms' sizes. It always takes differences.
 *
 * <p>A {@link io.quern.flow.Sampler}'s combinations of states and slopes have the same bits everywhere; {@link io.quern.flow.Noise#draw noise} is
 * drawn on the host, and is the same on every device.
 *
 * <h2>Where there is nothing</h2>
 *
 * A query that no datum reaches (uniform noise, or weights of zero alone) has logDensity -infinity, and all else is 0, its gradient too. NaN and infinity in a
 * query stay with it; in a datum they reach every query, whatever its weight. Data of weight 0 count for nothing else.
 *
 * <h2>What runs where</h2>
 *
 * All devices have kernels for every setting; the CPU up to 2^30 queries and data, beyond them the reference. On CUDA a call is three
 * launches: what depends on times and weights alone; one pass over the data; what comes of its sums. The pass is cut into splits of the data
 * (at most 8, of 1,024 or more), and its channels into slices of 256, each of which computes the distances anew; a mean weighted by
 * slopes, for scores and divergences of noise that is neither Gaussian nor uniform, is further slices. Splits and slices depend on the sizes of
 * data alone.
 */
package io.quern.flow;
