package io.quern.lion;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;

import io.quern.DType;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Lanes;
import io.quern.cpu.Philox;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.Vector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** Stochastic rounding of a block by the Vector API, to the bits of {@link Rounding#stochastic}. */
final class RoundingVector {
    private static final int OF_COUNTER = 8; // elements
    private static final int COUNTER_BYTES = 16;

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int LANES = Lanes.INT.length();
    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final int INFINITY = 0x7f80_0000;
    private static final int SMALLEST_NORMAL_FP16 = 0x3880_0000;

    /** Random bits for a block that begins anywhere. */
    private static final ThreadLocal<MemorySegment> RANDOM = ThreadLocal.withInitial(() ->
            Arena.ofAuto().allocate((Fp32Blocks.LENGTH / OF_COUNTER + 1) * (long) COUNTER_BYTES, 64));

    private RoundingVector() {}

    /**
     * Rounds the head of a block, which stays FP32.
     *
     * @param dtype FP16 or BF16
     * @param block the address of FP32; written
     * @param element the number of its first element
     * @param count a multiple of the lanes, at most {@link Fp32Blocks#LENGTH}
     */
    static void round(DType dtype, long block, Rounding rounding, long step, long element, int count) {
        MemorySegment bits = RANDOM.get();
        long first = element / OF_COUNTER;
        int skipped = (int) (element % OF_COUNTER);
        int counters = (skipped + count + OF_COUNTER - 1) / OF_COUNTER;
        Philox.fill(rounding.seed(), first, counters, (int) step, (int) (step >>> 32), bits);
        long random = bits.address() + 2L * skipped;
        if (dtype == DType.BF16) {
            carry(block, random, count, 0, 0xffff, 0);
        } else {
            carrySubnormal(block, random, count);
            carry(block, random, count, 3, 0x1fff, SMALLEST_NORMAL_FP16);
        }
    }

    /** Adds random bits to those that are {@code cut}, and cuts them off; numbers from {@code least} on. */
    private static void carry(long block, long random, int count, int shift, int cut, int least) {
        block &= ADDRESS;
        random &= ADDRESS;
        for (int i = 0; i < count; i += LANES) {
            IntVector value = IntVector.fromMemorySegment(Lanes.INT, ALL, block + 4L * i, ORDER);
            Vector<Integer> bits = ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, random + 2L * i, ORDER)
                    .convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.AND, 0xffff)
                    .lanewise(VectorOperators.LSHR, shift);
            IntVector magnitude = value.and(MAGNITUDE);
            VectorMask<Integer> rounds =
                    magnitude.compare(VectorOperators.LT, INFINITY).and(magnitude.compare(VectorOperators.GE, least));
            value.blend(value.add(bits).and(~cut), rounds).intoMemorySegment(ALL, block + 4L * i, ORDER);
        }
    }

    /** The same of what is below the normal FP16 numbers: of units of the smallest. */
    private static void carrySubnormal(long block, long random, int count) {
        block &= ADDRESS;
        random &= ADDRESS;
        for (int i = 0; i < count; i += LANES) {
            FloatVector value = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, block + 4L * i, ORDER);
            FloatVector bits =
                    (FloatVector) ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, random + 2L * i, ORDER)
                            .convertShape(VectorOperators.S2I, Lanes.INT, 0)
                            .lanewise(VectorOperators.AND, 0xffff)
                            .convertShape(VectorOperators.I2F, Lanes.FLOAT, 0);
            FloatVector size = value.abs();
            VectorMask<Float> small = size.compare(VectorOperators.LT, 0x1p-14f);
            FloatVector units = size.mul(0x1p24f);
            FloatVector below = (FloatVector) units.convertShape(VectorOperators.F2I, Lanes.INT, 0)
                    .convertShape(VectorOperators.I2F, Lanes.FLOAT, 0);
            // 1 - bits 2^-16 is exact, and so is the fraction.
            VectorMask<Float> up = units.sub(below)
                    .compare(VectorOperators.GE, bits.mul(-0x1p-16f).add(1f));
            FloatVector rounded = below.blend(below.add(1f), up).mul(0x1p-24f);
            FloatVector signed = rounded.blend(rounded.neg(), value.compare(VectorOperators.LT, 0f));
            value.blend(signed, small).intoMemorySegment(ALL, block + 4L * i, ORDER);
        }
    }
}
