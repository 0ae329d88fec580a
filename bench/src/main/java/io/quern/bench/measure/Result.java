package io.quern.bench.measure;

/**
 * A row of the report.
 *
 * @param subject what was timed
 * @param device where
 * @param threads on how many threads
 * @param sample how long a call took
 * @param floor how long it would take at the machine's ceiling; NaN where no ceiling was measured
 * @param peer what it is compared with, or null
 * @param ratios the peer's time over ours, turn by turn: above 1 ours is faster; null without a peer
 */
public record Result(
        Subject subject, String device, int threads, Sample sample, double floor, String peer, Sample ratios) {

    /** {@return the peer's time over ours; NaN without a peer} */
    public double ratio() {
        return ratios == null ? Double.NaN : ratios.median();
    }

    /** {@return floor over median} */
    public double ceilingShare() {
        return floor / sample.median();
    }

    /** {@return bytes/s that the call must move} */
    public double bandwidth() {
        return subject.work().bytes() / sample.median();
    }

    /** {@return FLOP/s} */
    public double flopRate() {
        return subject.work().flops() / sample.median();
    }
}
