package io.quern.attention;

import io.quern.BoundCall;
import io.quern.Stream;
import io.quern.Tensor;

/**
 * Takes what attention reads by name. {@code query}, {@code keys} and {@code values} must be named.
 *
 * @param <R> the class that goes on
 */
public abstract sealed class InputRoles<R extends InputRoles<R>> permits Forward.Roles, Backward.Roles {
    private final Attention attention;
    private Tensor query;
    private Tensor keys;
    private Tensor values;
    private Tensor keyLengths;
    private Tensor queryStarts;
    private Tensor keyStarts;
    private Tensor mask;
    private Tensor bias;
    private Tensor keyBias;
    private Tensor headScale;
    private Tensor slopes;
    private Tensor sinks;

    InputRoles(Attention attention) {
        this.attention = attention;
    }

    abstract R self();

    /** Queries, (batch, heads, queries, headDim). */
    public R query(Tensor query) {
        this.query = query;
        return self();
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

    /** Multiplies the scale of each head; (heads). */
    public R headScale(Tensor headScale) {
        this.headScale = headScale;
        return self();
    }

    /** ALiBi: each head's slope is taken from a score for every token between query and key; (heads). */
    public R slopes(Tensor slopes) {
        this.slopes = slopes;
        return self();
    }

    /** A logit of each head that only the denominator has; (heads). */
    public R sinks(Tensor sinks) {
        this.sinks = sinks;
        return self();
    }

    /**
     * Checks everything and prepares the call.
     *
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public abstract BoundCall bind(Stream stream);

    /** Binds and runs once. */
    public void run(Stream stream) {
        try (BoundCall call = bind(stream)) {
            call.run();
        }
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
