package io.quern.ode;

import static io.quern.cpu.AddressSpace.ALL;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The arguments of {@link Ode#adaptive}: each trajectory in steps of its own. */
public final class AdaptiveSolve implements Arguments {
    /** Rows of the statistics: accepted steps, rejected steps, evaluations of f, {@link OdeStatus}. */
    public static final int STATISTICS = 4;

    private static final ValueLayout.OfInt STATISTIC = ValueLayout.JAVA_INT_UNALIGNED;

    private final Ode ode;
    private final Trajectories trajectories;
    private final Times end;
    private final double[] relative; // of each component
    private final double[] absolute;
    private final Steps steps;
    private final Tensor statistics; // null: not asked for
    private final Tensor lastStep; // null: not asked for
    private final SavePoints saves; // null: none
    private final EventWatch watch; // null: no events

    /**
     * Limits of steps.
     *
     * @param first the length of the first; 0: chosen
     * @param least the length of the least, but for the last
     * @param most the length of the longest
     * @param budget how many may be tried
     */
    record Steps(double first, double least, double most, int budget) {
        Steps {
            Check.that(
                    first >= 0 && first < Double.POSITIVE_INFINITY,
                    "firstStep",
                    "a length, or 0 for one that is chosen",
                    first);
            Check.that(least >= 0 && least < Double.POSITIVE_INFINITY, "minStep", "a length, 0 or more", least);
            Check.that(most > 0 && most >= least, "maxStep", "above 0 and at least minStep, " + least, most);
            Check.range("maxSteps", budget, 1, Ode.MOST_STEPS);
        }
    }

    AdaptiveSolve(
            Ode ode,
            Trajectories trajectories,
            Times end,
            double[] relative,
            double[] absolute,
            Steps steps,
            Tensor statistics,
            Tensor lastStep,
            SavePoints saves,
            EventWatch watch) {
        Check.that(ode.method().adaptive(), "method", "one that estimates its error", ode.method());
        Check.present("end", end);
        end.check("end", trajectories.state());
        int dimension = ode.field().dimension();
        Check.present("rtol and atol", relative);
        Check.that(
                relative.length == dimension,
                "rtol",
                "one number, or one for each of " + dimension + " components",
                relative.length);
        Check.that(
                absolute.length == dimension,
                "atol",
                "one number, or one for each of " + dimension + " components",
                absolute.length);
        Arithmetic arithmetic = Arithmetic.of(trajectories.dtype());
        for (int i = 0; i < dimension; i++) {
            double r = arithmetic.round(relative[i]);
            double a = arithmetic.round(absolute[i]);
            Check.that(r >= 0 && r < 1, "rtol[" + i + "]", "within 0..1", relative[i]);
            Check.that(a >= 0 && a < Double.POSITIVE_INFINITY, "atol[" + i + "]", "finite, 0 or more", absolute[i]);
            Check.that(
                    r > 0 || a > 0,
                    "atol[" + i + "]",
                    "above 0 in " + trajectories.dtype() + " where rtol is 0",
                    absolute[i]);
        }
        long batch = trajectories.batch();
        Trajectories.apart("out", trajectories.out(), null, end);
        if (statistics != null) {
            Check.dtype("statistics", statistics, DType.INT32);
            Check.shape("statistics", statistics, STATISTICS, batch);
            checkExtra("statistics", statistics, trajectories, end);
        }
        if (lastStep != null) {
            Check.dtype("lastStep", lastStep, trajectories.dtype());
            Check.shape("lastStep", lastStep, batch);
            checkExtra("lastStep", lastStep, trajectories, end);
            if (statistics != null) {
                Check.disjoint("lastStep", lastStep, "statistics", statistics);
            }
        }
        List<Role> own = new ArrayList<>();
        if (statistics != null) {
            own.add(Role.written("statistics", statistics));
        }
        if (lastStep != null) {
            own.add(Role.written("lastStep", lastStep));
        }
        if (saves != null) {
            saves.check(trajectories, trajectories.direction(end));
            apart(own, "saved", saves.saved(), end);
            own.add(Role.written("saved", saves.saved()));
        }
        if (watch != null) {
            watch.check(ode.field(), trajectories);
            List<Role> recorded = new ArrayList<>();
            watch.addTo(recorded);
            recorded.forEach(role -> apart(own, role.name(), role.tensor(), end));
        }
        this.ode = ode;
        this.trajectories = trajectories;
        this.end = end;
        this.relative = relative;
        this.absolute = absolute;
        this.steps = steps;
        this.statistics = statistics;
        this.lastStep = lastStep;
        this.saves = saves;
        this.watch = watch;
    }

    private static void checkExtra(String name, Tensor written, Trajectories trajectories, Times end) {
        trajectories.checkExtra(name, written);
        Trajectories.apart(name, written, null, end);
    }

    private static void apart(List<Role> others, String name, Tensor written, Times end) {
        Trajectories.apart(name, written, null, end);
        others.forEach(other -> Check.disjoint(name, written, other.name(), other.tensor()));
    }

    Ode ode() {
        return ode;
    }

    Trajectories trajectories() {
        return trajectories;
    }

    Times end() {
        return end;
    }

    double relative(int component) {
        return relative[component];
    }

    double absolute(int component) {
        return absolute[component];
    }

    Steps steps() {
        return steps;
    }

    /** {@return what is saved on the way, or null} */
    Tensor statistics() {
        return statistics;
    }

    Tensor lastStep() {
        return lastStep;
    }

    SavePoints saves() {
        return saves;
    }

    /** {@return the events, or null} */
    EventWatch watch() {
        return watch;
    }

    /** {@return the events, in the order of their numbers} */
    List<OdeEvent> events() {
        return watch == null ? List.of() : watch.events();
    }

    /** {@return whether what lies within steps is looked at} */
    boolean followed() {
        return saves != null || watch != null;
    }

    /**
     * Writes down what came of a trajectory, as far as it was asked for.
     *
     * @param restarts how often its state was set anew
     * @param status ordinal of the {@link OdeStatus}
     */
    void report(long i, int accepted, int rejected, int restarts, int status, double last) {
        if (statistics != null) {
            statistic(0, i, accepted);
            statistic(1, i, rejected);
            statistic(2, i, evaluations(accepted + rejected, restarts));
            statistic(3, i, status);
        }
        if (lastStep != null) {
            trajectories.dtype().set(lastStep.segment(), i, last);
        }
    }

    private void statistic(int row, long i, int value) {
        ALL.set(STATISTIC, statistics.address() + (row * statistics.stride(0) + i) * Integer.BYTES, value);
    }

    /** {@return evaluations of f of a trajectory: one at each start, one more where the first step is chosen, those of steps} */
    private int evaluations(int tried, int restarts) {
        return (steps.first() == 0 ? 2 : 1) * (1 + restarts)
                + tried * (ode.method().stages() - 1);
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>();
        trajectories.addInputs(roles);
        end.addTo(roles, "end");
        roles.add(Role.written("out", trajectories.out()));
        if (statistics != null) {
            roles.add(Role.written("statistics", statistics));
        }
        if (lastStep != null) {
            roles.add(Role.written("lastStep", lastStep));
        }
        if (saves != null) {
            saves.addTo(roles);
        }
        if (watch != null) {
            watch.addTo(roles);
        }
        return roles;
    }

    /** {@inheritDoc} Those of one step of each trajectory: how many there will be is not known before. */
    @Override
    public long flops() {
        return trajectories.batch() * ode.flopsOfStep(trajectories.dtype());
    }

    /**
     * Takes the tensors and settings of a solve by name. {@code state}, {@code end}, {@code out} and the tolerances must be
     * named, and parameters if the field has any.
     */
    public static final class Roles extends SolveRoles<Roles> {
        private double[] relative;
        private double[] absolute;
        private double first;
        private double least;
        private double most = Double.POSITIVE_INFINITY;
        private int budget = 100_000;
        private Tensor statistics;
        private Tensor lastStep;
        private List<OdeEvent> events = List.of();
        private double eventTolerance;
        private Tensor eventCounts;
        private Tensor eventNumbers;
        private Tensor eventTimes;
        private Tensor eventStates;

        Roles(Ode ode) {
            super(ode);
        }

        @Override
        Roles self() {
            return this;
        }

        /**
         * The tolerances of every component: a step's error is to stay below atol + rtol |y|. With an atol of 0 a component
         * that stays at 0 has no error of which anything could be said: its trajectory ends as {@link OdeStatus#NOT_FINITE}.
         */
        public Roles tolerances(double rtol, double atol) {
            this.relative = new double[ode.field().dimension()];
            this.absolute = relative.clone();
            Arrays.fill(relative, rtol);
            Arrays.fill(absolute, atol);
            return this;
        }

        /** The tolerances of each component. */
        public Roles tolerances(double[] rtol, double[] atol) {
            Check.present("rtol", rtol);
            Check.present("atol", atol);
            this.relative = rtol.clone();
            this.absolute = atol.clone();
            return this;
        }

        /** The length of the first step to be tried; chosen by Hairer, Norsett and Wanner's rule if not said. */
        public Roles firstStep(double length) {
            this.first = length;
            return this;
        }

        /** Steps are not made shorter than this, but for the last: the trajectory ends instead, and says so. */
        public Roles minStep(double length) {
            this.least = length;
            return this;
        }

        /** Steps are not made longer than this; the last may be by a hundredth. */
        public Roles maxStep(double length) {
            this.most = length;
            return this;
        }

        /** How many steps a trajectory may try, 1 to {@value Ode#MOST_STEPS}; 100,000 if not said. */
        public Roles maxSteps(int steps) {
            this.budget = steps;
            return this;
        }

        /**
         * What came of each trajectory, INT32, (4, batch), written: accepted steps, rejected steps, evaluations of f, the
         * ordinal of its {@link OdeStatus}.
         */
        public Roles statistics(Tensor statistics) {
            this.statistics = statistics;
            return this;
        }

        /** The last accepted step of each trajectory with its sign, of the type of state, (batch), written; 0 if none was. */
        public Roles lastStep(Tensor lastStep) {
            this.lastStep = lastStep;
            return this;
        }

        /** What happens along the trajectories, at most {@value OdeEvent#MOST}; events are numbered from 0 in this order. */
        public Roles events(OdeEvent... events) {
            Check.present("events", events);
            for (int i = 0; i < events.length; i++) {
                Check.present("events[" + i + "]", events[i]);
            }
            this.events = List.of(events);
            return this;
        }

        /**
         * How far behind the crossing, in time, an event may be found; 0 if not said: as little as can be told apart within a
         * step, 2^-52 of it (FP32: 2^-23). The crossing is that of the dense output, which has errors of its own.
         */
        public Roles eventTolerance(double length) {
            this.eventTolerance = length;
            return this;
        }

        /** How many events each trajectory had, INT32, (batch), written; also those for which there was no room. */
        public Roles eventCounts(Tensor counts) {
            this.eventCounts = counts;
            return this;
        }

        /** The numbers of the first events of each trajectory, INT32, (records, batch), written; then -1. */
        public Roles eventNumbers(Tensor numbers) {
            this.eventNumbers = numbers;
            return this;
        }

        /** The times of the first events of each trajectory, of the type of state, (records, batch), written; then NaN. */
        public Roles eventTimes(Tensor times) {
            this.eventTimes = times;
            return this;
        }

        /**
         * The states at the first events of each trajectory, before they are set anew, of the type of state, (records,
         * dimension, batch), written; then NaN.
         */
        public Roles eventStates(Tensor states) {
            this.eventStates = states;
            return this;
        }

        @Override
        public BoundCall bind(Stream stream) {
            return Ode.ADAPTIVE.bind(arguments(), stream);
        }

        /** {@return the arguments, checked} */
        public AdaptiveSolve arguments() {
            return new AdaptiveSolve(
                    ode,
                    trajectories(),
                    end,
                    relative,
                    absolute,
                    new Steps(first, least, most, budget),
                    statistics,
                    lastStep,
                    saves(),
                    watch());
        }

        private EventWatch watch() {
            if (events.isEmpty()) {
                boolean asked =
                        eventCounts != null || eventNumbers != null || eventTimes != null || eventStates != null;
                Check.that(!asked, "events", "given where they are to be written down", "none");
                return null;
            }
            return new EventWatch(events, eventTolerance, eventCounts, eventNumbers, eventTimes, eventStates);
        }
    }
}
