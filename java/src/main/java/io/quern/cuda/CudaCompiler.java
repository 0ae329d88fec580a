package io.quern.cuda;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * CUDA C++ to PTX while the program runs, by NVIDIA's nvcc. What it made is kept on disk, under a name that says from what and
 * by which release, so that it is made once for all processes of a user.
 *
 * @param nvcc its path
 * @param folders where PTX is kept: the first that can be written
 * @param limit after which nvcc is ended, with all processes that it started
 */
record CudaCompiler(Path nvcc, List<Path> folders, Duration limit) {
    /** System property: the path of nvcc, or {@code off}. Without it, $NVCC, $CUDA_HOME, $PATH and /usr/local/cuda are asked. */
    static final String PROPERTY = "io.quern.nvcc";

    private static final String CURE = "name another by -D" + PROPERTY + ", or do without by -D" + PROPERTY + "=off";

    private static final Duration LIMIT = Duration.ofSeconds(120);

    /** -fmad=false as in {@code native-build/ptx.sh}, so that every device rounds alike; C++17, which CUDA 11 has too. */
    private static final List<String> FLAGS = List.of("-ptx", "-fmad=false", "-std=c++17");

    /** As there: what we use is as old as this, and drivers refuse PTX that says it is newer than they are. */
    private static final String ISA = "7.8";

    /**
     * {@return this machine's, if it has one}
     *
     * @throws IllegalStateException if the property names what is none
     */
    static Optional<CudaCompiler> find() {
        String named = System.getProperty(PROPERTY);
        if ("off".equals(named)) {
            return Optional.empty();
        }
        if (named != null && !Files.isExecutable(Path.of(named))) {
            throw new IllegalStateException(named + " is no program; " + CURE);
        }
        Stream<Path> candidates = named != null ? Stream.of(Path.of(named)) : usual();
        return candidates
                .filter(Files::isExecutable)
                .findFirst()
                .map(nvcc -> new CudaCompiler(nvcc, NativeCache.folders(), LIMIT));
    }

    private static Stream<Path> usual() {
        String nvcc = System.getenv("NVCC");
        String home = System.getenv("CUDA_HOME");
        String path = Objects.requireNonNullElse(System.getenv("PATH"), "");
        return Stream.of(
                        nvcc == null ? Stream.<Path>empty() : Stream.of(Path.of(nvcc)),
                        home == null ? Stream.<Path>empty() : Stream.of(Path.of(home, "bin", "nvcc")),
                        Arrays.stream(path.split(File.pathSeparator))
                                .filter(folder -> !folder.isEmpty())
                                .map(folder -> Path.of(folder, "nvcc")),
                        Stream.of(Path.of("/usr/local/cuda/bin/nvcc")))
                .flatMap(candidate -> candidate);
    }

    /**
     * {@return PTX}
     *
     * @param what it is, for an error
     * @param source all of it: nothing is included but what nvcc brings along
     * @param architecture {@code compute_80}
     * @throws IllegalStateException with nvcc's words where it fails or does not end
     */
    byte[] compile(String what, String source, String architecture) {
        try {
            String release = run(List.of("--version"), "asked for its release");
            String key = String.join("\n", release, architecture, String.join(" ", FLAGS), source);
            String name = NativeCache.hash(key.getBytes(StandardCharsets.UTF_8)) + ".ptx";
            Path folder = NativeCache.privateFolder(folders, "ptx");
            Path known = folder.resolve(name);
            if (!Files.isRegularFile(known)) {
                NativeCache.write(make(what, source, architecture), known);
            }
            return Files.readAllBytes(known);
        } catch (IOException e) {
            throw new UncheckedIOException("compiling " + what, e);
        }
    }

    private byte[] make(String what, String source, String architecture) throws IOException {
        Path cu = Files.createTempFile("quern", ".cu");
        Path ptx = Files.createTempFile("quern", ".ptx");
        try {
            Files.writeString(cu, source);
            List<String> arguments = new ArrayList<>(FLAGS);
            arguments.addAll(List.of("-arch=" + architecture, "-o", ptx.toString(), cu.toString()));
            run(arguments, "compiling " + what);
            return Files.readString(ptx)
                    .replaceFirst("(?m)^\\.version .*", ".version " + ISA)
                    .getBytes(StandardCharsets.US_ASCII);
        } finally {
            Files.deleteIfExists(cu);
            Files.deleteIfExists(ptx);
        }
    }

    private String run(List<String> arguments, String doing) throws IOException {
        List<String> command = new ArrayList<>(List.of(nvcc.toString()));
        command.addAll(arguments);
        Path said = Files.createTempFile("quern-nvcc", ".log");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(said.toFile())
                    .start();
            if (!ended(process)) {
                throw new IllegalStateException(nvcc + ", " + doing + ", was interrupted or did not end within "
                        + limit.toSeconds() + " s; " + CURE);
            }
            String words = Files.readString(said).strip();
            if (process.exitValue() != 0) {
                throw new IllegalStateException(nvcc + ", " + doing + ", failed with status " + process.exitValue()
                        + "; " + CURE + "; it said: " + words);
            }
            return words;
        } finally {
            Files.deleteIfExists(said);
        }
    }

    /** {@return whether it ended by itself} */
    private boolean ended(Process process) {
        try {
            if (process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                return true;
            }
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        }
        process.descendants().forEach(ProcessHandle::destroyForcibly); // nvcc leaves cicc behind
        process.destroyForcibly();
        return false;
    }
}
