package io.quern;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TensorTest {
    static Stream<Device> places() {
        return Stream.of(Device.reference(), Device.cpu(), Device.cuda(0));
    }

    @ParameterizedTest
    @MethodSource("places")
    void anArenaGivesZeros(Device device) {
        try (TensorArena arena = TensorArena.open(device)) {
            for (DType dtype : DType.values()) {
                assertArrayEquals(new double[6], arena.allocate(dtype, 2, 3).toDoubleArray());
            }
            assertEquals(0, arena.allocate(DType.FP32, 4, 0, 2).toFloatArray().length);
        }
    }

    @ParameterizedTest
    @MethodSource("places")
    void copiesFollowStrides(Device device) {
        try (TensorArena arena = TensorArena.open(device)) {
            int[] counted = IntStream.range(0, 24).toArray();
            Tensor tensor = arena.allocate(DType.FP32, 2, 3, 4).copyFrom(counted);

            Tensor swapped = tensor.transpose(0, 1);
            assertArrayEquals(new long[] {3, 2, 4}, swapped.shape());
            assertArrayEquals(new long[] {4, 12, 1}, swapped.strides());
            assertFalse(swapped.isDense());
            assertArrayEquals(
                    new float[] {0, 1, 2, 3, 12, 13, 14, 15, 4, 5, 6, 7, 16, 17, 18, 19, 8, 9, 10, 11, 20, 21, 22, 23},
                    swapped.toFloatArray());

            Tensor inner = tensor.slice(-1, 1, 3).slice(1, 2, 3);
            assertArrayEquals(new float[] {9, 10, 21, 22}, inner.toFloatArray());
            assertArrayEquals(
                    new float[] {12, 13, 14, 15},
                    tensor.select(0, 1).select(0, 0).toFloatArray());

            inner.fill(-1);
            float[] expected = new float[24];
            for (int i = 0; i < 24; i++) {
                expected[i] = i == 9 || i == 10 || i == 21 || i == 22 ? -1 : i;
            }
            assertArrayEquals(expected, tensor.toFloatArray());

            Tensor packed = arena.allocate(DType.FP32, 3, 2, 4).copyFrom(swapped);
            assertArrayEquals(swapped.toFloatArray(), packed.toFloatArray());
            assertArrayEquals(packed.toFloatArray(), packed.reshape(4, 6).toFloatArray());
        }
    }

    @ParameterizedTest
    @MethodSource("places")
    void viewsOfNothingAreEmpty(Device device) {
        try (TensorArena arena = TensorArena.open(device)) {
            Tensor nothing = arena.allocate(DType.FP32, 4, 3, 0, 2);
            Tensor view = nothing.slice(0, 2, 4).select(1, 2).slice(-1, 1, 2);
            assertArrayEquals(new long[] {2, 0, 1}, view.shape());
            assertEquals(0, view.fill(1).copyFrom(new float[0]).toFloatArray().length);
        }
    }

    @ParameterizedTest
    @MethodSource("places")
    void integersAreExact(Device device) {
        try (TensorArena arena = TensorArena.open(device)) {
            long[] values = {Long.MIN_VALUE, -1, 0, (1L << 53) + 1, Long.MAX_VALUE};
            assertArrayEquals(
                    values, arena.allocate(DType.INT64, 5).copyFrom(values).toLongArray());
            Tensor narrow = arena.allocate(DType.INT32, 2).copyFrom(new int[] {Integer.MIN_VALUE, 7});
            assertArrayEquals(new long[] {Integer.MIN_VALUE, 7}, narrow.toLongArray());
            assertRefused(() -> narrow.copyFrom(new long[] {1, 2}), "INT64", "INT32 [2]");
            assertRefused(() -> arena.allocate(DType.FP32, 1).toLongArray(), "INT32 or INT64", "FP32 [1]");
        }
    }

    @Test
    void sizesAreChecked() {
        try (TensorArena arena = TensorArena.open(Device.cpu())) {
            assertRefused(() -> arena.allocate(DType.FP32, 2, -3), "[2 x -3]", "negative");
            assertRefused(() -> arena.allocate(DType.FP32), "at least one axis");
            assertRefused(() -> arena.allocate(DType.FP64, 1L << 31, 1L << 31), "FP64", "too large");
            assertRefused(() -> arena.allocate(DType.FP32, 1L << 40, 1L << 40), "too large");
            assertEquals(0, arena.allocate(DType.FP64, 1L << 62, 0, 1L << 62).elementCount());
            Tensor tensor = arena.allocate(DType.FP32, 2, 3);
            assertRefused(() -> tensor.copyFrom(new float[5]), "6 elements", "5 values");
            assertRefused(() -> tensor.slice(1, 2, 4), "0..3", "2..4");
            assertRefused(() -> tensor.size(2), "-2..1", "2");
            assertRefused(() -> tensor.transpose(0, 1), "contiguous");
            assertRefused(() -> tensor.select(1, 0), "contiguous");
            assertRefused(() -> tensor.reshape(5), "[5]");
            assertRefused(() -> tensor.slice(1, 0, 2).reshape(4), "densely packed", "strides [3 x 1]");
        }
    }

    @Test
    void moreThanTheHostHasIsRefusedWithFigures() {
        try (TensorArena arena = TensorArena.open(Device.cpu())) {
            DeviceOutOfMemoryException thrown =
                    assertThrows(DeviceOutOfMemoryException.class, () -> arena.allocate(DType.FP64, 1L << 50));
            assertEquals(1L << 53, thrown.requested());
            assertTrue(thrown.total() > 0 && thrown.total() >= thrown.free(), thrown.getMessage());
            assertEquals(0, arena.bytes());
        }
    }

    @Test
    void borrowsNativeMemory() {
        try (Arena owner = Arena.ofShared()) {
            MemorySegment memory = owner.allocate(64, 64);
            Tensor tensor = Tensor.borrow(memory, DType.FP32, 2, 3).copyFrom(new float[] {1, 2, 3, 4, 5, 6});
            assertEquals(memory.address(), tensor.address());
            assertEquals(6, DType.FP32.get(memory, 5));

            assertRefused(() -> Tensor.borrow(MemorySegment.ofArray(new float[6]), DType.FP32, 6), "memory", "heap");
            assertRefused(() -> Tensor.borrow(memory, DType.FP32, 17), "68 bytes", "has 64");
            assertRefused(() -> Tensor.borrow(memory.asSlice(2), DType.FP32, 1), "aligned to 4");
            try (Arena confined = Arena.ofConfined()) {
                assertRefused(() -> Tensor.borrow(confined.allocate(4, 4), DType.FP32, 1), "every thread");
            }

            Tensor readOnly = Tensor.borrow(memory.asReadOnly(), DType.FP32, 6);
            assertEquals(6, readOnly.toFloatArray()[5]);
            assertRefused(() -> readOnly.fill(0), "read-only");
            assertRefused(() -> Role.written("out", readOnly), "out", "read-only");
        }
    }

    @Test
    void borrowedMemoryThatItsOwnerClosedIsRefused() {
        Arena owner = Arena.ofShared();
        Tensor tensor = Tensor.borrow(owner.allocate(64, 64), DType.FP32, 16);
        owner.close();
        assertThrows(IllegalStateException.class, tensor::toFloatArray);
        assertThrows(IllegalStateException.class, () -> tensor.fill(0));
    }

    @Test
    void borrowsAMappedFile(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("values");
        Files.write(file, new byte[64]);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
                Arena owner = Arena.ofShared()) {
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, 64, owner);
            Tensor tensor = Tensor.borrow(mapped, DType.FP64, 8).fill(2.5);
            assertFalse(tensor.segment().isMapped(), "kernels see one class of segment");
            mapped.force();
            assertEquals(2.5, DType.FP64.get(MemorySegment.ofArray(Files.readAllBytes(file)), 7));
            assertTrue(Tensor.borrow(mapped.asReadOnly(), DType.FP64, 8).isReadOnly());
        }
    }

    @Test
    void copiesCrossDevices() {
        try (TensorArena host = TensorArena.open(Device.cpu());
                TensorArena cuda = TensorArena.open(Device.cuda(0))) {
            double[] values = {1.5, -2.25, Double.NaN, 65504};
            Tensor source = host.allocate(DType.FP16, 2, 2).copyFrom(values);
            Tensor there = cuda.allocate(DType.FP16, 2, 2).copyFrom(source);
            assertArrayEquals(values, there.toDoubleArray());
            assertArrayEquals(
                    values, host.allocate(DType.FP16, 2, 2).copyFrom(there).toDoubleArray());
        }
    }

    @Test
    void deviceAddressesAreCheckedAsFarAsTheyCanBe() {
        Device.Cuda device = (Device.Cuda) Device.cuda(0);
        assertRefused(() -> Tensor.borrow(device, 0, DType.FP32, 1), "address", "0");
        assertRefused(() -> Tensor.borrow(device, 0x1002, DType.FP32, 1), "aligned to 4", "0x1002");
        try (TensorArena arena = TensorArena.open(device)) {
            Tensor owned = arena.allocate(DType.FP32, 4).fill(3);
            Tensor view = Tensor.borrow(device, owned.address() + 8, DType.FP32, 2);
            assertArrayEquals(new float[] {3, 3}, view.toFloatArray());
            assertThrows(IllegalStateException.class, owned::segment);
        }
    }

    private static void assertRefused(Outcome.Action action, String... parts) {
        Outcome outcome = Outcome.refusal(IllegalArgumentException.class, action, parts);
        assertTrue(outcome.passed(), outcome::message);
    }
}
