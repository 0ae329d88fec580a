package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Launches: what arrives in the kernel, what is refused before, and what a run costs. */
class CudaLaunchTest {
    private final CudaContext context = CudaContext.of(0);
    private final long allocatedBefore = context.allocatedBytes();
    private final CudaStream stream = CudaStream.open(context);

    @AfterEach
    void everyTestFreesWhatItAllocated() {
        stream.close();
        assertEquals(allocatedBefore, context.allocatedBytes());
    }

    @Test
    void argumentsOfEveryKindArriveAndCanBeReplaced() {
        long out = context.allocate(48);
        try (Arena arena = Arena.ofConfined()) {
            CudaLaunch launch = CudaLaunch.of(context.function(Toy.ARGUMENTS), stream)
                    .pointer(out)
                    .int32(-7)
                    .int64(1L << 40)
                    .float32(1.5f)
                    .float64(Math.PI)
                    .structure(structure(arena, -9, 0.25f))
                    .build();
            launch.run();
            stream.synchronize();
            expectArguments(out, -7, 1L << 40, 1.5f, Math.PI, -9, 0.25f);

            launch.setInt32(1, 8);
            launch.setInt64(2, -1L << 50);
            launch.setFloat32(3, Float.MIN_VALUE);
            launch.setFloat64(4, -Math.E);
            launch.setStructure(5, structure(arena, 11, 0.5f));
            long second = context.allocate(48);
            launch.setPointer(0, second);
            launch.run();
            stream.synchronize();
            expectArguments(second, 8, -1L << 50, Float.MIN_VALUE, -Math.E, 11, 0.5f);
            expectArguments(out, -7, 1L << 40, 1.5f, Math.PI, -9, 0.25f);
            context.free(second);
        } finally {
            context.free(out);
        }
    }

    private static MemorySegment structure(Arena arena, long whole, float half) {
        MemorySegment structure = arena.allocate(16, 8);
        structure.set(JAVA_LONG, 0, whole);
        structure.set(JAVA_FLOAT, 8, half);
        return structure;
    }

