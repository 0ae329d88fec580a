package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TrigTest {
    private static final BigDecimal HALF_PI =
            new BigDecimal("1.5707963267948966192313216916397514420985846996875529104874722961539082");

    /** What Trig's description promises for |x high| below 2^45. */
    private static final double BOUND = 4e-16;

    @Test
    void pi() {
        assertEquals(-1, Exact.cos(HALF_PI.multiply(BigDecimal.TWO)));
        assertEquals(1, Exact.sin(HALF_PI));
        assertEquals(Math.E, Exact.power(Math.E, BigDecimal.ONE).doubleValue());
        assertEquals(1e-2, Exact.power(1e4, new BigDecimal("-0.5")).doubleValue());
    }

    @Test
    void withinTheBoundUpToLargePositions() {
        SplittableRandom random = new SplittableRandom(1);
        double worst = 0;
        for (int i = 0; i < 4000; i++) {
            double x = Math.rint(random.nextDouble(-1, 1) * Math.scalb(1.0, i % 44));
            double high = random.nextDouble();
            double low = high * 0x1p-54 * random.nextDouble(-1, 1);
            BigDecimal angle = new BigDecimal(x)
                    .multiply(new BigDecimal(high).add(new BigDecimal(low)))
                    .multiply(HALF_PI);
            worst = Math.max(worst, Math.abs(Trig.sin(x, high, low) - Exact.sin(angle)));
            worst = Math.max(worst, Math.abs(Trig.cos(x, high, low) - Exact.cos(angle)));
        }
        assertTrue(worst <= BOUND, "error " + worst + " of " + BOUND);
    }

    @Test
    void wholeQuarterTurnsAreExact() {
        for (int n = -9; n <= 9; n++) {
            double[] sines = {0, 1, 0, -1};
            assertEquals(sines[Math.floorMod(n, 4)], Trig.sin(n, 1, 0), 0);
            assertEquals(sines[Math.floorMod(n + 1, 4)], Trig.cos(n, 1, 0), 0);
        }
    }

    @Test
    void tooLargeIsNotANumber() {
        double least = 0x1p45;
        assertTrue(Double.isFinite(Trig.sin(Math.nextDown(least), 1, 0)));
        for (double x : new double[] {least, -least, Double.MAX_VALUE, Double.NEGATIVE_INFINITY, Double.NaN}) {
            assertTrue(Double.isNaN(Trig.sin(x, 1, 0)), "sin " + x);
            assertTrue(Double.isNaN(Trig.cos(x, 1, 0)), "cos " + x);
        }
    }

    @Test
    void lanesGiveTheBitsOfScalars() {
        SplittableRandom random = new SplittableRandom(2);
        try (Arena arena = Arena.ofConfined()) {
            for (int count : new int[] {1, 7, 8, 9, 40, 64}) {
                MemorySegment factors = arena.allocate(16L * count, 64);
                MemorySegment numbers = arena.allocate(24L * count, 64);
                double[] x = new double[count];
                for (int i = 0; i < count; i++) {
                    double high = random.nextDouble(-1, 1);
                    x[i] = i % 13 == 5 ? 0x1p60 : Math.rint(random.nextDouble(-1, 1) * Math.scalb(1.0, i % 44));
                    factors.setAtIndex(ValueLayout.JAVA_DOUBLE, i, high);
                    factors.setAtIndex(ValueLayout.JAVA_DOUBLE, count + i, high * 0x1p-55);
                    numbers.setAtIndex(ValueLayout.JAVA_DOUBLE, i, x[i]);
                }
                Trig.cosSin(factors, 0, numbers, 0, count);
                for (int i = 0; i < count; i++) {
                    double high = factors.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
                    double low = factors.getAtIndex(ValueLayout.JAVA_DOUBLE, count + i);
                    assertEquals(Trig.cos(x[i], high, low), numbers.getAtIndex(ValueLayout.JAVA_DOUBLE, i));
                    assertEquals(Trig.sin(x[i], high, low), numbers.getAtIndex(ValueLayout.JAVA_DOUBLE, count + i));
                }
            }
        }
    }
}
