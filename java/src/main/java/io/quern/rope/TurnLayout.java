package io.quern.rope;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;

import io.quern.DType;
import io.quern.cpu.HostMemory;
import io.quern.cpu.Lanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Lays out the cosines and sines of one token as its heads use them, in the type that they compute in: from a table or
 * computed, the sines with the sign of the direction, NaN for a position that the table lacks.
 *
 * <pre>
 *   HALVES    c0 c1 c2 ...  |   s0  s1  s2 ...            (2, pairs)
 *   ADJACENT  c0 c0 c1 c1 ...  |  -s0  s0 -s1  s1 ...     (2, 2 * pairs): a lane for each channel
 * </pre>
 *
 * Where {@link RopeAdjacent} spreads them in registers, they lie as for HALVES.
 */
final class TurnLayout {
    /** In place of a row of the table. */
    static final long PLACED = -1;

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    // Each lane twice: of the lower half of a vector, of its upper half.
    static final VectorShuffle<Float> LOWER_FLOATS = VectorShuffle.fromOp(Lanes.FLOAT, i -> i / 2);
    static final VectorShuffle<Float> UPPER_FLOATS =
            VectorShuffle.fromOp(Lanes.FLOAT, i -> (Lanes.FLOAT.length() + i) / 2);
    private static final VectorShuffle<Double> LOWER_DOUBLES = VectorShuffle.fromOp(Lanes.DOUBLE, i -> i / 2);
    private static final VectorShuffle<Double> UPPER_DOUBLES =
            VectorShuffle.fromOp(Lanes.DOUBLE, i -> (Lanes.DOUBLE.length() + i) / 2);

    // -1, 1, -1, 1 ...
    static final FloatVector FLOAT_SIGNS =
            FloatVector.broadcast(Lanes.FLOAT, 1).blend(-1, VectorMask.fromLong(Lanes.FLOAT, 0x5555));
    private static final DoubleVector DOUBLE_SIGNS =
            DoubleVector.broadcast(Lanes.DOUBLE, 1).blend(-1, VectorMask.fromLong(Lanes.DOUBLE, 0x55));

    private final int pairs;
    private final long elementBytes;
    private final boolean wide; // FP64, not FP32
    private final boolean inverse;
    private final boolean spreads; // a lane for each channel, not for each pair
    private final PositionsLayout positions;
    private final MemorySegment positionsMemory;
    private final TokenAngles angles; // null where there is a table
    private final MemorySegment cosine; // null where there is none
    private final MemorySegment sine;
    private final long tableRows;
    private final long cosineBatchStride;
    private final long cosineRowStride;
    private final long sineBatchStride;
    private final long sineRowStride;

    // Where in the scratch memory, behind what the heads use: the row in the type they compute in, the row in FP64.
    private final long rowAt;
    private final long angleAt;
    private final long scratchBytes;

    TurnLayout(Rotation a) {
        RopeTable table = a.table();
        pairs = a.rope().pairs();
        inverse = a.direction() == Direction.INVERSE;
        wide = a.x().dtype() == DType.FP64;
        elementBytes = wide ? 8 : 4;
        spreads = a.rope().pairing() == Pairing.ADJACENT && (wide || !RopeAdjacent.fitsRegisters(pairs));
        positions = a.positionsLayout();
        positionsMemory = positions.segment();
        angles = table == null ? new TokenAngles(a.rope(), positions) : null;
        cosine = table == null ? null : table.cosine().segment();
        sine = table == null ? null : table.sine().segment();
        tableRows = table == null ? 0 : table.rows();
        cosineBatchStride = table == null ? 0 : table.batchStride(table.cosine());
        cosineRowStride = table == null ? 0 : table.cosine().stride(-2);
        sineBatchStride = table == null ? 0 : table.batchStride(table.sine());
        sineRowStride = table == null ? 0 : table.sine().stride(-2);

        long rowBytes = 2 * pairs * elementBytes;
        rowAt = spreads ? aligned(2 * rowBytes) : 0;
        angleAt = wide ? rowAt : rowAt + aligned(rowBytes);
        scratchBytes = angles == null ? rowAt + aligned(rowBytes) : angleAt + aligned(angles.bytes());
    }

    /** What {@link #place} needs, for each thread: a multiple of a cache line. */
    long scratchBytes() {
        return scratchBytes;
    }

    /**
     * Lays a token's cosines and sines out in scratch memory, from {@code at} on, unless a table has them as heads use them.
     *
     * @return the row of the table; {@link #PLACED} where they are in scratch memory
     */
    long place(long batch, long token, MemorySegment scratch, long at) {
        long row = at + rowAt;
        long cosines = scratch.address() + row;
        long sines = cosines + pairs * elementBytes;
        if (angles == null) {
            long position = positions.whole(positionsMemory, 0, batch, token);
            boolean known = position >= 0 && position < tableRows;
            if (known && !inverse) {
                if (!spreads) {
                    return position;
                }
                cosines = tableCosines(batch, position);
                sines = tableSines(batch, position);
            } else if (known) {
                copy(batch, position, scratch, row);
            } else {
                fill(scratch, row);
            }
        } else {
            angles.compute(batch, token, scratch, at + angleAt);
            if (!wide) {
                narrow(scratch, at + angleAt, scratch, row, 2 * pairs);
            }
        }
        if (inverse) {
            negate(scratch, row + pairs * elementBytes);
        }
        if (spreads) {
            spread(cosines, sines, scratch.address() + at);
        }
        return PLACED;
    }

    /**
     * {@return the address of the cosines}
     *
     * @param row what {@link #place} returned
     */
    long cosines(long batch, long row, MemorySegment scratch, long at) {
        return row == PLACED ? scratch.address() + at : tableCosines(batch, row);
    }

