package io.quern.ode;

import java.util.Arrays;
import java.util.List;

/**
 * Looks at what lies within the steps that were taken: writes save points and finds events. Serves several trajectories in
 * turn, one a lane. The reference and the CPU's kernels have it do the same; all of it is in the working type.
 */
final class Follower {
    /** Where a function that was at zero shows on which side it leaves. */
    private static final double PROBE = 0x1p-6;

    private static final double NEVER = 2;

    /** What came of a step. */
    enum Passage {
        /** It stands. */
        WHOLE,
        /** An event ended the trajectory within it: {@link #to} and {@link #y1} say where. */
        ENDED,
        /** An event set the state anew within it: {@link #to} and {@link #y1} say when and to what. */
        RESET
    }

    private final SavePoints saves; // null: none
    private final EventWatch watch; // null: none
    private final Arithmetic a;
    private final int dimension;
    private final int parameters;
    private final double resolution; // of a place within a step
    private final Program field;
    private final Program interpolant;
    private final Program[] functions; // of t, y, p
    private final Program[] along; // of a place within a step
    private final Program[] resets;
    private final Crossing[] crossings;
    private final boolean[] terminal;

    private final int[] saved; // of each lane
    private final int[] happened;
    private final int[] restarts;
    private final double[][] side; // of each lane and event: -1, 0 not known, 1

    // The step.
    double from;
    double to;
    double h;
    final double[] y0;
    final double[] y1;
    final double[] f0;
    final double[] f1;
    final double[] quartic;
    final double[] parameter;

    private final double[] within; // inputs of what is evaluated within a step
    private final double[] point; // inputs of what is evaluated at a time
    private final double[] values;
    private final double[] one = new double[1];
    private final double[][] parts; // of the step, as the inputs have them
    private final double[] y; // at a save point
    private final double[] at; // at an event
    private final double[] root; // of each event: where in the step
    private final double[] begun; // where its side was known
    private final double[] residue; // how far from zero it was found
    private final boolean[] done; // whether it happened at this time

    Follower(Ode ode, Trajectories trajectories, SavePoints saves, EventWatch watch, int lanes) {
        this.saves = saves;
        this.watch = watch;
        this.a = Arithmetic.of(trajectories.dtype());
        this.dimension = ode.field().dimension();
        this.parameters = ode.field().parameters();
        this.resolution = a == Arithmetic.FP64 ? 0x1p-52 : 0x1p-23;
        this.field = ode.field().program(trajectories.dtype());
        this.interpolant = DenseOutput.state(ode);
        List<OdeEvent> events = watch == null ? List.of() : watch.events();
        int count = events.size();
        this.functions = new Program[count];
        this.along = new Program[count];
        this.resets = new Program[count];
        this.crossings = new Crossing[count];
        this.terminal = new boolean[count];
        int most =
                Math.max(field.instructions().size(), interpolant.instructions().size());
        for (int e = 0; e < count; e++) {
            OdeEvent event = events.get(e);
            functions[e] = Formulae.lower(event.function(), trajectories.dtype());
            along[e] = DenseOutput.along(ode, trajectories.dtype(), event);
            resets[e] = event.reset() == null ? null : Formulae.lower(event.reset(), trajectories.dtype());
            crossings[e] = event.crossing();
            terminal[e] = event.terminal();
            most = Math.max(most, along[e].instructions().size());
            most = Math.max(most, functions[e].instructions().size());
            most = resets[e] == null
                    ? most
                    : Math.max(most, resets[e].instructions().size());
        }
        this.saved = new int[lanes];
        this.happened = new int[lanes];
        this.restarts = new int[lanes];
        this.side = new double[lanes][count];
        this.y0 = new double[dimension];
        this.y1 = new double[dimension];
        this.f0 = new double[dimension];
        this.f1 = new double[dimension];
        this.quartic = new double[dimension];
        this.parameter = new double[parameters];
        this.within = new double[DenseOutput.inputs(ode)];
        this.point = new double[1 + dimension + parameters];
        this.values = new double[most];
        this.parts = new double[][] {y0, y1, f0, f1, quartic};
        this.y = new double[dimension];
        this.at = new double[dimension];
        this.root = new double[count];
        this.begun = new double[count];
        this.residue = new double[count];
        this.done = new boolean[count];
    }

