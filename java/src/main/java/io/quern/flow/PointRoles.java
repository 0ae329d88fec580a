package io.quern.flow;

import io.quern.BoundCall;
import io.quern.Stream;
import io.quern.Tensor;

/**
 * Takes by name what every operation of a {@link Flow} reads.
 *
 * @param <R> the class that goes on
 */
public abstract sealed class PointRoles<R extends PointRoles<R>> permits Evaluation.Roles, Gradient.Roles {
    final Flow flow;
    private Tensor queries;
    private Tensor data;
    private Tensor weights;
    private Tensor times;
    private double time = Double.NaN;

    PointRoles(Flow flow) {
        this.flow = flow;
    }

    abstract R self();

    /** The points, (queries, d). */
    public R queries(Tensor queries) {
        this.queries = queries;
        return self();
    }

    /** The data, (data, d). */
    public R data(Tensor data) {
        this.data = data;
        return self();
    }

    /** How often each datum counts, (data), none below 0, of any sum above 0; otherwise all are alike. */
    public R weights(Tensor weights) {
        this.weights = weights;
        return self();
    }

    /** The time of all queries, at which sigma is above 0. */
    public R time(double time) {
        this.time = time;
        this.times = null;
        return self();
    }

    /** The times of the queries, FP64, (queries) or (1); read by each run. Sigma is above 0 there; where it is 0 the result is NaN. */
    public R times(Tensor times) {
        this.times = times;
        this.time = Double.NaN;
        return self();
    }

    /** Checks what was named. */
    Points points() {
        return new Points(flow.schedule(), queries, data, weights, time, times);
    }

    /**
     * Prepares the operation, to be run as often as one likes.
     *
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public abstract BoundCall bind(Stream stream);

    /** Runs once and returns when it is done. */
    public void run(Stream stream) {
        try (BoundCall call = bind(stream)) {
            call.run();
            stream.synchronize();
        }
    }
}
