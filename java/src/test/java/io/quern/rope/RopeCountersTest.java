package io.quern.rope;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.GoldenCounters;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import io.quern.cuda.CudaContext;
import io.quern.cuda.CudaDriver;
import io.quern.emulator.Emulator;
import io.quern.emulator.KernelCounters;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What only the emulator shows of the kernels: their memory traffic, and where an index leads. */
class RopeCountersTest {
    private static final int TOKENS = 6;
    private static final int HEADS = 32;
    private static final int KEY_HEADS = 8;
    private static final int DIM = 128;
    private static final int SECTOR = 32;
    private static final GoldenCounters GOLDEN = GoldenCounters.of("rope");

    @TestFactory
    List<DynamicTest> onTheEmulator() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (device.onHost() || CudaDriver.provider() != CudaDriver.Provider.EMULATOR) {
                continue;
            }
            for (Pairing pairing : Pairing.values()) {
                tests.add(DynamicTest.dynamicTest("FP64 " + pairing, () -> traffic(device, DType.FP64, pairing)));
                tests.add(DynamicTest.dynamicTest("FP32 " + pairing, () -> traffic(device, DType.FP32, pairing)));
                tests.add(DynamicTest.dynamicTest("FP16 " + pairing, () -> traffic(device, DType.FP16, pairing)));
                tests.add(DynamicTest.dynamicTest("BF16 " + pairing, () -> traffic(device, DType.BF16, pairing)));
                for (DType dtype : List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16)) {
                    tests.add(DynamicTest.dynamicTest(
                            "cache " + dtype + " " + pairing, () -> appended(device, dtype, pairing)));
                }
                tests.add(DynamicTest.dynamicTest("beyond 2^32 " + pairing, () -> beyond2To32(device, pairing)));
            }
        }
        return tests;
    }

    private static void traffic(Device device, DType dtype, Pairing pairing) {
        GOLDEN.check(
                dtype + " " + pairing + " of " + TOKENS + " x " + HEADS + " x " + DIM,
                () -> rotateByTable(device, dtype, pairing));
        KernelCounters apply = only("rope_apply");
        long sectors = (long) TOKENS * HEADS * DIM * dtype.bytes() / SECTOR;
        assertEquals(sectors, apply.globalStores().sectors());
        assertEquals(16, apply.globalStores().sectorsPerRequest());
        assertEquals(
                sectors + TOKENS * tableSectors(dtype, pairing),
                apply.globalLoads().sectors());
        assertEquals(0, apply.divergentBranches());
    }

    private static void rotateByTable(Device device, DType dtype, Pairing pairing) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Rope rope = RopeCases.rope(pairing, DIM, DIM);
            Tensor x = arena.allocate(dtype, TOKENS, HEADS, DIM).fill(1);
            RopeTable table = rope.table(stream, arena, dtype.accumulator(), 0, TOKENS);
            try (BoundCall call = rope.rotate().x(x).table(table).out(x).bind(stream)) {
                call.run();
                stream.synchronize();
            }
        }
    }

    /** Queries in place, keys and values to the slots of a cache: each is stored once, by one launch. */
    private static void appended(Device device, DType dtype, Pairing pairing) {
        String name = dtype + " " + pairing + " of " + TOKENS + " x " + HEADS + " + 2 x " + KEY_HEADS + " x " + DIM;
        GOLDEN.check(name + " to a cache", () -> append(device, dtype, pairing));
        KernelCounters joint = only("rope_joint");
        long sectors = (long) TOKENS * (HEADS + 2 * KEY_HEADS) * DIM * dtype.bytes() / SECTOR;
        assertEquals(sectors * SECTOR, joint.globalStores().requestedBytes());
        assertEquals(sectors, joint.globalStores().sectors());
        assertEquals(16, joint.globalStores().sectorsPerRequest());
        assertEquals(0, joint.divergentBranches());
    }

    private static void append(Device device, DType dtype, Pairing pairing) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Rope rope = RopeCases.rope(pairing, DIM, DIM);
            Tensor packed =
                    arena.allocate(dtype, TOKENS, HEADS + 2 * KEY_HEADS, DIM).fill(1);
            RopeTable table = rope.table(stream, arena, dtype.accumulator(), 0, TOKENS);
            try (BoundCall call = rope.rotateJointly()
                    .query(packed.slice(1, 0, HEADS))
                    .key(packed.slice(1, HEADS, HEADS + KEY_HEADS), arena.allocate(dtype, 9, KEY_HEADS, DIM))
                    .value(
                            packed.slice(1, HEADS + KEY_HEADS, HEADS + 2 * KEY_HEADS),
                            arena.allocate(dtype, 9, KEY_HEADS, DIM))
                    .slots(arena.allocate(DType.INT32, TOKENS).copyFrom(new int[] {8, 0, 3, 2, 7, 5}))
                    .table(table)
                    .bind(stream)) {
                call.run();
                stream.synchronize();
            }
        }
    }

    /**
     * Sectors of the table that the block of a token loads: its row, once for each of the block's rows of warps, all but one
     * of which the first-level cache serves. HALVES in 16 bits reads 32 bytes a thread in two steps, and each step touches
     * every sector.
     */
    private static long tableSectors(DType dtype, Pairing pairing) {
        return switch (dtype) {
            case FP64 -> pairing == Pairing.HALVES ? 256 : 128;
            case FP32 -> 128;
            default -> pairing == Pairing.HALVES ? 256 : 128;
        };
    }

    /**
     * Two tokens, and the two rows of their table, more than 2^32 elements apart: the emulator's memory is there once it is
     * touched. An index cut to 32 bits leads to other rows, or out of the memory.
     */
    private static void beyond2To32(Device device, Pairing pairing) {
        RopeCase given = RopeCase.of(RopeCases.rope(pairing, DIM, DIM), DType.FP16, 1, 2, 3);
        int pairs = given.rope().pairs();
        long heads = (1L << 32) / DIM + 1; // of a token
        long parts = (1L << 32) / pairs + 1; // from a row of the table to the next, in rows
        Device.Cuda cuda = (Device.Cuda) device;
        CudaContext context = CudaContext.of(cuda.ordinal());
        long data = context.allocate(2 * heads * DIM * DType.FP16.bytes());
        long turns = context.allocate(2 * parts * pairs * DType.FP32.bytes());
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = Tensor.borrow(cuda, data, DType.FP16, 2, heads, DIM).slice(1, 0, given.heads());
            Tensor rows = Tensor.borrow(cuda, turns, DType.FP32, 2, parts, pairs);
            RopeTable table = new RopeTable(rows.select(1, 0), rows.select(1, 1));
            assertTrue(x.stride(0) > 1L << 32);
            assertTrue(table.cosine().stride(0) > 1L << 32);
            x.copyFrom(given.inputs());
            Tensor positions = arena.allocate(DType.INT64, 2).copyFrom(given.positions());
            try (BoundCall angles = given.rope().bindTable(stream, positions, table);
                    BoundCall apply =
                            given.rope().rotate().x(x).table(table).out(x).bind(stream)) {
                angles.run();
                apply.run();
                stream.synchronize();
            }
            assertArrayEquals(given.on(Device.reference(), RopeCase.Way.COMPUTED), x.toDoubleArray());
        } finally {
            context.free(turns);
            context.free(data);
        }
    }

    private static KernelCounters only(String prefix) {
        List<KernelCounters> matching = Emulator.counters().stream()
                .filter(counters -> counters.kernel().startsWith(prefix))
                .toList();
        assertEquals(1, matching.size(), matching::toString);
        return matching.getFirst();
    }
}
