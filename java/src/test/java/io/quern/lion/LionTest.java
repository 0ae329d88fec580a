package io.quern.lion;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.SPARSE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs {@link LionCases} on every device, and what is not a case. */
class LionTest {
    private static final Lion LION = Lion.of(3e-3).withWeightDecay(0.1);

    @TestFactory
    List<DynamicContainer> cases() {
        return TestDevices.all().stream()
                .map(device -> DynamicContainer.dynamicContainer(
                        device.name(),
                        LionCases.all().stream()
                                .map(c -> DynamicTest.dynamicTest(c.toString(), () -> {
                                    Outcome outcome = c.on(device);
                                    assertTrue(outcome.passed(), () -> c + " on " + device + ": " + outcome);
                                }))))
                .toList();
    }

    @ParameterizedTest
    @EnumSource(Storage.class)
    @Tag("cpu")
    void bitsDoNotDependOnThreads(Storage storage) {
        LionState start = LionState.random(storage, 200_003, 5);
        LionState alone = start.run(LION, Device.cpu(1), 2);
        for (int threads : new int[] {2, 7}) {
            Outcome outcome = alone.sameBits(start.run(LION, Device.cpu(threads), 2));
            assertTrue(outcome.passed(), () -> threads + " threads: " + outcome);
        }
    }

