package io.quern.ode;

import io.quern.DType;
import java.util.Locale;

/**
 * A kernel of {@code cuda/ode/solve.cuh}.
 *
 * @param ode which field, by which method
 * @param dtype the working type
 * @param kind what it does
 */
record CudaKernel(Ode ode, DType dtype, Kind kind) {
    /** What a kernel does. */
    enum Kind {
        /** Steps of equal length. */
        FIXED,
        /** Steps chosen for each trajectory. */
        ADAPTIVE
    }

    /** {@return the PTX file that has it, of a field that is called so} */
    String module(String field) {
        return ("ode_" + field + "_" + dtype).toLowerCase(Locale.ROOT);
    }

    /** {@return its name there} */
    String symbol(String field) {
        return ("ode_" + field + "_" + kind + "_" + ode.method() + "_" + dtype).toLowerCase(Locale.ROOT);
    }
}
