package io.quern.lion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import io.quern.GoldenCounters;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import io.quern.cuda.CudaDriver;
import io.quern.cuda.CudaLaunch;
import io.quern.cuda.CudaSymbol;
import io.quern.emulator.Emulator;
import io.quern.emulator.KernelCounters;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream.Builder;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What only the emulator shows of the kernels: their memory traffic, and where an index leads. */
class LionCountersTest {
    private static final Lion LION = Lion.of(3e-3).withWeightDecay(0.1);
    private static final int WARP = 32;
    private static final int SECTOR = 32;

    /** An odd tail, a tensor of one element, two chunks and a part of one. */
    private static final int[] MANY = {207, 1, 2 * 8192 + 4096};

    private static final GoldenCounters GOLDEN = GoldenCounters.of("lion");

    /** Whole packs for every thread of 64 blocks, in every storage. */
    private static final int COUNT = 64 * 8192;

    @TestFactory
    List<DynamicTest> onTheEmulator() {
        Builder<DynamicTest> tests = java.util.stream.Stream.builder();
        for (Device device : TestDevices.all()) {
            if (device.onHost() || CudaDriver.provider() != CudaDriver.Provider.EMULATOR) {
                continue;
            }
            for (Storage storage : Storage.values()) {
                tests.add(DynamicTest.dynamicTest("traffic " + storage, () -> trafficIsMinimal(device, storage)));
                if (storage.parameter() == DType.FP32) {
                    tests.add(DynamicTest.dynamicTest(
                            "traffic with a copy " + storage, () -> trafficWithCopy(device, storage)));
                }
                tests.add(DynamicTest.dynamicTest(
                        "golden " + storage,
                        () -> GOLDEN.check("3 tensors of " + storage, () -> stepOfMany(device, storage, LION))));
                tests.add(DynamicTest.dynamicTest(
                        "golden " + storage + ", clipped",
                        () -> GOLDEN.check(
                                "3 tensors of " + storage + ", clipped",
                                () -> stepOfMany(device, storage, LION.withMaxNorm(1)))));
                tests.add(DynamicTest.dynamicTest(
                        "golden " + storage + ", cautious",
                        () -> GOLDEN.check(
                                "3 tensors of " + storage + ", cautious",
                                () -> stepOfMany(device, storage, LION.withCaution(Lion.Caution.CAUTIOUS)))));
                if (storage.parameter().bytes() == 2) {
                    tests.add(DynamicTest.dynamicTest(
                            "golden " + storage + ", stochastic",
                            () -> GOLDEN.check(
                                    "3 tensors of " + storage + ", stochastic",
                                    () -> stepOfMany(device, storage, LION.withRounding(Rounding.stochastic(7))))));
                }
                tests.add(DynamicTest.dynamicTest("beyond 2^32 " + storage, () -> chunksBeyond2To32(device, storage)));
            }
        }
        return tests.build().toList();
    }

    /** Each byte is moved once, in whole sectors: 16 of them a request where the access has 16 bytes a thread. */
    private static void trafficIsMinimal(Device device, Storage storage) {
        LionState start = LionState.random(storage, COUNT, 3);
        GOLDEN.check(COUNT + " elements of " + storage, () -> start.run(LION, device, 1));
        KernelCounters step = only("lion_step");
        long read = COUNT
                * (long) (storage.parameter().bytes()
                        + storage.momentum().bytes()
                        + storage.gradient().bytes());
        long written =
                COUNT * (long) (storage.parameter().bytes() + storage.momentum().bytes());
        long warps = (long) step.grid().x() * step.block().x() / WARP;
        // Besides the tensors, each warp reads the rates once, 16 bytes at a time: all lanes the same sector.
        long rates = warps * 4 * storage.compute().bytes() / 16;
        assertEquals(read / SECTOR + rates, step.globalLoads().sectors());
        assertEquals(written / SECTOR, step.globalStores().sectors());
        assertEquals(written, step.globalStores().requestedBytes());
        assertEquals(written, step.globalStores().sectorBytes());
        assertEquals(0, step.divergentBranches());
        int widest = Math.max(storage.parameter().bytes(), storage.momentum().bytes());
        int pack = 16 / Math.max(widest, storage.gradient().bytes());
        long packs = COUNT / pack / WARP; // of a warp
        assertEquals(3 * packs + rates, step.globalLoads().requests());
        assertEquals(2 * packs, step.globalStores().requests());
        if (storage.parameter() == storage.momentum()) {
            assertEquals(16, step.globalStores().sectorsPerRequest());
        }
    }