    /** {@return how often a lane's state was set anew} */
    int restarts(int lane) {
        return restarts[lane];
    }

    /** {@return on which side of zero an event's function is: -1, 1, or 0 where that is not known} */
    double side(int lane, int event) {
        return side[lane][event];
    }

    /** Takes over what is known of the sides, from a kernel that follows them itself. */
    void side(int lane, int event, double known) {
        side[lane][event] = known;
    }

    /** {@return the time of a trajectory's next save point; infinite, in its direction, where there is none} */
    double nextSave(int lane, long i, boolean forward) {
        return saves == null || saved[lane] == saves.points()
                ? forward ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY
                : known(saves.time(a, saved[lane], i), forward);
    }

    /** What is no time is passed over at once. */
    private static double known(double time, boolean forward) {
        return time == time ? time : forward ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    }

    /** Begins a trajectory at {@link #to} with {@link #y1} and the parameters. */
    void begin(int lane, long i, boolean forward) {
        saved[lane] = 0;
        happened[lane] = 0;
        restarts[lane] = 0;
        from = to;
        save(lane, i, to, forward);
        for (int e = 0; e < functions.length; e++) {
            side[lane][e] = Math.signum(known(function(e, to, y1)));
        }
    }

    /** {@return f(to, y1) in {@link #f1}} */
    void evaluateSlope() {
        givePoint(to, y1);
        field.evaluate(a, point, values, f1);
    }

    /** Looks at the step that stands in the fields. */
    Passage pass(int lane, long i) {
        boolean forward = h >= 0;
        double[] sides = side[lane];
        if (functions.length > 0) {
            giveStep();
        }
        for (int e = 0; e < functions.length; e++) {
            find(e, sides);
        }
        for (int e = earliest(); e >= 0; e = earliest()) {
            double where = root[e];
            double time = where == 1 ? to : a.fma(where, h, from);
            state(where);
            save(lane, i, time, forward);
            record(lane, i, e, time);
            if (terminal[e] || resets[e] != null) {
                boolean ended = terminal[e] || !reset(lane, i, e, time);
                System.arraycopy(at, 0, y1, 0, dimension);
                to = time;
                restarts[lane] += ended ? 0 : 1;
                return ended ? Passage.ENDED : Passage.RESET;
            }
            sides[e] = -sides[e];
            root[e] = NEVER;
        }
        for (int e = 0; e < functions.length; e++) {
            double g = known(function(e, to, y1));
            sides[e] = g == 0 ? sides[e] : Math.signum(g);
        }
        save(lane, i, to, forward);
        return Passage.WHOLE;
    }

    /** Writes down that a lane's trajectory goes no further. */
    void finish(int lane, long i) {
        for (int next = saved[lane]; saves != null && next < saves.points(); next++) {
            for (int component = 0; component < dimension; component++) {
                saves.save(next, component, i, Double.NaN);
            }
        }
        if (watch != null) {
            watch.finish(i, happened[lane], dimension);
        }
    }

    /** Finds where in the step an event happens. */
    private void find(int e, double[] sides) {
        root[e] = NEVER;
        double start = 0;
        double before;
        if (sides[e] == 0) {
            start = PROBE;
            before = along(e, PROBE);
            sides[e] = Math.signum(known(before));
        } else {
            before = along(e, 0);
        }
        double after = function(e, to, y1);
        if (crossings[e].happens(sides[e], after)) {
            root[e] = locate(e, start, before, after);
        }
    }

    /**
     * {@return the upper end of a bracket of the crossing, as narrow as is asked for} By the Illinois form of regula falsi,
     * every third time by halves.
     */
    private double locate(int e, double start, double before, double after) {
        double low = start;
        double high = 1;
        double atLow = before; // halved where the same end stands still
        double atHigh = after;
        double least = a.divide(a.round(watch.tolerance()), Math.abs(h));
        least = resolution < least ? least : resolution;
        boolean above = before > 0;
        int last = 0; // which end moved last: -1 low, 1 high
        for (int n = 1; a.subtract(high, low) > least; n++) {
            double span = a.subtract(high, low);
            double middle = a.fma(0.5, span, low);
            double slope = a.divide(span, a.subtract(atHigh, atLow));
            double next = n % 3 == 0 ? middle : a.subtract(high, a.multiply(atHigh, slope));
            next = next > low && next < high ? next : middle;
            if (!(next > low && next < high)) {
                break;
            }
            double g = along(e, next);
            boolean crossed = above ? g <= 0 : g >= 0;
            if (crossed) {
                high = next;
                atHigh = g;
                after = g;
                atLow = last > 0 ? a.multiply(0.5, atLow) : atLow;
                last = 1;
            } else {
                low = next;
                atLow = g;
                before = g;
                atHigh = last < 0 ? a.multiply(0.5, atHigh) : atHigh;
                last = -1;
            }
        }
        residue[e] = Math.max(Math.abs(before), Math.abs(after));
        return high;
    }

