package io.quern.cuda;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmemoryPool;
import jcuda.driver.CUstream;
import jcuda.jcublas.cublasHandle;

/** JCuda's handles, each with its number: the accessor is protected there. */
final class Handles {
    private Handles() {}

    static final class Context extends CUcontext {
        long address() {
            return getNativePointer();
        }
    }

    static final class Function extends CUfunction {
        long address() {
            return getNativePointer();
        }
    }

    static final class Memory extends CUdeviceptr {
        long address() {
            return getNativePointer() + getByteOffset();
        }
    }

    static final class Pool extends CUmemoryPool {
        long address() {
            return getNativePointer();
        }
    }

    static final class Stream extends CUstream {
        long address() {
            return getNativePointer();
        }
    }

    static final class Event extends CUevent {
        long address() {
            return getNativePointer();
        }
    }

    static final class Cublas extends cublasHandle {
        long address() {
            return getNativePointer();
        }
    }

    /** {@return device memory by its address: JCuda has no constructor for it, but offsets from null} */
    static CUdeviceptr memory(long address) {
        return new CUdeviceptr().withByteOffset(address);
    }
}
