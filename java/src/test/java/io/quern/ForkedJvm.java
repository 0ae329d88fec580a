package io.quern;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * A JVM of its own for what is decided once a process: which driver it binds, where its natives come from, how it compiles.
 */
public final class ForkedJvm {
    private static final long MOST_SECONDS = 120;

    private final List<String> flags = new ArrayList<>(List.of("--enable-native-access=ALL-UNNAMED"));
    private final Map<String, String> environment = new TreeMap<>();
    private final List<String> withoutInPath = new ArrayList<>();

    /**
     * How it ended.
     *
     * @param exitCode 0 if its main method returned; 134 to 139 if it crashed
     * @param output what it printed
     */
    public record Result(int exitCode, String output) {}

    public ForkedJvm flag(String flag) {
        flags.add(flag);
        return this;
    }

    /** Makes every call of a native function fail. */
    public ForkedJvm denyNativeAccess() {
        flags.remove("--enable-native-access=ALL-UNNAMED");
        return flag("--illegal-native-access=deny");
    }

    public ForkedJvm environment(String name, String value) {
        environment.put(name, value);
        return this;
    }

    /** Leaves out of the class path what has this in its path. */
    public ForkedJvm without(String part) {
        withoutInPath.add(part);
        return this;
    }

    /** Starts a class's main method, and returns at once. */
    public Running start(Class<?> main, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Few live so long that the second compiler would pay: who needs it adds -XX:TieredStopAtLevel=4.
        command.addAll(
                List.of("-Xmx128m", "-XX:-CreateCoredumpOnCrash", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
        command.addAll(flags);
        command.addAll(List.of("-cp", classPath(), main.getName()));
        command.addAll(List.of(arguments));
        Path output = Files.createTempFile("forked", ".txt");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment()
                .keySet()
                .removeAll(List.of("LD_LIBRARY_PATH", "JAVA_TOOL_OPTIONS", "CUDA_VISIBLE_DEVICES"));
        builder.environment().putAll(environment);
        return new Running(builder.start(), output);
    }

    /** Runs a class's main method to its end. */
    public Result run(Class<?> main, String... arguments) throws IOException, InterruptedException {
        return start(main, arguments).await();
    }

    private String classPath() {
        List<String> kept = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(":")) {
            if (withoutInPath.stream().noneMatch(entry::contains)) {
                kept.add(entry);
            }
        }
        return String.join(":", kept);
    }

    /** A JVM under way. */
    public record Running(Process process, Path output) {
        public Result await() throws IOException, InterruptedException {
            if (!process.waitFor(MOST_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
                throw new AssertionError("not done after " + MOST_SECONDS + " s: " + read());
            }
            return new Result(process.exitValue(), read());
        }

        private String read() throws IOException {
            try {
                return Files.readString(output, StandardCharsets.UTF_8);
            } finally {
                Files.deleteIfExists(output);
            }
        }
    }
}
