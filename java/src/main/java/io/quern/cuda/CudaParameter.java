package io.quern.cuda;

/**
 * The type of one parameter of a kernel, as far as the driver and PTX know it.
 *
 * @param kind pointer, integer, floating or a structure passed by value
 * @param bytes size
 * @param alignment in bytes, a power of two
 */
public record CudaParameter(Kind kind, int bytes, int alignment) {
    /** An address in device memory. */
    public static final CudaParameter POINTER = new CudaParameter(Kind.POINTER, 8, 8);

    /** {@code int} or {@code unsigned}. */
    public static final CudaParameter INT32 = new CudaParameter(Kind.INTEGER, 4, 4);

    /** {@code long long} or {@code unsigned long long}. */
    public static final CudaParameter INT64 = new CudaParameter(Kind.INTEGER, 8, 8);

    /** {@code float}. */
    public static final CudaParameter FLOAT32 = new CudaParameter(Kind.FLOATING, 4, 4);

    /** {@code double}. */
    public static final CudaParameter FLOAT64 = new CudaParameter(Kind.FLOATING, 8, 8);

    /** The limit on all parameters of a kernel together up to PTX ISA 8.0; ours declares 7.8. */
    private static final int MOST_BYTES = 4096;

    /** What kind of value a parameter is. */
    public enum Kind {
        /** An address in device memory. */
        POINTER,
        /** An integer; PTX does not tell signed from unsigned. */
        INTEGER,
        /** A floating-point number. */
        FLOATING,
        /** A structure, passed by value. */
        STRUCTURE
    }

    /** Checks sizes. */
    public CudaParameter {
        if (bytes < 1 || bytes > MOST_BYTES) {
            throw new IllegalArgumentException("a parameter has 1.." + MOST_BYTES + " bytes, not " + bytes);
        }
        if (Integer.bitCount(alignment) != 1) {
            throw new IllegalArgumentException("alignment must be a power of two, but is " + alignment);
        }
    }

    /** {@return a structure passed by value} */
    public static CudaParameter structure(int bytes, int alignment) {
        return new CudaParameter(Kind.STRUCTURE, bytes, alignment);
    }

    @Override
    public String toString() {
        return switch (kind) {
            case POINTER -> "pointer";
            case INTEGER -> "int" + 8 * bytes;
            case FLOATING -> "float" + 8 * bytes;
            case STRUCTURE -> "structure of " + bytes + " bytes";
        };
    }
}
