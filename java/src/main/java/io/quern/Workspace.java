package io.quern;

import io.quern.cpu.HostMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Scratch memory of a bound call, on the device of its stream. Its contents mean nothing between runs unless the kernel
 * that uses it says so.
 */
public final class Workspace implements AutoCloseable {
    /** The widest access of a kernel. */
    private static final long GIVEN_ALIGNMENT = 16;

    private final long bytes;
    private final long address;
    private final MemorySegment segment;
    private final Tensor given; // null if owned
    private final Runnable free;
    private boolean closed;

    private Workspace(long bytes, long address, MemorySegment segment, Tensor given, Runnable free) {
        this.bytes = bytes;
        this.address = address;
        this.segment = segment;
        this.given = given;
        this.free = free;
    }

    /** {@return its size in bytes} */
    public long bytes() {
        return bytes;
    }

    /** {@return where it begins, on the host or the device; aligned to 64 bytes, or to 16 if the caller gave it} */
    public long address() {
        return address;
    }

    /** {@return its memory, for a kernel on the host; of size 0 for one on a CUDA device} */
    public MemorySegment segment() {
        return segment;
    }

    /**
     * {@return a part of it, for a kernel that is a part of another}
     *
     * @param from its first byte
     * @param length its size in bytes
     */
    public Workspace part(long from, long length) {
        if (from < 0 || length < 0 || from > bytes - length) {
            throw new IllegalArgumentException(
                    "a part must lie within " + bytes + " bytes, but is " + length + " from " + from);
        }
        MemorySegment within = segment.byteSize() == 0 ? segment : segment.asSlice(from, length);
        return new Workspace(length, address + from, within, null, () -> {});
    }

    /** Frees it if it is owned. For CUDA, after the stream has done its work. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            free.run();
        }
    }

    /** The caller's tensor that it lies in, which must stay open; null if it is owned. */
    Tensor given() {
        return given;
    }

    static Workspace allocate(Stream stream, long bytes) {
        if (bytes == 0) {
            return new Workspace(0, 0, MemorySegment.NULL, null, () -> {});
        }
        if (stream.device().onHost()) {
            Arena arena = Arena.ofShared();
            MemorySegment memory = HostMemory.allocate(arena, bytes);
            return new Workspace(bytes, memory.address(), memory, null, arena::close);
        }
        var context = stream.cuda().context();
        long address = context.allocate(bytes);
        return new Workspace(bytes, address, MemorySegment.NULL, null, () -> {
            try {
                stream.synchronizeIfOpen();
            } finally {
                context.free(address);
            }
        });
    }

    static Workspace borrow(Tensor memory, long needed) {
        Check.dense("workspace", memory);
        Check.writable("workspace", memory);
        memory.requireOpen();
        long bytes = memory.elementCount() * memory.dtype().bytes();
        if (bytes < needed) {
            throw new IllegalArgumentException(
                    "workspace must have at least " + needed + " bytes, but has " + bytes + " (" + memory + ")");
        }
        if (memory.address() % GIVEN_ALIGNMENT != 0) {
            throw new IllegalArgumentException("workspace must begin at a multiple of "
                    + GIVEN_ALIGNMENT
                    + " bytes, but begins at 0x"
                    + Long.toHexString(memory.address())
                    + " ("
                    + memory
                    + ")");
        }
        MemorySegment segment = memory.device().onHost() ? memory.segment() : MemorySegment.NULL;
        return new Workspace(bytes, memory.address(), segment, memory, () -> {});
    }
}
