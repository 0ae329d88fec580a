package io.quern.bench.ode;

import io.quern.Tensor;
import io.quern.bench.measure.Peer;
import io.quern.cpu.WorkerPool;
import java.util.function.Supplier;
import org.hipparchus.ode.AbstractIntegrator;
import org.hipparchus.ode.ExpandableODE;
import org.hipparchus.ode.ODEState;
import org.hipparchus.ode.OrdinaryDifferentialEquation;
import org.hipparchus.ode.nonstiff.ClassicalRungeKuttaIntegrator;
import org.hipparchus.ode.nonstiff.DormandPrince54Integrator;
import org.hipparchus.ode.nonstiff.DormandPrince853Integrator;

/** Hipparchus' integrators, one trajectory after the other; each thread has its own. */
final class Hipparchus {
    static final String RK4 = "Hipparchus RK4";
    static final String DORMAND_PRINCE_54 = "Hipparchus 5(4)";
    static final String DORMAND_PRINCE_853 = "Hipparchus 8(5,3)";

    /** No step is too small to be tried. */
    private static final double LEAST_STEP = 1e-14;

    private Hipparchus() {}

    /** Lorenz' equations as {@link io.quern.ode.OdeCatalogue} has them. */
    private static final OrdinaryDifferentialEquation LORENZ = new OrdinaryDifferentialEquation() {
        @Override
        public int getDimension() {
            return 3;
        }

        @Override
        public double[] computeDerivatives(double t, double[] y) {
            return new double[] {10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8.0 / 3 * y[2]};
        }
    };

    /** {@return classical RK4 in steps of one length, each by itself: its fast way, without events or dense output} */
    static Peer rungeKutta4(Tensor state, Tensor out, int steps, double h, int threads) {
        return peer(RK4, state, out, threads, () -> {
            ClassicalRungeKuttaIntegrator integrator = new ClassicalRungeKuttaIntegrator(h);
            return y -> {
                double[] at = y;
                for (int step = 0; step < steps; step++) {
                    at = integrator.singleStep(LORENZ, step * h, at, (step + 1) * h);
                }
                return at;
            };
        });
    }

    /** {@return Dormand-Prince 5(4) from time 0} */
    static Peer dormandPrince54(Tensor state, Tensor out, double end, double tolerance, int threads) {
        return adaptive(
                DORMAND_PRINCE_54,
                state,
                out,
                end,
                threads,
                () -> new DormandPrince54Integrator(LEAST_STEP, end, tolerance, tolerance));
    }

    /** {@return Dormand-Prince 8(5,3) from time 0} */
    static Peer dormandPrince853(Tensor state, Tensor out, double end, double tolerance, int threads) {
        return adaptive(
                DORMAND_PRINCE_853,
                state,
                out,
                end,
                threads,
                () -> new DormandPrince853Integrator(LEAST_STEP, end, tolerance, tolerance));
    }

    private static Peer adaptive(
            String name, Tensor state, Tensor out, double end, int threads, Supplier<AbstractIntegrator> integrators) {
        return peer(name, state, out, threads, () -> {
            AbstractIntegrator integrator = integrators.get();
            ExpandableODE lorenz = new ExpandableODE(LORENZ);
            return y -> integrator.integrate(lorenz, new ODEState(0, y), end).getPrimaryState();
        });
    }

    /** Solves a trajectory. */
    @FunctionalInterface
    private interface Solver {
        /** {@return the state in the end} */
        double[] solve(double[] y);
    }

    private static Peer peer(String name, Tensor state, Tensor out, int threads, Supplier<Solver> solvers) {
        int batch = Math.toIntExact(state.size(1));
        double[] from = state.toDoubleArray();
        double[] to = new double[from.length]; // what it gives are arrays: they are its memory, as tensors are ours
        ThreadLocal<Solver> own = ThreadLocal.withInitial(solvers);
        WorkerPool.Task task = i -> {
            double[] end = own.get().solve(new double[] {from[i], from[batch + i], from[2 * batch + i]});
            for (int j = 0; j < end.length; j++) {
                to[j * batch + i] = end[j];
            }
        };
        return new Peer(name, () -> {
            WorkerPool.run(task, batch, threads);
            out.copyFrom(to);
        });
    }
}
