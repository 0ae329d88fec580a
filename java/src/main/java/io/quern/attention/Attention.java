package io.quern.attention;

import io.quern.Check;
import io.quern.KernelSet;
import io.quern.StagedOnHost;

/**
 * Softmax attention (Vaswani et al., arXiv:1706.03762; in one pass: FlashAttention, arXiv:2205.14135 and 2307.08691).
 * For query i of a head and the n_i keys j that it sees:
 *
 * <pre>{@code
 * x_ij = scale * headScale * t_i * (q_i . k_j)         t_i = ln n_i / ln trainingLength, or 1
 * s_ij = softcap * tanh(x_ij / softcap)                or x_ij
 *        + bias_ij + keyBias_j - slope |i + diagonal - j| + noise_ij
 * p_ij = e^{s_ij} / (sum_j e^{s_ij} + e^{sink})        without the last term where there are no sinks
 * o_i  = sum_j keep_ij p_ij v_j                        keep by dropout, or 1
 * logSumExp_i      = ln (sum_j e^{s_ij} + e^{sink})
 * maxLogit_i       = max_j s_ij                        of keys alone
 * entropy_i        = -sum p ln p                       the sink's p included
 * effectiveCount_i = 1 / sum p^2                       the sink's p included
 * }</pre>
 *
 * <p>t_i makes the entropy independent of the number of keys (kexue.fm 8823). A query that sees no key gives 0, logSumExp
 * and maxLogit -infinity (with a sink logSumExp is the sink), entropy and effectiveCount 0 (with a sink, the one thing
 * left, effectiveCount 1). What is hidden is not looked at: NaN and infinity in a hidden key or value go nowhere. An
 * additive bias of -infinity hides.
 *
 * <p>Shapes: query (batch, heads, queries, headDim), keys (batch, keyHeads, keys, headDim), values (batch, keyHeads, keys,
 * valueDim), out (batch, heads, queries, valueDim). keyHeads divides heads; head h attends to key head
 * {@code h / (heads / keyHeads)}. The last axis is contiguous, the others have any strides: (batch, tokens, heads, dim) and
 * packed rows of queries, keys and values are views by {@code transpose} and {@code slice}.
 *
 * <pre>{@code
 * Attention.causal(128).forward().query(q).keys(k).values(v).out(o).logSumExp(lse).run(stream);
 * }</pre>
 *
 * @param headDim channels of queries and keys, 1 to 256
 * @param valueDim channels of values and outputs, 1 to 256
 * @param scale of the dot products, finite
 * @param trainingLength n_0 of the entropy-invariant scale, at least 2; 0 for t_i = 1
 * @param softcap the bound of capped scores, above 0; 0 for none
 * @param band which keys a query sees by its place
 * @param randomness score noise and dropout
 */
public record Attention(
        int headDim,
        int valueDim,
        double scale,
        long trainingLength,
        double softcap,
        Band band,
        Randomness randomness) {
    private static final int MOST = 256;

    static final KernelSet<Forward> FORWARD = new KernelSet<>(
            "attention_forward", AttentionReference::forward, AttentionVector.FORWARD, AttentionCuda.FORWARD);

    static final KernelSet<Backward> BACKWARD = new KernelSet<>(
            "attention_backward",
            BackwardReference::backward,
            AttentionVector.BACKWARD,
            new AttentionBackwardCuda(
                    StagedOnHost.of("attention_backward", Backward::map, BackwardReference::backward)));

    /** Checks the ranges. */
    public Attention {
        Check.range("headDim", headDim, 1, MOST);
        Check.range("valueDim", valueDim, 1, MOST);
        Check.range("scale", scale, -Float.MAX_VALUE, Float.MAX_VALUE);
        Check.that(trainingLength == 0 || trainingLength >= 2, "trainingLength", "0 or at least 2", trainingLength);
        Check.range("softcap", softcap, 0, Float.MAX_VALUE);
        Check.present("band", band);
        Check.present("randomness", randomness);
    }

    /** {@return attention to all keys, values as wide as keys, scale 1 / sqrt(headDim)} */
    public static Attention full(int headDim) {
        return new Attention(headDim, headDim, 1 / Math.sqrt(headDim), 0, 0, Band.full(), Randomness.none());
    }

    /** {@return attention to a query's own key and those before it, bottom-right aligned; otherwise as {@link #full}} */
    public static Attention causal(int headDim) {
        return full(headDim).withBand(Band.causal(Alignment.BOTTOM_RIGHT));
    }

    /** {@return the same with values of another width} */
    public Attention withValueDim(int newValueDim) {
        return new Attention(headDim, newValueDim, scale, trainingLength, softcap, band, randomness);
    }

    /** {@return the same with another scale} */
    public Attention withScale(double newScale) {
        return new Attention(headDim, valueDim, newScale, trainingLength, softcap, band, randomness);
    }

    /** {@return the same with logits multiplied by ln n_i / ln n_0; {@code n_0 = 0} ends that} */
    public Attention withTrainingLength(long newTrainingLength) {
        return new Attention(headDim, valueDim, scale, newTrainingLength, softcap, band, randomness);
    }

    /** {@return the same with scores capped before anything is added to them; 0 ends that} */
    public Attention withSoftcap(double newSoftcap) {
        return new Attention(headDim, valueDim, scale, trainingLength, newSoftcap, band, randomness);
    }

    /** {@return the same with other keys seen} */
    public Attention withBand(Band newBand) {
        return new Attention(headDim, valueDim, scale, trainingLength, softcap, newBand, randomness);
    }

    /** {@return the same with a sliding window: {@code left} keys before a query's own, {@code right} after it} */
    public Attention withWindow(long left, long right) {
        return withBand(new Band(band.alignment(), left, right));
    }

    /** {@return the same with other noise and dropout} */
    public Attention withRandomness(Randomness newRandomness) {
        return new Attention(headDim, valueDim, scale, trainingLength, softcap, band, newRandomness);
    }

    /** {@return a forward pass whose tensors are named one by one} */
    public Forward.Roles forward() {
        return new Forward.Roles(this);
    }

    /** {@return a forward pass over a paged cache, whose other tensors are named one by one} */
    public PagedForward.Roles forward(PagedCache cache) {
        return new PagedForward.Roles(this, cache);
    }

    /** {@return a backward pass whose tensors are named one by one} */
    public Backward.Roles backward() {
        return new Backward.Roles(this);
    }
}
