package io.quern.ode;

import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Tensor;
import java.util.List;

/**
 * What every solve has: where trajectories begin, and where they are when it ends.
 *
 * @param field f
 * @param state FP64 or FP32, (dimension, batch)
 * @param parameters of the type of state, (parameters, batch) or, the same of all, (parameters); null where there are none
 * @param start time of each state
 * @param out of the type and shape of state, written; state itself, or apart from it
 */
record Trajectories(OdeField field, Tensor state, Tensor parameters, Times start, Tensor out) {
    Trajectories {
        Check.dtype("state", state, DType.FP64, DType.FP32);
        Check.shape("state", state, field.dimension(), -1);
        field.checkConstants(state.dtype());
        if (field.parameters() == 0) {
            Check.that(parameters == null, "parameters", "left out: the field has none", parameters);
        } else {
            Check.dtype("parameters", parameters, state.dtype());
            if (parameters.rank() == 1) {
                Check.shape("parameters", parameters, field.parameters());
            } else {
                Check.shape("parameters", parameters, field.parameters(), state.size(1));
            }
        }
        Check.present("start", start);
        start.check("start", state);
        Check.sameElements("out", out, "state", state);
        Check.writable("out", out);
        Check.disjointOrSame("out", out, "state", state);
        apart("out", out, parameters, start);
    }

    /** Checks that something written shares no memory with parameters and times. */
    static void apart(String name, Tensor written, Tensor parameters, Times... times) {
        if (parameters != null) {
            Check.disjoint(name, written, "parameters", parameters);
        }
        for (Times time : times) {
            if (time != null && time.each() != null) {
                Check.disjoint(name, written, "times", time.each());
            }
        }
    }

    /** Checks something that is written beside the end states. */
    void checkExtra(String name, Tensor written) {
        Check.writable(name, written);
        Check.disjoint(name, written, "state", state);
        Check.disjoint(name, written, "out", out);
        apart(name, written, parameters, start);
    }

    /** {@return above 0 where all end after their start, below 0 where before it; 0 where that is the same time, or theirs} */
    double direction(Times end) {
        Arithmetic arithmetic = Arithmetic.of(dtype());
        return start.each() != null || end.each() != null
                ? 0
                : arithmetic.round(end.value()) - arithmetic.round(start.value());
    }

    DType dtype() {
        return state.dtype();
    }

    long batch() {
        return state.size(1);
    }

    /** {@return whether all trajectories have the same parameters, or none} */
    boolean oneParameterSet() {
        return parameters == null || parameters.rank() == 1;
    }

    void addInputs(List<Role> roles) {
        roles.add(Role.read("state", state));
        if (parameters != null) {
            roles.add(Role.read("parameters", parameters));
        }
        start.addTo(roles, "start");
    }
}
