package io.quern.cpu;

import static io.quern.cpu.AddressSpace.ADDRESS;

import io.quern.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Blocks of FP32 of the calling thread's own, filled from FP16 or BF16 and emptied into them: a kernel for 16-bit storage is
 * its FP32 kernel between a load and a store. Loads are exact; stores round once to nearest even, subnormals and infinities
 * included. A NaN stays a NaN, its payload aside.
 *
 * <p>A block stays in the first-level cache, so the detour costs less than memory does. A kernel with the conversions in it
 * leaves memory no pause, but has to be written out over addresses ({@code lion.LionBf16}): over segments it outgrows what C2
 * inlines into one method, and its vectors are boxed.
 *
 * <p>Each type is converted by what C2 makes fast. FP16: a plain loop over an array, which becomes the processor's own
 * instructions. BF16: integer vectors at addresses; loads from segments were three times as slow once a vector had been
 * reinterpreted (CONTRIBUTING.md).
 */
public final class Fp32Blocks {
    /** Elements of a block. */
    public static final int LENGTH = 1024;

    /** Blocks of a thread. */
    public static final int COUNT = 3;

    private static final ThreadLocal<Fp32Blocks> OF_THREAD = ThreadLocal.withInitial(Fp32Blocks::new);

    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final int LANES = Lanes.INT.length();

    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final int INFINITY = 0x7f80_0000;
    private static final int QUIET = 0x0040_0000;

    private final MemorySegment[] blocks = new MemorySegment[COUNT];

    /** C2 does not vectorise a loop between two segments, which might overlap; a segment and an array cannot. */
    private final float[] staging = new float[LENGTH];

    private Fp32Blocks() {
        for (int i = 0; i < COUNT; i++) {
            blocks[i] = Arena.ofAuto().allocate(LENGTH * (long) Float.BYTES, HostMemory.ALIGNMENT);
        }
    }

    /** {@return the blocks of the calling thread; their content means nothing between uses} */
    public static Fp32Blocks ofThread() {
        return OF_THREAD.get();
    }

    /** {@return a block's memory} */
    public MemorySegment segment(int block) {
        return blocks[block];
    }

    /** {@return where a block lies} */
    public long address(int block) {
        return blocks[block].address();
    }

    /** {@return a block's memory, its head filled with FP16, BF16 or FP32; parameters as those of {@link #loadFp16}} */
    public MemorySegment load(int block, DType dtype, MemorySegment from, long fromByte, int count) {
        switch (dtype) {
            case FP16 -> loadFp16(block, from, fromByte, count);
            case BF16 -> loadBf16(block, from, fromByte, count);
            default -> MemorySegment.copy(from, fromByte, blocks[block], 0, count * (long) Float.BYTES);
        }
        return blocks[block];
    }

    /** Rounds the head of a block to FP16, BF16 or FP32; parameters as those of {@link #storeFp16}. */
    public void store(int block, DType dtype, MemorySegment to, long toByte, int count) {
        switch (dtype) {
            case FP16 -> storeFp16(block, to, toByte, count);
            case BF16 -> storeBf16(block, to, toByte, count);
            default -> MemorySegment.copy(blocks[block], 0, to, toByte, count * (long) Float.BYTES);
        }
    }

    /**
     * Fills the head of a block.
     *
     * @param block from 0 to {@link #COUNT}, exclusive; written
     * @param from FP16 elements
     * @param fromByte where the first of them lies
     * @param count how many, at most {@link #LENGTH}
     */
    public void loadFp16(int block, MemorySegment from, long fromByte, int count) {
        widenFp16(from, fromByte, staging, count);
        MemorySegment.copy(staging, 0, blocks[block], FLOAT, 0, count);
    }

    /**
     * Rounds the head of a block.
     *
     * @param block from 0 to {@link #COUNT}, exclusive
     * @param to FP16 elements; written
     * @param toByte where the first of them lies
     * @param count how many, at most {@link #LENGTH}
     */
    public void storeFp16(int block, MemorySegment to, long toByte, int count) {
        MemorySegment.copy(blocks[block], FLOAT, 0, staging, 0, count);
        narrowToFp16(staging, to, toByte, count);
    }

    /** Fills the head of a block with BF16; parameters as those of {@link #loadFp16}. */
    public void loadBf16(int block, MemorySegment from, long fromByte, int count) {
        widenBf16(from.address() + fromByte, address(block), count);
    }

    /** Rounds the head of a block to BF16; parameters as those of {@link #storeFp16}. */
    public void storeBf16(int block, MemorySegment to, long toByte, int count) {
        int vectorised = count - count % LANES;
        narrowToBf16(address(block), to.address() + toByte, vectorised);
        for (int i = vectorised; i < count; i++) {
            int bits = blocks[block].get(INT, 4L * i);
            boolean nan = (bits & MAGNITUDE) > INFINITY;
            int rounded = nan ? bits | QUIET : bits + 0x7fff + (bits >>> 16 & 1);
            to.set(HALF, toByte + 2L * i, (short) (rounded >>> 16));
        }
    }

    /** Writes FP16 or BF16 as FP32, any number of them, elsewhere in memory. */
    public static void widen(DType dtype, long from, int count, long to) {
        if (dtype == DType.BF16) {
            widenBf16(from, to, count);
            return;
        }
        float[] staging = ofThread().staging;
        for (int i = 0; i < count; i += LENGTH) {
            int some = Math.min(LENGTH, count - i);
            widenFp16(ALL, from + 2L * i, staging, some);
            MemorySegment.copy(staging, 0, ALL, FLOAT, to + 4L * i, some);
        }
    }

    private static void widenFp16(MemorySegment from, long fromByte, float[] to, int count) {
        for (int i = 0; i < count; i++) {
            to[i] = Float.float16ToFloat(from.get(HALF, fromByte + 2L * i));
        }
    }

    private static void narrowToFp16(float[] from, MemorySegment to, long toByte, int count) {
        for (int i = 0; i < count; i++) {
            to.set(HALF, toByte + 2L * i, Float.floatToFloat16(from[i]));
        }
    }

    private static void widenBf16(long from, long to, int count) {
        from &= ADDRESS;
        to &= ADDRESS;
        int vectorised = count - count % LANES;
        for (int i = 0; i < vectorised; i += LANES) {
            ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, from + 2L * i, ORDER)
                    .convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(ALL, to + 4L * i, ORDER);
        }
        for (int i = vectorised; i < count; i++) {
            ALL.set(INT, to + 4L * i, ALL.get(HALF, from + 2L * i) << 16);
        }
    }

    private static void narrowToBf16(long from, long to, int count) {
        from &= ADDRESS;
        to &= ADDRESS;
        for (int i = 0; i < count; i += LANES) {
            IntVector bits = IntVector.fromMemorySegment(Lanes.INT, ALL, from + 4L * i, ORDER);
            // Half a unit of the last place, less one bit where the place is even: ties go to even.
            IntVector even = bits.lanewise(VectorOperators.LSHR, 16).and(1);
            IntVector rounded = bits.add(even).add(0x7fff);
            // Rounding could carry a NaN to infinity or to zero; setting the quiet bit keeps it one.
            VectorMask<Integer> nan = bits.and(MAGNITUDE).compare(VectorOperators.GT, INFINITY);
            rounded.blend(bits.or(QUIET), nan)
                    .lanewise(VectorOperators.LSHR, 16)
                    .convertShape(VectorOperators.I2S, Lanes.HALF_SHORT, 0)
                    .intoMemorySegment(ALL, to + 2L * i, ORDER);
        }
    }
}
