package io.quern.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * A shared library opened for the life of the process. Not {@link SymbolLookup#libraryLookup}: it says that a library cannot
 * be opened, and this says why.
 */
final class DynamicLibrary {
    private static final Linker LINKER = Linker.nativeLinker();

    private static final MethodHandle DLOPEN = function("dlopen", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT));
    private static final MethodHandle DLSYM = function("dlsym", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
    private static final MethodHandle DLERROR = function("dlerror", FunctionDescriptor.of(ADDRESS));

    /** {@code RTLD_LAZY}: libraries linked to a newer driver may name functions that this one lacks and nobody calls. */
    private static final int RTLD_LAZY = 1;

    /** No message of the dynamic linker is longer. */
    private static final int MOST_CHARACTERS = 4096;

    private final MemorySegment handle;
    private final String name;

    private DynamicLibrary(MemorySegment handle, String name) {
        this.handle = handle;
        this.name = name;
    }

    /**
     * Opens a library by its soname or path.
     *
     * @throws UnsatisfiedLinkError with the dynamic linker's own words
     */
    static DynamicLibrary open(String name) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment handle = (MemorySegment) DLOPEN.invokeExact(arena.allocateFrom(name), RTLD_LAZY);
            if (handle.address() == 0) {
                throw new UnsatisfiedLinkError(lastError());
            }
            return new DynamicLibrary(handle, name);
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable thrown) {
            throw new AssertionError("dlopen throws nothing", thrown);
        }
    }

    /** Opens a library by its path. */
    static DynamicLibrary open(Path path) {
        return open(path.toAbsolutePath().toString());
    }

    /** {@return whether the library or one that it needs has the function} */
    boolean has(String function) {
        return addressOf(function).address() != 0;
    }

    /**
     * A handle of one of the library's functions.
     *
     * @throws UnsatisfiedLinkError if it has none of that name
     */
    MethodHandle function(String function, FunctionDescriptor descriptor, Linker.Option... options) {
        MemorySegment address = addressOf(function);
        if (address.address() == 0) {
            throw new UnsatisfiedLinkError(name + " has no function " + function);
        }
        return LINKER.downcallHandle(address, descriptor, options);
    }

    private MemorySegment addressOf(String function) {
        try (Arena arena = Arena.ofConfined()) {
            return (MemorySegment) DLSYM.invokeExact(handle, arena.allocateFrom(function));
        } catch (Throwable thrown) {
            throw new AssertionError("dlsym throws nothing", thrown);
        }
    }

    private static String lastError() throws Throwable {
        MemorySegment text = (MemorySegment) DLERROR.invokeExact();
        return text.address() == 0
                ? "no reason given"
                : text.reinterpret(MOST_CHARACTERS).getString(0);
    }

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), descriptor);
    }
}