    /** {@return that of the sines; parameters as those of {@link #cosines}} */
    long sines(long batch, long row, MemorySegment scratch, long at) {
        return row == PLACED
                ? scratch.address() + at + (spreads ? 2 : 1) * pairs * elementBytes
                : tableSines(batch, row);
    }

    private long tableCosines(long batch, long row) {
        return cosine.address() + (batch * cosineBatchStride + row * cosineRowStride) * elementBytes;
    }

    private long tableSines(long batch, long row) {
        return sine.address() + (batch * sineBatchStride + row * sineRowStride) * elementBytes;
    }

    /** Rounds FP64 numbers to FP32. */
    static void narrow(MemorySegment from, long fromAt, MemorySegment to, long toAt, int count) {
        for (int i = 0; i < count; i++) {
            to.set(FLOAT, toAt + 4L * i, (float) from.get(DOUBLE, fromAt + 8L * i));
        }
    }

    private void copy(long batch, long position, MemorySegment scratch, long row) {
        long bytes = pairs * elementBytes;
        MemorySegment.copy(ALL, tableCosines(batch, position), scratch, row, bytes);
        MemorySegment.copy(ALL, tableSines(batch, position), scratch, row + bytes, bytes);
    }

    private void fill(MemorySegment scratch, long row) {
        for (int i = 0; i < 2 * pairs; i++) {
            if (wide) {
                scratch.set(DOUBLE, row + 8L * i, Double.NaN);
            } else {
                scratch.set(FLOAT, row + 4L * i, Float.NaN);
            }
        }
    }

    private void negate(MemorySegment scratch, long sines) {
        for (int k = 0; k < pairs; k++) {
            if (wide) {
                scratch.set(DOUBLE, sines + 8L * k, -scratch.get(DOUBLE, sines + 8L * k));
            } else {
                scratch.set(FLOAT, sines + 4L * k, -scratch.get(FLOAT, sines + 4L * k));
            }
        }
    }

    /** Lays a row out for adjacent pairs: (c0 c0 c1 c1 ...) and, behind them, (-s0 s0 -s1 s1 ...). */
    private void spread(long cosines, long sines, long to) {
        if (wide) {
            spreadFp64(cosines & ADDRESS, sines & ADDRESS, to & ADDRESS);
        } else {
            spreadFp32(cosines & ADDRESS, sines & ADDRESS, to & ADDRESS);
        }
    }

    private void spreadFp32(long cosines, long sines, long to) {
        long behind = 8L * pairs; // the sines laid out lie behind the cosines laid out
        int k = 0;
        for (; k < Lanes.FLOAT.loopBound(pairs); k += Lanes.FLOAT.length()) {
            FloatVector c = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, cosines + 4L * k, ORDER);
            FloatVector s = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, sines + 4L * k, ORDER);
            long lower = to + 8L * k;
            long upper = lower + Lanes.FLOAT.vectorByteSize();
            c.rearrange(LOWER_FLOATS).intoMemorySegment(ALL, lower, ORDER);
            c.rearrange(UPPER_FLOATS).intoMemorySegment(ALL, upper, ORDER);
            s.rearrange(LOWER_FLOATS).mul(FLOAT_SIGNS).intoMemorySegment(ALL, lower + behind, ORDER);
            s.rearrange(UPPER_FLOATS).mul(FLOAT_SIGNS).intoMemorySegment(ALL, upper + behind, ORDER);
        }
        for (; k < pairs; k++) {
            float c = ALL.get(FLOAT, cosines + 4L * k);
            float s = ALL.get(FLOAT, sines + 4L * k);
            ALL.set(FLOAT, to + 8L * k, c);
            ALL.set(FLOAT, to + 8L * k + 4, c);
            ALL.set(FLOAT, to + behind + 8L * k, -s);
            ALL.set(FLOAT, to + behind + 8L * k + 4, s);
        }
    }

    private void spreadFp64(long cosines, long sines, long to) {
        long behind = 16L * pairs;
        // C2 has no shuffle of two doubles: it boxes them.
        int vectorised = Lanes.DOUBLE.length() > 2 ? Lanes.DOUBLE.loopBound(pairs) : 0;
        int k = 0;
        for (; k < vectorised; k += Lanes.DOUBLE.length()) {
            DoubleVector c = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, cosines + 8L * k, ORDER);
            DoubleVector s = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, sines + 8L * k, ORDER);
            long lower = to + 16L * k;
            long upper = lower + Lanes.DOUBLE.vectorByteSize();
            c.rearrange(LOWER_DOUBLES).intoMemorySegment(ALL, lower, ORDER);
            c.rearrange(UPPER_DOUBLES).intoMemorySegment(ALL, upper, ORDER);
            s.rearrange(LOWER_DOUBLES).mul(DOUBLE_SIGNS).intoMemorySegment(ALL, lower + behind, ORDER);
            s.rearrange(UPPER_DOUBLES).mul(DOUBLE_SIGNS).intoMemorySegment(ALL, upper + behind, ORDER);
        }
        for (; k < pairs; k++) {
            double c = ALL.get(DOUBLE, cosines + 8L * k);
            double s = ALL.get(DOUBLE, sines + 8L * k);
            ALL.set(DOUBLE, to + 16L * k, c);
            ALL.set(DOUBLE, to + 16L * k + 8, c);
            ALL.set(DOUBLE, to + behind + 16L * k, -s);
            ALL.set(DOUBLE, to + behind + 16L * k + 8, s);
        }
    }

    private static long aligned(long bytes) {
        return (bytes + HostMemory.ALIGNMENT - 1) / HostMemory.ALIGNMENT * HostMemory.ALIGNMENT;
    }
}
