import com.palantir.javaformat.java.Formatter;
import com.palantir.javaformat.java.FormatterException;
import com.palantir.javaformat.java.JavaFormatterOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Lays out every source file of this checkout, or says which are laid out otherwise. Java by palantir-java-format
 * (Javadoc left as written), C++ and CUDA by clang-format 14 and {@code .clang-format}. The build runs it as a source
 * file in the toolchain's JDK: a formatter is as old as the javac it parses with, and Maven may run on a JDK that does
 * not know our syntax.
 *
 * <pre>{@code
 * ./mvnw -q -N verify                  # check
 * ./mvnw -q -N verify -Dformat=apply   # lay out
 * }</pre>
 */
class Format {

    private static final List<String> ROOTS = List.of(".ci", "bench", "consumer", "cuda", "java", "native-build");
    private static final String CURE = "./mvnw -q -N verify -Dformat=apply";

    private enum Mode {
        CHECK,
        APPLY
    }

    public static void main(String[] args) throws Exception {
        Mode mode = Mode.valueOf(args[0].toUpperCase());
        List<Path> sources = sources();
        List<String> wrong = new ArrayList<>();
        wrong.addAll(java(mode, ending(sources, ".java")));
        wrong.addAll(clang(mode, ending(sources, ".cpp", ".hpp", ".h", ".cu", ".cuh")));
        if (!wrong.isEmpty()) {
            wrong.forEach(System.err::println);
            System.err.println(wrong.size() + " files are laid out otherwise; cure: " + CURE);
            System.exit(1);
        }
    }

    private static List<String> java(Mode mode, List<Path> files) {
        var options = JavaFormatterOptions.builder()
                .style(JavaFormatterOptions.Style.PALANTIR)
                .formatJavadoc(false)
                .build();
        var formatter = Formatter.createFormatter(options);
        return files.parallelStream()
                .flatMap(file -> java(mode, formatter, file).stream())
                .toList();
    }

    /** {@return what is wrong with a file, if anything is} */
    private static Optional<String> java(Mode mode, Formatter formatter, Path file) {
        try {
            String text = Files.readString(file);
            String formatted = formatter.formatSourceAndFixImports(text);
            if (formatted.equals(text)) {
                return Optional.empty();
            }
            if (mode == Mode.APPLY) {
                Files.writeString(file, formatted);
                return Optional.empty();
            }
            return Optional.of(file.toString());
        } catch (FormatterException e) {
            return Optional.of(file + ": " + e.getMessage());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> clang(Mode mode, List<Path> files) throws IOException, InterruptedException {
        if (files.isEmpty()) {
            return List.of();
        }
        Optional<String> clangFormat = clangFormat();
        if (clangFormat.isEmpty()) {
            System.out.println(
                    "not run here: the layout of " + files.size() + " C++ and CUDA files (no clang-format 14)");
            return List.of();
        }
        List<String> command = new ArrayList<>(List.of(clangFormat.get(), "--style=file", "-i"));
        if (mode == Mode.CHECK) {
            command.addAll(List.of("--dry-run", "-Werror", "--ferror-limit=1"));
        }
        files.forEach(file -> command.add(file.toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        List<String> complaints = process.inputReader()
                .lines()
                .filter(line -> line.contains("error:"))
                .toList();
        if (process.waitFor() != 0 && complaints.isEmpty()) {
            return List.of("clang-format failed: exit " + process.exitValue());
        }
        return complaints;
    }

    /** Another release lays out otherwise, so none but 14 is asked. */
    private static Optional<String> clangFormat() throws InterruptedException {
        for (String name : List.of("clang-format-14", "clang-format")) {
            try {
                Process process = new ProcessBuilder(name, "--version").start();
                if (process.inputReader().readAllAsString().contains("version 14.") && process.waitFor() == 0) {
                    return Optional.of(name);
                }
            } catch (IOException notInstalled) {
                // the next name
            }
        }
        return Optional.empty();
    }

    private static List<Path> sources() throws IOException {
        List<Path> sources = new ArrayList<>();
        for (String root : ROOTS) {
            if (!Files.isDirectory(Path.of(root))) {
                continue;
            }
            try (Stream<Path> files = Files.walk(Path.of(root))) {
                files.filter(file -> !file.toString().contains("/target/"))
                        .filter(Files::isRegularFile)
                        .forEach(sources::add);
            }
        }
        return sources;
    }

    private static List<Path> ending(List<Path> files, String... suffixes) {
        return files.stream()
                .filter(file -> Stream.of(suffixes).anyMatch(file.toString()::endsWith))
                .sorted()
                .toList();
    }
}
