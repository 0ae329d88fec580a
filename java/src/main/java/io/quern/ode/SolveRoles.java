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
    private double[] savePoints;
    private Tensor savePointsOfEach;
    private Tensor saved;

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
     * Times at which the states of all trajectories are saved on the way: in order, as the solve goes. They may lie anywhere
     * within the solve, its start and end included; no step is changed by them.
     */
    public R savePoints(double... times) {
        Check.present("savePoints", times);
        this.savePoints = times.clone();
        this.savePointsOfEach = null;
        return self();
    }

    /**
     * Times at which the states of each trajectory are saved, of the type of state, (points, batch); in order as the solve
     * goes: of what is not, and of NaN, nothing is saved.
     */
    public R savePoints(Tensor times) {
        Check.present("savePoints", times);
        this.savePoints = null;
        this.savePointsOfEach = times;
        return self();
    }

    /**
     * The states at the save points, of the type of state, (points, dimension, batch), written. NaN where the trajectory did not
     * come. At an event that sets the state anew it is the state before. What lies between steps is {@link Method}'s
     * interpolant.
     */
    public R saved(Tensor saved) {
        this.saved = saved;
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

    /** {@return the save points, or null} */
    SavePoints saves() {
        if (savePoints == null && savePointsOfEach == null) {
            Check.that(saved == null, "saved", "left out where there are no savePoints", saved);
            return null;
        }
        return new SavePoints(savePoints, savePointsOfEach, saved);
    }

    Trajectories trajectories() {
        return new Trajectories(ode.field(), state, parameters, start, out);
    }
}
