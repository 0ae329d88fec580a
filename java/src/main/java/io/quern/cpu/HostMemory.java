package io.quern.cpu;

import io.quern.DeviceOutOfMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.management.ManagementFactory;

/**
 * The host's memory for tensors: native, zero-filled, aligned to 64 bytes. Blocks of 4 MiB and more are mapped on their
 * own, aligned to 2 MiB and offered to the kernel for huge pages, which spare the page walks of long streams; they are
 * also free of the JVM's {@code MaxDirectMemorySize}.
 */
public final class HostMemory {
    /** A cache line, and the widest vector. */
    public static final long ALIGNMENT = 64;

    private static final long HUGE_PAGE = 2L << 20;
    private static final long MAPPED_FROM = 2 * HUGE_PAGE;

    private HostMemory() {}

    /**
     * Allocates a block that lives as long as {@code arena}.
     *
     * @param bytes may be 0
     * @throws DeviceOutOfMemoryException if the host has not that much
     */
    public static MemorySegment allocate(Arena arena, long bytes) {
        if (bytes >= MAPPED_FROM && bytes > totalBytes()) {
            throw outOfMemory(bytes);
        }
        if (bytes >= MAPPED_FROM && Mapping.POSSIBLE) {
            return Mapping.map(arena, bytes);
        }
        try {
            return arena.allocate(bytes, ALIGNMENT);
        } catch (OutOfMemoryError refused) {
            DeviceOutOfMemoryException clear = outOfMemory(bytes);
            clear.initCause(refused);
            throw clear;
        }
    }

    /** {@return bytes, or an address, rounded up to whole cache lines} */
    public static long lines(long bytes) {
        return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
    }

    /** Fills memory at an absolute address with zeros, without allocating. */
    public static void clear(long address, long bytes) {
        for (long done = 0; done < bytes; done += Zeros.BYTES) {
            MemorySegment.copy(
                    AddressSpace.ALL,
                    Zeros.ADDRESS,
                    AddressSpace.ALL,
                    address + done,
                    Math.min(Zeros.BYTES, bytes - done));
        }
    }

    /** {@return the machine's (or container's) memory in bytes} */
    public static long totalBytes() {
        return machine().getTotalMemorySize();
    }

    /** {@return how much of it is free, in bytes; caches that the kernel would drop do not count as free} */
    public static long freeBytes() {
        return machine().getFreeMemorySize();
    }

    private static com.sun.management.OperatingSystemMXBean machine() {
        return (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    }

    private static DeviceOutOfMemoryException outOfMemory(long bytes) {
        return new DeviceOutOfMemoryException("host", bytes, freeBytes(), totalBytes());
    }

    /** mmap, where the platform is the one whose constants are written here. */
    private static final class Mapping {
        static final boolean POSSIBLE = System.getProperty("os.name").equals("Linux");

        private static final int PROT_READ_WRITE = 0x1 | 0x2;
        private static final int MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20;
        private static final int MADV_HUGEPAGE = 14;
        private static final long MAP_FAILED = -1;

        private static final MethodHandle MMAP = function(
                "mmap",
                FunctionDescriptor.of(
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_LONG));
        private static final MethodHandle MUNMAP = function(
                "munmap", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
        private static final MethodHandle MADVISE = function(
                "madvise",
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));

        static MemorySegment map(Arena arena, long bytes) {
            // One huge page more than asked for: the kernel aligns to a small page only.
            long mappedBytes = Math.addExact(bytes, HUGE_PAGE);
            long mapped = call(MMAP, 0L, mappedBytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
            if (mapped == MAP_FAILED) {
                throw outOfMemory(bytes);
            }
            long address = (mapped + HUGE_PAGE - 1) & -HUGE_PAGE;
            call(MADVISE, address, bytes, MADV_HUGEPAGE); // advice: a kernel without huge pages may refuse it
            try {
                return MemorySegment.ofAddress(address)
                        .reinterpret(bytes, arena, unmapped -> call(MUNMAP, mapped, mappedBytes));
            } catch (RuntimeException closedMeanwhile) {
                call(MUNMAP, mapped, mappedBytes);
                throw closedMeanwhile;
            }
        }

        private static MethodHandle function(String name, FunctionDescriptor descriptor) {
            SymbolLookup lookup = Linker.nativeLinker().defaultLookup();
            return Linker.nativeLinker().downcallHandle(lookup.findOrThrow(name), descriptor);
        }

        private static long call(MethodHandle function, Object... arguments) {
            try {
                return ((Number) function.invokeWithArguments(arguments)).longValue();
            } catch (Throwable thrown) {
                throw new AssertionError("a libc call cannot throw", thrown);
            }
        }
    }
}
