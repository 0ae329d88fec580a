package io.quern;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.cuda.CudaContext;
import io.quern.lion.Lion;
import io.quern.lion.LionCall;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Streams and graphs with a real kernel, on the host and on CUDA. */
class StreamTest {
    static List<Device> devices() {
        return List.of(Device.reference(), Device.cpu(), Device.cuda(0));
    }

    @ParameterizedTest
    @MethodSource("devices")
    void aGraphReplaysWhatItCapturedAfterTheCallIsClosed(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor parameter = arena.allocate(DType.FP32, 100);
            LionCall call = step(stream, arena, parameter);
            try (Graph graph = stream.capture(call::run)) {
                call.close();
                assertEquals(0, parameter.toFloatArray()[0]);
                graph.launch();
                graph.launch();
                stream.synchronize();
                assertEquals(-0.5f, parameter.toFloatArray()[99]);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("devices")
    void copiesAreInTheStreamsOrder(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                TensorArena host = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(device)) {
            Tensor parameter = arena.allocate(DType.FP32, 100);
            Tensor result = host.allocate(DType.FP32, 100);
            try (LionCall call = step(stream, arena, parameter)) {
                stream.copy(host.allocate(DType.FP32, 100).fill(3), parameter);
                call.run();
                stream.copy(parameter, result);
                stream.synchronize();
            }
            float[] expected = new float[100];
            Arrays.fill(expected, 2.75f);
            assertArrayEquals(expected, result.toFloatArray());
        }
    }

    @ParameterizedTest
    @MethodSource("devices")
    void aCopyWithinTheHostWaitsForThoseBeforeIt(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                TensorArena host = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(device)) {
            Tensor first = host.allocate(DType.FP32, 100);
            Tensor second = host.allocate(DType.FP32, 100);
            stream.copy(arena.allocate(DType.FP32, 100).fill(3), first);
            stream.copy(first, second);
            stream.synchronize();
            assertEquals(3, second.toFloatArray()[99]);
        }
    }

    @ParameterizedTest
    @MethodSource("devices")
    void aCaptureTakesBoundCallsOnly(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor parameter = arena.allocate(DType.FP32, 100);
            Tensor other = arena.allocate(DType.FP32, 100);
            try (LionCall call = step(stream, arena, parameter);
                    Graph earlier = stream.capture(call::run)) {
                List<Runnable> refused = List.of(
                        () -> stream.copy(parameter, other),
                        stream::synchronize,
                        earlier::launch,
                        () -> stream.capture(() -> {}));
                try (Graph graph = stream.capture(() -> {
                    call.run();
                    for (Runnable work : refused) {
                        IllegalStateException wrong = assertThrows(IllegalStateException.class, work::run);
                        assertTrue(wrong.getMessage().contains("is capturing"), wrong::getMessage);
                    }
                })) {
                    graph.launch(); // and the capture went on
                    stream.synchronize();
                }
            }
            assertEquals(-0.25f, parameter.toFloatArray()[0]);
        }
    }

    @Test
    void aCaptureThatTheDriverRefusesReleasesItsCalls() {
        CudaContext context = CudaContext.of(0);
        try (TensorArena arena = TensorArena.open(Device.cuda(0));
                Stream stream = Stream.open(Device.cuda(0))) {
            LionCall call = step(stream, arena, arena.allocate(DType.FP32, 100));
            long before = context.allocatedBytes();
            assertThrows(
                    CudaException.class,
                    () -> stream.capture(() -> {
                        call.run();
                        // Behind the stream's back: what waits invalidates a capture.
                        assertThrows(CudaException.class, stream.cuda()::synchronize);
                    }));
            call.close();
            assertTrue(context.allocatedBytes() < before, "the call's workspace was not freed");
        }
    }

    @Test
    void aBorrowedContextAndStreamAreLeftToTheirOwner() {
        Device.Cuda device = (Device.Cuda) Device.cuda(0);
        CudaContext context = CudaContext.of(0);
        try (Stream owner = Stream.open(device);
                TensorArena arena = TensorArena.open(device)) {
            Tensor parameter = arena.allocate(DType.FP32, 100);
            try (Stream borrowed =
                    Stream.borrow(device, context.handle(), owner.cuda().handle())) {
                step(borrowed, arena, parameter).run();
            }
            owner.synchronize();
            assertEquals(-0.25f, parameter.toFloatArray()[0]);
            step(owner, arena, parameter).run();
            assertEquals(-0.5f, parameter.toFloatArray()[0]);
        }
    }

    @Test
    void everythingIsGivenBackWhateverIsClosedFirst() {
        CudaContext context = CudaContext.of(0);
        long before = context.allocatedBytes();
        TensorArena arena = TensorArena.open(Device.cuda(0));
        Stream stream = Stream.open(Device.cuda(0));
        Tensor parameter = arena.allocate(DType.FP32, 100);
        LionCall call = step(stream, arena, parameter);
        Graph graph = stream.capture(call::run);
        arena.close();
        assertThrows(IllegalStateException.class, graph::launch);
        assertThrows(IllegalStateException.class, call::run);
        stream.close();
        call.close();
        graph.close();
        assertEquals(before, context.allocatedBytes());
    }

    @Test
    void moreThanTheDeviceHasIsRefusedWithFigures() {
        try (TensorArena arena = TensorArena.open(Device.cuda(0))) {
            DeviceOutOfMemoryException refused =
                    assertThrows(DeviceOutOfMemoryException.class, () -> arena.allocate(DType.FP64, 1L << 50));
            assertEquals("cuda:0", refused.device());
            assertEquals(1L << 53, refused.requested());
            assertTrue(refused.total() > 0 && refused.free() <= refused.total(), refused::getMessage);
            arena.allocate(DType.FP64, 16).fill(1); // and life goes on
        }
    }

    /** A step of 0.25 down. */
    private static LionCall step(Stream stream, TensorArena arena, Tensor parameter) {
        Tensor momentum = arena.allocate(DType.FP32, parameter.shape());
        Tensor gradient = arena.allocate(DType.FP32, parameter.shape()).fill(1);
        return Lion.of(0.25).bind(stream, parameter, momentum, gradient);
    }
}
