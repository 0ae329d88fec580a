package io.quern.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Optional;

/**
 * NVIDIA's compiler as a library, {@code libnvrtc}, which comes with the CUDA toolkit and with frameworks that bring their own
 * CUDA. Called without JCuda, whose binding wants the one release that it was made with.
 */
final class Nvrtc implements CudaCompiler.Maker {
    /** As the dynamic linker finds them: of CUDA 13, 12 and 11. */
    private static final List<String> NAMES =
            List.of("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so");

    private static final int SUCCESS = 0;

    private final String name;
    private final MethodHandle version;
    private final MethodHandle create;
    private final MethodHandle compile;
    private final MethodHandle logSize;
    private final MethodHandle log;
    private final MethodHandle ptxSize;
    private final MethodHandle ptx;
    private final MethodHandle destroy;

    private Nvrtc(String name, DynamicLibrary library) {
        FunctionDescriptor ofProgram = FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS);
        this.name = name;
        this.version = library.function("nvrtcVersion", ofProgram);
        this.create = library.function(
                "nvrtcCreateProgram",
                FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS));
        this.compile =
                library.function("nvrtcCompileProgram", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
        this.logSize = library.function("nvrtcGetProgramLogSize", ofProgram);
        this.log = library.function("nvrtcGetProgramLog", ofProgram);
        this.ptxSize = library.function("nvrtcGetPTXSize", ofProgram);
        this.ptx = library.function("nvrtcGetPTX", ofProgram);
        this.destroy = library.function("nvrtcDestroyProgram", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    }

    /** {@return this machine's, if it has one}. Nothing of it is called before all of its functions have been found. */
    static Optional<Nvrtc> find() {
        for (String name : NAMES) {
            try {
                return Optional.of(new Nvrtc(name, DynamicLibrary.open(name)));
            } catch (LinkageError _) {
                // not there, or not what its name says: the next may be
            }
        }
        return Optional.empty();
    }

    @Override
    public String release() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment major = arena.allocate(JAVA_INT);
            MemorySegment minor = arena.allocate(JAVA_INT);
            check("asked for its release", (int) version.invokeExact(major, minor), "");
            return name + " " + major.get(JAVA_INT, 0) + "." + minor.get(JAVA_INT, 0);
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable thrown) {
            throw new AssertionError("functions of C throw nothing", thrown);
        }
    }

    @Override
    public String make(String what, String source, List<String> flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pointer = arena.allocate(ADDRESS);
            String doing = "compiling " + what;
            check(
                    doing,
                    (int) create.invokeExact(
                            pointer,
                            arena.allocateFrom(source),
                            arena.allocateFrom(what + ".cu"),
                            0,
                            MemorySegment.NULL,
                            MemorySegment.NULL),
                    "");
            MemorySegment program = pointer.get(ADDRESS, 0);
            try {
                MemorySegment options = arena.allocate(ADDRESS, flags.size());
                for (int i = 0; i < flags.size(); i++) {
                    options.setAtIndex(ADDRESS, i, arena.allocateFrom(flags.get(i)));
                }
                int code = (int) compile.invokeExact(program, flags.size(), options);
                check(doing, code, code == SUCCESS ? "" : text(arena, program, logSize, log));
                return text(arena, program, ptxSize, ptx);
            } finally {
                int _ = (int) destroy.invokeExact(pointer);
            }
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable thrown) {
            throw new AssertionError("functions of C throw nothing", thrown);
        }
    }

    private String text(Arena arena, MemorySegment program, MethodHandle size, MethodHandle get) throws Throwable {
        MemorySegment bytes = arena.allocate(JAVA_LONG);
        check("asked for the size of a text", (int) size.invokeExact(program, bytes), "");
        MemorySegment text = arena.allocate(Math.max(bytes.get(JAVA_LONG, 0), 1));
        check("asked for a text", (int) get.invokeExact(program, text), "");
        return text.getString(0);
    }

    private void check(String doing, int code, String said) {
        if (code != SUCCESS) {
            throw new IllegalStateException(name + ", " + doing + ", failed with status " + code + "; "
                    + CudaCompiler.CURE + (said.isBlank() ? "" : "; it said: " + said.strip()));
        }
    }
}
