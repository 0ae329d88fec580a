package io.quern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DTypeTest {
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"FP16", "BF16"})
    void everyPatternSurvivesARoundTrip(DType dtype) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment one = arena.allocate(8);
            for (int bits = 0; bits < 1 << 16; bits++) {
                double value = decode(dtype, (short) bits);
                dtype.set(one, 0, value);
                assertEquals(
                        Double.doubleToLongBits(value),
                        Double.doubleToLongBits(dtype.get(one, 0)),
                        () -> dtype + " value " + value);
            }
        }
    }

    /** Halfway points between neighbours, and the doubles next to them, decide whether rounding is to even and done once. */
    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"FP16", "BF16"})
    void roundsOnceToNearestEven(DType dtype) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment one = arena.allocate(8);
            int infinity = dtype == DType.FP16 ? 0x7c00 : 0x7f80;
            for (int bits = 0; bits + 1 < infinity; bits++) {
                double below = decode(dtype, (short) bits);
                double above = decode(dtype, (short) (bits + 1));
                double halfway = (below + above) / 2;
                assertRounds(dtype, one, halfway, (bits & 1) == 0 ? below : above);
                assertRounds(dtype, one, Math.nextDown(halfway), below);
                assertRounds(dtype, one, Math.nextUp(halfway), above);
                assertRounds(dtype, one, -Math.nextUp(halfway), -above);
            }
            double largest = decode(dtype, (short) (infinity - 1));
            double overflow = largest + (largest - decode(dtype, (short) (infinity - 2))) / 2;
            assertRounds(dtype, one, Math.nextDown(overflow), largest);
            assertRounds(dtype, one, overflow, Double.POSITIVE_INFINITY);
        }
    }

    @Test
    void bf16FromFloatIsTheNearerNeighbour() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 1_000_000; i++) {
            float value = Float.intBitsToFloat(random.nextInt());
            if (!Float.isFinite(value) || Math.abs(value) > 0x1.fep127) {
                continue;
            }
            float rounded = DType.bf16ToFloat(DType.floatToBf16(value));
            float down = Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xffff0000);
            float up = Float.intBitsToFloat((Float.floatToRawIntBits(value) & 0xffff0000) + 0x10000);
            BigDecimal toDown =
                    new BigDecimal(value).subtract(new BigDecimal(down)).abs();
            BigDecimal toUp = new BigDecimal(up).subtract(new BigDecimal(value)).abs();
            int nearer = toDown.compareTo(toUp);
            assertTrue(nearer < 0 ? rounded == down : nearer > 0 ? rounded == up : rounded == down || rounded == up);
        }
        assertTrue(Float.isNaN(DType.bf16ToFloat(DType.floatToBf16(Float.intBitsToFloat(0x7f800001)))));
    }

    @Test
    void onlyFloatingTypesAccumulate() {
        assertEquals(DType.FP64, DType.FP64.accumulator());
        assertEquals(DType.FP32, DType.BF16.accumulator());
        assertThrows(IllegalArgumentException.class, DType.INT32::accumulator);
    }

    private static void assertRounds(DType dtype, MemorySegment one, double value, double expected) {
        dtype.set(one, 0, value);
        assertEquals(expected, dtype.get(one, 0), () -> dtype + " of " + value);
    }

    private static double decode(DType dtype, short bits) {
        return dtype == DType.FP16 ? Float.float16ToFloat(bits) : DType.bf16ToFloat(bits);
    }
}
