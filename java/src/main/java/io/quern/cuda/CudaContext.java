package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.quern.DeviceUnavailableException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;

/**
 * A CUDA context of one device: its memory, its modules and whatever runs there. Usually the device's primary context, which
 * all libraries of the process share; or one that a caller lends.
 *
 * <p>Any thread may use it. Each method makes it current on the calling thread for as long as the driver needs, and leaves a
 * context that the caller had made current in place.
 */
public final class CudaContext {
    private static final Map<Integer, CudaContext> PRIMARY = new ConcurrentHashMap<>();

    private final int ordinal;
    private final long handle;
    private final CudaProperties properties;
    private final CudaMemory memory;
    private final CudaModules modules;

    private CudaContext(int ordinal, CUdevice device, CudaProperties properties, long handle) {
        this.ordinal = ordinal;
        this.handle = handle;
        this.properties = properties;
        this.memory = new CudaMemory(this, device);
        this.modules = new CudaModules(this);
    }

    /**
     * The primary context of a device, retained once and kept while the process lives.
     *
     * @param ordinal as the driver counts the visible devices, from 0
     * @throws DeviceUnavailableException where there is no such device, with the cause and the cure
     */
    public static CudaContext of(int ordinal) {
        CudaContext known = PRIMARY.get(ordinal);
        return known != null ? known : PRIMARY.computeIfAbsent(ordinal, CudaContext::retain);
    }

    private static CudaContext retain(int ordinal) {
        CUdevice device = requireDevice(ordinal);
        CudaProperties properties = requireCapable(ordinal, device);
        Handles.Context context = new Handles.Context();
        DriverStatus.check(
                DriverStatus.of(() -> JCudaDriver.cuDevicePrimaryCtxRetain(context, device)),
                "cuDevicePrimaryCtxRetain of cuda:" + ordinal);
        return new CudaContext(ordinal, device, properties, context.address());
    }

    private static CUdevice requireDevice(int ordinal) {
        CudaDriver.require(ordinal);
        return DeviceQuery.device(ordinal);
    }

    /** Our PTX begins with compute_75. */
    private static CudaProperties requireCapable(int ordinal, CUdevice device) {
        CudaProperties properties = DeviceQuery.properties(device);
        if (!properties.atLeast(7, 5)) {
            throw new DeviceUnavailableException(
                    "cuda:" + ordinal,
                    properties.name() + " has compute capability " + properties.computeCapability() + ", below 7.5",
                    "use a GPU of the Turing generation or newer, or Device.cpu()");
        }
        return properties;
    }

    /**
     * A context that the caller made and will destroy, after everything of ours in it is closed. If it is the primary one,
     * this is {@link #of}. Else each call makes an object that loads modules of its own, which live as long as the context:
     * keep it for as long.
     *
     * @param ordinal of the device it belongs to
     * @param contextHandle a {@code CUcontext}
     */
    public static CudaContext borrow(int ordinal, long contextHandle) {
        CUdevice device = requireDevice(ordinal);
        if (contextHandle == 0) {
            throw new IllegalArgumentException("contextHandle must be a CUcontext, but is 0");
        }
        if (DeviceQuery.primaryContextIsActive(device) && of(ordinal).handle == contextHandle) {
            return of(ordinal);
        }
        return new CudaContext(ordinal, device, requireCapable(ordinal, device), contextHandle);
    }

    /** {@return the device's number, from 0} */
    public int ordinal() {
        return ordinal;
    }

    /** {@return the device's name here, as {@code "cuda:0"}} */
    public String name() {
        return "cuda:" + ordinal;
    }

    /** {@return the {@code CUcontext}} */
    public long handle() {
        return handle;
    }

    /** {@return what the device is and has} */
    public CudaProperties properties() {
        return properties;
    }

    /**
     * Allocates device memory, aligned to at least 256 bytes, its content undefined. It is there when the call returns, for
     * every stream.
     *
     * @param bytes 0 or more; an address of its own is returned for 0 too
     * @throws io.quern.DeviceOutOfMemoryException if there is no room
     */
    public long allocate(long bytes) {
        return memory.allocate(bytes);
    }

    /**
     * Frees what {@link #allocate} returned, once all work of the context that was under way is done.
     *
     * @throws IllegalStateException if the address is not one that is allocated
     */
    public void free(long address) {
        memory.free(address);
    }

    /** {@return how much memory the device has and has left} */
    public MemoryInfo memory() {
        return memory.info();
    }

    /** {@return bytes that {@link #allocate} gave and {@link #free} did not take back} */
    public long allocatedBytes() {
        return memory.allocatedBytes();
    }

