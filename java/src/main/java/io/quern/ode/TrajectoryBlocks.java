package io.quern.ode;

import static io.quern.cpu.AddressSpace.ALL;

import io.quern.DType;
import io.quern.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Moves trajectories between tensors and the blocks of a {@link StepKernel}. What is stepped together
 * is always full: behind the last trajectory of a batch, lanes repeat that one.
 */
final class TrajectoryBlocks {
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfLong BITS_64 = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfInt BITS_32 = ValueLayout.JAVA_INT_UNALIGNED;

    private final Trajectories trajectories;
    private final DType dtype;
    private final boolean fp64;
    private final int bytes;
    private final int lanes;
    private final int together;
    private final int dimension;
    private final long out; // address
    private final long outStride;

    /**
     * Blocks of some trajectories.
     *
     * @param lanes of a row
     * @param together how many lanes are stepped together; a row that is the same for all has its number in as many, in all
     *     lanes where they are all
     */
    TrajectoryBlocks(Trajectories trajectories, int lanes, int together) {
        this.trajectories = trajectories;
        this.dtype = trajectories.dtype();
        this.fp64 = dtype == DType.FP64;
        this.bytes = dtype.bytes();
        this.lanes = lanes;
        this.together = together;
        this.dimension = trajectories.field().dimension();
        this.out = trajectories.out().segment().address();
        this.outStride = trajectories.out().stride(0);
    }

    /** {@return how many lanes are stepped for so many trajectories} */
    int stepped(int count) {
        return Math.ceilDiv(count, together) * together;
    }

    /** {@return a number of a row} */
    double get(long row, int lane) {
        return fp64 ? ALL.get(DOUBLE, row + 8L * lane) : ALL.get(FLOAT, row + 4L * lane);
    }

    /** Sets a number of a row, which must have a value of the working type. */
    void set(long row, int lane, double value) {
        if (fp64) {
            ALL.set(DOUBLE, row + 8L * lane, value);
        } else {
            ALL.set(FLOAT, row + 4L * lane, (float) value);
        }
    }

    /** Sets the number of a row that is the same for all. */
    void fill(long row, double value) {
        for (int lane = 0; lane < together; lane++) {
            set(row, lane, value);
        }
    }

    /** Copies states from trajectory {@code from} on to rows. */
    void loadState(long from, int count, long rows) {
        loadRows(trajectories.state(), from, count, rows);
    }

    /** Copies parameters to rows. */
    void loadParameters(long from, int count, long rows) {
        Tensor parameters = trajectories.parameters();
        if (parameters == null) {
            return;
        }
        if (parameters.rank() == 2) {
            loadRows(parameters, from, count, rows);
            return;
        }
        for (int p = 0; p < parameters.size(0); p++) {
            fill(rows + (long) p * lanes * bytes, dtype.get(parameters.segment(), p));
        }
    }

    /** Copies times to a row. */
    void loadTimes(Times times, long from, int count, long row) {
        if (times.each() == null) {
            fill(row, Arithmetic.of(dtype).round(times.value()));
        } else {
            loadRow(times.each().segment(), from, count, row);
        }
    }

    /** {@return the time of one trajectory} */
    double time(Times times, long i) {
        return times.each() == null
                ? Arithmetic.of(dtype).round(times.value())
                : dtype.get(times.each().segment(), i);
    }

    /**
     * Copies a lane of rows to a lane of rows of other blocks.
     *
     * @param from address of the lane in the first row
     * @param others to which they go
     * @param to address of the lane there in the first row
     */
    void copyLane(long from, TrajectoryBlocks others, long to, int rows) {
        long fromRow = (long) lanes * bytes;
        long toRow = (long) others.lanes * bytes;
        if (fp64) {
            for (int row = 0; row < rows; row++) {
                ALL.set(BITS_64, to + row * toRow, ALL.get(BITS_64, from + row * fromRow));
            }
        } else {
            for (int row = 0; row < rows; row++) {
                ALL.set(BITS_32, to + row * toRow, ALL.get(BITS_32, from + row * fromRow));
            }
        }
    }

    /**
     * Copies a lane of rows to the output.
     *
     * @param from address of the lane in the first row
     * @param i the trajectory
     * @return whether all are finite
     */
    boolean storeLane(long from, long i) {
        boolean finite = true;
        for (int component = 0; component < dimension; component++) {
            long at = from + (long) component * lanes * bytes;
            long to = out + (component * outStride + i) * bytes;
            if (fp64) {
                double y = ALL.get(DOUBLE, at);
                ALL.set(DOUBLE, to, y);
                finite &= Double.isFinite(y);
            } else {
                float y = ALL.get(FLOAT, at);
                ALL.set(FLOAT, to, y);
                finite &= Float.isFinite(y);
            }
        }
        return finite;
    }

    /** Copies rows to the output. */
    void storeState(long from, int count, long rows) {
        Tensor out = trajectories.out();
        for (int i = 0; i < out.size(0); i++) {
            MemorySegment.copy(
                    ALL,
                    rows + (long) i * lanes * bytes,
                    out.segment(),
                    (i * out.stride(0) + from) * bytes,
                    (long) count * bytes);
        }
    }

    private void loadRows(Tensor tensor, long from, int count, long rows) {
        for (int i = 0; i < tensor.size(0); i++) {
            loadRow(tensor.segment(), i * tensor.stride(0) + from, count, rows + (long) i * lanes * bytes);
        }
    }

    private void loadRow(MemorySegment memory, long from, int count, long row) {
        MemorySegment.copy(memory, from * bytes, ALL, row, (long) count * bytes);
        for (int lane = count; lane < stepped(count); lane++) {
            set(row, lane, get(row, count - 1));
        }
    }
}
