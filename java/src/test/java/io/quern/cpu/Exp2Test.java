package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Exp2Test {
    /** What Exp2's description promises. */
    private static final double FLOAT_BOUND = 1.2e-7;

    private static final double DOUBLE_BOUND = 2.3e-16;

    /** Prime: floats of every exponent, their low bits in no pattern. */
    private static final int STRIDE = 911;

    @Test
    void floatsOfEveryExponentAreWithinTheBound() {
        double worst = 0;
        for (long bits = 0; bits < 1L << 32; bits += STRIDE) {
            float x = Float.intBitsToFloat((int) bits);
            if (x >= -126 && x <= 127) {
                double exact = Math.pow(2, x); // within an ulp of FP64, which is nothing here
                worst = Math.max(worst, Math.abs(Exp2.of(x) - exact) / exact);
            }
        }
        assertTrue(worst <= FLOAT_BOUND, "error " + worst + " of " + FLOAT_BOUND);
    }

    @Test
    void doublesAreWithinTheBound() {
        SplittableRandom random = new SplittableRandom(1);
        double worst = 0;
        for (int i = 0; i < 600; i++) {
            double x = i < 300 ? random.nextDouble(-1022, 1023) : random.nextDouble(-1, 1) * Math.scalb(1.0, -i % 60);
            BigDecimal exact = Exact.power(2, new BigDecimal(x));
            BigDecimal error = new BigDecimal(Exp2.of(x)).subtract(exact);
            worst = Math.max(
                    worst, error.divide(exact, MathContext.DECIMAL64).abs().doubleValue());
        }
        assertTrue(worst <= DOUBLE_BOUND, "error " + worst + " of " + DOUBLE_BOUND);
    }

    @Test
    void wholePowersAreExactDownToTheLeastNormalNumber() {
        for (int n = -126; n <= 127; n++) {
            assertEquals(Math.scalb(1f, n), Exp2.of((float) n));
        }
        for (int n = -1022; n <= 1023; n++) {
            assertEquals(Math.scalb(1.0, n), Exp2.of((double) n));
        }
    }

    @Test
    void belowItIsZeroAndNaNIsNaN() {
        for (float x : new float[] {-126.51f, -127, -127.5f, -150, -1e4f, -Float.MAX_VALUE, Float.NEGATIVE_INFINITY}) {
            assertEquals(0f, Exp2.of(x));
        }
        for (double x : new double[] {-1022.51, -1023, -1075, -1e6, -Double.MAX_VALUE, Double.NEGATIVE_INFINITY}) {
            assertEquals(0.0, Exp2.of(x));
        }
        assertTrue(Float.isNaN(Exp2.of(Float.NaN)));
        assertTrue(Float.isNaN(Exp2.of(Float.intBitsToFloat(0x7f800001))), "whatever its payload");
        assertTrue(Double.isNaN(Exp2.of(Double.NaN)));
    }
}
