package io.quern.attention;

import io.quern.Check;

/**
 * Which keys a query sees by its place: query i, which stands beside key {@code c = i + diagonal}, those from
 * {@code c - left} to {@code c + right}, both included. For three queries and five keys:
 *
 * <pre>
 *   causal, bottom-right    causal, top-left     left = 1, right = 0
 *   x x x . .               x . . . .            . x x . .
 *   x x x x .               x x . . .            . . x x .
 *   x x x x x               x x x . .            . . . x x
 * </pre>
 *
 * @param alignment which key stands beside query 0
 * @param left how many keys before its own a query sees, 0 or more; {@link #ALL} for no limit
 * @param right how many keys after its own a query sees, 0 or more; {@link #ALL} for no limit
 */
public record Band(Alignment alignment, long left, long right) {
    /** As a width: no limit. Small enough that sums with it do not overflow. */
    public static final long ALL = Long.MAX_VALUE / 4;

    /** Checks the ranges. */
    public Band {
        Check.present("alignment", alignment);
        Check.range("left", left, 0, ALL);
        Check.range("right", right, 0, ALL);
    }

    /** {@return the band that hides nothing} */
    public static Band full() {
        return new Band(Alignment.BOTTOM_RIGHT, ALL, ALL);
    }

    /** {@return the band that hides the keys after a query's own} */
    public static Band causal(Alignment alignment) {
        return new Band(alignment, ALL, 0);
    }

    /** {@return the first key that query i sees, from 0 to keys} */
    long begin(long i, long queries, long keys) {
        return Math.clamp(i + alignment.diagonal(queries, keys) - left, 0, keys);
    }

    /** {@return one past the last key that query i sees, from {@link #begin} to keys} */
    long end(long i, long queries, long keys) {
        return Math.clamp(i + alignment.diagonal(queries, keys) + right + 1, begin(i, queries, keys), keys);
    }

    /** {@return the first query that sees key j, from 0 to queries} */
    long firstQuery(long j, long queries, long keys) {
        return Math.clamp(j - alignment.diagonal(queries, keys) - right, 0, queries);
    }

    /** {@return one past the last query that sees key j, from {@link #firstQuery} to queries} */
    long endOfQueries(long j, long queries, long keys) {
        return Math.clamp(j - alignment.diagonal(queries, keys) + left + 1, firstQuery(j, queries, keys), queries);
    }
}
