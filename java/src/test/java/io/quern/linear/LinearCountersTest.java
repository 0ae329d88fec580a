package io.quern.linear;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.GoldenCounters;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import io.quern.cuda.CudaDriver;
import io.quern.emulator.Emulator;
import io.quern.emulator.KernelCounters;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What only the emulator shows of the kernels: their memory traffic. */
class LinearCountersTest {
    private static final int TOKENS = 3;
    private static final int IN = 256;
    private static final int COLUMNS = 512;
    private static final int SECTOR = 32;
    private static final int WARP = 32;
    private static final int WARPS = 8;
    private static final GoldenCounters GOLDEN = GoldenCounters.of("linear");

    @TestFactory
    List<DynamicTest> onTheEmulator() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (device.onHost() || CudaDriver.provider() != CudaDriver.Provider.EMULATOR) {
                continue;
            }
            for (DType dtype : List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16)) {
                for (int rank : new int[] {8, 64}) {
                    tests.add(DynamicTest.dynamicTest(dtype + " rank " + rank, () -> traffic(device, dtype, rank)));
                }
            }
        }
        return tests;
    }

    /** A token's factors are read once and all of each sector is used, its output is read and written once. */
    private static void traffic(Device device, DType dtype, int rank) {
        GOLDEN.check(
                TOKENS + " tokens, " + IN + " to " + COLUMNS + " by rank " + rank + ", " + dtype,
                () -> apply(device, dtype, rank));
        long perSector = SECTOR / dtype.bytes();
        int width = Math.min(rank, WARP); // of A's rows, for one block
        long turns = IN * (long) width / WARP;
        KernelCounters shrink = only("linear_shrink");
        assertEquals(
                TOKENS * (IN * (long) rank / perSector + (long) (rank / width) * (turns + WARPS)), // A; x, the pick
                shrink.globalLoads().sectors());
        assertEquals(0, shrink.sharedLoads().excessWavefronts());
        assertEquals(0, shrink.sharedStores().excessWavefronts());
        KernelCounters expand = only("linear_expand");
        assertEquals(
                TOKENS * ((rank + 1L) * COLUMNS / perSector + COLUMNS / WARP * (rank + 1L)), // B and out; x A, the pick
                expand.globalLoads().sectors());
        assertEquals(TOKENS * (long) COLUMNS / perSector, expand.globalStores().sectors());
        assertEquals(0, expand.divergentBranches());
    }

    private static KernelCounters only(String name) {
        List<KernelCounters> launches = Emulator.counters().stream()
                .filter(launch -> launch.kernel().startsWith(name))
                .toList();
        assertEquals(1, launches.size(), launches::toString);
        return launches.getFirst();
    }

    private static void apply(Device device, DType dtype, int rank) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor picks = arena.allocate(DType.INT32, TOKENS).copyFrom(new int[] {1, 0, 1});
            try (BoundCall call = Adapters.of(0.5)
                    .apply()
                    .x(arena.allocate(dtype, TOKENS, IN).fill(1))
                    .a(arena.allocate(dtype, 2, IN, rank).fill(1))
                    .b(arena.allocate(dtype, 2, rank, COLUMNS).fill(1))
                    .picks(picks)
                    .out(arena.allocate(dtype, TOKENS, COLUMNS))
                    .bind(stream)) {
                call.run();
                stream.synchronize();
            }
        }
    }
}
