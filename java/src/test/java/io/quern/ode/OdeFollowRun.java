package io.quern.ode;

import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.function.UnaryOperator;

/**
 * A solve with save points and events.
 *
 * @param run what is solved
 * @param points save points of each trajectory, (points, batch); may be empty
 * @param events what is looked for; may be empty
 * @param records room for events of each trajectory
 */
record OdeFollowRun(OdeRun run, double[] points, OdeEvent[] events, int records) {
    static OdeFollowRun saving(OdeRun run, double... points) {
        return new OdeFollowRun(run, points, new OdeEvent[0], 0);
    }

    static OdeFollowRun watching(OdeRun run, int records, OdeEvent... events) {
        return new OdeFollowRun(run, new double[0], events, records);
    }

    /**
     * What came of it.
     *
     * @param solve end states and statistics
     * @param saved (points, dimension, batch)
     * @param counts (batch)
     * @param numbers (records, batch)
     * @param times (records, batch)
     * @param states (records, dimension, batch)
     */
    record Result(
            OdeRun.Result solve,
            double[] saved,
            double[] counts,
            double[] numbers,
            double[] times,
            double[] states,
            Outcome fences) {
        Outcome sameBits(Result other) {
            return solve.sameBits(other.solve)
                    .and(Outcome.sameBits(saved, other.saved))
                    .and(Outcome.sameBits(counts, other.counts))
                    .and(Outcome.sameBits(numbers, other.numbers))
                    .and(Outcome.sameBits(times, other.times))
                    .and(Outcome.sameBits(states, other.states))
                    .and(other.fences);
        }
    }

    OdeFollowRun alone(int i) {
        return new OdeFollowRun(run.alone(i), run.column(points, i), events, records);
    }

    /** {@return what concerns one trajectory of it} */
    Result column(Result all, int i) {
        OdeRun.Result solve = new OdeRun.Result(
                run.column(all.solve.out(), i),
                run.column(all.solve.statistics(), i),
                run.column(all.solve.lastStep(), i),
                all.solve.fences());
        return new Result(
                solve,
                run.column(all.saved, i),
                run.column(all.counts, i),
                run.column(all.numbers, i),
                run.column(all.times, i),
                run.column(all.states, i),
                all.fences);
    }

    Result on(Device device, UnaryOperator<AdaptiveSolve.Roles> settings) {
        int batch = run.batch();
        int dimension = run.ode().field().dimension();
        int count = points.length / batch;
        try (TensorArena arena = TensorArena.open(device)) {
            Fenced saved = Fenced.allocate(arena, run.dtype(), Math.max(count, 1), dimension, batch);
            Fenced counts = Fenced.allocate(arena, DType.INT32, batch);
            Fenced numbers = Fenced.allocate(arena, DType.INT32, Math.max(records, 1), batch);
            Fenced times = Fenced.allocate(arena, run.dtype(), Math.max(records, 1), batch);
            Fenced states = Fenced.allocate(arena, run.dtype(), Math.max(records, 1), dimension, batch);
            OdeRun.Result solve = run.adaptive(device, roles -> {
                AdaptiveSolve.Roles all = settings.apply(roles);
                if (count > 0) {
                    Tensor each = arena.allocate(run.dtype(), count, batch).copyFrom(points);
                    all = all.savePoints(each).saved(saved.tensor());
                }
                if (events.length > 0) {
                    all = all.events(events)
                            .eventCounts(counts.tensor())
                            .eventNumbers(numbers.tensor())
                            .eventTimes(times.tensor())
                            .eventStates(states.tensor());
                }
                return all;
            });
            return new Result(
                    solve,
                    read(saved, count > 0),
                    read(counts, events.length > 0),
                    read(numbers, events.length > 0),
                    read(times, events.length > 0),
                    read(states, events.length > 0),
                    saved.fencesStand()
                            .and(counts.fencesStand())
                            .and(numbers.fencesStand())
                            .and(times.fencesStand())
                            .and(states.fencesStand()));
        }
    }

    private static double[] read(Fenced fenced, boolean used) {
        return used ? fenced.tensor().toDoubleArray() : new double[0];
    }

    /** {@return the states at shared save points of a solve by steps of equal length} */
    static double[] fixed(OdeRun run, Device device, UnaryOperator<FixedSolve.Roles> settings, double... points) {
        try (TensorArena arena = TensorArena.open(device)) {
            Fenced saved = Fenced.allocate(
                    arena, run.dtype(), points.length, run.ode().field().dimension(), run.batch());
            OdeRun.Result result = run.fixed(
                    device, roles -> settings.apply(roles).savePoints(points).saved(saved.tensor()));
            OdeRun.Result plain = run.fixed(device, settings);
            Outcome same = plain.sameBits(result).and(saved.fencesStand());
            if (!same.passed()) {
                throw new AssertionError("save points changed the solve: " + same);
            }
            return saved.tensor().toDoubleArray();
        }
    }

    /** {@return sorted numbers} */
    static double[] sorted(double[] numbers, boolean forward) {
        double[] result = numbers.clone();
        Arrays.sort(result);
        for (int i = 0; !forward && i < result.length / 2; i++) {
            double other = result[result.length - 1 - i];
            result[result.length - 1 - i] = result[i];
            result[i] = other;
        }
        return result;
    }
}
