package io.quern.cuda;

import io.quern.CudaException;
import java.util.function.IntSupplier;
import jcuda.driver.CUresult;

/** What the driver returns, as numbers and as exceptions. */
final class DriverStatus {
    static final int SUCCESS = CUresult.CUDA_SUCCESS;
    static final int OUT_OF_MEMORY = CUresult.CUDA_ERROR_OUT_OF_MEMORY;

    /** The numbers of {@code CUresult} end here: {@code CUDA_ERROR_UNKNOWN}. */
    private static final int LAST = 999;

    private DriverStatus() {}

    /** {@return the driver's name of a code} */
    static String name(int code) {
        return CUresult.stringFor(code);
    }

    /** Throws unless the code means success. */
    static void check(int code, String call) {
        if (code != SUCCESS) {
            throw failure(code, call, null);
        }
    }

    /** {@return what to throw for a code; the emulator, if it is the driver, adds what it saw} */
    static CudaException failure(int code, String what, String symbol) {
        return new CudaException(what + EmulatorLibrary.report(), code, name(code), symbol);
    }

    /**
     * The code of a call through JCuda. Other code of this process may have asked JCuda, globally, for exceptions in place of
     * codes; its message is then the code's name.
     */
    static int of(IntSupplier call) {
        try {
            return call.getAsInt();
        } catch (jcuda.CudaException thrown) {
            for (int code = 1; code <= LAST; code++) {
                if (name(code).equals(thrown.getMessage())) {
                    return code;
                }
            }
            throw thrown;
        }
    }
}
