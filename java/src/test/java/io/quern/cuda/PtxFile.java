package io.quern.cuda;

import static java.util.stream.Collectors.toList;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A PTX file as text.
 *
 * @param architecture {@code "compute_80"}
 * @param module {@code "rope"}
 * @param text its content
 */
public record PtxFile(String architecture, String module, String text) {
    /** From this module's folder, in which tests run. */
    private static final Path COMMITTED = Path.of("../native-build/ptx");

    private static final Pattern ENTRY = Pattern.compile("\\.entry\\s+(\\w+)\\s*\\(([^)]*)\\)");
    private static final Pattern PARAMETER = Pattern.compile(
            "\\.param\\s+(?:\\.align\\s+(\\d+)\\s+)?\\.(\\w+)(?:\\s+\\.ptr[^%,]*?)?\\s+\\w+(?:\\[(\\d+)])?");

    /** {@return every PTX file that ships} */
    public static List<PtxFile> all() {
        List<PtxFile> files = new ArrayList<>();
        for (String architecture : List.of("compute_75", "compute_80")) {
            Path folder = COMMITTED.resolve(architecture);
            try (Stream<Path> found = Files.list(folder)) {
                for (Path file : found.sorted().collect(toList())) {
                    String name = file.getFileName().toString();
                    if (name.endsWith(".ptx")) {
                        files.add(new PtxFile(architecture, name.replace(".ptx", ""), Files.readString(file)));
                    }
                }
            } catch (IOException e) {
                throw new AssertionError("cannot read " + folder, e);
            }
        }
        return files;
    }

    /** {@return the file that holds the register counts of an architecture's kernels} */
    static Path registers(String architecture) {
        return COMMITTED.resolve(architecture).resolve("registers.txt");
    }

    /** {@return the kernel family it belongs to} */
    public String room() {
        return CudaSymbol.roomOf(module);
    }

    /** {@return the kernels it exports, each with its parameters in PTX's own types: {@code "u64"}, {@code "b8[24] align 8"}} */
    public Map<String, List<String>> entries() {
        Map<String, List<String>> entries = new LinkedHashMap<>();
        Matcher entry = ENTRY.matcher(text);
        while (entry.find()) {
            entries.put(entry.group(1), parameters(entry.group(2)));
        }
        return entries;
    }

    private static List<String> parameters(String list) {
        List<String> parameters = new ArrayList<>();
        for (String one : list.isBlank() ? new String[0] : list.split(",")) {
            Matcher parameter = PARAMETER.matcher(one.strip());
            if (!parameter.matches()) {
                throw new AssertionError("cannot read the parameter \"" + one.strip() + "\"");
            }
            parameters.add(
                    parameter.group(3) == null
                            ? parameter.group(2)
                            : parameter.group(2) + "[" + parameter.group(3) + "] align " + parameter.group(1));
        }
        return parameters;
    }

    /** {@return how PTX spells a declared parameter; to it an address is an integer, and a sign is the instruction's} */
    static String spelling(CudaParameter parameter) {
        return switch (parameter.kind()) {
            case POINTER -> "u64";
            case INTEGER -> "u" + 8 * parameter.bytes();
            case FLOATING -> "f" + 8 * parameter.bytes();
            case STRUCTURE -> "b8[" + parameter.bytes() + "] align " + parameter.alignment();
        };
    }

    /** {@return the value of a directive at a line's start, as {@code "7.8"} of {@code .version}} */
    String directive(String name) {
        return text.lines()
                .filter(line -> line.startsWith("." + name + " "))
                .map(line -> line.substring(name.length() + 2).strip())
                .findFirst()
                .orElseThrow(() -> new AssertionError(this + " has no ." + name));
    }

    @Override
    public String toString() {
        return architecture + "/" + module + ".ptx";
    }
}
