package io.quern.ode;

import io.quern.Allocation;
import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.TensorArena;
import io.quern.WornProfiles;

/** Steps in a process that has used vectors of several widths; run by {@link StepCompilationTest}. */
final class StepsAfterOtherWidths {
    private StepsAfterOtherWidths() {}

    /** Fails where steps allocate. */
    public static void main(String[] none) {
        WornProfiles.wear();
        int batch = 100;
        for (DType dtype : new DType[] {DType.FP32, DType.FP64}) {
            for (Method method : new Method[] {Method.EULER, Method.HEUN, Method.RUNGE_KUTTA_4}) {
                OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, method, dtype, batch, 42);
                try (TensorArena arena = TensorArena.open(Device.cpu());
                        Stream stream = Stream.open(Device.cpu());
                        BoundCall call = run.ode()
                                .fixed()
                                .state(arena.allocate(dtype, 3, batch).copyFrom(run.state()))
                                .parameters(arena.allocate(dtype, 3, batch).copyFrom(run.parameters()))
                                .end(1)
                                .steps(50)
                                .out(arena.allocate(dtype, 3, batch))
                                .bind(stream)) {
                    Allocation.assertNone(method + " of " + dtype, call::run);
                }
            }
            OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4, dtype, batch, 42);
            try (TensorArena arena = TensorArena.open(Device.cpu());
                    Stream stream = Stream.open(Device.cpu());
                    BoundCall call = run.ode()
                            .adaptive()
                            .state(arena.allocate(dtype, 3, batch).copyFrom(run.state()))
                            .parameters(arena.allocate(dtype, 3, batch).copyFrom(run.parameters()))
                            .end(1)
                            .tolerances(1e-3, 1e-3)
                            .out(arena.allocate(dtype, 3, batch))
                            .bind(stream)) {
                Allocation.assertNone("an adaptive solve of " + dtype, call::run);
            }
        }
    }
}
