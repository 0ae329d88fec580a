package io.quern.ode;

/** How the solve of a trajectory ended. Statistics hold the ordinal. */
public enum OdeStatus {
    /** At its end time. */
    DONE,
    /** At an event that ends it. */
    EVENT,
    /** At the last of the steps that it may try; more of them, or looser tolerances, may help. */
    STEP_BUDGET,
    /** The error asks for a step shorter than the least, or than the time can be told apart: the field may be stiff. */
    STEP_TOO_SMALL,
    /** The state, or a derivative however short the step, is infinite or NaN. */
    NOT_FINITE
}
