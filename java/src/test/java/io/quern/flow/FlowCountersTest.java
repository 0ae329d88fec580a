package io.quern.flow;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.quern.DType;
import io.quern.Device;
import io.quern.GoldenCounters;
import io.quern.TestDevices;
import io.quern.cuda.CudaDriver;
import io.quern.emulator.Emulator;
import io.quern.emulator.KernelCounters;
import io.quern.flow.FlowProblem.Output;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What only the emulator shows of the kernels: instructions, bank conflicts, sectors. */
class FlowCountersTest {
    private static final GoldenCounters GOLDEN = GoldenCounters.of("flow");
    private static final int QUERIES = 64;
    private static final int DATA = 1024;

    @TestFactory
    List<DynamicTest> onTheEmulator() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (device.onHost() || CudaDriver.provider() != CudaDriver.Provider.EMULATOR) {
                continue;
            }
            for (DType dtype : List.of(DType.FP64, DType.FP32)) {
                for (int d : new int[] {64, 256}) {
                    tests.add(test("velocity of rectified", Flow.rectified(), dtype, d, device, Output.VELOCITY));
                }
                tests.add(test("everything of poisson", Flow.poisson(), dtype, 64, device, Output.values()));
                tests.add(gradient(dtype, device));
            }
        }
        return tests;
    }

    private static DynamicTest test(String name, Flow flow, DType dtype, int d, Device device, Output... outputs) {
        String full = name + " in " + dtype + ", " + QUERIES + " x " + DATA + " x " + d;
        return DynamicTest.dynamicTest(full, () -> {
            FlowProblem problem = FlowProblem.random(flow, dtype, QUERIES, DATA, d, true, 0.5);
            GOLDEN.check(full, () -> problem.onDense(device, outputs));
            check(Emulator.counters(), dtype, d, outputs.length == 1 ? 1 : 2);
        });
    }

    private static DynamicTest gradient(DType dtype, Device device) {
        String full = "gradient of rectified in " + dtype + ", " + QUERIES + " x " + DATA + " x 64";
        return DynamicTest.dynamicTest(full, () -> {
            FlowProblem problem = FlowProblem.random(Flow.rectified(), dtype, QUERIES, DATA, 64, true, 0.5);
            double[][] of = {new double[QUERIES * 64], null, null};
            GOLDEN.check(full, () -> problem.gradient(device, of));
            KernelCounters pass = Emulator.counters().get(1);
            assertEquals("flow_gradient_gaussian_64_" + dtype.name().toLowerCase(Locale.ROOT), pass.kernel());
            assertEquals(0, pass.sharedLoads().excessWavefronts(), "bank conflicts of loads");
            assertEquals(0, pass.sharedStores().excessWavefronts(), "bank conflicts of stores");
        });
    }

    /** A block of queries reads all data of its split once for distances, and once more where a row has several chunks. */
    private static void check(List<KernelCounters> all, DType dtype, int d, int passes) {
        assertEquals(
                List.of("prepare", "attend", "finish"),
                all.stream().map(each -> each.kernel().split("_")[1]).toList());
        KernelCounters attend = all.get(1);
        assertEquals(0, attend.sharedLoads().excessWavefronts(), "bank conflicts of loads");
        assertEquals(0, attend.sharedStores().excessWavefronts(), "bank conflicts of stores");
        int chunk = dtype == DType.FP64 ? 32 : 64;
        long queriesOfBlock = dtype == DType.FP64 ? 16 : 32;
        long blocks = QUERIES / queriesOfBlock * passes;
        long row = (long) d * dtype.bytes();
        long tiles = DATA / 64;
        long data = blocks * DATA * row * (d > chunk ? 2 : 1);
        long queries = blocks * tiles * queriesOfBlock * row;
        // Besides, a block reads the logarithms of weights, for each of a thread's queries, and a moment for each of a
        // warp.
        long warps = 4 * blocks;
        long rowsOfThread = queriesOfBlock / 8;
        long logarithms = warps * rowsOfThread * DATA * dtype.bytes();
        long moments = 2 * warps * rowsOfThread * 32;
        assertEquals(data + queries + logarithms + moments, attend.globalLoads().sectorBytes(), "loads");
        // Channels fill their sectors; of a query's four sums, each store of 16 bytes takes half of one.
        long halves = QUERIES * 4L * dtype.bytes();
        assertEquals(
                attend.globalStores().requestedBytes() + halves,
                attend.globalStores().sectorBytes(),
                "stores");
    }
}
