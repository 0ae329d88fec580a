package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Holds {@link StepControl} to its rule, written a second time here with powers of the platform. */
class StepControlTest {
    private static final double TOLERANCE = 1e-6;
    private static final double FIRST = 0.01;
    private static final double DAMPING = 5;

    /** Long enough for rejected steps: Van der Pol's oscillator passes a corner. */
    private static final int STEPS = 200;

    /** Its logarithms are off by 10^-6, a step by as much of itself; a step forgets the one before it by half or more. */
    private static final double STEP_ERROR = 1e-4;

    @ParameterizedTest
    @EnumSource(names = {"BOGACKI_SHAMPINE_3_2", "DORMAND_PRINCE_5_4", "TSITOURAS_5_4"})
    void stepsFollowTheRule(Method method) {
        OdeRun run = OdeRun.one(OdeCatalogue.VAN_DER_POL, method, DType.FP64, new double[] {2, 0}, DAMPING);
        Expected expected = new Expected(method);
        for (int steps = 1; steps <= STEPS; steps++) {
            int budget = steps;
            OdeRun.Result result = run.adaptive(
                    Device.reference(),
                    roles -> roles.end(100)
                            .tolerances(TOLERANCE, TOLERANCE)
                            .firstStep(FIRST)
                            .maxSteps(budget));
            expected.step();
            String what = method + " after " + steps + " steps: ";
            assertEquals(OdeStatus.STEP_BUDGET, result.status(0), what);
            assertEquals(expected.accepted, result.statistic(0, 0), what + "accepted");
            assertEquals(expected.rejected, result.statistic(1, 0), what + "rejected");
            assertEquals(expected.lastStep, result.lastStep()[0], STEP_ERROR * expected.lastStep, what + "last step");
        }
        assertTrue(
                expected.rejected > 0 && expected.accepted > 60,
                () -> method + ": " + expected.accepted + " accepted, " + expected.rejected
                        + " rejected: the rule was not tried");
    }

    /** The same solve in the plainest way. */
    private static final class Expected {
        private final Method method;
        private double[] y = {2, 0};
        private double h = FIRST;
        private double errPrev = 1e-4;
        private boolean mayGrow = true;

        double lastStep;
        int accepted;
        int rejected;

        Expected(Method method) {
            this.method = method;
        }

        void step() {
            int n = method.stages();
            double[][] k = new double[n][];
            for (int i = 0; i < n; i++) {
                double[] weights = new double[n];
                for (int j = 0; j < i; j++) {
                    weights[j] = method.a(i, j);
                }
                k[i] = f(sum(y, weights, k, i));
            }
            double[] b = new double[n];
            double[] e = new double[n];
            for (int i = 0; i < n; i++) {
                b[i] = method.b(i);
                e[i] = method.error(i);
            }
            double[] next = sum(y, b, k, n);
            double[] error = sum(new double[2], e, k, n);
            double square = 0;
            for (int i = 0; i < 2; i++) {
                double scaled = error[i] / (TOLERANCE + TOLERANCE * Math.max(Math.abs(y[i]), Math.abs(next[i])));
                square += scaled * scaled / 2;
            }
            choose(Math.sqrt(square), next);
        }

        private void choose(double err, double[] next) {
            double p = method.order();
            if (err <= 1) {
                accepted++;
                lastStep = h;
                y = next;
                double factor = 0.9 * Math.pow(err, -0.7 / p) * Math.pow(errPrev, 0.4 / p);
                h *= Math.clamp(factor, 0.2, mayGrow ? 10 : 1);
                errPrev = Math.max(err, 1e-4);
                mayGrow = true;
            } else {
                rejected++;
                h *= Math.max(0.9 * Math.pow(err, -1 / p), 0.2);
                mayGrow = false;
            }
        }

        private double[] sum(double[] start, double[] weights, double[][] k, int count) {
            double[] sum = start.clone();
            for (int j = 0; j < count; j++) {
                for (int i = 0; i < 2; i++) {
                    sum[i] += h * weights[j] * k[j][i];
                }
            }
            return sum;
        }

        private static double[] f(double[] y) {
            return new double[] {y[1], DAMPING * (1 - y[0] * y[0]) * y[1] - y[0]};
        }
    }
}