    @ParameterizedTest
    @EnumSource(Storage.class)
    @Tag("cpu")
    void aRunAllocatesNothing(Storage storage) {
        Device device = Device.cpu();
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            LionState.OnDevice one = LionState.random(storage, 4098, 6).on(arena);
            List<LionState.OnDevice> many = List.of(
                    LionState.random(storage, 70_001, 7).on(arena),
                    LionState.random(storage, 17, 8).on(arena));
            Lion lion = storage.parameter().bytes() == 2 ? LION.withRounding(Rounding.stochastic(1)) : LION;
            try (LionCall single = lion.bind(stream, one.parameter(), one.momentum(), one.gradient());
                    LionCall clipped = LION.withMaxNorm(1)
                            .withCaution(Lion.Caution.CAUTIOUS)
                            .bind(stream, one.parameter(), one.momentum(), one.gradient());
                    LionCall list = LION.withNanPolicy(NanPolicy.SKIP_ELEMENT)
                            .withGradients(Lion.Gradients.ZEROED)
                            .bind(
                                    stream,
                                    many.stream()
                                            .map(LionState.OnDevice::parameter)
                                            .toList(),
                                    many.stream()
                                            .map(LionState.OnDevice::momentum)
                                            .toList(),
                                    many.stream()
                                            .map(LionState.OnDevice::gradient)
                                            .toList(),
                                    storage.parameter() == DType.FP32
                                            ? many.stream()
                                                    .map(tensors -> arena.allocate(
                                                            DType.BF16,
                                                            tensors.parameter().elementCount()))
                                                    .toList()
                                            : List.of())) {
                assertAllocatesNothing(() -> {
                    single.setLearningRate(1e-2 - single.learningRate());
                    single.setStepNumber(5);
                    single.setLossScale(3 - single.lossScale());
                    single.run();
                    list.run();
                    clipped.run();
                });
            }
        }
    }

    private static void assertAllocatesNothing(Runnable run) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int runs = 200;
        long allocated = Long.MAX_VALUE;
        for (int round = 0; round < 40 && allocated >= runs; round++) { // until the JIT has compiled it
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < runs; i++) {
                run.run();
            }
            allocated = threads.getCurrentThreadAllocatedBytes() - before;
        }
        assertTrue(allocated < runs, allocated + " bytes in " + runs + " runs");
    }

    /** More than 2^32 elements in a file of holes; only the last part, which begins beyond 2^32, is run. */
    @ParameterizedTest
    @EnumSource(names = {"FP32", "BF16"})
    void elementsBeyond2To32AreFound(Storage storage, @TempDir Path folder) throws IOException {
        int tail = 4099;
        long count = (1L << 32) + tail;
        long bytes = Math.ceilDiv(count * storage.parameter().bytes(), 4096L) * 4096;
        LionState start = LionState.random(storage, tail, 9);
        LionState expected = start.run(LION, Device.reference(), 1);
        try (FileChannel file = FileChannel.open(folder.resolve("holes"), CREATE_NEW, SPARSE, READ, WRITE);
                Arena arena = Arena.ofShared()) {
            MemorySegment memory = file.map(FileChannel.MapMode.READ_WRITE, 0, 3 * bytes, arena);
            Tensor parameter = Tensor.borrow(memory.asSlice(0, bytes), storage.parameter(), count);
            Tensor momentum = Tensor.borrow(memory.asSlice(bytes, bytes), storage.momentum(), count);
            Tensor gradient = Tensor.borrow(memory.asSlice(2 * bytes, bytes), storage.gradient(), count);
            parameter.slice(0, count - tail, count).copyFrom(start.parameter());
            momentum.slice(0, count - tail, count).copyFrom(start.momentum());
            gradient.slice(0, count - tail, count).copyFrom(start.gradient());
            Lion.Step step =
                    new Lion.Step(LION, List.of(parameter), List.of(momentum), List.of(gradient), List.of(), null);
            LionVector kernel = new LionVector(step, new Coefficients(LION), 1);
            assertEquals(count * storage.bytesPerParameter(), step.bytes());
            kernel.run(kernel.parts() - 1);
            LionState stepped = new LionState(
                    storage,
                    parameter.slice(0, count - tail, count).toDoubleArray(),
                    momentum.slice(0, count - tail, count).toDoubleArray(),
                    gradient.slice(0, count - tail, count).toDoubleArray());
            Outcome outcome = expected.sameBits(stepped);
            assertTrue(outcome.passed(), outcome::toString);
            // Where an index cut to 32 bits would have led.
            assertArrayEquals(new double[tail], momentum.slice(0, 0, tail).toDoubleArray());
        }
    }

    @ParameterizedTest
    @EnumSource(Storage.class)
    void bytesAreThoseOfThePaper(Storage storage) {
        int expected = switch (storage) {
            case FP64 -> 40;
            case FP32 -> 20;
            case FP16, BF16 -> 10;
            case BF16_FP32_BF16, FP16_FP32_FP16, FP32_BF16_BF16, FP32_FP16_FP16 -> 14;
            case FP32_FP32_BF16, FP32_FP32_FP16 -> 18;
        };
        Device device = Device.reference();
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor parameter = arena.allocate(storage.parameter(), 3, 5);
            Tensor momentum = arena.allocate(storage.momentum(), 3, 5);
            Tensor gradient = arena.allocate(storage.gradient(), 3, 5);
            try (LionCall call = LION.bind(stream, parameter, momentum, gradient)) {
                assertEquals(15 * expected, call.call().bytes());
                assertEquals(15 * 9, call.call().flops());
            }
            for (Lion looking : List.of(LION.withMaxNorm(1), LION.withNanPolicy(NanPolicy.SKIP_STEP))) {
                try (LionCall call = looking.bind(stream, parameter, momentum, gradient)) {
                    assertEquals(
                            15 * (expected + storage.gradient().bytes()),
                            call.call().bytes());
                }
            }
            try (LionCall call = LION.withCaution(Lion.Caution.CAUTIOUS).bind(stream, parameter, momentum, gradient)) {
                int counted = storage.momentum().bytes() + storage.gradient().bytes();
                assertEquals(15 * (expected + counted), call.call().bytes());
            }
            Lion zeroing = LION.withGradients(Lion.Gradients.ZEROED);
            try (LionCall call = zeroing.bind(stream, parameter, momentum, gradient)) {
                assertEquals(
                        15 * (expected + storage.gradient().bytes()),
                        call.call().bytes());
            }
            if (storage.parameter() == DType.FP32) {
                Tensor copy = arena.allocate(DType.FP16, 3, 5);
                try (LionCall call = LION.bind(stream, parameter, momentum, gradient, copy)) {
                    assertEquals(15 * (expected + 2), call.call().bytes());
                }
            }
        }
    }
}
