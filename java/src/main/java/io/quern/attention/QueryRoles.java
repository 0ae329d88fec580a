package io.quern.attention;

import io.quern.BoundCall;
import io.quern.Stream;
import io.quern.Tensor;

/**
 * Takes the queries and what belongs to their heads by name, wherever keys and values come from.
 *
 * @param <R> the class that goes on
 */
public abstract sealed class QueryRoles<R extends QueryRoles<R>> permits InputRoles, PagedForward.Roles {
    final Attention attention;
    Tensor query;
    Tensor headScale;
    Tensor slopes;
    Tensor sinks;

    QueryRoles(Attention attention) {
        this.attention = attention;
    }

    abstract R self();

    /** Queries, (batch, heads, queries, headDim). */
    public R query(Tensor query) {
        this.query = query;
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
}
