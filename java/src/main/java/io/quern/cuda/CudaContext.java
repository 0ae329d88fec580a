package io.quern.cuda;

import java.lang.foreign.MemorySegment;

public final class CudaContext {
    public static CudaContext of(int o) {
        return new CudaContext();
    }

    public static CudaContext borrow(int o, long h) {
        return new CudaContext();
    }

    public long allocate(long b) {
        return 0;
    }

    public void free(long a) {}

    public void synchronize() {}

    public void fill(long a, byte v, long n) {}

    public void copyIn(long d, MemorySegment h) {}

    public void copyOut(MemorySegment h, long d) {}
}
