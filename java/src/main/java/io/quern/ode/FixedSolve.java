package io.quern.ode;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** The arguments of {@link Ode#fixed}: as many steps of equal length for every trajectory. */
public final class FixedSolve implements Arguments {
    /** The most steps: FP32, in which steps are counted, tells so many apart. */
    public static final int MOST_STEPS = 1 << 24;

    private final Ode ode;
    private final Trajectories trajectories;
    private final Times end; // null where the step is given
    private final Times size; // null where the end is given
    private final int steps;

    FixedSolve(Ode ode, Trajectories trajectories, Times end, Times size, int steps) {
        Check.range("steps", steps, 1, MOST_STEPS);
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
        this.ode = ode;
        this.trajectories = trajectories;
        this.end = end;
        this.size = size;
        this.steps = steps;
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

    FixedSolve map(UnaryOperator<Tensor> tensors) {
        return new FixedSolve(
                ode,
                trajectories.map(tensors),
                end == null ? null : end.map(tensors),
                size == null ? null : size.map(tensors),
                steps);
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
        return roles;
    }

    /** {@inheritDoc} Evaluations of f, and an fma for each weight of the tableau and component. */
    @Override
    public long flops() {
        return trajectories.batch() * steps * ode.flopsOfStep(trajectories.dtype());
    }

    /** Takes the tensors of a solve by name. All but parameters, of a field without any, must be named. */
    public static final class Roles {
        private final Ode ode;
        private Tensor state;
        private Tensor parameters;
        private Times start = Times.of(0);
        private Times end;
        private Times size;
        private int steps = 1;
        private Tensor out;

        Roles(Ode ode) {
            this.ode = ode;
        }

        /** Where trajectories begin, FP64 or FP32, (dimension, batch). */
        public Roles state(Tensor state) {
            this.state = state;
            return this;
        }

        /** Of the type of state, (parameters, batch) or, the same of all trajectories, (parameters). */
        public Roles parameters(Tensor parameters) {
            this.parameters = parameters;
            return this;
        }

        /** When all begin; 0 if not said. */
        public Roles start(double start) {
            this.start = Times.of(start);
            return this;
        }

        /** When each begins, of the type of state, (batch). */
        public Roles start(Tensor start) {
            Check.present("start", start);
            this.start = Times.of(start);
            return this;
        }

        /** When all end; before their start: backward in time. A step is (end - start) / steps. */
        public Roles end(double end) {
            this.end = Times.of(end);
            return this;
        }

        /** When each ends, of the type of state, (batch). */
        public Roles end(Tensor end) {
            Check.present("end", end);
            this.end = Times.of(end);
            return this;
        }

        /** The length of a step, in place of an end; below zero: backward in time. */
        public Roles size(double size) {
            this.size = Times.of(size);
            return this;
        }

        /** How many steps, 1 to {@value FixedSolve#MOST_STEPS}; 1 if not said. */
        public Roles steps(int steps) {
            this.steps = steps;
            return this;
        }

        /** The state in the end, written: state itself, or a tensor apart from it of its type and shape. */
        public Roles out(Tensor out) {
            this.out = out;
            return this;
        }

        /**
         * Checks everything and prepares the call.
         *
         * @throws IllegalArgumentException naming the tensor, what was expected and what it is
         */
        public BoundCall bind(Stream stream) {
            return Ode.FIXED.bind(arguments(), stream);
        }

        /** Binds and runs once, and waits until it is done. */
        public void run(Stream stream) {
            try (BoundCall call = bind(stream)) {
                call.run();
                stream.synchronize();
            }
        }

        /** {@return the arguments, checked} */
        public FixedSolve arguments() {
            return new FixedSolve(ode, new Trajectories(ode.field(), state, parameters, start, out), end, size, steps);
        }
    }
}
