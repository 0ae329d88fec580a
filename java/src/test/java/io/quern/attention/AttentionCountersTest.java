package io.quern.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;

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
import java.util.Random;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What only the emulator shows of the kernels for tensor cores: instructions, bank conflicts, sectors. */
class AttentionCountersTest {
    private static final int TOKENS = 1024;
    private static final GoldenCounters GOLDEN = GoldenCounters.of("attention");

    /** One head of 1024 tokens in BF16, of which package-info states the instructions for a FLOP. */
    private record Work(int headDim, boolean causal) {
        private long rowBytes() {
            return (long) headDim * DType.BF16.bytes();
        }

        /** Keys and values are read by each block of queries; where a causal mask hides the rest, up to its last query's. */
        private long bytesRead() {
            long read = 0;
            int queriesOfBlock = headDim <= 128 ? 128 : 64;
            for (int first = 0; first < TOKENS; first += queriesOfBlock) {
                read += 2 * rowBytes() * (causal ? first + queriesOfBlock : TOKENS);
            }
            return read + TOKENS * rowBytes();
        }

        @Override
        public String toString() {
            return "BF16 1 x 1024 x " + headDim + (causal ? " causal" : " full");
        }
    }

    private static final List<Work> WORKS = List.of(
            new Work(64, false),
            new Work(64, true),
            new Work(128, false),
            new Work(128, true),
            new Work(256, false),
            new Work(256, true));

    @TestFactory
    List<DynamicTest> onTheEmulator() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (device.onHost() || CudaDriver.provider() != CudaDriver.Provider.EMULATOR) {
                continue;
            }
            for (Work work : WORKS) {
                tests.add(DynamicTest.dynamicTest(work.toString(), () -> check(work, device)));
                if (work.headDim() <= 128) {
                    tests.add(DynamicTest.dynamicTest("backward, " + work, () -> checkBackward(work, device)));
                }
            }
        }
        return tests;
    }

    private static void check(Work work, Device device) {
        GOLDEN.check(work.toString(), () -> run(work, device));
        List<KernelCounters> all = Emulator.counters();
        assertEquals(1, all.size(), all::toString);
        KernelCounters forward = all.getFirst();
        assertEquals("attention_forward_tensor_" + work.headDim() + "_bf16", forward.kernel());
        assertEquals(0, forward.sharedLoads().excessWavefronts(), "bank conflicts of loads");
        assertEquals(0, forward.sharedStores().excessWavefronts(), "bank conflicts of stores");
        assertEquals(work.bytesRead(), forward.globalLoads().sectorBytes());
        assertEquals(
                TOKENS * (work.rowBytes() + Float.BYTES), forward.globalStores().sectorBytes());
    }

    private static void checkBackward(Work work, Device device) {
        GOLDEN.check("backward, " + work, () -> runBackward(work, device));
        List<KernelCounters> all = Emulator.counters();
        assertEquals(
                List.of(
                        "attention_backward_rows_bf16",
                        "attention_backward_query_" + work.headDim() + "_bf16",
                        "attention_backward_keys_" + work.headDim() + "_bf16"),
                all.stream().map(KernelCounters::kernel).toList());
        for (KernelCounters each : all) {
            assertEquals(0, each.sharedLoads().excessWavefronts(), "bank conflicts of loads: " + each.kernel());
            assertEquals(0, each.sharedStores().excessWavefronts(), "bank conflicts of stores: " + each.kernel());
        }
        assertEquals(TOKENS * work.rowBytes(), all.get(1).globalStores().sectorBytes());
        assertEquals(2 * TOKENS * work.rowBytes(), all.get(2).globalStores().sectorBytes());
    }

    /** Of what no forward pass wrote: the logarithm of the sum is about what it would be. */
    private static void runBackward(Work work, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Attention attention = work.causal() ? Attention.causal(work.headDim()) : Attention.full(work.headDim());
            attention
                    .backward()
                    .query(normal(arena, work, 1))
                    .keys(normal(arena, work, 2))
                    .values(normal(arena, work, 3))
                    .out(normal(arena, work, 4))
                    .logSumExp(arena.allocate(DType.FP32, 1, 1, TOKENS).fill(Math.log(TOKENS)))
                    .outGradient(normal(arena, work, 5))
                    .queryGradient(arena.allocate(DType.BF16, 1, 1, TOKENS, work.headDim()))
                    .keysGradient(arena.allocate(DType.BF16, 1, 1, TOKENS, work.headDim()))
                    .valuesGradient(arena.allocate(DType.BF16, 1, 1, TOKENS, work.headDim()))
                    .run(stream);
            stream.synchronize();
        }
    }

    private static void run(Work work, Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Attention attention = work.causal() ? Attention.causal(work.headDim()) : Attention.full(work.headDim());
            attention
                    .forward()
                    .query(normal(arena, work, 1))
                    .keys(normal(arena, work, 2))
                    .values(normal(arena, work, 3))
                    .out(arena.allocate(DType.BF16, 1, 1, TOKENS, work.headDim()))
                    .logSumExp(arena.allocate(DType.FP32, 1, 1, TOKENS))
                    .run(stream);
            stream.synchronize();
        }
    }

    private static Tensor normal(TensorArena arena, Work work, long seed) {
        double[] values = new double[TOKENS * work.headDim()];
        Random random = new Random(seed);
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextGaussian();
        }
        return arena.allocate(DType.BF16, 1, 1, TOKENS, work.headDim()).copyFrom(values);
    }
}
