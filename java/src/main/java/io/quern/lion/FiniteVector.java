package io.quern.lion;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;

import io.quern.DType;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Lanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;

/** Whether numbers are finite, by the Vector API: zero times each of them is zero then, and so is the sum. */
final class FiniteVector {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int FLOAT_LANES = Lanes.FLOAT.length();
    private static final int DOUBLE_LANES = Lanes.DOUBLE.length();

    private FiniteVector() {}

    /** {@return whether elements {@code begin} to {@code end} are finite: at most {@link Fp32Blocks#LENGTH}} */
    static boolean all(DType dtype, MemorySegment tensor, long begin, long end) {
        int count = (int) (end - begin);
        return switch (dtype) {
            case FP64 -> allFp64(tensor.address() + 8 * begin, count);
            case FP32 -> allFp32(tensor.address() + 4 * begin, count);
            default ->
                allFp32(
                        Fp32Blocks.ofThread()
                                .load(2, dtype, tensor, 2 * begin, count)
                                .address(),
                        count);
        };
    }

    private static boolean allFp32(long numbers, int count) {
        numbers &= ADDRESS;
        FloatVector zeros = FloatVector.zero(Lanes.FLOAT);
        int vectorised = count - count % FLOAT_LANES;
        for (int i = 0; i < vectorised; i += FLOAT_LANES) {
            zeros = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, numbers + 4L * i, ORDER)
                    .mul(0f)
                    .add(zeros);
        }
        zeros = Lanes.FLOAT_VECTOR.cast(zeros);
        float zero = 0;
        for (int lane = 0; lane < FLOAT_LANES; lane++) {
            zero += zeros.lane(lane);
        }
        for (int i = vectorised; i < count; i++) {
            zero += 0 * ALL.get(ValueLayout.JAVA_FLOAT_UNALIGNED, numbers + 4L * i);
        }
        return zero == 0;
    }

    private static boolean allFp64(long numbers, int count) {
        numbers &= ADDRESS;
        DoubleVector zeros = DoubleVector.zero(Lanes.DOUBLE);
        int vectorised = count - count % DOUBLE_LANES;
        for (int i = 0; i < vectorised; i += DOUBLE_LANES) {
            zeros = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, numbers + 8L * i, ORDER)
                    .mul(0.0)
                    .add(zeros);
        }
        zeros = Lanes.DOUBLE_VECTOR.cast(zeros);
        double zero = 0;
        for (int lane = 0; lane < DOUBLE_LANES; lane++) {
            zero += zeros.lane(lane);
        }
        for (int i = vectorised; i < count; i++) {
            zero += 0 * ALL.get(ValueLayout.JAVA_DOUBLE_UNALIGNED, numbers + 8L * i);
        }
        return zero == 0;
    }
}
