package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.quern.DeviceUnavailableException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.util.function.IntSupplier;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasStatus;

/**
 * cuBLAS for one stream. A handle of its own, because only then are its results the same in every run: handles that serve several
 * streams may share scratch memory and choose other kernels for it (cuBLAS, "Results Reproducibility").
 */
final class Cublas {
    private static final String SONAME = "libcublas.so.12";

    private final Handles.Cublas handle = new Handles.Cublas();

    /**
     * Makes a handle.
     *
     * @param context current to the calling thread
     * @param stream a {@code CUstream} of that context
     * @throws DeviceUnavailableException where there is no cuBLAS, with the cause and the cure
     */
    Cublas(CudaContext context, long stream) {
        Library library = Library.require(context.name());
        check(status(() -> JCublas2.cublasCreate(handle)), "cublasCreate on " + context.name());
        try {
            check(library.setStream(handle.address(), stream), "cublasSetStream on " + context.name());
            check(
                    status(() -> JCublas2.cublasSetMathMode(
                            handle, cublasMath.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)),
                    "cublasSetMathMode on " + context.name());
        } catch (RuntimeException | Error refused) {
            destroy();
            throw refused;
        }
    }

    Handles.Cublas handle() {
        return handle;
    }

    /** Frees the handle; its context is current. */
    void destroy() {
        check(status(() -> JCublas2.cublasDestroy(handle)), "cublasDestroy");
    }

    /** The status of a call through JCublas2, whatever other code of this process has asked it to do with it. */
    static int status(IntSupplier call) {
        try {
            return call.getAsInt();
        } catch (jcuda.CudaException thrown) {
            for (int code = 1; code <= cublasStatus.CUBLAS_STATUS_NOT_SUPPORTED; code++) {
                if (cublasStatus.stringFor(code).equals(thrown.getMessage())) {
                    return code;
                }
            }
            throw thrown;
        }
    }

    /** Throws unless the status means success. */
    static void check(int code, String call) {
        if (code != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw new io.quern.CudaException(call + EmulatorLibrary.report(), code, cublasStatus.stringFor(code), null);
        }
    }

    /** The library, looked for once in the life of the process. */
    private record Library(MethodHandle setStream, String cause, String cure) {
        private static Library found;

        /** Before JCublas2 is touched: where the library is missing, its class says so in a page of text, and once only. */
        static synchronized Library require(String device) {
            if (found == null) {
                found = find();
            }
            if (found.setStream == null) {
                throw new DeviceUnavailableException("cuBLAS on " + device, found.cause, found.cure);
            }
            return found;
        }

        private static Library find() {
            MethodHandle setStream;
            try {
                // JCuda has no public constructor for a stream that is the caller's.
                setStream = DynamicLibrary.open(SONAME)
                        .function("cublasSetStream_v2", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
            } catch (UnsatisfiedLinkError absent) {
                return new Library(
                        null,
                        SONAME + " does not load (" + absent.getMessage() + ")",
                        "install cuBLAS of CUDA 12 and put its folder into LD_LIBRARY_PATH, or run on the CPU with"
                                + " Device.cpu()");
            }
            try {
                JcudaNatives.load("JCublas2", "jcuda.jcublas.JCublas2");
            } catch (LinkageError | RuntimeException broken) {
                return new Library(
                        null,
                        "JCuda's native library for cuBLAS does not load ("
                                + String.valueOf(broken.getMessage())
                                        .lines()
                                        .findFirst()
                                        .orElse("") + ")",
                        "put jcublas-natives 12.6.0 for linux-x86_64 on the class path, or its library on"
                                + " java.library.path");
            }
            return new Library(setStream, null, null);
        }

        int setStream(long handle, long stream) {
            try {
                return (int) setStream.invokeExact(handle, stream);
            } catch (Throwable thrown) {
                throw new AssertionError("functions of C throw nothing", thrown);
            }
        }
    }
}
