package io.quern.bench.measure;

import java.util.Arrays;

/**
 * What a series of timings says, in seconds, or of ratios between timings. The interval of the median comes from order statistics: it assumes nothing
 * about the shape of the noise, which on a shared machine is anything but normal.
 *
 * @param median half of the timings are smaller
 * @param min the best timing
 * @param low lower end of the median's 95% interval
 * @param high upper end of the median's 95% interval
 */
public record Sample(double median, double min, double low, double high) {
    private static final double TAIL = 0.025;

    /**
     * {@return the summary of some timings}
     *
     * @param seconds at least one; below six of them no interval reaches 95% and all of their range is given
     */
    public static Sample of(double... seconds) {
        if (seconds.length == 0) {
            throw new IllegalArgumentException("a sample needs at least one timing");
        }
        double[] sorted = seconds.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        int rank = Math.max(0, rank(n) - 1);
        double median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
        return new Sample(median, sorted[0], sorted[rank], sorted[n - 1 - rank]);
    }

    /**
     * {@return the largest k such that the k-th smallest and the k-th largest of n enclose the median with 95%: the number
     * of timings below the median is binomial(n, 1/2), so P(fewer than k) must stay within one tail}
     */
    private static int rank(int n) {
        double term = Math.pow(0.5, n); // P(exactly 0 below)
        double below = 0; // P(fewer than k below)
        int k = 0;
        while (below + term <= TAIL) {
            below += term;
            term = term * (n - k) / (k + 1);
            k++;
        }
        return k;
    }
}
