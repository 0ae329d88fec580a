package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.quern.DeviceOutOfMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmemAllocationType;
import jcuda.driver.CUmemLocation;
import jcuda.driver.CUmemLocationType;
import jcuda.driver.CUmemPoolProps;
import jcuda.driver.CUmemPool_attribute;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * The memory of one context. From a pool of ours where the driver has them, so that an arena that comes and goes costs no
 * mapping of memory each time; the device's default pool is left alone, because other libraries of the process share it.
 */
final class CudaMemory {
    private static final String SET_ATTRIBUTE = "cuMemPoolSetAttribute";

    /** The legacy stream, ordered by itself: what is allocated there exists for all once it is synchronized. */
    private static final CUstream LEGACY = new CUstream();

    private final CudaContext context;

    /** Null where the driver has no pools. */
    private final Handles.Pool pool;

    /** Bytes by address. */
    private final Map<Long, Long> allocated = new ConcurrentHashMap<>();

    private final AtomicLong allocatedBytes = new AtomicLong();

    CudaMemory(CudaContext context, CUdevice device) {
        this.context = context;
        boolean pooled =
                context.properties().memoryPools() && CudaDriver.library().has(SET_ATTRIBUTE);
        this.pool = pooled ? makePool(context.ordinal()) : null;
    }

    long allocate(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("bytes must be 0 or more, but is " + bytes);
        }
        // The driver refuses 0; the least it gives is more than 1.
        long size = Math.max(bytes, 1);
        Handles.Memory memory = new Handles.Memory();
        int code = context.status(() -> allocate(memory, size));
        if (code == DriverStatus.OUT_OF_MEMORY && pool != null) {
            context.call("cuMemPoolTrimTo", () -> JCudaDriver.cuMemPoolTrimTo(pool, 0));
            code = context.status(() -> allocate(memory, size));
        }
        if (code == DriverStatus.OUT_OF_MEMORY) {
            MemoryInfo info = info();
            throw new DeviceOutOfMemoryException(context.name(), bytes, info.free(), info.total());
        }
        DriverStatus.check(code, "allocating " + bytes + " bytes on " + context.name());
        allocated.put(memory.address(), bytes);
        allocatedBytes.addAndGet(bytes);
        return memory.address();
    }

    private int allocate(CUdeviceptr memory, long bytes) {
        if (pool == null) {
            return JCudaDriver.cuMemAlloc(memory, bytes);
        }
        int code = JCudaDriver.cuMemAllocFromPoolAsync(memory, bytes, pool, LEGACY);
        if (code != DriverStatus.SUCCESS) {
            return code;
        }
        code = JCudaDriver.cuStreamSynchronize(LEGACY);
        if (code != DriverStatus.SUCCESS) {
            // Nobody will know the address. What went wrong is the wait, whatever this says.
            JCudaDriver.cuMemFreeAsync(memory, LEGACY);
        }
        return code;
    }

    void free(long address) {
        Long bytes = allocated.remove(address);
        if (bytes == null) {
            throw new IllegalStateException(
                    "address 0x" + Long.toHexString(address) + " is not allocated on " + context.name());
        }
        allocatedBytes.addAndGet(-bytes);
        context.call("freeing " + bytes + " bytes on " + context.name(), () -> release(Handles.memory(address)));
    }

    private int release(CUdeviceptr memory) {
        if (pool == null) {
            return JCudaDriver.cuMemFree(memory);
        }
        // cuMemFree waits for the device; the pool gives a block to the next who asks, so wait
        // before it may.
        int waited = JCudaDriver.cuCtxSynchronize();
        int freed = JCudaDriver.cuMemFreeAsync(memory, LEGACY);
        return waited == DriverStatus.SUCCESS ? freed : waited;
    }

    long allocatedBytes() {
        return allocatedBytes.get();
    }

    MemoryInfo info() {
        long[] free = new long[1];
        long[] total = new long[1];
        context.call("cuMemGetInfo", () -> JCudaDriver.cuMemGetInfo(free, total));
        return new MemoryInfo(free[0], total[0]);
    }

    private static Handles.Pool makePool(int ordinal) {
        CUmemPoolProps properties = new CUmemPoolProps();
        properties.allocType = CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED;
        properties.location = new CUmemLocation(CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE, ordinal);
        Handles.Pool pool = new Handles.Pool();
        DriverStatus.check(
                DriverStatus.of(() -> JCudaDriver.cuMemPoolCreate(pool, properties)),
                "cuMemPoolCreate of cuda:" + ordinal);
        keepFreedMemory(pool);
        return pool;
    }

    /** By default a pool gives what is free back to the system at every synchronization: a pool in name only. */
    private static void keepFreedMemory(Handles.Pool pool) {
        MethodHandle setAttribute = CudaDriver.library()
                .function(SET_ATTRIBUTE, FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment threshold = arena.allocateFrom(JAVA_LONG, Long.MAX_VALUE);
            int code = (int) setAttribute.invokeExact(
                    pool.address(), CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, threshold.address());
            DriverStatus.check(code, SET_ATTRIBUTE);
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable thrown) {
            throw new AssertionError("a driver call throws nothing", thrown);
        }
    }
}
