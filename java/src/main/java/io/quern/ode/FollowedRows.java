package io.quern.ode;

/**
 * The rows that a step has more where what lies within it is looked at ({@link Follower}). They are carried, behind the others
 * that are; all that comes behind them lies {@link #count} rows further on, and the very last row is the time of the next save
 * point. What they say of the step holds where it was accepted.
 *
 * @param base the first
 * @param dimension of the field
 * @param quartic whether the interpolant has a part of its own
 * @param events how many there are
 */
record FollowedRows(int base, int dimension, boolean quartic, int events) {
    /** {@return those of an adaptive solve} */
    static FollowedRows adaptive(Ode ode, int events) {
        return new FollowedRows(
                StepProgram.end(ode.field()),
                ode.field().dimension(),
                ode.method().quartic(),
                events);
    }

    /** {@return those of a fixed solve} */
    static FollowedRows fixed(Ode ode) {
        int base = StepProgram.FIXED_Y + 2 * ode.field().dimension();
        return new FollowedRows(base, ode.field().dimension(), ode.method().quartic(), 0);
    }

    /** {@return 1 where the trajectory must be looked at before its next step, else 0} */
    int pause() {
        return base;
    }

    /** {@return the time at which the step began} */
    int from() {
        return base + 1;
    }

    /** {@return y at the beginning of the step} */
    int state() {
        return base + 2;
    }

    /** {@return f at the beginning of the step} */
    int slope() {
        return state() + dimension;
    }

    /** {@return the sum over stages that makes a quartic of the cubic, if there is one} */
    int sum() {
        return slope() + dimension;
    }

    /** {@return on which side of zero each event's function is} */
    int side() {
        return quartic ? sum() + dimension : sum();
    }

    /** {@return behind the last of the carried rows} */
    int carried() {
        return side() + events;
    }

    /** {@return how many there are} */
    int count() {
        return carried() - base;
    }
}
