package io.quern.ode;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.Role;
import io.quern.Stream;
import java.util.ArrayList;
import java.util.List;

/** The arguments of {@link Ode#fixed}: as many steps of equal length for every trajectory. */
public final class FixedSolve implements Arguments {
    private final Ode ode;
    private final Trajectories trajectories;
    private final Times end; // null where the step is given
    private final Times size; // null where the end is given
    private final int steps;
    private final SavePoints saves; // null: none

    FixedSolve(Ode ode, Trajectories trajectories, Times end, Times size, int steps, SavePoints saves) {
        Check.range("steps", steps, 1, Ode.MOST_STEPS);
        Check.that(
                (end == null) != (size == null),
                "end",
                "given, or else the size of a step",
                "end and size are " + (end == null ? "both missing" : "both given"));
        if (end != null) {
            end.check("end", trajectories.state());
        } else {
            size.check("size", trajectories.state());
        }
        Trajectories.apart("out", trajectories.out(), null, end, size);
        if (saves != null) {
            saves.check(trajectories, end != null ? trajectories.direction(end) : direction(size));
            Trajectories.apart("saved", saves.saved(), null, end, size);
        }
        this.ode = ode;
        this.trajectories = trajectories;
        this.end = end;
        this.size = size;
        this.steps = steps;
        this.saves = saves;
    }

    private static double direction(Times size) {
        return size.each() == null ? size.value() : 0;
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

    Times size() {
        return size;
    }

    int steps() {
        return steps;
    }

    /** {@return what is saved on the way, or null} */
    SavePoints saves() {
        return saves;
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>();
        trajectories.addInputs(roles);
        if (end != null) {
            end.addTo(roles, "end");
        } else {
            size.addTo(roles, "size");
        }
        roles.add(Role.written("out", trajectories.out()));
        if (saves != null) {
            saves.addTo(roles);
        }
        return roles;
    }

    /** {@inheritDoc} Evaluations of f, and an fma for each weight of the tableau and component. */
    @Override
    public long flops() {
        return trajectories.batch() * steps * ode.flopsOfStep(trajectories.dtype());
    }

    /** Takes the tensors of a solve by name. All but parameters, of a field without any, must be named. */
    public static final class Roles extends SolveRoles<Roles> {
        private Times size;
        private int steps = 1;

        Roles(Ode ode) {
            super(ode);
        }

        @Override
        Roles self() {
            return this;
        }

        /** The length of a step, in place of an end; below zero: backward in time. */
        public Roles size(double size) {
            this.size = Times.of(size);
            return this;
        }

        /** How many steps, 1 to {@value Ode#MOST_STEPS}; 1 if not said. With an end, a step is (end - start) / steps. */
        public Roles steps(int steps) {
            this.steps = steps;
            return this;
        }

        @Override
        public BoundCall bind(Stream stream) {
            return Ode.FIXED.bind(arguments(), stream);
        }

        /** {@return the arguments, checked} */
        public FixedSolve arguments() {
            return new FixedSolve(ode, trajectories(), end, size, steps, saves());
        }
    }
}
