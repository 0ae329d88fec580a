package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.quern.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

/** Every 16-bit pattern is widened, and many numbers are narrowed, as element by element. */
class FloatLanesTest {
    private static final int L = Lanes.FLOAT.length();
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT;

    @Test
    void everyPatternIsWidened() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment patterns = arena.allocate(1 << 17, 64);
            for (int i = 0; i < 1 << 16; i++) {
                patterns.setAtIndex(SHORT, i, (short) i);
            }
            for (int i = 0; i < 1 << 16; i += L) {
                FloatVector fp16 = FloatLanes.loadFp16(patterns, 2L * i);
                FloatVector bf16 = FloatLanes.loadBf16(patterns, 2L * i);
                for (int lane = 0; lane < L; lane++) {
                    assertEquals(Float.float16ToFloat((short) (i + lane)), fp16.lane(lane));
                    assertEquals(DType.bf16ToFloat((short) (i + lane)), bf16.lane(lane));
                }
            }
        }
    }

    @Test
    void numbersAreNarrowed() {
        SplittableRandom random = new SplittableRandom(3);
        float[] values = new float[1 << 16];
        for (int i = 0; i < values.length; i++) {
            // Bits at random, and, every other one, ties and their neighbours at the exponents of FP16.
            int tie = Float.floatToRawIntBits(Float.float16ToFloat((short) i)) + (0x1000 + random.nextInt(-1, 2));
            values[i] = Float.intBitsToFloat(i % 2 == 0 ? random.nextInt() : tie);
        }
        System.arraycopy(
                new float[] {
                    0f,
                    -0f,
                    65_504f,
                    65_519.996f,
                    65_520f,
                    -65_536f,
                    0x1p-24f,
                    0x1p-25f,
                    0x1.8p-24f,
                    Float.POSITIVE_INFINITY,
                    Float.NEGATIVE_INFINITY,
                    Float.NaN,
                    Float.MIN_VALUE,
                    Float.MAX_VALUE,
                    0x1p-14f,
                    0x1.ffcp-15f
                },
                0,
                values,
                0,
                16);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment narrowed = arena.allocate(2L * L, 64);
            for (int i = 0; i < values.length; i += L) {
                FloatVector vector = FloatVector.fromArray(Lanes.FLOAT, values, i);
                FloatLanes.storeFp16(vector, narrowed, 0);
                for (int lane = 0; lane < L; lane++) {
                    assertEquals(
                            Float.float16ToFloat(Float.floatToFloat16(values[i + lane])),
                            Float.float16ToFloat(narrowed.getAtIndex(SHORT, lane)),
                            "FP16 of " + values[i + lane]);
                }
                FloatLanes.storeBf16(vector, narrowed, 0);
                for (int lane = 0; lane < L; lane++) {
                    assertEquals(
                            DType.bf16ToFloat(DType.floatToBf16(values[i + lane])),
                            DType.bf16ToFloat(narrowed.getAtIndex(SHORT, lane)),
                            "BF16 of " + values[i + lane]);
                }
            }
        }
    }
}
