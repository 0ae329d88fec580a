package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.CudaException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Streams, events and graphs. */
class CudaStreamTest {
    private final CudaContext context = CudaContext.of(0);
    private final long allocatedBefore = context.allocatedBytes();
    private final CudaStream stream = CudaStream.open(context);
    private final long x = Toy.upload(context, 1, 2, 3, 4, 5);

    @AfterEach
    void everyTestFreesWhatItAllocated() {
        context.free(x);
        stream.close();
        assertEquals(allocatedBefore, context.allocatedBytes());
    }

    @Test
    void workIsDoneInOrder() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment in = arena.allocateFrom(JAVA_FLOAT, 1, 1, 1, 1, 1);
            MemorySegment out = arena.allocate(JAVA_FLOAT, 5);
            long y = context.allocate(20);
            stream.copyIn(y, in);
            Toy.scale(stream, y, 4, 3).run();
            stream.copy(x, y, 12);
            stream.fill(y, (byte) 0, 4);
            stream.copyOut(out, y);
            stream.synchronize();
            assertArrayEquals(new float[] {0, 3, 3, 3, 1}, out.toArray(JAVA_FLOAT));
            context.free(y);
        }
        assertArrayEquals(new float[] {3, 3, 3, 4, 5}, Toy.download(context, x, 5));
    }

    @Test
    void aBorrowedStreamOutlivesTheLoan() {
        CudaStream lent = CudaStream.borrow(context, stream.handle());
        Toy.scale(lent, x, 5, 2).run();
        lent.close();
        Toy.scale(stream, x, 5, 2).run();
        stream.synchronize();
        assertArrayEquals(new float[] {4, 8, 12, 16, 20}, Toy.download(context, x, 5));
    }

    @Test
    void theLegacyStreamCanBeBorrowed() {
        CudaStream legacy = CudaStream.borrow(context, 0);
        Toy.scale(legacy, x, 5, 2).run();
        legacy.synchronize();
        assertArrayEquals(new float[] {2, 4, 6, 8, 10}, Toy.download(context, x, 5));
    }

    @Test
    void aClosedStreamRefusesEverything() {
        CudaStream closed = CudaStream.open(context);
        CudaLaunch launch = Toy.scale(closed, x, 5, 2);
        closed.close();
        assertThrows(IllegalStateException.class, closed::close);
        assertThrows(IllegalStateException.class, launch::run);
        assertThrows(IllegalStateException.class, () -> closed.fill(x, (byte) 0, 4));
        IllegalStateException e = assertThrows(IllegalStateException.class, closed::synchronize);
        assertEquals("this stream on cuda:0 is closed", e.getMessage());
    }

    @Test
    void oneStreamWaitsForAnother() {
        try (CudaStream other = CudaStream.open(context);
                CudaEvent doubled = CudaEvent.open(context)) {
            Toy.scale(stream, x, 5, 2).run();
            doubled.record(stream);
            other.waitFor(doubled);
            Toy.scale(other, x, 5, 10).run();
            other.synchronize();
            assertArrayEquals(new float[] {20, 40, 60, 80, 100}, Toy.download(context, x, 5));
        }
    }

    @Test
    void eventsTellTheTimeBetweenThem() {
        CudaEvent start = CudaEvent.open(context);
        CudaEvent end = CudaEvent.open(context);
        start.record(stream);
        Toy.scale(stream, x, 5, 2).run();
        end.record(stream);
        end.synchronize();
        float milliseconds = end.millisecondsSince(start);
        assertTrue(milliseconds >= 0 && milliseconds < 10_000, milliseconds + " ms");
        start.close();
        end.close();
        assertThrows(IllegalStateException.class, end::close);
        assertThrows(IllegalStateException.class, () -> end.record(stream));
    }

    @Test
    void aCapturedGraphRunsOnlyWhenLaunched() {
        CudaLaunch scale = Toy.scale(stream, x, 5, 2);
        stream.beginCapture();
        scale.run();
        scale.run();
        CudaGraph graph = stream.endCapture();
        assertArrayEquals(new float[] {1, 2, 3, 4, 5}, Toy.download(context, x, 5));
        assertTrue(
                graph.toString().startsWith("a graph of 2 kernels on cuda:0 [toy_scale_fp32 grid"), graph.toString());

        scale.setFloat32(2, 100); // concerns later runs, not what was captured
        graph.launch(stream);
        graph.launch(stream);
        stream.synchronize();
        assertArrayEquals(new float[] {16, 32, 48, 64, 80}, Toy.download(context, x, 5));

        graph.close();
        assertThrows(IllegalStateException.class, () -> graph.launch(stream));
        assertThrows(IllegalStateException.class, graph::close);
    }

    @Test
    void aGraphHoldsCopiesToo() {
        stream.beginCapture();
        stream.fill(x, (byte) 0, 8);
        stream.copy(x + 8, x + 12, 4);
        try (CudaGraph graph = stream.endCapture()) {
            graph.launch(stream);
            stream.synchronize();
        }
        assertArrayEquals(new float[] {0, 0, 4, 4, 5}, Toy.download(context, x, 5));
    }

    @Test
    void waitingInACaptureEndsItWithAnError() {
        stream.beginCapture();
        CudaException e = assertThrows(CudaException.class, stream::synchronize);
        assertTrue(e.codeName().startsWith("CUDA_ERROR_STREAM_CAPTURE"), e.getMessage());
        assertThrows(CudaException.class, stream::endCapture);
        Toy.scale(stream, x, 5, 2).run(); // and the stream is as before
        stream.synchronize();
        assertArrayEquals(new float[] {2, 4, 6, 8, 10}, Toy.download(context, x, 5));
    }

    @Test
    void endingWhatWasNotBegunIsRefused() {
        assertThrows(CudaException.class, stream::endCapture);
    }
}
