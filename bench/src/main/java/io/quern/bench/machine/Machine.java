package io.quern.bench.machine;

import com.google.gson.JsonObject;
import io.quern.bench.report.Units;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What this machine is, as Linux tells it. What it does not tell stays empty or 0: nothing here fails.
 *
 * @param cpu the processor's name
 * @param cores how many this process may use
 * @param caches of the first core, smallest first
 * @param memoryBytes of the machine
 * @param hugePages the kernel's setting of transparent huge pages
 */
public record Machine(String cpu, int cores, List<Cache> caches, long memoryBytes, String hugePages) {
    private static final long ASSUMED_L2 = 1L << 20;

    /**
     * A cache.
     *
     * @param level 1, 2 or 3
     * @param type Data, Instruction or Unified
     * @param bytes its size
     * @param sharedBy how many cores share it
     */
    public record Cache(int level, String type, long bytes, int sharedBy) {
        @Override
        public String toString() {
            String name = "L" + level + (type.equals("Data") ? "d" : type.equals("Instruction") ? "i" : "");
            return name + " " + Units.bytes(bytes) + (sharedBy > 1 ? " shared by " + sharedBy : "");
        }
    }

    /** {@return this machine} */
    public static Machine here() {
        return read(Path.of("/"));
    }

    /** {@return the machine whose /proc and /sys lie in that folder} */
    static Machine read(Path root) {
        return new Machine(
                field(root.resolve("proc/cpuinfo"), "model name", ""),
                Runtime.getRuntime().availableProcessors(),
                caches(root.resolve("sys/devices/system/cpu/cpu0/cache")),
                kibibytes(field(root.resolve("proc/meminfo"), "MemTotal", "")),
                chosen(text(root.resolve("sys/kernel/mm/transparent_hugepage/enabled"))));
    }

    /** {@return the size of a core's second-level cache; a usual one where the machine does not tell} */
    public long l2Bytes() {
        return caches.stream()
                .filter(cache -> cache.level() == 2)
                .mapToLong(Cache::bytes)
                .findFirst()
                .orElse(ASSUMED_L2);
    }

    /** {@return for reports of other programs} */
    public JsonObject json() {
        JsonObject json = new JsonObject();
        json.addProperty("cpu", cpu);
        json.addProperty("cores", cores);
        JsonObject sizes = new JsonObject();
        caches.forEach(cache -> sizes.addProperty(cache.toString().split(" ")[0], cache.bytes()));
        json.add("caches", sizes);
        json.addProperty("memory", memoryBytes);
        json.addProperty("hugePages", hugePages);
        json.addProperty("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        json.addProperty("arch", System.getProperty("os.arch"));
        json.addProperty("jdk", Runtime.version().toString());
        json.addProperty("jvm", System.getProperty("java.vm.name") + ", " + System.getProperty("java.vm.vendor"));
        return json;
    }

    private static List<Cache> caches(Path folder) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (var entries = Files.list(folder)) {
            return entries.filter(entry -> entry.getFileName().toString().startsWith("index"))
                    .sorted()
                    .filter(entry -> text(entry.resolve("level")).matches("[0-9]"))
                    .map(entry -> new Cache(
                            Integer.parseInt(text(entry.resolve("level"))),
                            text(entry.resolve("type")),
                            size(text(entry.resolve("size"))),
                            cpus(text(entry.resolve("shared_cpu_list")))))
                    .toList();
        } catch (IOException | RuntimeException untold) {
            return List.of();
        }
    }

    /** Reads {@code 32K}, {@code 1M}. */
    private static long size(String text) {
        if (!text.matches("[0-9]+[KMG]?")) {
            return 0;
        }
        long number = Long.parseLong(text.replaceAll("[KMG]", ""));
        return switch (text.charAt(text.length() - 1)) {
            case 'K' -> number << 10;
            case 'M' -> number << 20;
            case 'G' -> number << 30;
            default -> number;
        };
    }

    /** Counts {@code 0-3,8}. */
    private static int cpus(String list) {
        int count = 0;
        for (String range : list.split(",")) {
            String[] ends = range.split("-");
            count += ends[0].isEmpty() ? 0 : Integer.parseInt(ends[ends.length - 1]) - Integer.parseInt(ends[0]) + 1;
        }
        return count;
    }

    private static long kibibytes(String text) {
        String number = text.replace(" kB", "");
        return number.matches("[0-9]+") ? Long.parseLong(number) << 10 : 0;
    }

    /** Reads {@code always [madvise] never}. */
    private static String chosen(String options) {
        int from = options.indexOf('[');
        int to = options.indexOf(']');
        return from < 0 || to < from ? "" : options.substring(from + 1, to);
    }

    private static String field(Path file, String name, String otherwise) {
        return text(file)
                .lines()
                .filter(line -> line.startsWith(name) && line.contains(":"))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse(otherwise);
    }

    private static String text(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException | RuntimeException untold) {
            return "";
        }
    }
}
