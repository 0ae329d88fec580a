package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.Allocation;
import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import java.util.List;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs {@link OdeCases} on every device, and what is not a case. */
class OdeTest {
    @TestFactory
    List<DynamicContainer> cases() {
        return TestDevices.all().stream()
                .map(device -> DynamicContainer.dynamicContainer(
                        device.name(),
                        OdeCases.all().stream()
                                .map(c -> DynamicTest.dynamicTest(c.toString(), () -> {
                                    Outcome outcome = c.on(device);
                                    assertTrue(outcome.passed(), () -> c + " on " + device + ": " + outcome);
                                }))))
                .toList();
    }

    /** More trajectories than one part has, of very different numbers of steps. */
    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32"})
    @Tag("cpu")
    void bitsDoNotDependOnThreads(DType dtype) {
        OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4, dtype, 3001, 41);
        OdeRun.Result alone = run.adaptive(Device.cpu(1), roles -> roles.end(1).tolerances(1e-3, 1e-3));
        OdeRun.Result steps = run.fixed(Device.cpu(1), roles -> roles.end(1).steps(3));
        for (int threads : new int[] {2, 7}) {
            Device device = Device.cpu(threads);
            Outcome outcome = alone.sameBits(
                            run.adaptive(device, roles -> roles.end(1).tolerances(1e-3, 1e-3)))
                    .and(steps.sameBits(run.fixed(device, roles -> roles.end(1).steps(3))));
            assertTrue(outcome.passed(), () -> threads + " threads: " + outcome);
        }
    }

    /** What all trajectories share is laid out once, but read anew in every run. */
    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32"})
    void parametersOfAllMayChangeBetweenRuns(DType dtype) {
        int batch = 100;
        OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4, dtype, batch, 43);
        Device device = Device.cpu(1);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor state = arena.allocate(dtype, 3, batch).copyFrom(run.state());
            Tensor shared = arena.allocate(dtype, 3).copyFrom(new double[] {1, 2, 3});
            Tensor own = arena.allocate(dtype, 3, batch);
            Tensor[] out = new Tensor[4];
            for (int i = 0; i < out.length; i++) {
                out[i] = arena.allocate(dtype, 3, batch);
            }
            try (BoundCall fixed = fixed(run, state, shared, out[0]).bind(stream);
                    BoundCall adaptive = adaptive(run, state, shared, out[1]).bind(stream)) {
                fixed.run();
                adaptive.run();
                double[] changed = {10, 28, 2.5};
                shared.copyFrom(changed);
                for (int p = 0; p < changed.length; p++) {
                    own.slice(0, p, p + 1).fill(changed[p]);
                }
                fixed.run();
                adaptive.run();
            }
            fixed(run, state, own, out[2]).run(stream);
            adaptive(run, state, own, out[3]).run(stream);
            assertArrayEquals(out[2].toDoubleArray(), out[0].toDoubleArray());
            assertArrayEquals(out[3].toDoubleArray(), out[1].toDoubleArray());
        }
    }

    private static FixedSolve.Roles fixed(OdeRun run, Tensor state, Tensor parameters, Tensor out) {
        return Ode.of(run.ode().field(), Method.RUNGE_KUTTA_4)
                .fixed()
                .state(state)
                .parameters(parameters)
                .end(1)
                .steps(20)
                .out(out);
    }

    private static AdaptiveSolve.Roles adaptive(OdeRun run, Tensor state, Tensor parameters, Tensor out) {
        return run.ode()
                .adaptive()
                .state(state)
                .parameters(parameters)
                .end(1)
                .tolerances(1e-3, 1e-3)
                .out(out);
    }

    /** Of a short program, which is one method, and of a long one in parts. */
    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32"})
    @Tag("cpu")
    void aRunAllocatesNothing(DType dtype) {
        int batch = 100;
        OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4, dtype, batch, 42);
        Device device = Device.cpu();
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor state = arena.allocate(dtype, 3, batch).copyFrom(run.state());
            Tensor parameters = arena.allocate(dtype, 3, batch).copyFrom(run.parameters());
            Tensor out = arena.allocate(dtype, 3, batch);
            Tensor statistics = arena.allocate(DType.INT32, AdaptiveSolve.STATISTICS, batch);
            Tensor saved = arena.allocate(dtype, 2, 3, batch);
            OdeEvent through = OdeEvent.of(OdeCatalogue.LORENZ, Crossing.BOTH, (t, y, p) -> y.at(0));
            OdeEvent reset = OdeEvent.of(
                            OdeCatalogue.LORENZ,
                            Crossing.FALLING,
                            (t, y, p) -> y.at(1).plus(5))
                    .resetting((t, y, p) -> List.of(y.at(0), y.at(1).plus(1), y.at(2)));
            try (BoundCall heun = Ode.of(OdeCatalogue.LORENZ, Method.HEUN)
                            .fixed()
                            .state(state)
                            .parameters(parameters)
                            .end(1)
                            .steps(50)
                            .out(out)
                            .bind(stream);
                    BoundCall adaptive = run.ode()
                            .adaptive()
                            .state(state)
                            .parameters(parameters)
                            .end(1)
                            .tolerances(1e-3, 1e-3)
                            .out(out)
                            .statistics(statistics)
                            .bind(stream);
                    BoundCall saving = Ode.of(OdeCatalogue.LORENZ, Method.RUNGE_KUTTA_4)
                            .fixed()
                            .state(state)
                            .parameters(parameters)
                            .end(1)
                            .steps(50)
                            .savePoints(0.3, 0.6)
                            .saved(saved)
                            .out(out)
                            .bind(stream);
                    BoundCall followed = run.ode()
                            .adaptive()
                            .state(state)
                            .parameters(parameters)
                            .end(1)
                            .tolerances(1e-3, 1e-3)
                            .savePoints(0.3, 0.6)
                            .saved(saved)
                            .events(through, reset)
                            .out(out)
                            .statistics(statistics)
                            .bind(stream)) {
                Allocation.assertNone("steps of Heun's method", heun::run);
                Allocation.assertNone("an adaptive solve", adaptive::run);
                Allocation.assertNone("steps with save points", saving::run);
                Allocation.assertNone("a solve with save points and events", followed::run);
            }
        }
    }

    /** The conditions of order 1 to 4 of the embedded solutions, one for each rooted tree (Butcher 1963). */
    @ParameterizedTest
    @EnumSource(names = {"BOGACKI_SHAMPINE_3_2", "DORMAND_PRINCE_5_4", "TSITOURAS_5_4"})
    void errorEstimatesVanishUpToTheEmbeddedOrder(Method method) {
        int n = method.stages();
        double[] ones = new double[n];
        double[] c = new double[n];
        for (int i = 0; i < n; i++) {
            ones[i] = 1;
            c[i] = method.c(i);
            double sum = 0;
            for (int j = 0; j < i; j++) {
                sum += method.a(i, j);
            }
            assertEquals(c[i], sum, 1e-14, "c of stage " + i);
        }
        double[] cc = product(c, c);
        double[][] trees = {
            ones,
            c, // order 2
            cc,
            image(method, c), // order 3
            product(cc, c),
            product(c, image(method, c)),
            image(method, cc),
            image(method, image(method, c)) // order 4
        };
        int count = method.order() == 3 ? 2 : 8;
        for (int tree = 0; tree < count; tree++) {
            double sum = 0;
            for (int i = 0; i < n; i++) {
                sum += method.error(i) * trees[tree][i];
            }
            assertEquals(0, sum, 2e-14, "tree " + tree);
        }
    }

    private static double[] image(Method method, double[] x) {
        double[] image = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < i; j++) {
                image[i] += method.a(i, j) * x[j];
            }
        }
        return image;
    }

    private static double[] product(double[] x, double[] y) {
        double[] product = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            product[i] = x[i] * y[i];
        }
        return product;
    }
}
