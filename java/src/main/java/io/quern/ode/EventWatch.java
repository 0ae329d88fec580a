package io.quern.ode;

import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The events of a solve, and where they are written down.
 *
 * @param events in the order of their numbers; at most {@link OdeEvent#MOST}
 * @param tolerance how far behind the crossing an event's time may lie; 0: as little as the type tells
 * @param counts INT32, (batch), written; null: not asked for
 * @param numbers INT32, (records, batch), written; null: not asked for
 * @param times of the working type, (records, batch), written; null: not asked for
 * @param states of the working type, (records, dimension, batch), written; null: not asked for
 */
record EventWatch(List<OdeEvent> events, double tolerance, Tensor counts, Tensor numbers, Tensor times, Tensor states) {
    EventWatch {
        events = List.copyOf(events);
    }

    void check(OdeField field, Trajectories trajectories) {
        Tensor state = trajectories.state();
        Check.range("events", events.size(), 1, OdeEvent.MOST);
        Check.that(
                tolerance >= 0 && tolerance < Double.POSITIVE_INFINITY,
                "eventTolerance",
                "a length of time, 0 or more",
                tolerance);
        for (OdeEvent event : events) {
            Check.that(event.field() == field, "events", "of " + field, event);
            event.checkConstants(state.dtype());
        }
        if (counts != null) {
            Check.dtype("eventCounts", counts, DType.INT32);
            Check.shape("eventCounts", counts, state.size(1));
        }
        if (numbers != null) {
            Check.dtype("eventNumbers", numbers, DType.INT32);
            Check.shape("eventNumbers", numbers, -1, state.size(1));
        }
        if (times != null) {
            Check.dtype("eventTimes", times, state.dtype());
            Check.shape("eventTimes", times, -1, state.size(1));
        }
        if (states != null) {
            Check.dtype("eventStates", states, state.dtype());
            Check.shape("eventStates", states, -1, state.size(0), state.size(1));
        }
        List<Role> roles = new ArrayList<>();
        addTo(roles);
        for (int i = 0; i < roles.size(); i++) {
            trajectories.checkExtra(roles.get(i).name(), roles.get(i).tensor());
            for (int j = 0; j < i; j++) {
                Check.disjoint(
                        roles.get(i).name(), roles.get(i).tensor(),
                        roles.get(j).name(), roles.get(j).tensor());
            }
        }
    }

    /** Writes an event down, as far as there is room. */
    void record(long i, int record, int event, double time, double[] state) {
        if (numbers != null && record < numbers.size(0)) {
            numbers.dtype().set(numbers.segment(), record * numbers.stride(0) + i, event);
        }
        if (times != null && record < times.size(0)) {
            times.dtype().set(times.segment(), record * times.stride(0) + i, time);
        }
        if (states != null && record < states.size(0)) {
            for (int component = 0; component < state.length; component++) {
                set(i, record, component, state[component]);
            }
        }
    }

    /** Writes down that no more came than {@code count}. */
    void finish(long i, int count, int dimension) {
        if (counts != null) {
            counts.dtype().set(counts.segment(), i, count);
        }
        for (int record = count; numbers != null && record < numbers.size(0); record++) {
            numbers.dtype().set(numbers.segment(), record * numbers.stride(0) + i, -1);
        }
        for (int record = count; times != null && record < times.size(0); record++) {
            times.dtype().set(times.segment(), record * times.stride(0) + i, Double.NaN);
        }
        for (int record = count; states != null && record < states.size(0); record++) {
            for (int component = 0; component < dimension; component++) {
                set(i, record, component, Double.NaN);
            }
        }
    }

    private void set(long i, int record, int component, double y) {
        states.dtype().set(states.segment(), record * states.stride(0) + component * states.stride(1) + i, y);
    }

    void addTo(List<Role> roles) {
        add(roles, "eventCounts", counts);
        add(roles, "eventNumbers", numbers);
        add(roles, "eventTimes", times);
        add(roles, "eventStates", states);
    }

    private static void add(List<Role> roles, String name, Tensor tensor) {
        if (tensor != null) {
            roles.add(Role.written(name, tensor));
        }
    }
}
