package io.quern.attention;

/** Which key stands beside query 0 where there are not as many keys as queries. */
public enum Alignment {
    /** The last query stands beside the last key: queries are the newest tokens of their keys, as in decoding. */
    BOTTOM_RIGHT,
    /** Query 0 stands beside key 0. */
    TOP_LEFT;

    /** {@return the key beside query 0} */
    long diagonal(long queries, long keys) {
        return this == BOTTOM_RIGHT ? keys - queries : 0;
    }
}
