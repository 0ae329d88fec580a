package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * A queue of work on one device: what is put in runs in order, while the caller goes on. Ours does not wait for the legacy
 * stream, nor that for ours.
 *
 * <p>A stream is used by one thread at a time. A closed one throws {@link IllegalStateException} whatever is asked of it.
 */
public final class CudaStream implements AutoCloseable {
    /** The driver counts special streams from 0 upwards, and no address is odd. */
    private static final long CLOSED = -1;

    private final CudaContext context;

    /** Null if the caller owns the stream. */
    private final Handles.Stream owned;

    private long handle;

    /** What was launched last, a launch, product or graph: whom to name when an error is found later. */
    private Object last;

    /** Made when it is first asked for. */
    private Cublas cublas;

    /** While a capture is under way, what it has taken in; else null. */
    private List<Object> captured;

    private CudaStream(CudaContext context, Handles.Stream owned, long handle) {
        this.context = context;
        this.owned = owned;
        this.handle = handle;
    }

    /** Makes a stream. Closing it frees it. */
    public static CudaStream open(CudaContext context) {
        Handles.Stream stream = new Handles.Stream();
        context.call(
                "cuStreamCreate on " + context.name(),
                () -> JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
        return new CudaStream(context, stream, stream.address());
    }

    /**
     * Uses the caller's stream. Closing this leaves it as it is.
     *
     * @param context that the stream belongs to
     * @param streamHandle a {@code CUstream}; 0 is the legacy default stream
     */
    public static CudaStream borrow(CudaContext context, long streamHandle) {
        if (streamHandle == CLOSED) {
            throw new IllegalArgumentException("streamHandle must be a CUstream, but is -1");
        }
        return new CudaStream(context, null, streamHandle);
    }

    /** {@return where it runs} */
    public CudaContext context() {
        return context;
    }

    /** {@return the {@code CUstream}} */
    public long handle() {
        if (handle == CLOSED) {
            throw new IllegalStateException("this stream on " + context.name() + " is closed");
        }
        return handle;
    }

    /**
     * Waits until everything put into the stream is done.
     *
     * @throws io.quern.CudaException if something in it failed; it names what was launched last, which is what failed or
     *     came after that
     */
    public void synchronize() {
        long stream = handle();
        Object suspect = last;
        int code = context.status(() -> DriverCalls.streamSynchronize(stream));
        if (code == DriverStatus.SUCCESS) {
            last = null;
            return;
        }
        String symbol = suspect instanceof CudaLaunch launch
                ? launch.function().symbol().name()
                : null;
        String launched = suspect == null ? "" : "; last launched there: " + suspect;
        throw DriverStatus.failure(code, "found while synchronizing a stream on " + context.name() + launched, symbol);
    }

    /** Puts in a wait for what another stream had done when it recorded the event. */
    public void waitFor(CudaEvent event) {
        long stream = handle();
        call("cuStreamWaitEvent", () -> DriverCalls.streamWaitEvent(stream, event.handle()));
    }

    /**
     * Puts in a copy of a whole segment to the device. The segment must stay allocated and unchanged until it is done.
     *
     * @param device address
     * @param host native memory
     */
    public void copyIn(long device, MemorySegment host) {
        long stream = handle();
        call("cuMemcpyHtoDAsync", () -> DriverCalls.copyIn(device, host.address(), host.byteSize(), stream));
    }

    /**
     * Puts in a copy from the device of as many bytes as the segment has. The segment must stay allocated until it is done.
     *
     * @param host native memory
     * @param device address
     */
    public void copyOut(MemorySegment host, long device) {
        long stream = handle();
        call("cuMemcpyDtoHAsync", () -> DriverCalls.copyOut(host.address(), device, host.byteSize(), stream));
    }

    /**
     * Puts in a copy within the device.
     *
     * @param to address
     * @param from address; the ranges do not overlap
     * @param bytes how many
     */
    public void copy(long to, long from, long bytes) {
        long stream = handle();
        call("cuMemcpyDtoDAsync", () -> DriverCalls.copy(to, from, bytes, stream));
    }

    /**
     * Puts in that every byte of a range is set.
     *
     * @param address of the first byte
     * @param value what every byte is set to
     * @param bytes how many
     */
    public void fill(long address, byte value, long bytes) {
        long stream = handle();
        call("cuMemsetD8Async", () -> DriverCalls.fill(address, value, bytes, stream));
    }

    /**
     * From here on, what is put into the stream is not run but becomes a graph. What would have to wait, such as an
     * allocation, fails on the calling thread meanwhile; other threads are not concerned.
     */
    public void beginCapture() {
        long stream = handle();
        call(
                "cuStreamBeginCapture",
                () -> DriverCalls.streamBeginCapture(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
        captured = new ArrayList<>();
    }

    /**
     * Ends the capture.
     *
     * @return what was captured, ready to launch
     * @throws io.quern.CudaException if something meanwhile could not be captured
     */
    public CudaGraph endCapture() {
        long stream = handle();
        List<Object> launches = captured == null ? List.of() : captured;
        captured = null;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment slot = arena.allocate(JAVA_LONG);
            call("cuStreamEndCapture", () -> DriverCalls.streamEndCapture(stream, slot.address()));
            return CudaGraph.instantiate(context, slot.get(JAVA_LONG, 0), launches);
        }
    }

    /**
     * {@return this stream's cuBLAS}
     *
     * @throws io.quern.DeviceUnavailableException where there is none, with the cause and the cure
     */
    Cublas cublas() {
        long stream = handle();
        if (cublas == null) {
            cublas = context.inside(() -> new Cublas(context, stream));
        }
        return cublas;
    }

    /** Notes a launch or graph, for {@link #synchronize} to name. Allocates nothing outside a capture. */
    void launched(Object launch) {
        last = launch;
        if (captured != null && !(launch instanceof CudaGraph)) {
            captured.add(launch);
        }
    }

    private void call(String what, IntSupplier call) {
        int code = context.status(call);
        if (code != DriverStatus.SUCCESS) {
            String launched = last == null ? "" : "; last launched there: " + last;
            throw DriverStatus.failure(code, what + " on " + context.name() + launched, null);
        }
    }

    /**
     * Frees the stream if it is ours; what was put in is still done. Does not wait.
     *
     * @throws IllegalStateException if it is closed already
     */
    @Override
    public void close() {
        handle();
        handle = CLOSED;
        if (cublas != null) {
            context.inside(() -> {
                cublas.destroy();
                return null;
            });
        }
        if (owned != null) {
            context.call("cuStreamDestroy on " + context.name(), () -> JCudaDriver.cuStreamDestroy(owned));
        }
    }
}
