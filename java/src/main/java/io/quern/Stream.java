package io.quern;

import io.quern.cuda.CudaContext;
import io.quern.cuda.CudaStream;
import java.util.ArrayList;
import java.util.List;

/**
 * An order of work on one device. Everything given to a stream happens in the order given; streams of a CUDA device run
 * beside each other. A stream of the host does its work at once, on the calling thread and its helpers.
 *
 * <p>A stream is used by one thread at a time. Closing it waits for its work; a borrowed one is left to its owner.
 */
public final class Stream implements AutoCloseable {
    private final Device device;
    private final CudaStream cuda; // null on the host
    private List<BoundCall> recorded; // null unless capturing
    private volatile boolean closed;

    private Stream(Device device, CudaStream cuda) {
        this.device = device;
        this.cuda = cuda;
    }

    /** {@return a new stream on that device} */
    public static Stream open(Device device) {
        Check.present("device", device);
        return switch (device) {
            case Device.Reference _, Device.Cpu _ -> new Stream(device, null);
            case Device.Cuda place -> new Stream(device, CudaStream.open(CudaContext.of(place.ordinal())));
        };
    }

    /**
     * Wraps a CUDA stream of the caller, who keeps it: closing the wrapper frees nothing of it. In a context that is not the
     * device's primary one, each wrapper loads the kernels it uses anew: keep it rather than make one for each call.
     *
     * @param device the device on which the context was made
     * @param contextHandle the caller's {@code CUcontext}
     * @param streamHandle the caller's {@code CUstream}; 0 is the context's default stream
     */
    public static Stream borrow(Device.Cuda device, long contextHandle, long streamHandle) {
        Check.present("device", device);
        CudaContext context = CudaContext.borrow(device.ordinal(), contextHandle);
        return new Stream(device, CudaStream.borrow(context, streamHandle));
    }

    /** {@return where its work is done} */
    public Device device() {
        return device;
    }

    /**
     * {@return the CUDA stream beneath, for the kernels of rooms}
     *
     * @throws IllegalStateException on the host
     */
    public CudaStream cuda() {
        if (cuda == null) {
            throw new IllegalStateException("a stream of " + device + " has no CUDA stream");
        }
        return cuda;
    }

    /**
     * Waits until all work given so far is done.
     *
     * @throws CudaException if a kernel of this device failed
     * @throws IllegalStateException while the stream captures: what is captured has not run
     */
    public void synchronize() {
        requireOpen();
        requireNotCapturing("cannot be waited for");
        if (cuda != null) {
            cuda.synchronize();
        }
    }

    /**
     * Copies all elements, in the stream's order. Between host and device it returns at once, and neither tensor's memory
     * may be touched or closed before {@link #synchronize}. Between two host tensors it waits for what the stream was given
     * before.
     *
     * @param from densely packed
     * @param to densely packed, of the same type and shape; written
     * @throws IllegalStateException while the stream captures: a graph holds bound calls only
     */
    public void copy(Tensor from, Tensor to) {
        requireOpen();
        requireNotCapturing("takes no copy");
        Check.sameElements("from", from, "to", to);
        Check.dense("from", from);
        Check.dense("to", to);
        Check.writable("to", to);
        Check.disjoint("from", from, "to", to);
        from.requireOpen();
        to.requireOpen();
        long bytes = Math.multiplyExact(from.elementCount(), from.dtype().bytes());
        if (from.device().onHost() && to.device().onHost()) {
            synchronize(); // an earlier copy may still be writing one of them
            to.segment().copyFrom(from.segment());
        } else if (from.device().onHost()) {
            Check.reachable("to", to, device);
            cuda().copyIn(to.address(), from.segment());
        } else if (to.device().onHost()) {
            Check.reachable("from", from, device);
            cuda().copyOut(to.segment(), from.address());
        } else {
            Check.reachable("from", from, device);
            Check.reachable("to", to, device);
            cuda().copy(to.address(), from.address(), bytes);
        }
    }

    /**
     * Captures bound calls instead of running them: on CUDA as a CUDA graph, on the host as a list.
     *
     * @param work runs bound calls on this stream, and does nothing else with it
     * @return the captured calls, to be replayed at the cost of one launch
     */
    public Graph capture(Runnable work) {
        Check.present("work", work);
        requireOpen();
        requireNotCapturing("cannot begin another capture");
        List<BoundCall> calls = new ArrayList<>();
        if (cuda != null) {
            cuda.beginCapture();
        }
        recorded = calls;
        try {
            try {
                work.run();
            } catch (RuntimeException | Error thrown) {
                abandonCapture();
                throw thrown;
            } finally {
                recorded = null;
            }
            return new Graph(this, List.copyOf(calls), cuda == null ? null : cuda.endCapture());
        } catch (RuntimeException | Error thrown) {
            calls.forEach(BoundCall::release);
            throw thrown;
        }
    }

    /** Ends a capture whose work threw: that exception is the news, not what the abandoned capture says. */
    private void abandonCapture() {
        if (cuda == null) {
            return;
        }
        try {
            cuda.endCapture().close();
        } catch (CudaException abandoned) {
            System.getLogger(Stream.class.getName())
                    .log(System.Logger.Level.DEBUG, "an abandoned capture ended in an error", abandoned);
        }
    }

    /** {@return whether {@link #capture} is under way, so that calls are captured and not run} */
    public boolean isCapturing() {
        return recorded != null;
    }

    /** Waits for the stream's work and frees it; a borrowed stream is left as it is. Closing again does nothing. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (cuda != null) {
            try {
                cuda.synchronize();
            } finally {
                cuda.close();
            }
        }
    }

    @Override
    public String toString() {
        return "stream of " + device;
    }

    void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the stream of " + device + " is closed");
        }
    }

    void requireNotCapturing(String refusal) {
        if (recorded != null) {
            throw new IllegalStateException("the stream of " + device + " is capturing and " + refusal);
        }
    }

    void synchronizeIfOpen() {
        if (!closed && cuda != null) {
            cuda.synchronize();
        }
    }

    /** Notes a call while capturing; {@return whether that is all there is to do} */
    boolean record(BoundCall call) {
        if (recorded == null) {
            return false;
        }
        call.retain();
        recorded.add(call);
        return cuda == null;
    }
}
