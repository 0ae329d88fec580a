package io.quern;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A call's way with the smallest kernel there is: it adds its workspace's first byte count to a tensor. */
class BoundCallTest {
    private static final AtomicInteger CLOSED_LAUNCHES = new AtomicInteger();

    private record Increment(Tensor counter) implements Arguments {
        @Override
        public List<Role> roles() {
            return List.of(Role.written("counter", counter));
        }

        @Override
        public long bytes() {
            return 16;
        }

        @Override
        public long flops() {
            return 1;
        }
    }

    private record IncrementLaunch(Tensor counter, Workspace workspace) implements Launch {
        @Override
        public void run() {
            workspace.segment().fill((byte) 1); // throws if the workspace was freed
            DType.FP64.set(counter.segment(), 0, DType.FP64.get(counter.segment(), 0) + 1);
        }

        @Override
        public void close() {
            CLOSED_LAUNCHES.incrementAndGet();
        }
    }

    private static final class HostKernel implements Kernel<Increment> {
        @Override
        public Launch bind(Increment arguments, Stream stream, Workspace workspace) {
            return new IncrementLaunch(arguments.counter(), workspace);
        }

        @Override
        public long workspaceBytes(Increment arguments, Stream stream) {
            return 256;
        }
    }

    private static final KernelSet<Increment> INCREMENT =
            new KernelSet<>("test_increment", new HostKernel(), new HostKernel(), (_, _, _) -> {
                throw new IllegalArgumentException("refused while binding");
            });

