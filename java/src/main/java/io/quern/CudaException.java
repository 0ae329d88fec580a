package io.quern;

/**
 * The CUDA driver refused a call, or a kernel failed. Kernels run asynchronously: what goes wrong in one is often found
 * only by a later call, which then names the last kernel launched on its stream.
 */
public final class CudaException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int code;
    private final String codeName;
    private final String symbol;

    /**
     * @param what the call that failed and all that is known of it: symbol, grid, block, the driver's log
     * @param code the driver's number, a {@code CUresult}
     * @param codeName the driver's name of it, as {@code "CUDA_ERROR_ILLEGAL_ADDRESS"}
     * @param symbol the kernel concerned, or null where there is none
     */
    public CudaException(String what, int code, String codeName, String symbol) {
        super(codeName + " (" + code + "): " + what);
        this.code = code;
        this.codeName = codeName;
        this.symbol = symbol;
    }

    /** {@return the driver's number, a {@code CUresult}} */
    public int code() {
        return code;
    }

    /** {@return the driver's name of the code, as {@code "CUDA_ERROR_ILLEGAL_ADDRESS"}} */
    public String codeName() {
        return codeName;
    }

    /** {@return the kernel concerned, or null where there is none} */
    public String symbol() {
        return symbol;
    }
}
