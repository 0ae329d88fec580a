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
 * NVIDIA's compiler as a program.
 *
 * @param path where it is
 * @param limit after which it is ended, with all processes that it started
 */
record Nvcc(Path path, Duration limit) implements CudaCompiler.Maker {
    private static final Duration LIMIT = Duration.ofSeconds(120);

    /**
     * {@return this machine's, if it has one}
     *
     * @throws IllegalStateException if the property names what is none
     */
    static Optional<Nvcc> find() {
        String named = System.getProperty(CudaCompiler.PROPERTY);
        if (named != null && !Files.isExecutable(Path.of(named))) {
            throw new IllegalStateException(named + " is no program; " + CudaCompiler.CURE);
        }
        Stream<Path> candidates = named != null ? Stream.of(Path.of(named)) : usual();
        return candidates.filter(Files::isExecutable).findFirst().map(path -> new Nvcc(path, LIMIT));
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

    @Override
    public String release() {
        try {
            return run(List.of("--version"), "asked for its release");
        } catch (IOException e) {
            throw new UncheckedIOException(path + ", asked for its release", e);
        }
    }

    @Override
    public String make(String what, String source, List<String> flags) {
        try {
            Path cu = Files.createTempFile("quern", ".cu");
            Path ptx = Files.createTempFile("quern", ".ptx");
            try {
                Files.writeString(cu, source);
                List<String> arguments = new ArrayList<>(List.of("-ptx"));
                arguments.addAll(flags);
                arguments.addAll(List.of("-o", ptx.toString(), cu.toString()));
                run(arguments, "compiling " + what);
                return Files.readString(ptx, StandardCharsets.US_ASCII);
            } finally {
                Files.deleteIfExists(cu);
                Files.deleteIfExists(ptx);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("compiling " + what, e);
        }
    }

    private String run(List<String> arguments, String doing) throws IOException {
        List<String> command = new ArrayList<>(List.of(path.toString()));
        command.addAll(arguments);
        Path said = Files.createTempFile("quern-nvcc", ".log");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(said.toFile())
                    .start();
            if (!ended(process)) {
                throw new IllegalStateException(path + ", " + doing + ", was interrupted or did not end within "
                        + limit.toSeconds() + " s; " + CudaCompiler.CURE);
            }
            String words = Files.readString(said).strip();
            if (process.exitValue() != 0) {
                throw new IllegalStateException(path + ", " + doing + ", failed with status " + process.exitValue()
                        + "; " + CudaCompiler.CURE + "; it said: " + words);
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
