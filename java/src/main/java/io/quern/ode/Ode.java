package io.quern.ode;

import io.quern.Check;
import io.quern.DType;
import io.quern.KernelSet;
import io.quern.Stream;
import io.quern.Tensor;

/**
 * Many small systems of ordinary differential equations, each solved for itself, all in one kernel:
 *
 * <pre>
 *   dy/dt = f(t, y, p),   y(start) = state,   out = y(end)
 * </pre>
 *
 * by explicit Runge-Kutta methods ({@link Method}); f is written once ({@link OdeField}). Trajectories are the last axis:
 * state is (dimension, batch), parameters are (parameters, batch) or the same for all. Types are FP64 and FP32.
 *
 * <pre>{@code
 * Ode ode = Ode.of(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4);
 * ode.adaptive().state(y).parameters(p).end(10).tolerances(1e-6, 1e-6).out(y).statistics(s).run(stream);
 *
 * BoundCall call = ode.fixed().state(y).parameters(p).size(0.01).steps(1000).out(y).bind(stream);
 * call.run();                                                                // as often as one likes
 * }</pre>
 *
 * <p>A trajectory's result does not depend on the others of its batch. Bits, rounding and error control are described with
 * the package.
 *
 * @param field f
 * @param method by which it is solved
 */
public record Ode(OdeField field, Method method) {
    /** The most steps that a trajectory may do or try: FP32, in which they are counted, tells so many apart. */
    public static final int MOST_STEPS = 1 << 24;

    static final KernelSet<FixedSolve> FIXED =
            new KernelSet<>("ode_fixed", OdeReference::fixed, FixedVector.KERNEL, OdeCuda.FIXED);

    static final KernelSet<AdaptiveSolve> ADAPTIVE =
            new KernelSet<>("ode_adaptive", OdeReference::adaptive, AdaptiveVector.KERNEL, OdeCuda.ADAPTIVE);

    /** Checks that both are there. */
    public Ode {
        Check.present("field", field);
        Check.present("method", method);
    }

    /** {@return the solver of a field by a method} */
    public static Ode of(OdeField field, Method method) {
        return new Ode(field, method);
    }

    /** {@return a solve in steps of equal length, whose tensors are named one by one} */
    public FixedSolve.Roles fixed() {
        return new FixedSolve.Roles(this);
    }

    /** {@return a solve that chooses its steps, for each trajectory on its own; its tensors are named one by one} */
    public AdaptiveSolve.Roles adaptive() {
        return new AdaptiveSolve.Roles(this);
    }

    /**
     * Does one step of every trajectory.
     *
     * @param state FP64 or FP32, (dimension, batch)
     * @param parameters of the type of state, (parameters, batch) or (parameters); null where the field has none
     * @param t the time of the states
     * @param h the length of the step; below zero: backward in time
     * @param out of the type and shape of state, written; state itself, or apart from it
     */
    public void step(Stream stream, Tensor state, Tensor parameters, double t, double h, Tensor out) {
        fixed().state(state).parameters(parameters).start(t).size(h).out(out).run(stream);
    }

    /** Evaluations of f, and an fma for each weight of the tableau and component. */
    long flopsOfStep(DType dtype) {
        long weights = method.solution().groups().size();
        int stages = method.adaptive() ? method.stages() - 1 : method.stages();
        for (int i = 1; i < stages; i++) {
            weights += method.argument(i).groups().size();
        }
        return stages * field.program(dtype).flops() + 2 * weights * field.dimension();
    }
}
