package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.invoke.MethodHandle;

/**
 * Functions of the driver that are called with plain numbers: handles and addresses are longs, so that a call allocates
 * nothing. Each returns a {@code CUresult}. To be touched only after the probe found the driver whole.
 *
 * <p>A launch is not a {@code critical} call: it waits while the driver's queue is full, and a critical call that waits keeps
 * the garbage collector waiting too. Asking for the current context reads a thread-local and is one.
 */
final class DriverCalls {
    private static final MemoryLayout P = JAVA_LONG;
    private static final MemoryLayout I = JAVA_INT;

    private static final MethodHandle CTX_GET_CURRENT = critical("cuCtxGetCurrent", P);
    private static final MethodHandle CTX_SET_CURRENT = link("cuCtxSetCurrent", P);
    private static final MethodHandle CTX_PUSH = link("cuCtxPushCurrent_v2", P);
    private static final MethodHandle CTX_POP = link("cuCtxPopCurrent_v2", P);
    private static final MethodHandle LAUNCH = link("cuLaunchKernel", P, I, I, I, I, I, I, I, P, P, P);
    private static final MethodHandle GRAPH_LAUNCH = link("cuGraphLaunch", P, P);
    private static final MethodHandle STREAM_SYNCHRONIZE = link("cuStreamSynchronize", P);
    private static final MethodHandle STREAM_WAIT_EVENT = link("cuStreamWaitEvent", P, P, I);
    private static final MethodHandle STREAM_BEGIN_CAPTURE = link("cuStreamBeginCapture_v2", P, I);
    private static final MethodHandle STREAM_END_CAPTURE = link("cuStreamEndCapture", P, P);
    private static final MethodHandle EVENT_RECORD = link("cuEventRecord", P, P);
    private static final MethodHandle COPY_IN = link("cuMemcpyHtoDAsync_v2", P, P, P, P);
    private static final MethodHandle COPY_OUT = link("cuMemcpyDtoHAsync_v2", P, P, P, P);
    private static final MethodHandle COPY = link("cuMemcpyDtoDAsync_v2", P, P, P, P);
    private static final MethodHandle FILL = link("cuMemsetD8Async", P, JAVA_BYTE, P, P);
    private static final MethodHandle GRAPH_INSTANTIATE = link("cuGraphInstantiateWithFlags", P, P, P);
    private static final MethodHandle GRAPH_DESTROY = link("cuGraphDestroy", P);
    private static final MethodHandle GRAPH_EXEC_DESTROY = link("cuGraphExecDestroy", P);

    private DriverCalls() {}

    static int ctxGetCurrent(long slot) {
        try {
            return (int) CTX_GET_CURRENT.invokeExact(slot);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int ctxSetCurrent(long context) {
        try {
            return (int) CTX_SET_CURRENT.invokeExact(context);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int ctxPush(long context) {
        try {
            return (int) CTX_PUSH.invokeExact(context);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int ctxPop(long slot) {
        try {
            return (int) CTX_POP.invokeExact(slot);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int launch(
            long function,
            int gridX,
            int gridY,
            int gridZ,
            int blockX,
            int blockY,
            int blockZ,
            int sharedBytes,
            long stream,
            long parameters) {
        try {
            return (int) LAUNCH.invokeExact(
                    function, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, stream, parameters, 0L);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    /** As {@link #launch}, with launch attributes, which JCuda does not know. */
    static int launchExtended(long configuration, long function, long parameters) {
        try {
            return (int) Extended.LAUNCH.invokeExact(configuration, function, parameters, 0L);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int graphLaunch(long graph, long stream) {
        try {
            return (int) GRAPH_LAUNCH.invokeExact(graph, stream);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int streamSynchronize(long stream) {
        try {
            return (int) STREAM_SYNCHRONIZE.invokeExact(stream);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int streamWaitEvent(long stream, long event) {
        try {
            return (int) STREAM_WAIT_EVENT.invokeExact(stream, event, 0);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int streamBeginCapture(long stream, int mode) {
        try {
            return (int) STREAM_BEGIN_CAPTURE.invokeExact(stream, mode);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int streamEndCapture(long stream, long slot) {
        try {
            return (int) STREAM_END_CAPTURE.invokeExact(stream, slot);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int eventRecord(long event, long stream) {
        try {
            return (int) EVENT_RECORD.invokeExact(event, stream);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int copyIn(long device, long host, long bytes, long stream) {
        try {
            return (int) COPY_IN.invokeExact(device, host, bytes, stream);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int copyOut(long host, long device, long bytes, long stream) {
        try {
            return (int) COPY_OUT.invokeExact(host, device, bytes, stream);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int copy(long to, long from, long bytes, long stream) {
        try {
            return (int) COPY.invokeExact(to, from, bytes, stream);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int fill(long address, byte value, long bytes, long stream) {
        try {
            return (int) FILL.invokeExact(address, value, bytes, stream);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int graphInstantiate(long slot, long graph) {
        try {
            return (int) GRAPH_INSTANTIATE.invokeExact(slot, graph, 0L);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int graphDestroy(long graph) {
        try {
            return (int) GRAPH_DESTROY.invokeExact(graph);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    static int graphExecDestroy(long graph) {
        try {
            return (int) GRAPH_EXEC_DESTROY.invokeExact(graph);
        } catch (Throwable thrown) {
            throw impossible(thrown);
        }
    }

    private static MethodHandle link(String function, MemoryLayout... arguments) {
        return CudaDriver.library().function(function, FunctionDescriptor.of(JAVA_INT, arguments));
    }

    private static MethodHandle critical(String function, MemoryLayout... arguments) {
        return CudaDriver.library()
                .function(function, FunctionDescriptor.of(JAVA_INT, arguments), Linker.Option.critical(false));
    }

    private static AssertionError impossible(Throwable thrown) {
        return new AssertionError("a driver call throws nothing", thrown);
    }

    /** Apart, because a driver may lack it and nothing else suffers. */
    private static final class Extended {
        static final MethodHandle LAUNCH = link("cuLaunchKernelEx", P, P, P, P);

        private Extended() {}
    }
}
