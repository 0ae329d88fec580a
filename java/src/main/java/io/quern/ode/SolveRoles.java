package io.quern.ode;

import io.quern.BoundCall;
import io.quern.Check;
import io.quern.Stream;
import io.quern.Tensor;

/**
 * Takes what every solve has by name.
 *
 * @param <R> the class that goes on
 */
public abstract sealed class SolveRoles<R extends SolveRoles<R>> permits FixedSolve.Roles, AdaptiveSolve.Roles {
    final Ode ode;
    Times end;
    private Tensor state;
    private Tensor parameters;
    private Times start = Times.of(0);
    private Tensor out;

    SolveRoles(Ode ode) {
        this.ode = ode;
    }

    abstract R self();

    /** Where trajectories begin, FP64 or FP32, (dimension, batch). */
    public R state(Tensor state) {
        this.state = state;
        return self();
    }

    /** Of the type of state, (parameters, batch) or, the same of all trajectories, (parameters). */
    public R parameters(Tensor parameters) {
        this.parameters = parameters;
        return self();
    }

    /** When all begin; 0 if not said. */
    public R start(double start) {
        this.start = Times.of(start);
        return self();
    }

    /** When each begins, of the type of state, (batch). */
    public R start(Tensor start) {
        Check.present("start", start);
        this.start = Times.of(start);
        return self();
    }

    /** When all end; before their start: backward in time. */
    public R end(double end) {
        this.end = Times.of(end);
        return self();
    }

    /** When each ends, of the type of state, (batch). */
    public R end(Tensor end) {
        Check.present("end", end);
        this.end = Times.of(end);
        return self();
    }

    /** The state in the end, written: state itself, or a tensor apart from it of its type and shape. */
    public R out(Tensor out) {
        this.out = out;
        return self();
    }

    /**
     * Checks everything and prepares the call.
     *
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public abstract BoundCall bind(Stream stream);

    /** Binds and runs once, and waits until it is done. */
    public void run(Stream stream) {
        try (BoundCall call = bind(stream)) {
            call.run();
            stream.synchronize();
        }
    }

    Trajectories trajectories() {
        return new Trajectories(ode.field(), state, parameters, start, out);
    }
}
