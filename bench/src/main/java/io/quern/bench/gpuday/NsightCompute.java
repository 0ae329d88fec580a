package io.quern.bench.gpuday;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What Nsight Compute measured of launches, set beside what the emulator counted. Each metric is the one that
 * {@code io.quern.emulator.KernelCounters} says a counter is to equal; no GPU had confirmed that when this was written.
 */
final class NsightCompute {
    /** The emulator's counter of each metric. */
    static final Map<String, String> METRICS = metrics();

    private static final Pattern CELL = Pattern.compile("\"((?:[^\"]|\"\")*)\"(?:,|$)");

    private NsightCompute() {}

    private static Map<String, String> metrics() {
        Map<String, String> metrics = new LinkedHashMap<>();
        for (String space : List.of("global", "local")) {
            metrics.put("l1tex__t_requests_pipe_lsu_mem_" + space + "_op_ld.sum", space + "Loads.requests");
            metrics.put("l1tex__t_sectors_pipe_lsu_mem_" + space + "_op_ld.sum", space + "Loads.sectors");
            metrics.put("l1tex__t_requests_pipe_lsu_mem_" + space + "_op_st.sum", space + "Stores.requests");
            metrics.put("l1tex__t_sectors_pipe_lsu_mem_" + space + "_op_st.sum", space + "Stores.sectors");
        }
        metrics.put("smsp__sass_inst_executed_op_shared_ld.sum", "sharedLoads.requests");
        metrics.put("l1tex__data_pipe_lsu_wavefronts_mem_shared_op_ld.sum", "sharedLoads.wavefronts");
        metrics.put("smsp__sass_inst_executed_op_shared_st.sum", "sharedStores.requests");
        metrics.put("l1tex__data_pipe_lsu_wavefronts_mem_shared_op_st.sum", "sharedStores.wavefronts");
        return metrics;
    }

    /**
     * One launch.
     *
     * @param kernel its symbol
     * @param grid blocks in x, y and z, as {@code 4,1,1}
     * @param values of each metric
     */
    record Launch(String kernel, String grid, Map<String, Long> values) {}

    /**
     * Reads {@code ncu --csv --page raw}: lines of quoted cells, the first of them names, the second units. What else a program
     * printed begins with no quote.
     */
    static List<Launch> parse(String output) {
        List<String> names = List.of();
        List<Launch> launches = new ArrayList<>();
        for (String line : output.lines().filter(text -> text.startsWith("\"")).toList()) {
            List<String> cells = CELL.matcher(line)
                    .results()
                    .map(cell -> cell.group(1).replace("\"\"", "\""))
                    .toList();
            if (names.isEmpty()) {
                names = cells;
                continue;
            }
            Map<String, String> row = new LinkedHashMap<>();
            for (int i = 0; i < Math.min(names.size(), cells.size()); i++) {
                row.put(names.get(i), cells.get(i));
            }
            String kernel = row.getOrDefault("Kernel Name", "");
            if (kernel.isEmpty()) {
                continue; // units
            }
            Map<String, Long> values = new LinkedHashMap<>();
            for (String metric : METRICS.keySet()) {
                String value = row.getOrDefault(metric, "").replace(",", "");
                if (value.matches("\\d+(\\.0*)?")) {
                    values.put(metric, Long.parseLong(value.replaceFirst("\\..*", "")));
                }
            }
            launches.add(new Launch(kernel.replaceFirst("\\(.*", ""), grid(row.getOrDefault("Grid Size", "")), values));
        }
        return launches;
    }

    /** Of {@code (4, 1, 1)}. */
    private static String grid(String text) {
        Matcher numbers = Pattern.compile("\\d+").matcher(text);
        return String.join(",", numbers.results().map(number -> number.group()).toList());
    }

    /**
     * {@return for each launch of the emulation the pairs of counters, with the device's value null where it has none}
     *
     * <p>A launch of the emulator is compared with the next one of its kernel and grid on the device, which may have launched
     * more.
     *
     * @param emulations as {@code ./quern emulate --json} writes them
     */
    static JsonArray compare(JsonArray emulations, List<Launch> launches) {
        List<Launch> left = new ArrayList<>(launches);
        JsonArray compared = new JsonArray();
        for (JsonElement emulation : emulations) {
            for (JsonElement element : emulation.getAsJsonObject().getAsJsonArray("launches")) {
                JsonObject emulated = element.getAsJsonObject();
                String kernel = emulated.get("kernel").getAsString();
                String grid = emulated.get("grid").getAsString();
                Launch device = left.stream()
                        .filter(launch ->
                                launch.kernel().equals(kernel) && launch.grid().equals(grid))
                        .findFirst()
                        .orElse(new Launch(kernel, grid, Map.of()));
                left.remove(device);
                compared.add(compare(emulation.getAsJsonObject().get("name").getAsString(), emulated, device));
            }
        }
        return compared;
    }

    private static JsonObject compare(String name, JsonObject emulated, Launch device) {
        JsonArray pairs = new JsonArray();
        METRICS.forEach((metric, counter) -> {
            JsonElement value = emulated.getAsJsonObject("counters").get(counter);
            if (value == null) {
                return; // the emulator does not count it
            }
            Long measured = device.values().get(metric);
            JsonObject pair = new JsonObject();
            pair.addProperty("metric", metric);
            pair.addProperty("counter", counter);
            pair.add("emulator", value);
            pair.addProperty("device", measured);
            pair.addProperty("equal", measured != null && measured == value.getAsLong());
            pairs.add(pair);
        });
        JsonObject json = new JsonObject();
        json.addProperty("name", name);
        json.addProperty("kernel", device.kernel());
        json.addProperty("grid", device.grid());
        json.add("pairs", pairs);
        return json;
    }
}
