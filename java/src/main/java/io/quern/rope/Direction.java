package io.quern.rope;

/** Which way the pairs turn. */
public enum Direction {
    /** By the angle. */
    FORWARD(1),
    /**
     * By minus the angle: the transpose, which is the gradient. It is the inverse, too, but that an attention factor f other
     * than 1 multiplies in either direction: there and back is f^2.
     */
    INVERSE(-1);

    private final int sign;

    Direction(int sign) {
        this.sign = sign;
    }

    /** {@return 1 or -1, the factor of the angle and of its sine} */
    int sign() {
        return sign;
    }
}