    /**
     * A kernel of the PTX that ships with this library. The room's module is loaded at first use and kept.
     *
     * @throws io.quern.CudaException if the driver refuses the PTX, with its log, or does not find the symbol
     */
    public CudaFunction function(CudaSymbol symbol) {
        return modules.function(symbol);
    }

    /**
     * {@return a kernel of a module that is named after its CUDA C++: its PTX is on the class path, or it is compiled by nvcc or NVRTC
     * when it is first asked for}
     *
     * @param what it is, for an error
     * @param source of the module, which includes no other file
     * @throws io.quern.DeviceUnavailableException where there is neither its PTX nor a compiler
     * @throws IllegalStateException with the compiler's words where it fails or does not end
     */
    public CudaFunction compiled(CudaSymbol symbol, String what, Supplier<String> source) {
        return modules.compiled(symbol, what, source);
    }

    /** Waits until all work of all streams is done, and reports what went wrong in any of it. */
    public void synchronize() {
        call("cuCtxSynchronize of " + name(), JCudaDriver::cuCtxSynchronize);
    }

    /**
     * Copies a whole segment to the device. Ordered after all work of the context, done when it returns.
     *
     * @param device address
     * @param host native memory
     */
    public void copyIn(long device, MemorySegment host) {
        synchronize();
        call("cuMemcpyHtoDAsync", () -> DriverCalls.copyIn(device, host.address(), host.byteSize(), 0));
        synchronize();
    }

    /**
     * Copies from the device as many bytes as the segment has. Ordered after all work of the context, done when it returns.
     *
     * @param host native memory
     * @param device address
     */
    public void copyOut(MemorySegment host, long device) {
        synchronize();
        call("cuMemcpyDtoHAsync", () -> DriverCalls.copyOut(host.address(), device, host.byteSize(), 0));
        synchronize();
    }

    /**
     * Copies within the device. Ordered after all work of the context, done when it returns.
     *
     * @param to address
     * @param from address; the ranges do not overlap
     * @param bytes how many
     */
    public void copy(long to, long from, long bytes) {
        synchronize();
        call("cuMemcpyDtoDAsync", () -> DriverCalls.copy(to, from, bytes, 0));
        synchronize();
    }

    /**
     * Sets every byte of a range. Ordered after all work of the context, done when it returns.
     *
     * @param address of the first byte
     * @param value what every byte is set to
     * @param bytes how many
     */
    public void fill(long address, byte value, long bytes) {
        synchronize();
        call("cuMemsetD8Async", () -> DriverCalls.fill(address, value, bytes, 0));
        synchronize();
    }

    /** Makes a driver call while this context is current; throws what it reports, which names the device. */
    void call(String what, IntSupplier call) {
        int code = status(call);
        if (code != DriverStatus.SUCCESS) {
            throw DriverStatus.failure(code, what.contains(name()) ? what : what + " on " + name(), null);
        }
    }

    /** Makes a driver call while this context is current; {@return its code}. */
    int status(IntSupplier call) {
        return inside(() -> DriverStatus.of(call));
    }

    /** Does something while this context is current; {@return what it returns}. */
    <T> T inside(Supplier<T> work) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment slot = arena.allocate(JAVA_LONG);
            boolean pushed = enter(slot);
            try {
                return work.get();
            } finally {
                if (pushed) {
                    leave(slot);
                }
            }
        }
    }

    /**
     * Makes this context current. The driver is asked each time rather than a thread-local of ours: other libraries change
     * the current context too, and asking costs some nanoseconds.
     *
     * @param slot eight bytes to be written
     * @return whether it was pushed over another one, which {@link #leave} must bring back. Where none was current, this one
     *     stays, so that the next call finds it.
     */
    boolean enter(MemorySegment slot) {
        int code = DriverCalls.ctxGetCurrent(slot.address());
        if (code == DriverStatus.SUCCESS) {
            long current = slot.get(JAVA_LONG, 0);
            if (current == handle) {
                return false;
            }
            code = current == 0 ? DriverCalls.ctxSetCurrent(handle) : DriverCalls.ctxPush(handle);
            if (code == DriverStatus.SUCCESS) {
                return current != 0;
            }
        }
        throw DriverStatus.failure(code, "making the context of " + name() + " current", null);
    }

    /** Brings back the context that {@link #enter} pushed this one over. */
    void leave(MemorySegment slot) {
        DriverStatus.check(DriverCalls.ctxPop(slot.address()), "cuCtxPopCurrent of " + name());
    }

    @Override
    public String toString() {
        return name() + " (" + properties.name() + ")";
    }
}
