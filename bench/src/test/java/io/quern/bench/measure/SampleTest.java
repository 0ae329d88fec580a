package io.quern.bench.measure;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SampleTest {
    @Test
    void medianAndBest() {
        assertEquals(new Sample(2, 1, 1, 3), Sample.of(3, 1, 2));
        assertEquals(2.5, Sample.of(4, 1, 2, 3).median());
        assertThrows(IllegalArgumentException.class, Sample::of);
    }

    /** For ten timings the tables of order statistics give the second and the ninth. */
    @Test
    void intervalOfTen() {
        Sample sample =
                Sample.of(IntStream.rangeClosed(1, 10).mapToDouble(i -> i).toArray());
        assertEquals(2, sample.low());
        assertEquals(9, sample.high());
    }

    @Test
    void theIntervalHoldsTheMedianInNineteenOfTwenty() {
        Random random = new Random(5);
        int held = 0;
        int trials = 4000;
        for (int trial = 0; trial < trials; trial++) {
            double[] skewed = random.doubles(31).map(u -> -Math.log(u)).toArray();
            Sample sample = Sample.of(skewed);
            held += sample.low() <= Math.log(2) && Math.log(2) <= sample.high() ? 1 : 0;
        }
        assertTrue(held >= 0.94 * trials, held + " of " + trials);
    }
}
