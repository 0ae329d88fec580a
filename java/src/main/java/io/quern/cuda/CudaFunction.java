package io.quern.cuda;

import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES;
import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK;
import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS;
import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES;

import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/** A kernel loaded into a context, and what the driver's assembler made of it. */
public final class CudaFunction {
    private final CudaContext context;
    private final CudaSymbol symbol;
    private final Handles.Function function;
    private final int registers;
    private final int localBytes;
    private final int sharedBytes;
    private final int maxThreads;

    private CudaFunction(CudaContext context, CudaSymbol symbol, Handles.Function function) {
        this.context = context;
        this.symbol = symbol;
        this.function = function;
        this.registers = attribute(CU_FUNC_ATTRIBUTE_NUM_REGS);
        this.localBytes = attribute(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
        this.sharedBytes = attribute(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
        this.maxThreads = attribute(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
    }

    static CudaFunction of(CudaContext context, CudaSymbol symbol, Handles.Function function) {
        return new CudaFunction(context, symbol, function);
    }

    /** {@return where it is loaded} */
    public CudaContext context() {
        return context;
    }

    /** {@return its declaration} */
    public CudaSymbol symbol() {
        return symbol;
    }

    /** {@return the {@code CUfunction}} */
    public long handle() {
        return function.address();
    }

    /** {@return registers a thread} */
    public int registers() {
        return registers;
    }

    /** {@return bytes of local memory a thread: stack frame and spills} */
    public int localBytes() {
        return localBytes;
    }

    /** {@return bytes of shared memory a block, those sized at launch not included} */
    public int sharedBytes() {
        return sharedBytes;
    }

    /** {@return the most threads a block of this kernel may have} */
    public int maxThreads() {
        return maxThreads;
    }

    /**
     * How many blocks one multiprocessor holds at a time.
     *
     * @param threads of a block
     * @param dynamicSharedBytes of a block, sized at launch
     */
    public int blocksPerMultiprocessor(int threads, int dynamicSharedBytes) {
        int[] blocks = new int[1];
        context.call(
                "occupancy of " + symbol.name(),
                () -> JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                        blocks, function, threads, dynamicSharedBytes));
        return blocks[0];
    }

    /** Asks for more dynamic shared memory than every kernel may have without asking. */
    void allowDynamicShared(int bytes) {
        context.call(
                "giving " + symbol.name() + " " + bytes + " bytes of dynamic shared memory",
                () -> JCudaDriver.cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes));
    }

    private int attribute(int attribute) {
        int[] value = new int[1];
        CUfunction handle = function;
        context.call(
                CUfunction_attribute.stringFor(attribute) + " of " + symbol.name(),
                () -> JCudaDriver.cuFuncGetAttribute(value, attribute, handle));
        return value[0];
    }

    @Override
    public String toString() {
        return symbol.name() + " on " + context.name();
    }
}
