package io.quern.rope;

import java.lang.foreign.MemorySegment;

/**
 * What the heads of every token have in common, for the loops that rotate them. Each is given besides where a token's first
 * head begins in x and out and where its turns begin, in bytes.
 *
 * @param x memory of the input
 * @param xStep from head to head, in bytes
 * @param out memory of the output, written
 * @param outStep from head to head, in bytes
 * @param heads how many
 * @param turns memory of cosines and sines, laid out by {@link TurnLayout}
 * @param pairing which channels turn together
 * @param pairs how many pairs
 */
record HeadRows(
        MemorySegment x,
        long xStep,
        MemorySegment out,
        long outStep,
        long heads,
        MemorySegment turns,
        Pairing pairing,
        int pairs) {
    /** From the first channel of a pair to that of the next. */
    int pairStep() {
        return pairing == Pairing.HALVES ? 1 : 2;
    }

    /** From the first channel of a pair to the second. */
    int partnerStep() {
        return pairing == Pairing.HALVES ? pairs : 1;
    }

    /** Where in a token's turns the cosine of a pair lies. */
    int cosineIndex(int pair) {
        return pair * pairStep();
    }

    /** Where in a token's turns the sine of a pair lies, the one that is not negated. */
    int sineIndex(int pair) {
        return pairing == Pairing.HALVES ? pairs + pair : 2 * pairs + 2 * pair + 1;
    }
}
