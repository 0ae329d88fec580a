package io.quern;

import io.quern.cpu.HostMemory;
import io.quern.cuda.CudaContext;
import java.lang.foreign.Arena;
import java.lang.ref.Cleaner;
import java.util.ArrayList;
import java.util.List;

/**
 * The lifetime of tensors that were allocated together: {@link #close} frees them all. Using a tensor, or running a call
 * bound to one, after its arena was closed always results in an {@link IllegalStateException}; so does closing twice.
 *
 * <p>An arena may be used by many threads. One that becomes unreachable before it was closed is a leak: the log says how
 * many bytes, and, with {@code -Dio.quern.trackLeaks=true}, where the arena was opened.
 */
public final class TensorArena implements AutoCloseable {
    private static final Cleaner LEAKS = Cleaner.create();
    private static final boolean TRACK_LEAKS = Boolean.getBoolean("io.quern.trackLeaks");

    private final Device device;
    private final Memory memory;
    private final Cleaner.Cleanable leak;

    private TensorArena(Device device) {
        this.device = device;
        this.memory = device.onHost() ? new HostBlocks() : new CudaBlocks(((Device.Cuda) device).ordinal());
        this.leak = LEAKS.register(
                this, new Leak(device.name(), memory, TRACK_LEAKS ? new Throwable("the arena was opened here") : null));
    }

    /** {@return a new arena whose tensors lie in that device's memory} */
    public static TensorArena open(Device device) {
        Check.present("device", device);
        return new TensorArena(device);
    }

    /** {@return where its tensors lie} */
    public Device device() {
        return device;
    }

    /** {@return how many bytes it has handed out} */
    public long bytes() {
        return memory.bytes;
    }

    /**
     * Allocates a densely packed tensor, filled with zeros.
     *
     * @param shape the size of each axis, outermost first; sizes may be 0
     * @throws IllegalArgumentException if a size is negative or the tensor would have more than 2^63 - 1 bytes
     * @throws DeviceOutOfMemoryException if the device has not that much
     * @throws IllegalStateException if the arena is closed
     */
    public Tensor allocate(DType dtype, long... shape) {
        Check.present("dtype", dtype);
        long bytes = Shape.bytes(dtype, shape);
        synchronized (memory) {
            requireOpen();
            Tensor tensor = memory.allocate(this, bytes, dtype, shape);
            memory.bytes += bytes;
            return tensor;
        }
    }

    /**
     * Frees every tensor. On CUDA it waits for the device first.
     *
     * @throws IllegalStateException if it is closed already
     */
    @Override
    public void close() {
        synchronized (memory) {
            requireOpen();
            memory.open = false;
        }
        leak.clean();
        memory.free();
    }

    void requireOpen() {
        if (!memory.open) {
            throw new IllegalStateException("the tensor arena of " + device + " is closed");
        }
    }

    /** What {@link Leak} must see after the arena itself is gone. */
    private abstract static class Memory {
        volatile boolean open = true;
        long bytes;

        abstract Tensor allocate(TensorArena arena, long bytes, DType dtype, long[] shape);

        abstract void free();
    }

    private static final class HostBlocks extends Memory {
        private final Arena blocks = Arena.ofShared();

        @Override
        Tensor allocate(TensorArena arena, long bytes, DType dtype, long[] shape) {
            return Tensor.owned(arena, HostMemory.allocate(blocks, bytes), dtype, shape);
        }

        @Override
        void free() {
            blocks.close();
        }
    }

    private static final class CudaBlocks extends Memory {
        private final CudaContext context;
        private final List<Long> addresses = new ArrayList<>();

        CudaBlocks(int ordinal) {
            context = CudaContext.of(ordinal);
        }

        @Override
        Tensor allocate(TensorArena arena, long bytes, DType dtype, long[] shape) {
            if (bytes == 0) {
                return Tensor.owned(arena, 0, dtype, shape);
            }
            long address = context.allocate(bytes);
            addresses.add(address);
            context.fill(address, (byte) 0, bytes);
            return Tensor.owned(arena, address, dtype, shape);
        }

        @Override
        void free() {
            CudaException first = attempt(context::synchronize, null);
            for (long address : addresses) {
                first = attempt(() -> context.free(address), first);
            }
            if (first != null) {
                throw first;
            }
        }

        /** One that fails keeps none of the others from being freed; {@return the first failure} */
        private static CudaException attempt(Runnable step, CudaException first) {
            try {
                step.run();
                return first;
            } catch (CudaException failed) {
                if (first == null) {
                    return failed;
                }
                first.addSuppressed(failed);
                return first;
            }
        }
    }

    /** Says that an arena was lost. It frees nothing: a kernel may still be using the memory. */
    private record Leak(String device, Memory memory, Throwable opened) implements Runnable {
        @Override
        public void run() {
            if (memory.open && memory.bytes > 0) {
                String cure = opened == null ? "; -Dio.quern.trackLeaks=true says where it was opened" : "";
                System.getLogger(TensorArena.class.getName())
                        .log(
                                System.Logger.Level.WARNING,
                                "a tensor arena of "
                                        + device
                                        + " was never closed: "
                                        + memory.bytes
                                        + " bytes leaked"
                                        + cure,
                                opened);
            }
        }
    }
}
