package io.quern.ode;

import io.quern.DType;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import java.util.Arrays;

/**
 * The definition: one trajectory after the other, one operation after the other, each rounded to the working type by {@link
 * Arithmetic}. Other devices do the same operations in the same order and give the same bits.
 */
final class OdeReference {
    private final Trajectories trajectories;
    private final Method method;
    private final Arithmetic arithmetic;
    private final Program field;
    private final int dimension;

    private final double[] given; // t, y, p: the field's inputs
    private final double[] values; // room for the field's instructions
    private final double[][] stages; // k_i
    private final double[] y;
    private final double[] next;
    private final Follower follower; // null: nobody looks into the steps

    private OdeReference(Ode ode, Trajectories trajectories, SavePoints saves, EventWatch watch) {
        this.follower = saves == null && watch == null ? null : new Follower(ode, trajectories, saves, watch, 1);
        this.trajectories = trajectories;
        this.method = ode.method();
        this.arithmetic = Arithmetic.of(trajectories.dtype());
        this.field = ode.field().program(trajectories.dtype());
        this.dimension = ode.field().dimension();
        this.given = new double[field.inputs()];
        this.values = new double[field.instructions().size()];
        // Methods without FSAL evaluate f at the end of a step for the interpolant only.
        this.stages = new double[method.stages() + (method.adaptive() ? 0 : 1)][dimension];
        this.y = new double[dimension];
        this.next = new double[dimension];
    }

    static Launch fixed(FixedSolve solve, Stream stream, Workspace workspace) {
        OdeReference reference = new OdeReference(solve.ode(), solve.trajectories(), solve.saves(), null);
        return () -> reference.run(solve);
    }

    static Launch adaptive(AdaptiveSolve solve, Stream stream, Workspace workspace) {
        OdeReference reference = new OdeReference(solve.ode(), solve.trajectories(), solve.saves(), solve.watch());
        return () -> reference.run(solve);
    }

    private void run(FixedSolve solve) {
        for (long i = 0; i < trajectories.batch(); i++) {
            begin(i);
            double t0 = at(trajectories.start(), i);
            double h = stepOf(solve, t0, i);
            follow(i, t0, h >= 0);
            for (int n = 0; n < solve.steps(); n++) {
                double t = arithmetic.fma(n, h, t0);
                double end = arithmetic.fma(n + 1, h, t0);
                evaluate(t, y, stages[0]);
                evaluateStages(t, h, end, method.adaptive() ? method.stages() - 1 : method.stages());
                combine(method.solution(), h, next);
                if (follower != null) {
                    evaluate(end, next, stages[method.adaptive() ? method.stages() - 1 : method.stages()]);
                    boolean last = n == solve.steps() - 1 && solve.end() != null;
                    pass(i, t, last ? at(solve.end(), i) : end, h);
                }
                System.arraycopy(next, 0, y, 0, dimension);
            }
            end(i);
            finish(i);
        }
    }

    private void follow(long i, double t0, boolean forward) {
        if (follower != null) {
            follower.to = t0;
            System.arraycopy(y, 0, follower.y1, 0, dimension);
            System.arraycopy(given, 1 + dimension, follower.parameter, 0, follower.parameter.length);
            follower.begin(0, i, forward);
        }
    }

    /** Looks into a step from y to next; f at its end is the last of the stages that there is room for. */
    private Follower.Passage pass(long i, double t, double end, double h) {
        follower.from = t;
        follower.to = end;
        follower.h = h;
        System.arraycopy(y, 0, follower.y0, 0, dimension);
        System.arraycopy(next, 0, follower.y1, 0, dimension);
        System.arraycopy(stages[0], 0, follower.f0, 0, dimension);
        System.arraycopy(stages[stages.length - 1], 0, follower.f1, 0, dimension);
        for (int component = 0; method.quartic() && component < dimension; component++) {
            follower.quartic[component] = sum(method.quarticPart(), component);
        }
        return follower.pass(0, i);
    }

    private void finish(long i) {
        if (follower != null) {
            follower.finish(0, i);
        }
    }

    private double stepOf(FixedSolve solve, double t0, long i) {
        if (solve.size() != null) {
            return at(solve.size(), i);
        }
        return arithmetic.divide(arithmetic.subtract(at(solve.end(), i), t0), solve.steps());
    }

