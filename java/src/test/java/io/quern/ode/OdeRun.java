package io.quern.ode;

import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.function.UnaryOperator;

/**
 * A batch of trajectories as arrays, to be solved on any device. Arrays are (dimension, batch) and (parameters, batch).
 *
 * @param ode field and method
 * @param dtype working type
 * @param batch how many trajectories
 * @param state where they begin
 * @param parameters of each; of length 0 where the field has none
 */
record OdeRun(Ode ode, DType dtype, int batch, double[] state, double[] parameters) {
    /**
     * What came of it.
     *
     * @param out states in the end
     * @param statistics as {@link AdaptiveSolve.Roles#statistics}; null of a fixed solve
     * @param lastStep last step of each; null of a fixed solve
     * @param fences whether the kernel wrote nothing beside its outputs
     */
    record Result(double[] out, double[] statistics, double[] lastStep, Outcome fences) {
        Outcome sameBits(Result other) {
            Outcome outcome = Outcome.sameBits(out, other.out);
            return statistics == null
                    ? outcome.and(other.fences)
                    : outcome.and(Outcome.sameBits(statistics, other.statistics))
                            .and(Outcome.sameBits(lastStep, other.lastStep))
                            .and(other.fences);
        }

        /** {@return a row of the statistics of a trajectory} */
        int statistic(int row, int trajectory) {
            return (int) statistics[row * (statistics.length / AdaptiveSolve.STATISTICS) + trajectory];
        }

        OdeStatus status(int trajectory) {
            return OdeStatus.values()[statistic(3, trajectory)];
        }
    }

    /** {@return one trajectory} */
    static OdeRun one(OdeField field, Method method, DType dtype, double[] state, double... parameters) {
        return new OdeRun(Ode.of(field, method), dtype, 1, state, parameters);
    }

    OdeRun with(Method method) {
        return new OdeRun(Ode.of(ode.field(), method), dtype, batch, state, parameters);
    }

    /** {@return trajectory {@code i} alone} */
    OdeRun alone(int i) {
        return new OdeRun(ode, dtype, 1, column(state, i), column(parameters, i));
    }

    double[] column(double[] rows, int i) {
        double[] column = new double[rows.length / batch];
        for (int row = 0; row < column.length; row++) {
            column[row] = rows[row * batch + i];
        }
        return column;
    }

    Result fixed(Device device, UnaryOperator<FixedSolve.Roles> settings) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Fenced out = Fenced.allocate(arena, dtype, ode.field().dimension(), batch);
            settings.apply(ode.fixed())
                    .state(tensor(arena, state))
                    .parameters(tensor(arena, parameters))
                    .out(out.tensor())
                    .run(stream);
            return new Result(out.tensor().toDoubleArray(), null, null, out.fencesStand());
        }
    }

    Result adaptive(Device device, UnaryOperator<AdaptiveSolve.Roles> settings) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Fenced out = Fenced.allocate(arena, dtype, ode.field().dimension(), batch);
            Fenced statistics = Fenced.allocate(arena, DType.INT32, AdaptiveSolve.STATISTICS, batch);
            Fenced lastStep = Fenced.allocate(arena, dtype, batch);
            settings.apply(ode.adaptive())
                    .state(tensor(arena, state))
                    .parameters(tensor(arena, parameters))
                    .out(out.tensor())
                    .statistics(statistics.tensor())
                    .lastStep(lastStep.tensor())
                    .run(stream);
            return new Result(
                    out.tensor().toDoubleArray(),
                    statistics.tensor().toDoubleArray(),
                    lastStep.tensor().toDoubleArray(),
                    out.fencesStand().and(statistics.fencesStand()).and(lastStep.fencesStand()));
        }
    }

    private Tensor tensor(TensorArena arena, double[] rows) {
        return rows.length == 0
                ? null
                : arena.allocate(dtype, rows.length / batch, batch).copyFrom(rows);
    }
}
