package io.quern.lion;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;

import io.quern.DType;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Lanes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** The sum of squares of a chunk by the Vector API, to the bits of {@link GradientLook#sumOfSquares}. */
final class SquaresVector {
    private static final int SUMS = GradientLook.CHUNK_SUMS;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;
    private static final int LANES = Lanes.DOUBLE.length();
    private static final long BYTES = LANES * (long) Double.BYTES;

    private static final ThreadLocal<MemorySegment> OF_THREAD =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(SUMS * (long) Double.BYTES, 64));

    private SquaresVector() {}

    static double sum(DType dtype, MemorySegment tensor, long begin, int count) {
        MemorySegment sums = OF_THREAD.get();
        for (int i = 0; i < SUMS; i++) {
            sums.setAtIndex(DOUBLE, i, 0);
        }
        int whole = count - count % SUMS;
        switch (dtype) {
            case FP64 -> addFp64(tensor.address() + 8 * begin, whole, sums.address());
            case FP32 -> addFp32(tensor.address() + 4 * begin, whole, sums.address());
            default -> {
                for (int i = 0; i < whole; i += Fp32Blocks.LENGTH) {
                    int length = Math.min(Fp32Blocks.LENGTH, whole - i);
                    MemorySegment block = Fp32Blocks.ofThread().load(0, dtype, tensor, 2 * (begin + i), length);
                    addFp32(block.address(), length, sums.address());
                }
            }
        }
        for (int i = whole; i < count; i++) {
            double g = dtype.get(tensor, begin + i);
            sums.setAtIndex(DOUBLE, i - whole, Math.fma(g, g, sums.getAtIndex(DOUBLE, i - whole)));
        }
        for (int half = SUMS / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                sums.setAtIndex(DOUBLE, i, sums.getAtIndex(DOUBLE, i) + sums.getAtIndex(DOUBLE, i + half));
            }
        }
        return sums.getAtIndex(DOUBLE, 0);
    }

    /** Four vectors of sums at a time; {@code count} is a multiple of {@link #SUMS}. */
    private static void addFp32(long from, int count, long sums) {
        for (int at = 0; at < SUMS; at += 4 * LANES) {
            long place = sums + at * (long) Double.BYTES & ADDRESS;
            DoubleVector sum0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, place, ORDER);
            DoubleVector sum1 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, place + BYTES, ORDER);
            DoubleVector sum2 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, place + 2 * BYTES, ORDER);
            DoubleVector sum3 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, place + 3 * BYTES, ORDER);
            for (int i = at; i < count; i += SUMS) {
                long byteOf = from + 4L * i & ADDRESS;
                DoubleVector g0 = (DoubleVector) FloatVector.fromMemorySegment(Lanes.HALF_FLOAT, ALL, byteOf, ORDER)
                        .convertShape(VectorOperators.F2D, Lanes.DOUBLE, 0);
                DoubleVector g1 =
                        (DoubleVector) FloatVector.fromMemorySegment(Lanes.HALF_FLOAT, ALL, byteOf + BYTES / 2, ORDER)
                                .convertShape(VectorOperators.F2D, Lanes.DOUBLE, 0);
                DoubleVector g2 =
                        (DoubleVector) FloatVector.fromMemorySegment(Lanes.HALF_FLOAT, ALL, byteOf + BYTES, ORDER)
                                .convertShape(VectorOperators.F2D, Lanes.DOUBLE, 0);
                DoubleVector g3 = (DoubleVector)
                        FloatVector.fromMemorySegment(Lanes.HALF_FLOAT, ALL, byteOf + 3 * BYTES / 2, ORDER)
                                .convertShape(VectorOperators.F2D, Lanes.DOUBLE, 0);
                sum0 = g0.fma(g0, sum0);
                sum1 = g1.fma(g1, sum1);
                sum2 = g2.fma(g2, sum2);
                sum3 = g3.fma(g3, sum3);
            }
            Lanes.DOUBLE_VECTOR.cast(sum0).intoMemorySegment(ALL, place, ORDER);
            Lanes.DOUBLE_VECTOR.cast(sum1).intoMemorySegment(ALL, place + BYTES, ORDER);
            Lanes.DOUBLE_VECTOR.cast(sum2).intoMemorySegment(ALL, place + 2 * BYTES, ORDER);
            Lanes.DOUBLE_VECTOR.cast(sum3).intoMemorySegment(ALL, place + 3 * BYTES, ORDER);
        }
    }

    private static void addFp64(long from, int count, long sums) {
        for (int at = 0; at < SUMS; at += 4 * LANES) {
            long place = sums + at * (long) Double.BYTES & ADDRESS;
            DoubleVector sum0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, place, ORDER);
            DoubleVector sum1 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, place + BYTES, ORDER);
            DoubleVector sum2 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, place + 2 * BYTES, ORDER);
            DoubleVector sum3 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, place + 3 * BYTES, ORDER);
            for (int i = at; i < count; i += SUMS) {
                long byteOf = from + 8L * i & ADDRESS;
                DoubleVector g0 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, byteOf, ORDER);
                DoubleVector g1 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, byteOf + BYTES, ORDER);
                DoubleVector g2 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, byteOf + 2 * BYTES, ORDER);
                DoubleVector g3 = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, byteOf + 3 * BYTES, ORDER);
                sum0 = g0.fma(g0, sum0);
                sum1 = g1.fma(g1, sum1);
                sum2 = g2.fma(g2, sum2);
                sum3 = g3.fma(g3, sum3);
            }
            Lanes.DOUBLE_VECTOR.cast(sum0).intoMemorySegment(ALL, place, ORDER);
            Lanes.DOUBLE_VECTOR.cast(sum1).intoMemorySegment(ALL, place + BYTES, ORDER);
            Lanes.DOUBLE_VECTOR.cast(sum2).intoMemorySegment(ALL, place + 2 * BYTES, ORDER);
            Lanes.DOUBLE_VECTOR.cast(sum3).intoMemorySegment(ALL, place + 3 * BYTES, ORDER);
        }
    }
}
