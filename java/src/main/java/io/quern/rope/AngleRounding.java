package io.quern.rope;

/** What is rounded on the way from a position to an angle. */
public enum AngleRounding {
    /**
     * Nothing: the frequency is kept to some 100 bits, the product is reduced without error. Cosine and sine are those of
     * the true angle within 4e-16 before they are rounded to the table's type, up to |position * frequency| = 2^45.
     */
    EXACT,
    /**
     * As in models trained with angles in FP32: the frequency is rounded to FP32, the position is rounded to FP32, their
     * product is rounded to FP32. Cosine and sine are those of that angle, as accurate as with {@link #EXACT}. Against the
     * true angle they are off by some 1e-3 at position 32,768 and by 0.2 at 10,000,000.
     */
    FP32
}
