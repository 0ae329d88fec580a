package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import io.quern.GoldenCounters;
import io.quern.Launch;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import io.quern.cuda.CudaDriver;
import io.quern.emulator.Emulator;
import io.quern.emulator.KernelCounters;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What only the emulator shows of the kernels: that states stay in registers, and how many lanes work. */
class OdeCountersTest {
    private static final int BATCH = 2048;
    private static final GoldenCounters GOLDEN = GoldenCounters.of("ode");

    @TestFactory
    List<DynamicTest> onTheEmulator() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (device.onHost() || CudaDriver.provider() != CudaDriver.Provider.EMULATOR) {
                continue;
            }
            for (DType dtype : new DType[] {DType.FP64, DType.FP32}) {
                tests.add(DynamicTest.dynamicTest("fixed " + dtype, () -> fixed(device, dtype)));
                tests.add(DynamicTest.dynamicTest("adaptive " + dtype, () -> adaptive(device, dtype)));
                tests.add(DynamicTest.dynamicTest("refilled " + dtype, () -> refilled(device, dtype)));
                tests.add(DynamicTest.dynamicTest("saving " + dtype, () -> saving(device, dtype)));
                tests.add(DynamicTest.dynamicTest("saving, adaptive " + dtype, () -> savingAdaptive(device, dtype)));
                tests.add(DynamicTest.dynamicTest("watching " + dtype, () -> watching(device, dtype)));
                tests.add(DynamicTest.dynamicTest("most components " + dtype, () -> mostInRegisters(device, dtype)));
            }
        }
        return tests;
    }

    /** Lorenz: parameters are read, states are read and written, once; nothing goes by way of local memory. */
    private static void fixed(Device device, DType dtype) {
        OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, Method.RUNGE_KUTTA_4, dtype, BATCH, 51);
        GOLDEN.check(
                "10 steps of RK4 in " + dtype,
                () -> run.fixed(device, roles -> roles.size(0.01).steps(10)));
        KernelCounters kernel = only("ode_lorenz_fixed_runge_kutta_4_");
        int state = 3 * BATCH * dtype.bytes();
        assertEquals(0, local(kernel), "bytes of local memory");
        assertEquals(2 * state, kernel.globalLoads().sectorBytes());
        assertEquals(state, kernel.globalStores().sectorBytes());
        assertEquals(0, kernel.divergentBranches());
    }

    /** Of a batch that fits on the device each lane has one trajectory. */
    private static void adaptive(Device device, DType dtype) {
        OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4, dtype, BATCH, 52);
        GOLDEN.check(
                "Dormand-Prince in " + dtype,
                () -> run.adaptive(device, roles -> roles.end(1).tolerances(1e-4, 1e-4)));
        KernelCounters kernel = only("ode_lorenz_adaptive_dormand_prince_5_4_");
        assertEquals(0, local(kernel), "bytes of local memory");
        int state = 3 * BATCH * dtype.bytes();
        int statistics = 4 * BATCH * Integer.BYTES;
        assertEquals(2 * state, kernel.globalLoads().requestedBytes());
        assertEquals(
                state + statistics + BATCH * dtype.bytes(),
                kernel.globalStores().requestedBytes());
    }

    /** Save points that all share are read once by each trajectory, states saved are written once. */
    private static void saving(Device device, DType dtype) {
        OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, Method.RUNGE_KUTTA_4, dtype, BATCH, 51);
        double[] points = {0.011, 0.05, 0.055, 0.1, 0.2};
        try (TensorArena arena = TensorArena.open(device)) {
            Tensor saved = arena.allocate(dtype, points.length, 3, BATCH);
            GOLDEN.check(
                    "10 steps of RK4 with save points in " + dtype,
                    () -> run.fixed(
                            device,
                            roles -> roles.end(0.1).steps(10).savePoints(points).saved(saved)));
        }
        KernelCounters kernel = only("ode_lorenz_fixed_saving_runge_kutta_4_");
        int row = BATCH * dtype.bytes();
        assertEquals(0, local(kernel), "bytes of local memory");
        assertEquals((2 * 3 + points.length) * row, kernel.globalLoads().requestedBytes());
        assertEquals((1 + points.length) * 3 * row, kernel.globalStores().requestedBytes());
    }

    private static void savingAdaptive(Device device, DType dtype) {
        OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4, dtype, BATCH, 52);
        int points = 4;
        double[] times = new double[points * BATCH];
        for (int i = 0; i < times.length; i++) {
            times[i] = 0.3 * (i / BATCH);
        }
        OdeFollowRun follow = OdeFollowRun.saving(run, times);
        GOLDEN.check(
                "Dormand-Prince with save points in " + dtype,
                () -> follow.on(device, roles -> roles.end(1).tolerances(1e-4, 1e-4)));
        KernelCounters kernel = only("ode_lorenz_adaptive_saving_dormand_prince_5_4_");
        int row = BATCH * dtype.bytes();
        int statistics = 4 * BATCH * Integer.BYTES;
        assertEquals(0, local(kernel), "bytes of local memory");
        assertEquals((2 * 3 + points) * row, kernel.globalLoads().requestedBytes());
        assertEquals(
                (3 + 1 + 3 * points) * row + statistics, kernel.globalStores().requestedBytes());
    }

    /** Events are written down once each, and what is left of the room for them once. */
    private static void watching(Device device, DType dtype) {
        OdeRun run = OdeCases.random(OdeCatalogue.BOUNCING_BALL, Method.DORMAND_PRINCE_5_4, dtype, BATCH, 54);
        int records = 3;
        OdeFollowRun follow = OdeFollowRun.watching(run, records, OdeCatalogue.IMPACT);
        GOLDEN.check(
                "a bouncing ball by Dormand-Prince in " + dtype,
                () -> follow.on(device, roles -> roles.end(4).maxSteps(60).tolerances(1e-4, 1e-4)));
        KernelCounters kernel = only("ode_bouncingball_adaptive_watching_dormand_prince_5_4_");
        int row = BATCH * dtype.bytes();
        int statistics = 4 * BATCH * Integer.BYTES;
        int counted = (1 + records) * BATCH * Integer.BYTES;
        assertEquals(0, local(kernel), "bytes of local memory");
        assertEquals((2 + 2) * row, kernel.globalLoads().requestedBytes());
        assertEquals(
                (2 + 1 + records * (1 + 2)) * row + statistics + counted,
                kernel.globalStores().requestedBytes());
    }

    /** Eight components by all kernels that choose steps or save: nothing goes by way of local memory. */
    private static void mostInRegisters(Device device, DType dtype) {
        for (Method method : Method.values()) {
            OdeRun run = OdeCases.random(OdeCatalogue.HIRES, method, dtype, 32, 55);
            double[] points = new double[64];
            Arrays.fill(points, 0, 32, 0.005);
            Arrays.fill(points, 32, 64, 0.01);
            OdeFollowRun follow = OdeFollowRun.saving(run, points);
            Emulator.reset();
            OdeFollowRun.fixed(run, device, roles -> roles.end(0.01).steps(2), 0.004, 0.01);
            if (method.adaptive()) {
                follow.on(device, roles -> roles.end(0.01).tolerances(1e-4, 1e-4));
            }
            Emulator.counters().forEach(kernel -> assertEquals(0, local(kernel), kernel::kernel));
        }
    }

    /** Trajectories of very different lengths, 512 a warp and the last warp's fewer: the same bits as one a lane. */
    private static void refilled(Device device, DType dtype) {
        int batch = BATCH - 99;
        double[] ends = new Random(53).doubles(batch, 0.1, 2).toArray();
        OdeRun run = OdeCases.random(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4, dtype, batch, 52);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor end = arena.allocate(dtype, batch).copyFrom(ends);
            Tensor out = arena.allocate(dtype, 3, batch);
            Tensor statistics = arena.allocate(DType.INT32, AdaptiveSolve.STATISTICS, batch);
            Emulator.reset();
            OdeRun.Result expected =
                    run.adaptive(device, roles -> roles.end(end).tolerances(1e-4, 1e-4));
            long oneALane = warpInstructions();
            AdaptiveSolve solve = run.ode()
                    .adaptive()
                    .state(arena.allocate(dtype, 3, batch).copyFrom(run.state()))
                    .parameters(arena.allocate(dtype, 3, batch).copyFrom(run.parameters()))
                    .end(end)
                    .tolerances(1e-4, 1e-4)
                    .out(out)
                    .statistics(statistics)
                    .arguments();
            CudaKernel kernel = new CudaKernel(run.ode(), List.of(), dtype, CudaKernel.Kind.ADAPTIVE);
            Launch launch = OdeCuda.adaptive(
                    solve, stream.cuda(), null, stream.cuda().context().function(OdeCuda.symbol(kernel)), 512);
            GOLDEN.check("Dormand-Prince in " + dtype + ", 512 trajectories a warp", () -> {
                launch.run();
                stream.synchronize();
            });
            long refilled = warpInstructions();
            assertTrue(refilled < oneALane, () -> refilled + " instructions, one a lane " + oneALane);
            Outcome outcome = Outcome.sameBits(expected.out(), out.toDoubleArray())
                    .and(Outcome.sameBits(expected.statistics(), statistics.toDoubleArray()));
            assertTrue(outcome.passed(), outcome::toString);
        }
    }

    private static long warpInstructions() {
        return only("ode_lorenz_adaptive_dormand_prince_5_4_").counters().get("warpInstructions");
    }

    private static long local(KernelCounters kernel) {
        return kernel.counters().entrySet().stream()
                .filter(counter -> counter.getKey().toLowerCase().contains("local"))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    private static KernelCounters only(String prefix) {
        List<KernelCounters> all = Emulator.counters();
        assertEquals(1, all.size(), all::toString);
        assertTrue(all.getFirst().kernel().startsWith(prefix), all::toString);
        return all.getFirst();
    }
}
