package io.quern.attention;

/**
 * Which keys a query sees: those from {@code i + diagonal - left} to {@code i + diagonal + right}, both included, that there
 * are. Causal masks, sliding windows and both together are such intervals.
 *
 * @param diagonal the key beside query 0: keyCount - queries aligns the last query with the last key (bottom-right)
 * @param left how many keys before the diagonal are seen, at least 0
 * @param right how many keys after the diagonal are seen, at least 0
 */
record Visibility(long diagonal, long left, long right) {
    private static final long ALL = Long.MAX_VALUE / 4;

    /** {@return every key} */
    static Visibility full() {
        return new Visibility(0, ALL, ALL);
    }

    /** {@return no key after the diagonal} */
    static Visibility causal(long diagonal) {
        return new Visibility(diagonal, ALL, 0);
    }

    /** {@return the first key that query i sees, from 0 to keyCount} */
    int begin(long i, int keyCount) {
        return Math.clamp(i + diagonal - left, 0, keyCount);
    }

    /** {@return the key after the last that query i sees, from {@link #begin} to keyCount} */
    int end(long i, int keyCount) {
        return Math.clamp(i + diagonal + right + 1, begin(i, keyCount), keyCount);
    }
}
