package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.CudaException;
import io.quern.DeviceOutOfMemoryException;
import io.quern.DeviceUnavailableException;
import io.quern.cuda.CudaDriver.Provider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Contexts, their memory and their modules. */
class CudaContextTest {
    private final CudaContext context = CudaContext.of(0);
    private final long allocatedBefore = context.allocatedBytes();

    @AfterEach
    void everyTestFreesWhatItAllocated() {
        assertEquals(allocatedBefore, context.allocatedBytes());
    }

    @Test
    void theDriverIsTheEmulatorAndNoOther() {
        assertEquals(Provider.EMULATOR, CudaDriver.provider());
        CudaDriver.require(Provider.EMULATOR);
        DeviceUnavailableException e =
                assertThrows(DeviceUnavailableException.class, () -> CudaDriver.require(Provider.DRIVER));
        assertTrue(e.getMessage().endsWith("start another with -Dio.quern.cuda=driver"), e.getMessage());
    }

    @Test
    void aDeviceHasOnePrimaryContext() {
        assertSame(context, CudaContext.of(0));
        assertNotEquals(0, context.handle());
        assertSame(context, CudaContext.borrow(0, context.handle()));
        assertEquals("cuda:0", context.name());
    }

    @Test
    void theDeviceIsDescribed() {
        CudaProperties properties = context.properties();
        assertTrue(properties.atLeast(7, 5), properties.toString());
        assertEquals(32, properties.warpSize());
        assertTrue(properties.multiprocessors() > 0, properties.toString());
        assertTrue(properties.threadsPerBlock() >= 256, properties.toString());
        assertTrue(properties.sharedPerBlock() >= 48 << 10, properties.toString());
        MemoryInfo memory = context.memory();
        assertTrue(memory.free() > 0 && memory.free() <= memory.total(), memory.toString());
    }

    @Test
    void anOrdinalBeyondTheDevicesIsRefused() {
        DeviceUnavailableException e = assertThrows(DeviceUnavailableException.class, () -> CudaContext.of(99));
        assertTrue(e.getMessage().startsWith("cuda:99 is not available: the driver shows "), e.getMessage());
        assertThrows(DeviceUnavailableException.class, () -> CudaContext.of(-1));
    }