    private void expectArguments(long out, int a, long b, float c, double d, long whole, float half) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(48, 8);
            // Piece by piece: between them the kernel writes nothing, and what nobody wrote must not be read.
            context.copyOut(host.asSlice(0, 4), out);
            context.copyOut(host.asSlice(8, 12), out + 8);
            context.copyOut(host.asSlice(24, 20), out + 24);
            assertEquals(a, host.get(JAVA_INT, 0));
            assertEquals(b, host.get(JAVA_LONG, 8));
            assertEquals(c, host.get(JAVA_FLOAT, 16));
            assertEquals(d, host.get(JAVA_DOUBLE, 24));
            assertEquals(whole, host.get(JAVA_LONG, 32));
            assertEquals(half, host.get(JAVA_FLOAT, 40));
        }
    }

    @Test
    void argumentsThatTheKernelDoesNotTakeAreRefused() {
        refused(
                "argument 1 of toy_scale_fp32 is int64, but was given int32",
                () -> scale().pointer(0).int32(5));
        refused("argument 0 of toy_scale_fp32 is pointer, but was given float32", () -> scale().float32(1));
        refused(
                "argument 2 of toy_scale_fp32 is float32, but was given float64",
                () -> scale().pointer(0).int64(1).float64(1));
        refused(
                "argument 0 of toy_scale_fp32 is pointer, but was given a structure of 8 bytes",
                () -> scale().structure(Arena.ofAuto().allocate(8)));
        refused(
                "toy_scale_fp32 takes 3 arguments, but was given 2",
                () -> scale().pointer(0).int64(1).build());
        refused(
                "toy_scale_fp32 takes 3 arguments, but was given another, int32",
                () -> complete().int32(1));
        refused(
                "argument 1 of toy_scale_fp32 is int64, but was given float32",
                () -> complete().build().setFloat32(1, 1));
        refused(
                "toy_scale_fp32 has arguments 0..2, but 3 was set",
                () -> complete().build().setInt64(3, 1));
    }

    @Test
    void shapesThatTheDeviceDoesNotTakeAreRefused() {
        int most = context.function(Toy.SCALE).maxThreads();
        refused(
                "a block of toy_scale_fp32 has 1.." + most + " threads, at most 64 of them along z, but (" + (most + 1)
                        + ", 1, 1) was asked for",
                () -> complete().block(most + 1).build());
        refused("but (1, 1, 65) was asked for", () -> complete().block(1, 1, 65).build());
        refused("but (0, 1, 1) was asked for", () -> complete().block(0).build());
        // 2^16 x 2^16 threads wrap to 0 in 32 bits.
        refused(
                "but (65536, 65536, 1) was asked for",
                () -> complete().block(65_536, 65_536).build());
        refused("but is (0, 1, 1)", () -> complete().grid(0).build());
        refused("but is (1, 65536, 1)", () -> complete().grid(1, 65_536).build());
        refused(
                "asks for 16777216 more, but a block has at most ",
                () -> complete().sharedBytes(1 << 24).build());
    }

    @Test
    void aStreamOfAnotherContextIsRefused() {
        Handles.Context lent = new Handles.Context();
        assertEquals(0, JCudaDriver.cuCtxCreate(lent, 0, DeviceQuery.device(0)));
        try {
            CudaFunction elsewhere = CudaContext.borrow(0, lent.address()).function(Toy.SCALE);
            refused("is loaded in another context than the stream's", () -> CudaLaunch.of(elsewhere, stream));
        } finally {
            assertEquals(0, JCudaDriver.cuCtxDestroy(lent));
        }
    }

    @Test
    void aCooperativeLaunchIsALaunch() {
        long x = Toy.upload(context, 1, 2, 3);
        CudaLaunch launch = CudaLaunch.of(context.function(Toy.SCALE), stream)
                .grid(1)
                .block(32)
                .cooperative()
                .pointer(x)
                .int64(3)
                .float32(2)
                .build();
        launch.run();
        launch.setFloat32(2, 5);
        launch.run();
        stream.synchronize();
        assertArrayEquals(new float[] {10, 20, 30}, Toy.download(context, x, 3));
        context.free(x);
    }

    @Test
    void aThreadThatNeverSawCudaLaunches() throws Exception {
        long x = Toy.upload(context, 1, 2, 3);
        CudaLaunch launch = Toy.scale(stream, x, 3, 4);
        Throwable[] thrown = new Throwable[1];
        Thread thread = Thread.ofPlatform().start(() -> {
            try {
                launch.run();
                stream.synchronize();
            } catch (Throwable e) {
                thrown[0] = e;
            }
        });
        thread.join();
        assertNull(thrown[0]);
        assertArrayEquals(new float[] {4, 8, 12}, Toy.download(context, x, 3));
        context.free(x);
    }

    @Test
    void runsAllocateNothing() {
        long x = Toy.upload(context, 1);
        CudaLaunch launch = Toy.scale(stream, x, 1, 1);
        com.sun.management.ThreadMXBean threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        // The first rounds also compile; each asks for less until none asks for anything.
        for (int round = 0; round < 20 && fewest > 0; round++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 2_000; i++) {
                launch.run();
                launch.setFloat32(2, i);
            }
            fewest = Math.min(fewest, threads.getCurrentThreadAllocatedBytes() - before);
            stream.synchronize();
        }
        assertEquals(0, fewest, "bytes allocated by 2,000 runs");
        context.free(x);
    }

    private CudaLaunch.Builder scale() {
        return CudaLaunch.of(context.function(Toy.SCALE), stream);
    }

    private CudaLaunch.Builder complete() {
        return scale().pointer(0).int64(1).float32(1);
    }

    private static void refused(String part, Executable executable) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, executable);
        assertTrue(e.getMessage().contains(part), e.getMessage());
    }
}
