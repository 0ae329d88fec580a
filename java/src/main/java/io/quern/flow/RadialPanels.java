package io.quern.flow;

import io.quern.cpu.MicroKernel;

/**
 * What scores by distance need of panels beside {@link io.quern.cpu.PanelMath}: matrices of {@link MicroKernel#columns} columns,
 * a query in each, row after row, a datum in each of those.
 *
 * <p>Numbers of a column are one row of a panel; numbers of the rows lie one behind the other. Addresses are absolute, trusted, and
 * aligned to a vector where they are of panels. Nothing is allocated.
 */
sealed interface RadialPanels permits Fp32RadialPanels, Fp64RadialPanels {
    /** For FP32. */
    RadialPanels FP32 = new Fp32RadialPanels();

    /** For FP64. */
    RadialPanels FP64 = new Fp64RadialPanels();

    /** Rows of {@link #distances} and {@link #largest}. */
    int ROWS = 4;

    /** Rows that {@link #log2} takes at a time. */
    int CHUNK = 32;

    /** {@return the scratch memory of {@link #log2} in bytes} */
    static long scratchBytes(MicroKernel kernel) {
        return 2 * CHUNK * kernel.rowBytes();
    }

    /**
     * Writes the squared distances of four data to all queries.
     *
     * <pre>
     *   to[r][j] = sum_k (x[k][j] + minusAlpha[j] y[r][k])^2        each component rounded once
     * </pre>
     *
     * @param y four rows
     * @param yRow from a row of y to the next
     * @param x (depth, columns)
     * @param to (4, columns)
     */
    void distances(int depth, long y, long yRow, long x, long minusAlphas, long to);

    /** Adds a panel to another, and keeps what each addition loses for the next (Kahan). */
    void addCompensated(int rows, long panel, long total, long lost);

    /** Writes the largest {@code |x[k][j] + minusAlpha[j] y[r][k]|} of four data, NaN where one is not finite. */
    void largest(int depth, long y, long yRow, long x, long minusAlphas, long to);

    /** Adds {@code factor[j] norm[r] + number[r]} to each element. */
    void addRows(int rows, long panel, long factors, long norms, long numbers);

    /** Writes {@code panel[r][j] factor[j] + number[r]}. */
    void scaleAdd(int rows, long panel, long factors, long numbers, long to);

    /** Writes {@code number[r]} where the panel is at most {@code bound[j]}, -infinity elsewhere, NaN where it is not finite. */
    void within(int rows, long panel, long bounds, long numbers);

    /** Writes the binary logarithm of plus + panel, 0 or 1 being added; the panel is at least 0 and the sum above 0. */
    void log2(int rows, long panel, int plus, long to, long scratch);

    /** Writes factor / (1 + panel). */
    void reciprocals(int rows, long panel, double factor, long to);

    /** Raises the panel to the least square and writes its square roots. */
    void roots(int rows, long panel, double least, long to);

    /** Writes {@code constant + number[r] + a A + b B + c C}. */
    void combine(
            int rows,
            double constant,
            long numbers,
            double a,
            long ofA,
            double b,
            long ofB,
            double c,
            long ofC,
            long to);

    /** Writes {@code -(constant + t T + pole / R) / R}; T may be where it is written. */
    void radialSlopes(int rows, double constant, double t, long ofT, double pole, long ofR, long to);

    /** Replaces slopes h by p h, and adds that to each column's first sum, and p h q to its second. */
    void weigh(int rows, long weights, long slopes, long squares, long sums, long squareSums);

    /** Writes a x + b y, vectors of a length; a product of x, and an fma. */
    void blend(int length, double a, long x, double b, long y, long to);

    /** Writes x - y. */
    void subtract(int length, long x, long y, long to);

    /** Writes factors[0] from[0] + factors[1] from[1] + ..., a product and then fmas in their order. */
    void combineVectors(int length, long[] from, double[] factors, long to);

    /** {@return the sum of x y in FP64, from the first on} */
    double dot(int length, long x, long y);

    /** {@return the squared distance of two vectors, in FP64} */
    double squaredDistance(int length, long x, long y);

    /** Sets so many numbers. */
    void fill(long count, long to, double value);
}