    /** The same, but for the table: a row of it for each block. */
    private static void trafficWithCopy(Device device, Storage storage) {
        LionState start = LionState.random(storage, COUNT, 3);
        GOLDEN.check(COUNT + " elements of " + storage + " with a copy", () -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                LionState.OnDevice at = start.on(arena);
                LION.step(stream, at.parameter(), at.momentum(), at.gradient(), arena.allocate(DType.BF16, COUNT));
                stream.synchronize();
            }
        });
        KernelCounters step = only("lion_step");
        long read = COUNT
                * (long) (storage.parameter().bytes()
                        + storage.momentum().bytes()
                        + storage.gradient().bytes());
        long written =
                COUNT * (long) (storage.parameter().bytes() + storage.momentum().bytes() + DType.BF16.bytes());
        assertEquals(written, step.globalStores().requestedBytes());
        assertEquals(written, step.globalStores().sectorBytes());
        // Each warp reads the rates and seven fields of its row: all lanes the same sector, once from memory for a
        // block.
        long warps = (long) step.grid().x() * step.block().x() / WARP;
        assertEquals(read / SECTOR + 8 * warps, step.globalLoads().sectors());
        assertEquals(0, step.divergentBranches());
    }

    private static void stepOfMany(Device device, Storage storage, Lion lion) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            List<LionState.OnDevice> tensors = Arrays.stream(MANY)
                    .mapToObj(size -> LionState.random(storage, size, 5).on(arena))
                    .toList();
            lion.step(
                    stream,
                    tensors.stream().map(LionState.OnDevice::parameter).toList(),
                    tensors.stream().map(LionState.OnDevice::momentum).toList(),
                    tensors.stream().map(LionState.OnDevice::gradient).toList());
            stream.synchronize();
        }
    }

    private static KernelCounters only(String prefix) {
        List<KernelCounters> matching = Emulator.counters().stream()
                .filter(counters -> counters.kernel().startsWith(prefix))
                .toList();
        assertEquals(1, matching.size(), matching::toString);
        return matching.getFirst();
    }

    /**
     * One chunk of a tensor of 2^33 elements of which only that chunk is there: the table says that 2^33 / chunkLength chunks
     * came before it, and the addresses are as far below the memory. An index cut to 32 bits would lead out of it.
     */
    private static void chunksBeyond2To32(Device device, Storage storage) {
        int chunkLength = 8192;
        long before = 1L << 33;
        int tail = 4099;
        LionState start = LionState.random(storage, tail, 4);
        LionState expected = start.run(LION, Device.reference(), 1);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device);
                Arena host = Arena.ofConfined()) {
            LionState.OnDevice tensors = start.on(arena);
            Tensor copy = arena.allocate(DType.BF16, tail);
            boolean copied = storage.parameter() == DType.FP32;
            MemorySegment entry = host.allocate(8 * Long.BYTES, Long.BYTES);
            entry.setAtIndex(ValueLayout.JAVA_LONG, 0, addressBefore(tensors.parameter(), before));
            entry.setAtIndex(ValueLayout.JAVA_LONG, 1, addressBefore(tensors.momentum(), before));
            entry.setAtIndex(ValueLayout.JAVA_LONG, 2, addressBefore(tensors.gradient(), before));
            entry.setAtIndex(ValueLayout.JAVA_LONG, 3, copied ? addressBefore(copy, before) : 0);
            entry.setAtIndex(ValueLayout.JAVA_LONG, 4, before + tail);
            entry.setAtIndex(ValueLayout.JAVA_LONG, 5, -before / chunkLength);
            MemorySegment rates = host.allocate(4 * Double.BYTES, Double.BYTES);
            Coefficients coefficients = new Coefficients(LION);
            DType compute = storage.compute();
            compute.set(rates, 0, coefficients.learningRate());
            compute.set(rates, 1, coefficients.decay());
            compute.set(rates, 2, coefficients.rest1());
            compute.set(rates, 3, coefficients.rest2());
            Tensor table = arena.allocate(DType.INT64, 8);
            Tensor ratesOnDevice = arena.allocate(DType.INT64, 4);
            stream.cuda().context().copyIn(table.address(), entry);
            stream.cuda().context().copyIn(ratesOnDevice.address(), rates);
            CudaLaunch.Builder launch = CudaLaunch.of(
                            stream.cuda().context().function(stepMany(storage)), stream.cuda())
                    .grid(1)
                    .block(256)
                    .pointer(table.address())
                    .int32(1)
                    .int64(1)
                    .int64(chunkLength)
                    .int32(copied ? 2 : 0)
                    .int32(0)
                    .int64(0)
                    .pointer(0)
                    .int32(0)
                    .pointer(0)
                    .int32(0)
                    .pointer(0)
                    .pointer(ratesOnDevice.address());
            for (double beta : new double[] {coefficients.beta1, coefficients.beta2}) {
                launch = compute == DType.FP64 ? launch.float64(beta) : launch.float32((float) beta);
            }
            launch.build().run();
            stream.synchronize();
            Outcome outcome = expected.sameBits(tensors.toState(storage));
            if (copied) {
                outcome = outcome.and(
                        Outcome.sameBits(LionState.rounded(DType.BF16, expected.parameter()), copy.toDoubleArray()));
            }
            Outcome all = outcome;
            assertTrue(all.passed(), all::toString);
        }
    }

    private static long addressBefore(Tensor tensor, long elements) {
        return tensor.address() - elements * tensor.dtype().bytes();
    }

    private static CudaSymbol stepMany(Storage storage) {
        String name = "lion_step_many_" + storage.name().toLowerCase(java.util.Locale.ROOT);
        return LionCuda.symbols().stream()
                .filter(symbol -> symbol.name().equals(name))
                .findFirst()
                .orElseThrow();
    }
}
