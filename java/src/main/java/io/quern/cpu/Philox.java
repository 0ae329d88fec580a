package io.quern.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four random words
 * as a function of a key of 64 bits and a counter of four words. There is no state: whoever knows the counter can draw again.
 */
public final class Philox {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final int ROUNDS = 10;
    private static final long MULTIPLIER_0 = 0xD2511F53L;
    private static final long MULTIPLIER_1 = 0xCD9E8D57L;
    private static final int WEYL_0 = 0x9E3779B9; // the golden ratio's fraction
    private static final int WEYL_1 = 0xBB67AE85; // that of the square root of 3

    private Philox() {}

    /**
     * {@return one of the four words of a counter}
     *
     * @param seed the key: low half, high half
     * @param word 0 to 3
     */
    public static int word(long seed, int c0, int c1, int c2, int c3, int word) {
        int k0 = (int) seed;
        int k1 = (int) (seed >>> 32);
        for (int round = 0; round < ROUNDS; round++) {
            long product0 = MULTIPLIER_0 * Integer.toUnsignedLong(c0);
            long product1 = MULTIPLIER_1 * Integer.toUnsignedLong(c2);
            c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
            c1 = (int) product1;
            c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
            c3 = (int) product0;
            k0 += WEYL_0;
            k1 += WEYL_1;
        }
        return switch (word) {
            case 0 -> c0;
            case 1 -> c1;
            case 2 -> c2;
            default -> c3;
        };
    }

    /**
     * Writes the four words of each of a run of counters.
     *
     * @param seed the key
     * @param first words 0 and 1 of the first counter, low half first; those of the next are one more
     * @param c2 word 2 of all of them
     * @param c3 word 3 of all of them
     * @param to four words for each; written
     */
    public static void fill(long seed, long first, int counters, int c2, int c3, MemorySegment to) {
        for (int i = 0; i < counters; i++) {
            int k0 = (int) seed;
            int k1 = (int) (seed >>> 32);
            int x0 = (int) (first + i);
            int x1 = (int) (first + i >>> 32);
            int x2 = c2;
            int x3 = c3;
            for (int round = 0; round < ROUNDS; round++) {
                long product0 = MULTIPLIER_0 * Integer.toUnsignedLong(x0);
                long product1 = MULTIPLIER_1 * Integer.toUnsignedLong(x2);
                x0 = (int) (product1 >>> 32) ^ x1 ^ k0;
                x1 = (int) product1;
                x2 = (int) (product0 >>> 32) ^ x3 ^ k1;
                x3 = (int) product0;
                k0 += WEYL_0;
                k1 += WEYL_1;
            }
            to.set(INT, 16L * i, x0);
            to.set(INT, 16L * i + 4, x1);
            to.set(INT, 16L * i + 8, x2);
            to.set(INT, 16L * i + 12, x3);
        }
    }

    /** {@return a word as a number in (0, 1): its upper 24 bits and a half, exact in FP64} */
    public static double uniform(long seed, int c0, int c1, int c2, int c3, int word) {
        return ((word(seed, c0, c1, c2, c3, word) >>> 8) + 0.5) * 0x1p-24;
    }

    /** {@return a standard normal by Box and Muller: words 0 and 1 give the first two, words 2 and 3 the others} */
    public static double normal(long seed, int c0, int c1, int c2, int c3, int word) {
        int pair = word & ~1;
        double radius = Math.sqrt(-2 * StrictMath.log(uniform(seed, c0, c1, c2, c3, pair)));
        double quarterTurns = 4 * uniform(seed, c0, c1, c2, c3, pair + 1);
        return radius * (word == pair ? Trig.cos(quarterTurns, 1, 0) : Trig.sin(quarterTurns, 1, 0));
    }
}
