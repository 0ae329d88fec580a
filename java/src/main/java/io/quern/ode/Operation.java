package io.quern.ode;

/**
 * What an instruction of a {@link Program} does with its operands. The first group is what every device executes, each
 * operation rounded once to nearest even; the second is replaced by operations of the first ({@link Elementary}) before
 * anything is executed.
 */
enum Operation {
    /** A number that the caller gives. */
    INPUT(0),
    /** A number rounded to the working type. */
    CONSTANT(0),
    ADD(2),
    SUBTRACT(2),
    MULTIPLY(2),
    DIVIDE(2),
    /** a b + c, rounded once. */
    FMA(3),
    NEGATE(1),
    ABS(1),
    SQRT(1),
    /** c where a is less than b, else d: also where one of them is NaN. */
    SELECT_LESS(4),
    /** c where a is at most b, else d. */
    SELECT_AT_MOST(4),
    /** c where a equals b, else d. */
    SELECT_EQUAL(4),
    /** 2^n, where a is n + 1.5 2^52 (FP32: 2^23): n lies in its low bits. n from -1022 to 1023; -1023 gives 0. */
    POWER_OF_TWO(1),
    /** The number within 1..2 that has the significand of a, a positive normal number. */
    SIGNIFICAND(1),
    /** 2^52 + 1023 + the exponent of a, a positive normal number; FP32: 2^23 + 127. */
    EXPONENT(1),

    EXP(1),
    LOG(1),
    SIN(1),
    COS(1),
    /** a^b. */
    POW(2);

    private final int operands;

    Operation(int operands) {
        this.operands = operands;
    }

    int operands() {
        return operands;
    }

    /** {@return whether devices execute it} */
    boolean primitive() {
        return ordinal() < EXP.ordinal();
    }

    /** {@return whether it chooses one of its last two operands by its first two} */
    boolean selects() {
        return this == SELECT_LESS || this == SELECT_AT_MOST || this == SELECT_EQUAL;
    }

    /** {@return whether it takes a number's bits apart, or puts them together} */
    boolean takesApart() {
        return this == POWER_OF_TWO || this == SIGNIFICAND || this == EXPONENT;
    }

    /** {@return whether it gives the same bits with its first two operands exchanged, NaN payloads aside} */
    boolean commutes() {
        return this == ADD || this == MULTIPLY || this == FMA;
    }
}
