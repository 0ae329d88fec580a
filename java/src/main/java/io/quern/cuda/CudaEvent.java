package io.quern.cuda;

import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;

/** A mark in a stream: another stream can wait for it, and the device's time between two can be told. */
public final class CudaEvent implements AutoCloseable {
    private final CudaContext context;
    private final Handles.Event event;
    private boolean closed;

    private CudaEvent(CudaContext context, Handles.Event event) {
        this.context = context;
        this.event = event;
    }

    /** Makes an event. */
    public static CudaEvent open(CudaContext context) {
        Handles.Event event = new Handles.Event();
        context.call(
                "cuEventCreate on " + context.name(),
                () -> JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT));
        return new CudaEvent(context, event);
    }

    /** Puts the mark into a stream, after what is there. */
    public void record(CudaStream stream) {
        long streamHandle = stream.handle();
        long eventHandle = handle();
        context.call("cuEventRecord", () -> DriverCalls.eventRecord(eventHandle, streamHandle));
    }

    /** Waits until the stream has come to the mark. */
    public void synchronize() {
        handle();
        context.call("cuEventSynchronize", () -> JCudaDriver.cuEventSynchronize(event));
    }

    /**
     * The device's time between two marks that were both reached.
     *
     * @param start the earlier mark
     * @return milliseconds, to half a microsecond
     */
    public float millisecondsSince(CudaEvent start) {
        handle();
        start.handle();
        float[] milliseconds = new float[1];
        context.call("cuEventElapsedTime", () -> JCudaDriver.cuEventElapsedTime(milliseconds, start.event, event));
        return milliseconds[0];
    }

    /** {@return the {@code CUevent}} */
    public long handle() {
        if (closed) {
            throw new IllegalStateException("this event on " + context.name() + " is closed");
        }
        return event.address();
    }

    /**
     * Frees the event.
     *
     * @throws IllegalStateException if it is closed already
     */
    @Override
    public void close() {
        handle();
        closed = true;
        context.call("cuEventDestroy on " + context.name(), () -> JCudaDriver.cuEventDestroy(event));
    }
}
