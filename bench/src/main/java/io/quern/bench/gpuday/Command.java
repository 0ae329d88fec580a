package io.quern.bench.gpuday;

import io.quern.bench.Quern;
import io.quern.bench.measure.JavaProcess;
import io.quern.cuda.CudaDriver;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A program that is run to its end, or until its time is over. */
final class Command {
    /** Where CUDA installs its tools, besides the path. */
    private static final List<String> FOLDERS = List.of("/usr/local/cuda/bin", "/opt/nvidia/nsight-compute");

    private Command() {}

    /**
     * What came of a program.
     *
     * @param status its exit status; {@link #TIMED_OUT} if it was ended
     * @param output both its outputs
     */
    record Ended(int status, String output) {
        static final int TIMED_OUT = 124;

        /** {@return the last line that says something} */
        String lastLine() {
            return output.lines()
                    .filter(line -> !line.isBlank())
                    .reduce((_, last) -> last)
                    .orElse("it said nothing")
                    .strip();
        }
    }

    /** {@return this workbench in another process, with a driver provider} */
    static List<String> quern(CudaDriver.Provider provider, String... arguments) {
        List<String> command = new ArrayList<>(List.of(JavaProcess.executable()));
        command.addAll(JavaProcess.flags(CudaDriver.PROPERTY + "=" + provider.property()));
        command.addAll(List.of("-cp", JavaProcess.classPath(), Quern.class.getName()));
        command.addAll(List.of(arguments));
        return command;
    }

    /** {@return the path of a program of NVIDIA's, if it is here} */
    static Optional<String> find(String program) {
        return Stream.concat(
                        Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)), FOLDERS.stream())
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .map(Path::toString)
                .findFirst();
    }

    static Ended run(List<String> command, Duration limit) throws IOException, InterruptedException {
        Path output = Files.createTempFile("quern-gpu-day", ".log");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
            boolean ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
            if (!ended) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly().waitFor();
            }
            return new Ended(ended ? process.exitValue() : Ended.TIMED_OUT, Files.readString(output));
        } finally {
            Files.deleteIfExists(output);
        }
    }
}
