package io.quern.attention;

import io.quern.Tensor;

/**
 * Takes what attention reads by name. {@code query}, {@code keys} and {@code values} must be named.
 *
 * @param <R> the class that goes on
 */
public abstract sealed class InputRoles<R extends InputRoles<R>> extends QueryRoles<R>
        permits Forward.Roles, Backward.Roles {
    private Tensor keys;
    private Tensor values;
    private Tensor keyLengths;
    private Tensor queryStarts;
    private Tensor keyStarts;
    private Tensor mask;
    private Tensor bias;
    private Tensor keyBias;

    InputRoles(Attention attention) {
        super(attention);
    }

    /** Keys, (batch, keyHeads, keys, headDim). */
    public R keys(Tensor keys) {
        this.keys = keys;
        return self();
    }

    /** Values, (batch, keyHeads, keys, valueDim). */
    public R values(Tensor values) {
        this.values = values;
        return self();
    }

    /** How many keys each batch has, (batch), INT32 or INT64; read by each run. */
    public R keyLengths(Tensor keyLengths) {
        this.keyLengths = keyLengths;
        return self();
    }

    /** Where sequences begin on the token axes, each (sequences + 1), INT32 or INT64; read by each run. */
    public R starts(Tensor queryStarts, Tensor keyStarts) {
        this.queryStarts = queryStarts;
        this.keyStarts = keyStarts;
        return self();
    }

    /** Hides where it is 0; INT32, (batch or 1, heads or 1, queries or 1, keys). */
    public R mask(Tensor mask) {
        this.mask = mask;
        return self();
    }

    /** Is added to the scores; (batch or 1, heads or 1, queries or 1, keys). */
    public R bias(Tensor bias) {
        this.bias = bias;
        return self();
    }

    /** Is added to all scores of a key; (batch or 1, heads or 1, keys). */
    public R keyBias(Tensor keyBias) {
        this.keyBias = keyBias;
        return self();
    }

    Inputs inputs() {
        return new Inputs(
                attention,
                query,
                keys,
                values,
                keyLengths,
                queryStarts,
                keyStarts,
                mask,
                bias,
                keyBias,
                headScale,
                slopes,
                sinks);
    }
}
