package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Conversions of blocks against those of single elements, bit by bit. */
class Fp32BlocksTest {
    private static final int PATTERNS = 1 << 16;

    /** Prime, and a little below 2^32 / 500,000: floats of every exponent, their low bits in no pattern. */
    private static final int STRIDE = 8_581;

    private final Fp32Blocks blocks = Fp32Blocks.ofThread();

    @ParameterizedTest
    @EnumSource(names = {"FP16", "BF16"})
    void everyPatternWidensToItsValue(DType dtype) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment halves = arena.allocate(2L * PATTERNS, HostMemory.ALIGNMENT);
            for (int i = 0; i < PATTERNS; i++) {
                halves.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
            }
            for (int begin = 0; begin < PATTERNS; begin += Fp32Blocks.LENGTH) {
                load(dtype, 1, halves, begin, Fp32Blocks.LENGTH);
                for (int i = 0; i < Fp32Blocks.LENGTH; i++) {
                    assertSame((float) dtype.get(halves, begin + i), block(1, i));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP16", "BF16"})
    void floatsOfEveryExponentRoundAsSingleElements(DType dtype) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment halves = arena.allocate(2L * Fp32Blocks.LENGTH, HostMemory.ALIGNMENT);
            for (long bits = 0; bits < 1L << 32; bits += (long) STRIDE * Fp32Blocks.LENGTH) {
                for (int i = 0; i < Fp32Blocks.LENGTH; i++) {
                    setBlock(0, i, Float.intBitsToFloat((int) (bits + (long) STRIDE * i)));
                }
                assertStoresAsElements(dtype, halves, Fp32Blocks.LENGTH);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP16", "BF16"})
    void tiesAndEdgesRoundAsSingleElements(DType dtype) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment halves = arena.allocate(2L * Fp32Blocks.LENGTH, HostMemory.ALIGNMENT);
            // Every 16-bit value, half its last place above it, and the floats on both sides of each.
            for (int pattern = 0; pattern < PATTERNS; pattern += Fp32Blocks.LENGTH / 8) {
                for (int i = 0; i < Fp32Blocks.LENGTH; i++) {
                    short value = (short) (pattern + i / 8);
                    float exact = dtype == DType.FP16 ? Float.float16ToFloat(value) : DType.bf16ToFloat(value);
                    int half = dtype == DType.FP16 ? 1 << 12 : 1 << 15;
                    int offset = new int[] {0, 1, -1, half, half + 1, half - 1, 2 * half - 1, -half}[i % 8];
                    setBlock(0, i, Float.intBitsToFloat(Float.floatToRawIntBits(exact) + offset));
                }
                assertStoresAsElements(dtype, halves, Fp32Blocks.LENGTH);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 17, 207, 1023})
    void whatIsBeyondTheCountStays(int count) {
        for (DType dtype : new DType[] {DType.FP16, DType.BF16}) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment halves = arena.allocate(2L * Fp32Blocks.LENGTH, HostMemory.ALIGNMENT);
                halves.fill((byte) 0x5a);
                for (int i = 0; i < Fp32Blocks.LENGTH; i++) {
                    setBlock(0, i, i);
                }
                assertStoresAsElements(dtype, halves, count);
                assertEquals((short) 0x5a5a, halves.getAtIndex(ValueLayout.JAVA_SHORT, count));
                load(dtype, 0, halves, 0, count);
                assertEquals(count, block(0, count));
            }
        }
    }

    private void assertStoresAsElements(DType dtype, MemorySegment halves, int count) {
        if (dtype == DType.FP16) {
            blocks.storeFp16(0, halves, 0, count);
        } else {
            blocks.storeBf16(0, halves, 0, count);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment element = arena.allocate(2);
            for (int i = 0; i < count; i++) {
                dtype.set(element, 0, block(0, i));
                assertSame((float) dtype.get(element, 0), (float) dtype.get(halves, i));
            }
        }
    }

    private void load(DType dtype, int block, MemorySegment halves, long first, int count) {
        if (dtype == DType.FP16) {
            blocks.loadFp16(block, halves, 2 * first, count);
        } else {
            blocks.loadBf16(block, halves, 2 * first, count);
        }
    }

    private float block(int block, int i) {
        return blocks.segment(block).getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }

    private void setBlock(int block, int i, float value) {
        blocks.segment(block).setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }

    /** Bit by bit, but one NaN is as good as another. */
    private static void assertSame(float expected, float actual) {
        assertTrue(
                Float.floatToIntBits(expected) == Float.floatToIntBits(actual),
                () -> "expected " + expected + ", is " + actual);
    }
}
