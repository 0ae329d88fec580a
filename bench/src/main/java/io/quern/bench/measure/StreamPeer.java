package io.quern.bench.measure;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The loops of {@code stream.c}, {@code decode.c} and {@code ode.c}, built by the machine's C compiler and called on our kernels' own memory. */
public final class StreamPeer {
    /** What the report calls loops with the reads and writes of Lion. */
    public static final String LION = "C 3r2w loop";

    /** What the report calls the read-modify-write loop. */
    public static final String UPDATE = "C r+w loop";

    /** What the report calls decoding. */
    public static final String DECODE = "C decode loop";

    private static final String LIBRARY = "io.quern.bench.peer";
    private static final ValueLayout.OfLong POINTER = ValueLayout.JAVA_LONG; // addresses, of memory that we keep alive
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    private StreamPeer() {}

    /**
     * Builds the loops and tells this process's forks where they are.
     *
     * @param folder where the library is put
     * @return null, or why there are none: one line
     */
    public static String build(Path folder) {
        Path library = folder.resolve("libquern-peers.so");
        try {
            Process compiler = new ProcessBuilder(command(
                            library,
                            unpacked("stream.c", folder),
                            unpacked("decode.c", folder),
                            unpacked("ode.c", folder)))
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (!compiler.waitFor(60, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
                compiler.destroyForcibly();
                return "the C compiler cannot build the peers with -fopenmp";
            }
        } catch (IOException absent) {
            return "no C compiler (gcc) is on the PATH";
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return "building it was interrupted";
        }
        System.setProperty(LIBRARY, library.toString());
        return null;
    }

    /** The flags are the peer's best form: every instruction this machine has, contraction, full vectors. */
    private static List<String> command(Path library, Path... sources) {
        List<String> command = new ArrayList<>(List.of(
                "gcc",
                "-O3",
                "-march=native",
                "-mprefer-vector-width=512",
                "-ffp-contract=fast",
                "-fno-trapping-math",
                "-fno-math-errno",
                "-fopenmp",
                "-shared",
                "-fPIC",
                "-o",
                library.toString()));
        for (Path source : sources) {
            command.add(source.toString());
        }
        command.add("-lm");
        return command;
    }

    private static Path unpacked(String name, Path folder) throws IOException {
        Path source = folder.resolve(name);
        try (InputStream packed = StreamPeer.class.getResourceAsStream("/io/quern/bench/c/" + name)) {
            Files.copy(packed, source);
        }
        return source;
    }

    /** {@return whether this process knows a built library} */
    public static boolean available() {
        return System.getProperty(LIBRARY) != null;
    }

    /** How parameter, momentum and gradient of Lion are stored in the loop: FP32, but for what the name says. */
    public enum LionStorage {
        /** All in FP32. */
        FP32(""),
        /** All in BF16. */
        BF16("_bf16"),
        /** Parameter and gradient in BF16. */
        BF16_FP32_BF16("_mixed"),
        /** Momentum and gradient in BF16, and a copy of the parameter. */
        FP32_BF16_BF16_COPY("_copy");

        private final String suffix;

        LionStorage(String suffix) {
            this.suffix = suffix;
        }
    }

    /**
     * {@return Lion's traffic over streams of n elements; null where no library was built}
     *
     * @param copy where the parameter is copied to, if that is so
     */
    public static Peer lion(
            LionStorage storage, long parameter, long momentum, long gradient, long copy, long n, int threads) {
        if (!available()) {
            return null;
        }
        List<MemoryLayout> arguments = new ArrayList<>(List.of(POINTER, POINTER, POINTER));
        boolean copied = storage == LionStorage.FP32_BF16_BF16_COPY;
        if (copied) {
            arguments.add(POINTER);
        }
        arguments.addAll(List.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, FLOAT, FLOAT, FLOAT, FLOAT));
        MethodHandle loop = loop("quern_peer_lion" + storage.suffix, arguments.toArray(MemoryLayout[]::new));
        if (copied) {
            return peer(LION, () -> {
                loop.invokeExact(parameter, momentum, gradient, copy, n, threads, 1e-4f, 0.1f, 0.9f, 0.99f);
            });
        }
        return peer(LION, () -> {
            loop.invokeExact(parameter, momentum, gradient, n, threads, 1e-4f, 0.1f, 0.9f, 0.99f);
        });
    }

    /** {@return x = 0.5 x + 1 over n FP32 elements; null where no library was built} */
    public static Peer update(long x, long n, int threads) {
        if (!available()) {
            return null;
        }
        MethodHandle loop =
                loop("quern_peer_update", POINTER, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, FLOAT, FLOAT);
        return peer(UPDATE, () -> {
            loop.invokeExact(x, n, threads, 0.5f, 1f);
        });
    }

    /**
     * {@return attention of 4 queries to each head of keys and values, FP32, 128 channels; null where no library was built}
     *
     * @param heads of keys, in all sequences, one behind the other
     * @param keys of each
     */
    public static Peer decode(long query, long keyRows, long values, long out, long heads, long keys, int threads) {
        if (!available()) {
            return null;
        }
        MethodHandle loop = loop(
                "quern_peer_decode",
                POINTER,
                POINTER,
                POINTER,
                POINTER,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT);
        return peer(DECODE, () -> {
            loop.invokeExact(query, keyRows, values, out, heads, keys, threads);
        });
    }

    /** A call of a loop in C: a block, since the value of {@code invokeExact} is an Object where a lambda is nothing but it. */
    @FunctionalInterface
    public interface Call {
        /** Runs the loop once. */
        void run() throws Throwable;
    }

    /** {@return the peer that a loop in C is} */
    public static Peer peer(String name, Call call) {
        return new Peer(name, () -> {
            try {
                call.run();
            } catch (Throwable impossible) {
                throw new AssertionError("a C loop cannot throw", impossible);
            }
        });
    }

    /** {@return a loop by its name in C} */
    public static MethodHandle loop(String name, MemoryLayout... arguments) {
        SymbolLookup library = SymbolLookup.libraryLookup(Path.of(System.getProperty(LIBRARY)), Arena.global());
        return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), FunctionDescriptor.ofVoid(arguments));
    }
}
