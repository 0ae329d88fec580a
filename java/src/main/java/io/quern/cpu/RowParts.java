package io.quern.cpu;

/**
 * Rows cut into the parts of a {@link WorkerPool.Task}, as equal as whole rows allow.
 *
 * @param rows how many
 * @param count of parts
 */
public record RowParts(long rows, int count) {
    /** Enough to keep the threads of a large machine equally busy. */
    private static final long MOST = 256;

    /**
     * {@return the parts of some rows}
     *
     * @param work of all rows, in any unit
     * @param least of it that a part is worth: some 10 microseconds, a hundred times the cost of handing it out
     */
    public static RowParts of(long rows, long work, long least) {
        return new RowParts(rows, (int) Math.min(Math.min(rows, MOST), Math.ceilDiv(work, least)));
    }

    /** {@return the first row of a part} */
    public long begin(int part) {
        return rows * part / count;
    }

    /** {@return the row behind the last of a part} */
    public long end(int part) {
        return rows * (part + 1) / count;
    }
}
