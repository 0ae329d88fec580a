package io.quern.ode;

import io.quern.Check;
import io.quern.DType;
import java.util.Collections;
import java.util.Objects;

/**
 * Something that happens along a trajectory: g(t, y, p) passes zero. It is noticed, or ends the trajectory, or sets its state
 * anew.
 *
 * <pre>{@code
 * OdeEvent impact = OdeEvent.of(OdeCatalogue.BOUNCING_BALL, Crossing.FALLING, (t, y, p) -> y.at(0))
 *         .resetting((t, y, p) -> List.of(of(0), y.at(1).times(-0.9)));
 * }</pre>
 *
 * <p>After each step the sign of g at its end is compared with the one before it; where they differ, the time is found on the
 * dense output of the step, as the first time known to lie behind the crossing. So a g that passes zero and comes back within one step is not seen, nor
 * one that touches zero without reaching it (grazing): {@link AdaptiveSolve.Roles#maxStep} helps. A g that starts at zero has no
 * side yet: it takes the one to which it goes, without an event; so does an event's own g after a reset that leaves it no
 * farther from zero than it was found. Of several events of one step the earliest counts, of those at the same time the first of
 * the list; a reset that takes another event's g across zero is that event too, at the same time; at one time each happens once.
 */
public final class OdeEvent {
    /** The most events of one solve: what has happened is kept in the bits of a number. */
    public static final int MOST = 64;

    private final OdeField field;
    private final Crossing crossing;
    private final Program function;
    private final Program reset; // null: the state stays
    private final boolean terminal;
    private final String place;

    private OdeEvent(
            OdeField field, Crossing crossing, Program function, Program reset, boolean terminal, String place) {
        this.field = field;
        this.crossing = crossing;
        this.function = function;
        this.reset = reset;
        this.terminal = terminal;
        this.place = place;
    }

    /** An event's function. */
    @FunctionalInterface
    public interface Function {
        /**
         * Writes the formula down.
         *
         * @param t time
         * @param y the state
         * @param p the parameters
         * @return what passes zero
         */
        Expression of(Expression t, Variables y, Variables p);
    }

    /**
     * {@return an event that is noticed, and changes nothing}
     *
     * @param field along whose trajectories it happens
     */
    public static OdeEvent of(OdeField field, Crossing crossing, Function function) {
        Check.present("field", field);
        Check.present("crossing", crossing);
        Check.present("function", function);
        Program program = Formulae.write(
                field.dimension(),
                field.parameters(),
                (t, y, p) -> Collections.singletonList(function.of(t, y, p)),
                1,
                "an event has one function",
                _ -> "an event's function");
        return new OdeEvent(field, crossing, program, null, false, Place.ofUser());
    }

    /** {@return the event, at which a trajectory ends with {@link OdeStatus#EVENT}} */
    public OdeEvent terminating() {
        return new OdeEvent(field, crossing, function, null, true, place);
    }

    /**
     * {@return the event, at which the state is set anew; steps are then chosen as at the start}
     *
     * @param reset the new state, of time and state at the event
     */
    public OdeEvent resetting(OdeField.Definition reset) {
        Check.present("reset", reset);
        Program program = Formulae.write(
                field.dimension(),
                field.parameters(),
                reset,
                field.dimension(),
                "a reset of dimension " + field.dimension() + " must return as many components",
                i -> "the new y.at(" + i + ")");
        return new OdeEvent(field, crossing, function, program, false, place);
    }

    /** {@return along whose trajectories it happens} */
    OdeField field() {
        return field;
    }

    /** {@return in which direction} */
    Crossing crossing() {
        return crossing;
    }

    /** {@return t, y, p -> g, as it was written} */
    Program function() {
        return function;
    }

    /** {@return t, y, p -> the new state, as it was written; null where the state stays} */
    Program reset() {
        return reset;
    }

    /** {@return whether trajectories end there} */
    boolean terminal() {
        return terminal;
    }

    /** {@return whether another event is the same but for who wrote it} */
    boolean computesAs(OdeEvent other) {
        return function.equals(other.function)
                && Objects.equals(reset, other.reset)
                && crossing == other.crossing
                && terminal == other.terminal;
    }

    /** Checks that the constants have values in a working type. */
    void checkConstants(DType dtype) {
        Formulae.checkConstants(function, dtype, this);
        if (reset != null) {
            Formulae.checkConstants(reset, dtype, this);
        }
    }

    @Override
    public String toString() {
        return "event of dimension " + field.dimension() + " (" + place + ")";
    }
}
