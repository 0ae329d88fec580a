package io.quern.bench.emulate;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.quern.bench.report.Table;
import io.quern.bench.report.Units;
import io.quern.emulator.KernelCounters;
import io.quern.emulator.LineCounters;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * What kernels did on the emulator, for people and for programs.
 *
 * @param emulations each call
 */
public record EmulationReport(List<Emulation> emulations) {
    /** The order of an annotated listing. */
    public enum Order {
        /** As the PTX has it. */
        PTX,
        /** What warps executed most comes first. */
        HOT
    }

    /** {@return the counters of each launch: those that are not zero} */
    public String counters() {
        StringBuilder text = new StringBuilder();
        for (Emulation emulation : emulations) {
            text.append(emulation.name()).append('\n');
            if (!emulation.good()) {
                text.append("WRONG: ").append(emulation.complaint()).append('\n');
            }
            emulation.launches().forEach(launch -> text.append('\n').append(table(launch)));
            text.append('\n');
        }
        return text.toString();
    }

    private static String table(KernelCounters launch) {
        Table table = new Table(launch.kernel(), ">" + size(launch.grid()) + " x " + size(launch.block()));
        launch.counters().forEach((name, value) -> {
            if (value != 0) {
                table.row(name, value);
            }
        });
        table.row("lanes per instruction", Units.significant(launch.lanesPerInstruction()));
        if (launch.globalLoads().requests() > 0) {
            table.row("sectors per load", Units.significant(launch.globalLoads().sectorsPerRequest()));
        }
        if (launch.globalStores().requests() > 0) {
            table.row(
                    "sectors per store", Units.significant(launch.globalStores().sectorsPerRequest()));
        }
        return table.toString();
    }

    private static String size(KernelCounters.Size size) {
        return size.x() + "," + size.y() + "," + size.z();
    }

    /** {@return the PTX of each kernel with what each of its lines did in the last launch} */
    public String annotated(Order order, int most) {
        StringBuilder text = new StringBuilder();
        for (Emulation emulation : emulations) {
            emulation
                    .lines()
                    .forEach((kernel, lines) -> text.append(emulation.name())
                            .append(", ")
                            .append(kernel)
                            .append("\n\n")
                            .append(listing(lines, order, most))
                            .append('\n'));
        }
        return text.toString();
    }

    private static Table listing(List<LineCounters> lines, Order order, int most) {
        Table table = new Table(
                ">line",
                ">warps",
                ">lanes",
                ">sectors",
                ">/request",
                ">excess",
                ">contended",
                ">parted",
                "PTX",
                "source");
        lines.stream()
                .sorted(order == Order.PTX ? Comparator.comparingInt(LineCounters::line) : hottestFirst())
                .limit(most)
                .forEach(line -> table.row(
                        line.line(),
                        line.warps(),
                        Units.significant(line.lanes()),
                        unlessZero(line.globalSectors() + line.localSectors()),
                        line.globalRequests() == 0 ? null : Units.significant(line.sectorsPerRequest()),
                        line.sharedRequests() == 0 ? null : line.excessWavefronts(),
                        unlessZero(line.contention()),
                        unlessZero(line.divergent()),
                        line.text(),
                        line.source()));
        return table;
    }

    /** Passes through shared memory and sectors cost what some instructions do: they count as such. */
    private static Comparator<LineCounters> hottestFirst() {
        return Comparator.comparingLong(
                        (LineCounters line) -> -(line.warps() + line.globalSectors() / 4 + line.wavefronts()))
                .thenComparingInt(LineCounters::line);
    }

    private static Long unlessZero(long value) {
        return value == 0 ? null : Long.valueOf(value);
    }

    /** {@return all of it as JSON} */
    public JsonObject json() {
        JsonArray all = new JsonArray();
        for (Emulation emulation : emulations) {
            JsonObject json = new JsonObject();
            json.addProperty("name", emulation.name());
            json.addProperty("good", emulation.good());
            json.addProperty("complaint", emulation.complaint());
            JsonArray launches = new JsonArray();
            emulation.launches().forEach(launch -> launches.add(json(launch)));
            json.add("launches", launches);
            JsonObject lines = new JsonObject();
            emulation.lines().forEach((kernel, of) -> lines.add(kernel, json(of)));
            json.add("lines", lines);
            all.add(json);
        }
        JsonObject report = new JsonObject();
        report.addProperty("measured", "emulated, not a speed");
        report.add("emulations", all);
        return report;
    }

    private static JsonObject json(KernelCounters launch) {
        JsonObject json = new JsonObject();
        json.addProperty("kernel", launch.kernel());
        json.addProperty("grid", size(launch.grid()));
        json.addProperty("block", size(launch.block()));
        json.addProperty("sharedBytes", launch.sharedBytes());
        JsonObject counters = new JsonObject();
        for (Map.Entry<String, Long> counter : launch.counters().entrySet()) {
            counters.addProperty(counter.getKey(), counter.getValue());
        }
        json.add("counters", counters);
        return json;
    }

    private static JsonArray json(List<LineCounters> lines) {
        JsonArray all = new JsonArray();
        for (LineCounters line : lines) {
            JsonObject json = new JsonObject();
            json.addProperty("line", line.line());
            json.addProperty("ptx", line.text());
            json.addProperty("source", line.source());
            json.addProperty("warps", line.warps());
            json.addProperty("threads", line.threads());
            json.addProperty("divergent", line.divergent());
            json.addProperty("globalSectors", line.globalSectors());
            json.addProperty("localSectors", line.localSectors());
            json.addProperty("wavefronts", line.wavefronts());
            json.addProperty("excessWavefronts", line.excessWavefronts());
            json.addProperty("contention", line.contention());
            all.add(json);
        }
        return all;
    }
}
