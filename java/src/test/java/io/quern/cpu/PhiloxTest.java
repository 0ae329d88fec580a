package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** The known answers that the authors of Philox publish with their library, and moments. */
class PhiloxTest {
    @Test
    void knownAnswers() {
        assertWords(0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
        assertWords(-1, -1, -1, -1, -1, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
        assertWords(
                0x299f31d0a4093822L,
                0x243f6a88,
                0x85a308d3,
                0x13198a2e,
                0x03707344,
                0xd16cfe09,
                0x94fdcceb,
                0x5001e420,
                0x24126ea1);
    }

    private static void assertWords(long seed, int c0, int c1, int c2, int c3, int... expected) {
        for (int word = 0; word < 4; word++) {
            assertEquals(expected[word], Philox.word(seed, c0, c1, c2, c3, word));
        }
    }

    /** The lower word of the counter carries into the upper. */
    @Test
    void runsOfCounters() {
        long first = (3L << 32) - 2;
        MemorySegment words = Arena.ofAuto().allocate(5 * 16);
        Philox.fill(-42, first, 5, 7, -8, words);
        for (int i = 0; i < 5; i++) {
            for (int word = 0; word < 4; word++) {
                int expected = Philox.word(-42, (int) (first + i), (int) (first + i >>> 32), 7, -8, word);
                assertEquals(expected, words.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, 4 * i + word));
            }
        }
    }

    /** Of n draws the mean is off by 1 / sqrt(n), the variance by sqrt(2 / n), each times 5 at the most. */
    @Test
    void normalsAreStandard() {
        int n = 1 << 16;
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < n; i++) {
            double z = Philox.normal(42, i / 4, 7, 1, 1, i % 4);
            sum += z;
            squares += z * z;
        }
        assertEquals(0, sum / n, 5 / Math.sqrt(n));
        assertEquals(1, squares / n, 5 * Math.sqrt(2.0 / n));
    }
}
