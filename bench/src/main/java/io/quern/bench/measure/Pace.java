package io.quern.bench.measure;

/**
 * How long to measure.
 *
 * @param warmups iterations before timing starts: C2 must be done with the kernel by then
 * @param iterations timed iterations; their medians' interval needs at least six
 * @param millis length of an iteration; one call if that takes longer
 */
public record Pace(int warmups, int iterations, int millis) {
    /** Minutes for the whole library. */
    public static final Pace QUICK = new Pace(12, 11, 100);

    /** What numbers are published from. */
    public static final Pace FULL = new Pace(20, 31, 100);
}
