package io.quern.ode;

/** In which direction an event's function passes zero, as the solve goes. */
public enum Crossing {
    /** From below zero to zero or above. */
    RISING,
    /** From above zero to zero or below. */
    FALLING,
    /** Either way. */
    BOTH;

    /** {@return whether it is an event that a function which was on one side has this value} */
    boolean happens(double side, double value) {
        return side < 0 && value >= 0 && this != FALLING || side > 0 && value <= 0 && this != RISING;
    }
}