    @Test
    void memoryKeepsWhatIsCopiedFilledAndMoved() {
        long a = context.allocate(1000);
        long b = context.allocate(1000);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(1000);
            for (int i = 0; i < 1000; i++) {
                host.set(JAVA_BYTE, i, (byte) i);
            }
            context.copyIn(a, host);
            context.fill(b, (byte) 7, 1000);
            context.copy(b + 100, a, 800);
            MemorySegment back = arena.allocate(1000);
            context.copyOut(back, b);
            assertEquals(7, back.get(JAVA_BYTE, 99));
            assertEquals(-1, host.asSlice(0, 800).mismatch(back.asSlice(100, 800)));
            assertEquals(7, back.get(JAVA_BYTE, 900));
        } finally {
            context.free(a);
            context.free(b);
        }
    }

    @Test
    void allocationsAreAlignedAndNothingIsAllocatedToo() {
        long nothing = context.allocate(0);
        long one = context.allocate(1);
        try {
            assertNotEquals(0, nothing);
            assertNotEquals(nothing, one);
            assertEquals(0, nothing % 256);
            assertEquals(0, one % 256);
        } finally {
            context.free(nothing);
            context.free(one);
        }
        assertThrows(IllegalArgumentException.class, () -> context.allocate(-1));
    }

    @Test
    void whatIsNotAllocatedCannotBeFreed() {
        long address = context.allocate(16);
        context.free(address);
        IllegalStateException e = assertThrows(IllegalStateException.class, () -> context.free(address));
        assertEquals("address 0x" + Long.toHexString(address) + " is not allocated on cuda:0", e.getMessage());
    }

    @Test
    void outOfMemorySaysHowMuchWasAskedForAndThere() {
        long asked = 1L << 50;
        DeviceOutOfMemoryException e = assertThrows(DeviceOutOfMemoryException.class, () -> context.allocate(asked));
        assertEquals(asked, e.requested());
        assertEquals(context.memory().total(), e.total());
        assertTrue(e.free() > 0 && e.free() <= e.total(), e.getMessage());
        context.free(context.allocate(64)); // the next one that fits is served
    }

    @Test
    void aKernelIsLoadedOnceAndDescribed() {
        CudaFunction scale = context.function(Toy.SCALE);
        assertSame(scale, context.function(Toy.SCALE));
        assertNotEquals(0, scale.handle());
        assertTrue(scale.maxThreads() >= 32, scale.toString());
        assertEquals(0, scale.localBytes());
        assertEquals(0, scale.sharedBytes());
        assertTrue(scale.blocksPerMultiprocessor(32, 0) > 0);
    }

    @Test
    void aKernelThatThePtxLacksIsNamed() {
        CudaException e = assertThrows(CudaException.class, () -> context.function(CudaSymbol.of("toy", "toy_absent")));
        assertEquals("CUDA_ERROR_NOT_FOUND", e.codeName());
        assertEquals("toy_absent", e.symbol());
        assertTrue(e.getMessage().contains("no kernel toy_absent in /io/quern/ptx/compute_80/toy.ptx"), e.getMessage());
    }

    @Test
    void ptxThatDoesNotAssembleIsRefusedWithTheLog() {
        CudaException e =
                assertThrows(CudaException.class, () -> context.function(CudaSymbol.of("broken", "broken_kernel")));
        assertTrue(e.getMessage().contains("loading /io/quern/ptx/compute_80/broken.ptx"), e.getMessage());
        assertTrue(e.getMessage().contains("add.q32"), e.getMessage());
    }

    @Test
    void aRoomWithoutPtxIsNamed() {
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class, () -> context.function(CudaSymbol.of("none", "none_at_all")));
        assertEquals("there is no /io/quern/ptx/compute_80/none.ptx on the class path", e.getMessage());
    }

    @Test
    void oneKernelCannotBeDeclaredInTwoWays() {
        context.function(Toy.STORE);
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class,
                () -> context.function(CudaSymbol.of("toy", "toy_store", CudaParameter.INT32)));
        assertTrue(e.getMessage().contains("toy_store is declared twice"), e.getMessage());
    }

    @Test
    void aCallersContextIsUsedAndLeftCurrent() {
        Handles.Context lent = new Handles.Context();
        assertEquals(0, JCudaDriver.cuCtxCreate(lent, 0, DeviceQuery.device(0)));
        try {
            // Made current by its creation: our calls into the primary one must bring it back.
            assertEquals(lent.address(), current());
            long primary = context.allocate(64);
            assertEquals(lent.address(), current());

            CudaContext borrowed = CudaContext.borrow(0, lent.address());
            long address = Toy.upload(borrowed, 1, 2, 3);
            try (CudaStream stream = CudaStream.open(borrowed)) {
                Toy.scale(stream, address, 3, 2).run();
                stream.synchronize();
            }
            assertArrayEquals(new float[] {2, 4, 6}, Toy.download(borrowed, address, 3));
            borrowed.free(address);
            assertEquals(0, borrowed.allocatedBytes());
            context.free(primary);
            assertEquals(lent.address(), current());
        } finally {
            assertEquals(0, JCudaDriver.cuCtxDestroy(lent));
        }
    }

    private static long current() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment slot = arena.allocate(JAVA_LONG);
            assertEquals(0, DriverCalls.ctxGetCurrent(slot.address()));
            return slot.get(JAVA_LONG, 0);
        }
    }

    @Test
    void noContextIsNoContext() {
        assertThrows(IllegalArgumentException.class, () -> CudaContext.borrow(0, 0));
    }

    @Test
    void exceptionsThatOtherCodeAskedJcudaForBecomeOurs() {
        JCudaDriver.setExceptionsEnabled(true);
        try {
            assertThrows(DeviceOutOfMemoryException.class, () -> context.allocate(1L << 50));
            int code = DriverStatus.of(() -> JCudaDriver.cuDeviceGet(new CUdevice(), 99));
            assertEquals("CUDA_ERROR_INVALID_DEVICE", DriverStatus.name(code));
        } finally {
            JCudaDriver.setExceptionsEnabled(false);
        }
    }
}
