package io.quern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.quern.emulator.Emulator;
import io.quern.emulator.EmulatorOption;
import io.quern.emulator.KernelCounters;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * What a room's kernels are known to do, as {@code <room>/counters.txt} has it: a change that costs sectors, bank conflicts,
 * divergence or instructions fails, and one that saves some asks to be written down, with
 * {@code ./mvnw test -pl java -am -Dtest='*CountersTest' -Dsurefire.failIfNoSpecifiedTests=false -Dio.quern.golden=renew}.
 *
 * <p>A launch is a line without indentation, its counters other than zero follow indented, each with its value. That of a
 * counter is a fact of the PTX and the sizes: neither the machine nor its number of processors change it.
 */
public final class GoldenCounters {
    private static final String PROPERTY = "io.quern.golden";

    /** Whether what is known is to be written anew from what is found. */
    public static final boolean RENEWED = "renew".equals(System.getProperty(PROPERTY));

    private final String resource;

    /** By launch, then by counter. When they are renewed: those that this JVM has seen. */
    private final SortedMap<String, SortedMap<String, Long>> launches = new TreeMap<>();

    private GoldenCounters(String resource) {
        this.resource = resource;
    }

    /** {@return those of a room} */
    public static GoldenCounters of(String room) {
        GoldenCounters golden = new GoldenCounters("io/quern/" + room + "/counters.txt");
        if (!RENEWED) {
            golden.read();
        }
        return golden;
    }

    private void read() {
        try (InputStream text = GoldenCounters.class.getResourceAsStream("/" + resource)) {
            if (text == null) {
                return; // each check says that it has nothing to compare with
            }
            SortedMap<String, Long> counters = null;
            for (String line : new String(text.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList()) {
                if (line.isBlank() || line.startsWith("#")) {
                    continue;
                }
                if (!line.startsWith(" ")) {
                    counters = new TreeMap<>();
                    launches.put(line.strip(), counters);
                } else {
                    String[] fields = line.strip().split(" +");
                    counters.put(fields[0], Long.parseLong(fields[1]));
                }
            }
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    /**
     * Runs something on one host thread and on three, and compares what its launches did with the launches of that name. Where
     * they differ, fails with both side by side.
     */
    public void check(String name, Runnable launching) {
        List<SortedMap<String, Long>> alone = counted("1", launching);
        List<SortedMap<String, Long>> together = counted("3", launching);
        assertEquals(alone, together, "counters depend on the number of host threads");
        List<KernelCounters> kernels = Emulator.counters();
        List<String> differences = IntStream.range(0, alone.size())
                .mapToObj(i -> difference(
                        name + ", launch " + i + ": " + kernels.get(i).kernel(), alone.get(i)))
                .filter(text -> !text.isEmpty())
                .toList();
        if (RENEWED) {
            write();
        } else if (!differences.isEmpty()) {
            fail(String.join("\n", differences) + "\nIf that is meant, renew them with -D" + PROPERTY + "=renew");
        }
    }

    private static List<SortedMap<String, Long>> counted(String threads, Runnable launching) {
        Emulator.set(EmulatorOption.THREADS, threads);
        try {
            Emulator.reset();
            launching.run();
        } finally {
            Emulator.set(EmulatorOption.THREADS, ""); // as many as there are
        }
        return Emulator.counters().stream().map(GoldenCounters::otherThanZero).toList();
    }

    private static SortedMap<String, Long> otherThanZero(KernelCounters launch) {
        SortedMap<String, Long> counters = new TreeMap<>(launch.counters());
        counters.values().removeIf(value -> value == 0);
        return counters;
    }

    /** {@return "" where there is none} */
    private String difference(String launch, SortedMap<String, Long> actual) {
        if (RENEWED) {
            launches.put(launch, actual);
            return "";
        }
        SortedMap<String, Long> golden = launches.get(launch);
        if (golden == null) {
            return resource + " has no \"" + launch + "\"";
        }
        Set<String> names = new TreeSet<>(golden.keySet());
        names.addAll(actual.keySet());
        StringBuilder text = new StringBuilder();
        for (String name : names) {
            long was = golden.getOrDefault(name, 0L);
            long is = actual.getOrDefault(name, 0L);
            if (was != is) {
                text.append("\n    %-32s %,14d -> %,14d  (%+,d)".formatted(name, was, is, is - was));
            }
        }
        return text.isEmpty() ? "" : resource + ": " + launch + text;
    }

    private void write() {
        StringBuilder text = new StringBuilder("""
            # What the kernels do on the emulator (io.quern.GoldenCounters): written by
            # ./mvnw test -pl java -am -Dtest='*CountersTest' -Dsurefire.failIfNoSpecifiedTests=false -Dio.quern.golden=renew
            """);
        for (Map.Entry<String, SortedMap<String, Long>> launch : launches.entrySet()) {
            text.append(launch.getKey()).append('\n');
            launch.getValue().forEach((counter, value) -> text.append("    %s %d\n".formatted(counter, value)));
        }
        try {
            Files.writeString(Path.of(System.getProperty("basedir", "."), "src/test/resources", resource), text);
        } catch (IOException unwritable) {
            throw new UncheckedIOException(unwritable);
        }
    }
}
