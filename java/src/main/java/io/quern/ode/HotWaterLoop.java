package io.quern.ode;

import static io.quern.ode.Expression.of;

import io.quern.Check;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The hot water of a house over a day: a heater, a supply pipe to the tap, a return pipe with a pump, and people who draw
 * water (kexue.fm 9405). Times are seconds, temperatures degrees Celsius.
 *
 * <pre>
 *   dT_i/dt = a (T_(i-1) - T_i) - k (T_i - ambient)      supply, i below cells; T_(-1) is what the heater gives
 *   dR_i/dt = b (R_(i-1) - R_i) - k (R_i - ambient)      return; R_(-1) = T_last
 * </pre>
 *
 * a is the front's speed over a cell's length: of the tap's flow while water is drawn, of the pump's while that runs alone; b
 * of the pump's. The heater takes mains water or what returns, ignites some time after the flow began, and then heats up to
 * its setpoint as far as its power allows. Heat is counted in cells times kelvins: what one cell of pipe with its water stores.
 *
 * <p>Whether the pump runs, water is drawn and so on are components of the state that only events change.
 *
 * @param cells of the supply pipe, and as many of the return pipe, 1 to 20
 * @param draws how many times water is drawn a day, 1 to 20
 */
public record HotWaterLoop(int cells, int draws) {
    /** What lies beyond every day. */
    public static final double NEVER = 1e9;

    /** How the pump is run: parameter {@link #STRATEGY} is the ordinal. */
    public enum Strategy {
        /** Not at all. */
        NO_PUMP,
        /** Whenever the water at the tap is colder than {@link #ON}. */
        THERMOSTAT,
        /** As the thermostat, from 6 to 9 and from 17 to 23 o'clock. */
        TIMER,
        /** At a button, pressed {@link #LEAD} before water is drawn. */
        BUTTON
    }

    // Parameters.

    /** The front's speed over a cell's length, of the tap's flow. */
    public static final int TAP_RATE = 0;

    /** The front's speed over a cell's length, of the pump's flow. */
    public static final int PUMP_RATE = 1;

    /** The inverse of the time in which a resting pipe cools by a factor e. */
    public static final int COOLING = 2;

    /** Temperature around the pipes. */
    public static final int AMBIENT = 3;

    /** Temperature of the mains. */
    public static final int COLD = 4;

    /** What the heater aims at. */
    public static final int SETPOINT = 5;

    /** By how much the heater's power can warm the tap's flow. */
    public static final int TAP_LIFT = 6;

    /** By how much the heater's power can warm the pump's flow. */
    public static final int PUMP_LIFT = 7;

    /** How long after the flow began the heater ignites. */
    public static final int IGNITION = 8;

    /** From which temperature on people use the water. */
    public static final int USE = 9;

    /** The thermostat starts the pump below this temperature at the tap. */
    public static final int ON = 10;

    /** The pump stops at this temperature at the tap. */
    public static final int OFF = 11;

    /** Ordinal of the {@link Strategy}. */
    public static final int STRATEGY = 12;

    /** How long before a draw the button is pressed. */
    public static final int LEAD = 13;

    /** How long water is used in a draw. */
    public static final int DURATION = 14;

    /** The first of the times at which water is drawn; they ascend. */
    public static final int DRAWS = 15;

    // Components behind the temperatures, from 2 cells on.
    private static final int HEAT = 0;
    private static final int LOSS = 1;
    private static final int DRAWN = 2;
    private static final int WAITED = 3;
    private static final int FLOWED = 4;
    private static final int PUMPED = 5;
    private static final int PUMP = 6;
    private static final int DRAW = 7;
    private static final int WAITING = 8;
    private static final int IGNITED = 9;
    private static final int IGNITES = 10;
    private static final int NEXT_DRAW = 11;
    private static final int DRAW_END = 12;
    private static final int INDEX = 13;
    private static final int ALLOWED = 14;
    private static final int NEXT_SWITCH = 15;
    private static final int OTHERS = 16;

    private static final double HOUR = 3600;

    /** Checks the sizes. */
    public HotWaterLoop {
        Check.range("cells", cells, 1, 20);
        Check.range("draws", draws, 1, 20);
    }

    /** {@return the component that is the temperature at the tap} */
    public int tap() {
        return cells - 1;
    }

    /** {@return the component that counts the heat given by the heater} */
    public int heat() {
        return 2 * cells + HEAT;
    }

    /** {@return the component that counts the heat lost from the pipes} */
    public int loss() {
        return 2 * cells + LOSS;
    }

