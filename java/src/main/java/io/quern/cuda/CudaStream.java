package io.quern.cuda;

import java.lang.foreign.MemorySegment;

public final class CudaStream implements AutoCloseable {
    public static CudaStream open(CudaContext c) {
        return null;
    }

    public static CudaStream borrow(CudaContext c, long h) {
        return null;
    }

    public CudaContext context() {
        return null;
    }

    public void synchronize() {}

    public void copyIn(long d, MemorySegment h) {}

    public void copyOut(MemorySegment h, long d) {}

    public void copy(long t, long f, long b) {}

    public void beginCapture() {}

    public CudaGraph endCapture() {
        return null;
    }

    public void close() {}
}