    @Test
    void runsCountAndCloseFreesOnce() {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu())) {
            Tensor counter = arena.allocate(DType.FP64, 1);
            int before = CLOSED_LAUNCHES.get();
            BoundCall call = INCREMENT.bind(new Increment(counter), stream);
            assertEquals(256, call.workspaceBytes());
            call.run();
            call.run();
            assertArrayEquals(new double[] {2}, counter.toDoubleArray());
            call.close();
            call.close();
            assertEquals(before + 1, CLOSED_LAUNCHES.get());
            assertMessage(assertThrows(IllegalStateException.class, call::run), "test_increment", "closed");
        }
    }

    @Test
    void aGraphOwnsWhatItCaptured() {
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream stream = Stream.open(Device.reference())) {
            Tensor counter = arena.allocate(DType.FP64, 1);
            int before = CLOSED_LAUNCHES.get();
            BoundCall call = INCREMENT.bind(new Increment(counter), stream);
            Graph graph = stream.capture(() -> {
                call.run();
                call.run();
            });
            assertEquals(2, graph.size());
            assertEquals(0, counter.toDoubleArray()[0], "capturing runs nothing");
            call.close();
            graph.launch();
            graph.launch();
            assertEquals(4, counter.toDoubleArray()[0]);
            assertEquals(before, CLOSED_LAUNCHES.get());
            graph.close();
            graph.close();
            assertEquals(before + 1, CLOSED_LAUNCHES.get());
            assertThrows(IllegalStateException.class, graph::launch);
        }
    }

    @Test
    void bindingWithinACaptureIsRefused() {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu())) {
            Increment arguments = new Increment(arena.allocate(DType.FP64, 1));
            assertMessage(
                    assertThrows(
                            IllegalStateException.class, () -> stream.capture(() -> INCREMENT.bind(arguments, stream))),
                    "test_increment",
                    "bind it before");
            INCREMENT.bind(arguments, stream).close(); // and the stream is not left capturing
        }
    }

    @Test
    void aCaptureThatThrowsReleasesItsCalls() {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu())) {
            int before = CLOSED_LAUNCHES.get();
            BoundCall call = INCREMENT.bind(new Increment(arena.allocate(DType.FP64, 1)), stream);
            assertThrows(
                    UnsupportedOperationException.class,
                    () -> stream.capture(() -> {
                        call.run();
                        throw new UnsupportedOperationException();
                    }));
            call.run(); // the stream no longer captures
            call.close();
            assertEquals(before + 1, CLOSED_LAUNCHES.get());
        }
    }

    @Test
    void whatWasClosedIsRefusedByName() {
        Stream stream = Stream.open(Device.cpu());
        TensorArena arena = TensorArena.open(Device.cpu());
        BoundCall call = INCREMENT.bind(new Increment(arena.allocate(DType.FP64, 1)), stream);
        Graph graph = stream.capture(call::run);
        arena.close();
        assertMessage(assertThrows(IllegalStateException.class, call::run), "arena", "closed");
        assertMessage(assertThrows(IllegalStateException.class, graph::launch), "arena", "closed");
        assertThrows(IllegalStateException.class, arena::close);
        stream.close();
        stream.close();
        assertMessage(assertThrows(IllegalStateException.class, call::run), "stream", "closed");
        call.close();
        graph.close();
    }

    @Test
    void aTensorOutOfReachIsRefused() {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cuda(0))) {
            Increment arguments = new Increment(arena.allocate(DType.FP64, 1));
            assertMessage(
                    assertThrows(IllegalArgumentException.class, () -> INCREMENT.bind(arguments, stream)),
                    "counter",
                    "cuda:0",
                    "on cpu");
        }
    }

    @Test
    void aGivenWorkspaceIsChecked() {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu())) {
            Tensor block = arena.allocate(DType.FP64, 34);
            Increment arguments = new Increment(block.slice(0, 0, 1));
            assertEquals(256, INCREMENT.workspaceBytes(arguments, stream));
            assertMessage(
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> INCREMENT.bind(arguments, stream, block.slice(0, 2, 33))),
                    "workspace",
                    "256",
                    "248");
            assertMessage(
                    assertThrows(IllegalArgumentException.class, () -> INCREMENT.bind(arguments, stream, block)),
                    "workspace",
                    "counter",
                    "overlap");
            assertMessage(
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> INCREMENT.bind(arguments, stream, block.slice(0, 1, 34))),
                    "workspace",
                    "multiple of 16");
            MemorySegment constant = Arena.global().allocate(256, 16).asReadOnly();
            assertMessage(
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> INCREMENT.bind(arguments, stream, Tensor.borrow(constant, DType.FP64, 32))),
                    "workspace",
                    "writable");
            try (BoundCall call = INCREMENT.bind(arguments, stream, block.slice(0, 2, 34))) {
                call.run();
            }
            assertEquals(1, block.toDoubleArray()[0]);
            block.fill(0); // a given workspace is not freed with the call
        }
    }

    @Test
    void aGivenWorkspaceThatWasClosedIsRefused() {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu())) {
            Tensor counter = arena.allocate(DType.FP64, 1);
            TensorArena scratch = TensorArena.open(Device.cpu());
            Arena owner = Arena.ofShared();
            Tensor borrowed = Tensor.borrow(owner.allocate(256, 16), DType.FP64, 32);
            try (BoundCall inArena = INCREMENT.bind(new Increment(counter), stream, scratch.allocate(DType.FP64, 32));
                    BoundCall inBorrowed = INCREMENT.bind(new Increment(counter), stream, borrowed);
                    Graph graph = stream.capture(inArena::run)) {
                scratch.close();
                owner.close();
                assertMessage(assertThrows(IllegalStateException.class, inArena::run), "tensor arena", "closed");
                assertMessage(assertThrows(IllegalStateException.class, graph::launch), "tensor arena", "closed");
                assertMessage(assertThrows(IllegalStateException.class, inBorrowed::run), "borrowed memory", "closed");
            }
            assertEquals(0, counter.toDoubleArray()[0]);
        }
    }

    @Test
    void aRunAllocatesNothing() {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu());
                BoundCall call = INCREMENT.bind(new Increment(arena.allocate(DType.FP64, 1)), stream)) {
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long allocated = Long.MAX_VALUE;
            for (int round = 0; round < 20 && allocated > 0; round++) { // until the JIT has compiled it
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 10_000; i++) {
                    call.run();
                }
                allocated = threads.getCurrentThreadAllocatedBytes() - before;
            }
            // The bean's own call may allocate once; a byte a run would be 10,000.
            assertTrue(allocated < 1_000, allocated + " bytes in 10,000 runs");
        }
    }

    @Test
    void aFlightRecordingShowsTheRun(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("runs.jfr");
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu());
                BoundCall call = INCREMENT.bind(new Increment(arena.allocate(DType.FP64, 1)), stream);
                Recording recording = new Recording()) {
            recording.enable("io.quern.KernelLaunch").withoutThreshold();
            recording.start();
            call.run();
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        assertEquals(1, events.size());
        RecordedEvent event = events.getFirst();
        assertEquals("test_increment", event.getString("kernel"));
        assertEquals(Device.cpu().name(), event.getString("device"));
        assertEquals(16, event.getLong("bytes"));
        assertFalse(event.getDuration().isNegative());
    }

    private static void assertMessage(Throwable thrown, String... parts) {
        for (String part : parts) {
            assertTrue(thrown.getMessage().contains(part), thrown::getMessage);
        }
    }
}
