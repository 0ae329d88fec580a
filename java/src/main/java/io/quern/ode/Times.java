package io.quern.ode;

import io.quern.Check;
import io.quern.Role;
import io.quern.Tensor;
import java.util.List;

/**
 * A time, or a step, of all trajectories or of each.
 *
 * @param value of all, finite; ignored where there is a tensor
 * @param each of the working type, (batch); null: the value is that of all
 */
record Times(double value, Tensor each) {
    static Times of(double value) {
        return new Times(value, null);
    }

    static Times of(Tensor each) {
        return new Times(0, each);
    }

    void check(String name, Tensor state) {
        if (each == null) {
            Check.that(
                    Double.isFinite(Arithmetic.of(state.dtype()).round(value)),
                    name,
                    "finite in " + state.dtype(),
                    value);
        } else {
            Check.dtype(name, each, state.dtype());
            Check.shape(name, each, state.size(1));
        }
    }

    /** Adds its role, if it has a tensor. */
    void addTo(List<Role> roles, String name) {
        if (each != null) {
            roles.add(Role.read(name, each));
        }
    }
}