    private void run(AdaptiveSolve solve) {
        for (long i = 0; i < trajectories.batch(); i++) {
            begin(i);
            AdaptiveReference control =
                    new AdaptiveReference(solve, arithmetic, at(trajectories.start(), i), at(solve.end(), i));
            double[] k = stages[0];
            evaluate(control.t, y, k);
            control.begin(y, k, this::evaluate);
            follow(i, control.t, control.forward());
            while (control.status == null) {
                control.propose();
                evaluateStages(control.t, control.h, control.tNext, method.stages() - 1);
                combine(method.solution(), control.h, next);
                double[] last = stages[method.stages() - 1];
                evaluate(control.tNext, next, last);
                double t = control.t;
                if (control.judge(y, next, this::errorOf)) {
                    switch (follower == null ? Follower.Passage.WHOLE : pass(i, t, control.t, control.h)) {
                        case WHOLE -> {}
                        case ENDED -> control.endAt(follower.to);
                        case RESET -> {
                            follower.evaluateSlope();
                            System.arraycopy(follower.f1, 0, last, 0, dimension);
                            control.restart(follower.to, follower.y1, last, this::evaluate);
                        }
                    }
                    if (follower != null) {
                        System.arraycopy(follower.y1, 0, next, 0, dimension);
                    }
                    System.arraycopy(next, 0, y, 0, dimension);
                    System.arraycopy(last, 0, k, 0, dimension);
                }
            }
            end(i);
            finish(i);
            report(solve, control, i);
        }
    }

    /** k_1 and so on up to {@code count} of them, from k_0. */
    private void evaluateStages(double t, double h, double end, int count) {
        for (int i = 1; i < count; i++) {
            combine(method.argument(i), h, next);
            double c = method.c(i);
            double at = c == 0 ? t : c == 1 ? end : arithmetic.fma(arithmetic.round(c), h, t);
            evaluate(at, next, stages[i]);
        }
    }

    /** f(t, y). */
    private void evaluate(double t, double[] at, double[] derivatives) {
        given[0] = t;
        System.arraycopy(at, 0, given, 1, dimension);
        field.evaluate(arithmetic, given, values, derivatives);
    }

    /** y + h sum_i b_i k_i. */
    private void combine(Combination weights, double h, double[] result) {
        double scaled = arithmetic.multiply(h, arithmetic.round(weights.scale()));
        for (int component = 0; component < dimension; component++) {
            result[component] = arithmetic.fma(scaled, sum(weights, component), y[component]);
        }
    }

    private double errorOf(int component) {
        return sum(method.errorEstimate(), component);
    }

    /** {@return the sum that {@link Combination} calls s} */
    private double sum(Combination weights, int component) {
        double sum = 0;
        for (Combination.Group group : weights.groups()) {
            double plain = stages[group.stages().getFirst()][component];
            for (int stage : group.stages().subList(1, group.stages().size())) {
                plain = arithmetic.add(plain, stages[stage][component]);
            }
            sum = group == weights.groups().getFirst()
                    ? plain
                    : arithmetic.fma(arithmetic.round(group.ratio()), plain, sum);
        }
        return sum;
    }

    private void begin(long i) {
        DType dtype = trajectories.dtype();
        Tensor state = trajectories.state();
        for (int component = 0; component < dimension; component++) {
            y[component] = dtype.get(state.segment(), component * state.stride(0) + i);
        }
        Tensor parameters = trajectories.parameters();
        for (int p = 0; parameters != null && p < parameters.size(0); p++) {
            long index = parameters.rank() == 1 ? p : p * parameters.stride(0) + i;
            given[1 + dimension + p] = dtype.get(parameters.segment(), index);
        }
    }

    private void end(long i) {
        Tensor out = trajectories.out();
        for (int component = 0; component < dimension; component++) {
            trajectories.dtype().set(out.segment(), component * out.stride(0) + i, y[component]);
        }
    }

    private void report(AdaptiveSolve solve, AdaptiveReference control, long i) {
        boolean finite = Arrays.stream(y).allMatch(Double::isFinite);
        OdeStatus status = finite ? control.status : OdeStatus.NOT_FINITE;
        int restarts = follower == null ? 0 : follower.restarts(0);
        solve.report(i, control.accepted, control.rejected, restarts, status.ordinal(), control.lastStep);
    }

    private double at(Times times, long i) {
        return times.each() == null
                ? arithmetic.round(times.value())
                : trajectories.dtype().get(times.each().segment(), i);
    }
}
