package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class StepCompilerTest {
    private static final double MOST_MILLISECONDS = 50;
    private static final int WARM_UPS =
            3; // the classes that write bytecode are loaded, as in any second field of a JVM
    private static final int FIELDS = 11;

    /**
     * From the formulae to kernels that can be called, for Dormand and Prince's method: what begins trajectories and what tries
     * steps. Each field is another one; the median is not moved by the collector or by somebody else's turn on the core.
     */
    @Test
    void aFieldIsCompiledInFiftyMilliseconds() {
        double[] milliseconds = new double[FIELDS];
        for (int i = -WARM_UPS; i < FIELDS; i++) {
            double factor = 1 + i * 0x1p-10;
            long start = System.nanoTime();
            OdeField field = OdeField.of(
                    3,
                    3,
                    (t, y, p) -> List.of(
                            p.at(0).times(y.at(1).minus(y.at(0))).times(factor),
                            y.at(0).times(p.at(1).minus(y.at(2))).minus(y.at(1)),
                            p.at(2).negate().fma(y.at(2), y.at(0).times(y.at(1)))));
            Ode ode = Ode.of(field, Method.DORMAND_PRINCE_5_4);
            assertNotNull(field.kernels().start(ode, DType.FP64, false, new BitSet()));
            assertNotNull(field.kernels().attempt(ode, DType.FP64, new BitSet()));
            if (i >= 0) {
                milliseconds[i] = (System.nanoTime() - start) * 1e-6;
            }
        }
        Arrays.sort(milliseconds);
        double median = milliseconds[FIELDS / 2];
        System.out.printf(
                "a field is compiled in %.1f ms, %.1f to %.1f%n", median, milliseconds[0], milliseconds[FIELDS - 1]);
        assertTrue(median <= MOST_MILLISECONDS, () -> "median of " + Arrays.toString(milliseconds) + " ms");
    }
}