    /** {@return the component that counts the heat drawn at the tap, above that of the mains} */
    public int drawn() {
        return 2 * cells + DRAWN;
    }

    /** {@return the component that counts the seconds for which cold water ran away} */
    public int waited() {
        return 2 * cells + WAITED;
    }

    /** {@return the component that counts the seconds for which water was drawn} */
    public int flowed() {
        return 2 * cells + FLOWED;
    }

    /** {@return the component that counts the seconds for which the pump ran} */
    public int pumped() {
        return 2 * cells + PUMPED;
    }

    /** {@return the component that counts the draws that have ended} */
    public int ended() {
        return 2 * cells + INDEX;
    }

    /** {@return components of the state} */
    public int dimension() {
        return 2 * cells + OTHERS;
    }

    /** {@return parameters of a house} */
    public int parameters() {
        return DRAWS + draws;
    }

    /**
     * {@return a house at midnight, its pipes as warm as what is around them}
     *
     * @param parameters of the house
     */
    public double[] midnight(double[] parameters) {
        double[] state = new double[dimension()];
        Arrays.fill(state, 0, 2 * cells, parameters[AMBIENT]);
        int strategy = (int) parameters[STRATEGY];
        double never = NEVER;
        state[2 * cells + IGNITES] = never;
        state[2 * cells + DRAW_END] = never;
        state[2 * cells + NEXT_DRAW] = parameters[DRAWS];
        state[2 * cells + NEXT_SWITCH] =
                strategy == Strategy.THERMOSTAT.ordinal() ? 1 : strategy == Strategy.TIMER.ordinal() ? 6 * HOUR : never;
        return state;
    }

    /** {@return the field} */
    public OdeField field() {
        return OdeField.of(dimension(), parameters(), parameters() - IGNITION, (t, y, p) -> {
            Expression drawing = y.at(2 * cells + DRAW);
            Expression pumping = y.at(2 * cells + PUMP).times(of(1).minus(drawing));
            Expression supply = drawing.fma(p.at(TAP_RATE), pumping.times(p.at(PUMP_RATE)));
            Expression back = pumping.times(p.at(PUMP_RATE));
            Expression inlet = drawing.equalTo(1).select(p.at(COLD), y.at(2 * cells - 1));
            Expression lift = drawing.equalTo(1).select(p.at(TAP_LIFT), p.at(PUMP_LIFT));
            Expression heating = y.at(2 * cells + IGNITED)
                    .times(p.at(SETPOINT).minus(inlet).min(lift).max(0));
            List<Expression> rates = new ArrayList<>();
            Expression lost = of(0);
            for (int i = 0; i < 2 * cells; i++) {
                Expression flow = i < cells ? supply : back;
                Expression before = i == 0 ? inlet.plus(heating) : y.at(i - 1);
                Expression cooling = p.at(COOLING).times(y.at(i).minus(p.at(AMBIENT)));
                lost = lost.plus(cooling);
                rates.add(flow.times(before.minus(y.at(i))).minus(cooling));
            }
            rates.add(supply.times(heating));
            rates.add(lost);
            rates.add(drawing.times(p.at(TAP_RATE)).times(y.at(tap()).minus(p.at(COLD))));
            rates.add(y.at(2 * cells + WAITING));
            rates.add(drawing);
            rates.add(pumping);
            while (rates.size() < dimension()) {
                rates.add(of(0));
            }
            return rates;
        });
    }

    /**
     * {@return what happens in a day: people draw water, find it warm, and end; the heater ignites; the pump starts and stops}
     *
     * @param field {@link #field}, one for all
     */
    public OdeEvent[] events(OdeField field) {
        return new OdeEvent[] {
            event(field, (t, y, p) -> t.minus(at(y, NEXT_DRAW))).resetting(this::drawBegins),
            event(field, (t, y, p) -> is(y, WAITING).select(y.at(tap()).minus(p.at(USE)), of(-1)))
                    .resetting(this::warm),
            event(field, (t, y, p) -> t.minus(at(y, DRAW_END))).resetting(this::drawEnds),
            event(field, (t, y, p) -> t.minus(at(y, IGNITES)))
                    .resetting((t, y, p) -> with(y, IGNITED, of(1), IGNITES, of(NEVER))),
            event(field, this::cold).resetting(this::pumpStarts),
            event(field, (t, y, p) -> is(y, PUMP).select(y.at(tap()).minus(p.at(OFF)), of(-1)))
                    .resetting((t, y, p) -> with(y, PUMP, of(0), IGNITED, of(0), IGNITES, of(NEVER))),
            event(field, (t, y, p) -> t.minus(at(y, NEXT_SWITCH))).resetting(this::pumpIsAllowed),
            event(
                            field,
                            (t, y, p) -> p.at(STRATEGY)
                                    .equalTo(Strategy.BUTTON.ordinal())
                                    .select(t.plus(p.at(LEAD)).minus(at(y, NEXT_DRAW)), of(-1)))
                    .resetting(this::buttonIsPressed),
        };
    }