    private int earliest() {
        int first = -1;
        for (int e = 0; e < root.length; e++) {
            if (root[e] < NEVER && (first < 0 || root[e] < root[first])) {
                first = e;
            }
        }
        return first;
    }

    /**
     * Sets {@link #at} anew, and again where that is another event.
     *
     * @return whether the trajectory goes on
     */
    private boolean reset(int lane, long i, int first, double time) {
        Arrays.fill(done, false);
        for (int e = first; e >= 0; ) {
            done[e] = true;
            if (resets[e] != null) {
                givePoint(time, at);
                resets[e].evaluate(a, point, values, at);
            }
            e = next(lane, time);
            if (e >= 0) {
                residue[e] = Math.abs(function(e, time, at));
                record(lane, i, e, time);
                if (terminal[e]) {
                    return false;
                }
            }
        }
        return true;
    }

    /** {@return the first event that a reset brings about, -1 if none; of the others, the side is taken down} */
    private int next(int lane, double time) {
        int next = -1;
        for (int e = functions.length - 1; e >= 0; e--) {
            double g = function(e, time, at);
            if (done[e]) {
                side[lane][e] = Math.abs(g) > residue[e] ? Math.signum(g) : 0;
            } else if (crossings[e].happens(side[lane][e], g)) {
                next = e;
            } else if (known(g) != 0) {
                side[lane][e] = Math.signum(g);
            }
        }
        return next;
    }

    private void record(int lane, long i, int e, double time) {
        if (watch != null) {
            watch.record(i, happened[lane], e, time, at);
        }
        happened[lane]++;
    }

    /** Writes the save points up to a time. */
    private void save(int lane, long i, double limit, boolean forward) {
        if (saves == null) {
            return;
        }
        boolean given = functions.length > 0 && from != to; // inputs within the step
        for (; saved[lane] < saves.points(); saved[lane]++) {
            double time = saves.time(a, saved[lane], i);
            if (forward ? time > limit : time < limit) {
                return;
            }
            boolean inside = forward ? time >= from : time <= from;
            if (inside && time != to && !given) {
                giveStep();
                given = true;
            }
            if (inside && time != to) {
                within[DenseOutput.WHERE] = a.divide(a.subtract(time, from), h);
                interpolant.evaluate(a, within, values, y);
            }
            for (int component = 0; component < dimension; component++) {
                double value = time == to ? y1[component] : inside ? y[component] : Double.NaN;
                saves.save(saved[lane], component, i, value);
            }
        }
    }

    /** The state at a place within the step, to {@link #at}. */
    private void state(double where) {
        if (where == 1) {
            System.arraycopy(y1, 0, at, 0, dimension);
        } else {
            within[DenseOutput.WHERE] = where;
            interpolant.evaluate(a, within, values, at);
        }
    }

    private double along(int e, double where) {
        within[DenseOutput.WHERE] = where;
        along[e].evaluate(a, within, values, one);
        return one[0];
    }

    private double function(int e, double time, double[] y) {
        givePoint(time, y);
        functions[e].evaluate(a, point, values, one);
        return one[0];
    }

    private void givePoint(double time, double[] y) {
        point[0] = time;
        System.arraycopy(y, 0, point, 1, dimension);
        System.arraycopy(parameter, 0, point, 1 + dimension, parameters);
    }

    private void giveStep() {
        within[DenseOutput.FROM] = from;
        within[DenseOutput.LENGTH] = h;
        int next = DenseOutput.STATES;
        for (double[] part : parts) {
            System.arraycopy(part, 0, within, next, dimension);
            next += dimension;
        }
        System.arraycopy(parameter, 0, within, next, parameters);
    }

    /** NaN is on no side. */
    private static double known(double g) {
        return g == g ? g : 0;
    }
}
