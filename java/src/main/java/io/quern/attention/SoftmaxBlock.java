package io.quern.attention;

import io.quern.cpu.AddressSpace;
import io.quern.cpu.Exp2;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Fp32Powers;
import io.quern.cpu.HostMemory;
import io.quern.cpu.Lanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * What {@link SoftmaxVector} and {@link MergeVector} do with blocks of FP32 ({@link Fp32Blocks}). A block's sum runs in FP32, one a lane, and ends
 * in FP64, from lane to lane: what {@code reduceLanes} adds first depends on whether it has been compiled yet. What is left of a
 * block beyond whole vectors goes by single elements, which gives the same powers.
 */
final class SoftmaxBlock {
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final int LANES = Lanes.FLOAT.length();
    private static final float LOG2_E = 0x1.715476p0f;

    private SoftmaxBlock() {}

    /** {@return the largest element; NaN is passed over} */
    static float maximum(long x, int count) {
        FloatVector max = FloatVector.broadcast(Lanes.FLOAT, Float.NEGATIVE_INFINITY);
        int vectorised = vectorised(count);
        for (int i = 0; i < vectorised; i += LANES) {
            FloatVector v = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 4L * i, ORDER);
            max = Lanes.FLOAT_VECTOR.cast(max).blend(v, v.compare(VectorOperators.GT, max));
        }
        float result = Lanes.FLOAT_VECTOR.cast(max).reduceLanes(VectorOperators.MAX);
        for (int i = vectorised; i < count; i++) {
            float v = ALL.get(FLOAT, x + 4L * i);
            result = v > result ? v : result;
        }
        return result;
    }

    /**
     * Replaces each element x by e^{x - max}: 2^((x - max) log2 e), within 2 ulp and the rounding of the exponent, {@code
     * 2^-23 |x - max|}, relatively.
     *
     * @return their sum
     */
    static double exponentials(long x, int count, float max) {
        int vectorised = vectorised(count);
        Fp32Powers.shiftedAndScaled(x, vectorised, max, LOG2_E);
        double sum = sum(x, vectorised);
        for (int i = vectorised; i < count; i++) {
            float power = Exp2.of((ALL.get(FLOAT, x + 4L * i) - max) * LOG2_E);
            ALL.set(FLOAT, x + 4L * i, power);
            sum += power;
        }
        return sum;
    }

    static double sum(long x, int count) {
        FloatVector lanes = FloatVector.zero(Lanes.FLOAT);
        int vectorised = vectorised(count);
        for (int i = 0; i < vectorised; i += LANES) {
            lanes = Lanes.FLOAT_VECTOR
                    .cast(lanes)
                    .add(FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 4L * i, ORDER));
        }
        lanes = Lanes.FLOAT_VECTOR.cast(lanes);
        double sum = 0;
        for (int lane = 0; lane < LANES; lane++) {
            sum += lanes.lane(lane);
        }
        for (int i = vectorised; i < count; i++) {
            sum += ALL.get(FLOAT, x + 4L * i);
        }
        return sum;
    }

    static double dot(long x, long y, int count) {
        FloatVector lanes = FloatVector.zero(Lanes.FLOAT);
        int vectorised = vectorised(count);
        for (int i = 0; i < vectorised; i += LANES) {
            lanes = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 4L * i, ORDER)
                    .fma(FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, y + 4L * i, ORDER), lanes);
        }
        lanes = Lanes.FLOAT_VECTOR.cast(lanes);
        double sum = 0;
        for (int lane = 0; lane < LANES; lane++) {
            sum += lanes.lane(lane);
        }
        for (int i = vectorised; i < count; i++) {
            sum += ALL.get(FLOAT, x + 4L * i) * ALL.get(FLOAT, y + 4L * i);
        }
        return sum;
    }

    /** Multiplies each element by a factor. */
    static void scale(long x, int count, float factor) {
        int vectorised = vectorised(count);
        for (int i = 0; i < vectorised; i += LANES) {
            FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 4L * i, ORDER)
                    .mul(factor)
                    .intoMemorySegment(ALL, x + 4L * i, ORDER);
        }
        for (int i = vectorised; i < count; i++) {
            ALL.set(FLOAT, x + 4L * i, ALL.get(FLOAT, x + 4L * i) * factor);
        }
    }

    /** Subtracts one number from each element, then another. */
    static void subtract(long x, int count, float first, float second) {
        int vectorised = vectorised(count);
        for (int i = 0; i < vectorised; i += LANES) {
            FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 4L * i, ORDER)
                    .sub(first)
                    .sub(second)
                    .intoMemorySegment(ALL, x + 4L * i, ORDER);
        }
        for (int i = vectorised; i < count; i++) {
            ALL.set(FLOAT, x + 4L * i, ALL.get(FLOAT, x + 4L * i) - first - second);
        }
    }

    /** Replaces y by y (dy - sum). */
    static void weigh(long y, long dy, int count, float sum) {
        int vectorised = vectorised(count);
        for (int i = 0; i < vectorised; i += LANES) {
            FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, y + 4L * i, ORDER)
                    .mul(FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, dy + 4L * i, ORDER)
                            .sub(sum))
                    .intoMemorySegment(ALL, y + 4L * i, ORDER);
        }
        for (int i = vectorised; i < count; i++) {
            ALL.set(FLOAT, y + 4L * i, ALL.get(FLOAT, y + 4L * i) * (ALL.get(FLOAT, dy + 4L * i) - sum));
        }
    }

    /** Replaces p by dy - p sum. */
    static void subtractWeighted(long p, long dy, int count, float sum) {
        int vectorised = vectorised(count);
        for (int i = 0; i < vectorised; i += LANES) {
            FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, p + 4L * i, ORDER)
                    .neg()
                    .fma(
                            FloatVector.broadcast(Lanes.FLOAT, sum),
                            FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, dy + 4L * i, ORDER))
                    .intoMemorySegment(ALL, p + 4L * i, ORDER);
        }
        for (int i = vectorised; i < count; i++) {
            ALL.set(FLOAT, p + 4L * i, Math.fma(-ALL.get(FLOAT, p + 4L * i), sum, ALL.get(FLOAT, dy + 4L * i)));
        }
    }

    static void clear(long x, int count) {
        HostMemory.clear(x, 4L * count);
    }

    /** Adds y times a weight to x. */
    static void addWeighted(long x, long y, int count, float weight) {
        int vectorised = vectorised(count);
        FloatVector all = FloatVector.broadcast(Lanes.FLOAT, weight);
        for (int i = 0; i < vectorised; i += LANES) {
            FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, y + 4L * i, ORDER)
                    .fma(all, FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 4L * i, ORDER))
                    .intoMemorySegment(ALL, x + 4L * i, ORDER);
        }
        for (int i = vectorised; i < count; i++) {
            ALL.set(FLOAT, x + 4L * i, Math.fma(ALL.get(FLOAT, y + 4L * i), weight, ALL.get(FLOAT, x + 4L * i)));
        }
    }

    /** Replaces x by x - y. */
    static void subtractBlock(long x, long y, int count) {
        int vectorised = vectorised(count);
        for (int i = 0; i < vectorised; i += LANES) {
            FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, x + 4L * i, ORDER)
                    .sub(FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, y + 4L * i, ORDER))
                    .intoMemorySegment(ALL, x + 4L * i, ORDER);
        }
        for (int i = vectorised; i < count; i++) {
            ALL.set(FLOAT, x + 4L * i, ALL.get(FLOAT, x + 4L * i) - ALL.get(FLOAT, y + 4L * i));
        }
    }

    private static int vectorised(int count) {
        return count - count % LANES;
    }
}