    private static OdeEvent event(OdeField field, OdeEvent.Function function) {
        return OdeEvent.of(field, Crossing.RISING, function);
    }

    private Expression at(Variables y, int other) {
        return y.at(2 * cells + other);
    }

    private Expression.Condition is(Variables y, int other) {
        return at(y, other).equalTo(1);
    }

    /** {@return the state with some of its other components changed: which, and what it becomes, in turn} */
    private List<Expression> with(Variables y, Object... changes) {
        List<Expression> state = new ArrayList<>();
        for (int i = 0; i < y.size(); i++) {
            state.add(y.at(i));
        }
        for (int i = 0; i < changes.length; i += 2) {
            state.set(2 * cells + (int) changes[i], (Expression) changes[i + 1]);
        }
        return state;
    }

    /** {@return the water is warm enough where people want it, 1 or 0} */
    private Expression.Condition isWarm(Variables y, Variables p) {
        return p.at(USE).atMost(y.at(tap()));
    }

    /** A flow that the pump has begun goes on; else the heater ignites later. */
    private List<Expression> drawBegins(Expression t, Variables y, Variables p) {
        Expression later = is(y, PUMP).select(at(y, IGNITES), t.plus(p.at(IGNITION)));
        return with(
                y,
                DRAW,
                of(1),
                PUMP,
                of(0),
                WAITING,
                isWarm(y, p).select(0, 1),
                DRAW_END,
                isWarm(y, p).select(t.plus(p.at(DURATION)), of(NEVER)),
                NEXT_DRAW,
                of(NEVER),
                IGNITES,
                is(y, IGNITED).select(of(NEVER), later));
    }

    private List<Expression> warm(Expression t, Variables y, Variables p) {
        return with(y, WAITING, of(0), DRAW_END, t.plus(p.at(DURATION)));
    }

    /** The next draw begins a second later at the soonest. */
    private List<Expression> drawEnds(Expression t, Variables y, Variables p) {
        Expression index = at(y, INDEX).plus(1);
        Expression next = of(NEVER);
        for (int i = 1; i < draws; i++) {
            next = index.equalTo(i).select(p.at(DRAWS + i).max(t.plus(1)), next);
        }
        return with(
                y, DRAW, of(0), INDEX, index, NEXT_DRAW, next, DRAW_END, of(NEVER), IGNITED, of(0), IGNITES, of(NEVER));
    }

    /** Above zero where the thermostat calls for the pump. */
    private Expression cold(Expression t, Variables y, Variables p) {
        Expression resting = at(y, ALLOWED).times(of(1).minus(at(y, DRAW))).times(of(1).minus(at(y, PUMP)));
        return resting.equalTo(1).select(p.at(ON).minus(y.at(tap())), of(-1));
    }

    private List<Expression> pumpStarts(Expression t, Variables y, Variables p) {
        return with(y, PUMP, of(1), IGNITES, t.plus(p.at(IGNITION)));
    }

    private List<Expression> pumpIsAllowed(Expression t, Variables y, Variables p) {
        Expression next = t.lessThan(17 * HOUR).select(of(17 * HOUR), of(23 * HOUR));
        next = t.lessThan(9 * HOUR).select(of(9 * HOUR), next);
        next = t.lessThan(23 * HOUR).select(next, of(NEVER));
        next = p.at(STRATEGY).equalTo(Strategy.TIMER.ordinal()).select(next, of(NEVER));
        return with(y, ALLOWED, of(1).minus(at(y, ALLOWED)), NEXT_SWITCH, next);
    }

    /** Nobody presses it where the water is warm. */
    private List<Expression> buttonIsPressed(Expression t, Variables y, Variables p) {
        Expression running = at(y, PUMP);
        Expression ignites = at(y, IGNITES);
        return with(
                y,
                PUMP,
                isWarm(y, p).select(running, of(1)),
                IGNITES,
                isWarm(y, p).select(ignites, t.plus(p.at(IGNITION))));
    }
}
