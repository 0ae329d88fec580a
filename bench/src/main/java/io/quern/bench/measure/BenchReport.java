package io.quern.bench.measure;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.quern.bench.report.Json;
import io.quern.bench.report.Table;
import io.quern.bench.report.Units;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * What was measured, for people and for programs.
 *
 * @param machine where
 * @param ceilings its limits
 * @param results each subject in a fork of its own
 * @param mixed the same subjects together in one JVM; empty if that was not asked for
 * @param refused subjects that were not timed, and why
 * @param notRunHere what this machine lacks, and why
 */
public record BenchReport(
        JsonObject machine,
        Ceilings ceilings,
        List<Result> results,
        List<Result> mixed,
        List<String> refused,
        List<String> notRunHere) {
    /** What sharing a JVM with all others may cost a kernel. */
    public static final double MIXED_LOSS = 0.05;

    private static final double LEAST_RATIO = 1 / (1 + MIXED_LOSS);

    /** {@return whether a kernel lost more than {@link #MIXED_LOSS} to the others' profiles, in the median of the rounds} */
    public static boolean lost(Result mixed) {
        return mixed.ratio() < LEAST_RATIO;
    }

    /** {@return whether it did so in every round, so that noise does not explain it} */
    public static boolean lostForSure(Result mixed) {
        return mixed.ratios().high() < LEAST_RATIO;
    }

    /** {@return as the workbench's JSON has it; a mixed result is one whose peer is the own fork} */
    public JsonObject json() {
        JsonObject limits = new JsonObject();
        ceilings.byKey().forEach((key, byThreads) -> {
            JsonObject rates = new JsonObject();
            byThreads.forEach((threads, rate) -> rates.add(String.valueOf(threads), Json.number(rate)));
            limits.add(key, rates);
        });
        JsonArray rows = new JsonArray();
        results.forEach(result -> rows.add(json(result)));
        mixed.forEach(result -> rows.add(json(result)));
        JsonObject json = new JsonObject();
        json.add("machine", machine);
        json.add("ceilings", limits);
        json.add("results", rows);
        json.add("refused", strings(refused));
        json.add("notRunHere", strings(notRunHere));
        return json;
    }

    private static JsonObject json(Result result) {
        JsonObject json = new JsonObject();
        json.addProperty("benchmark", result.subject().benchmark());
        json.addProperty("device", result.device());
        json.addProperty("threads", result.threads());
        json.addProperty("dtype", result.subject().dtype());
        json.addProperty("shape", result.subject().shape());
        json.add("median", Json.number(result.sample().median()));
        json.add("min", Json.number(result.sample().min()));
        json.add("low", Json.number(result.sample().low()));
        json.add("high", Json.number(result.sample().high()));
        json.addProperty("flop", result.subject().work().flops());
        json.addProperty("bytes", result.subject().work().bytes());
        if (result.subject().count() != null) {
            json.addProperty(
                    result.subject().count().unit(), result.subject().count().number());
        }
        json.add("floor", Json.number(result.floor()));
        json.add("ceilingShare", Json.number(result.ceilingShare()));
        json.add("peer", Json.stringOrNull(result.peer()));
        json.add("ratio", Json.numberOrNull(result.ratio()));
        return json;
    }

    private static JsonArray strings(List<String> values) {
        JsonArray array = new JsonArray();
        values.forEach(array::add);
        return array;
    }

    /** {@return the report to be read} */
    public String text() {
        StringBuilder text = new StringBuilder();
        text.append(ceilingTable()).append('\n');
        if (!results.isEmpty()) {
            text.append(resultTable()).append('\n');
        }
        Table rates = rateTable();
        if (!rates.isEmpty()) {
            text.append(rates).append('\n');
        }
        if (!mixed.isEmpty()) {
            text.append(mixedTable()).append('\n').append(mixedVerdict()).append("\n\n");
        }
        refused.forEach(line -> text.append("REFUSED ").append(line).append('\n'));
        notRunHere.forEach(line -> text.append("not run here: ").append(line).append('\n'));
        return text.toString();
    }

    private Table ceilingTable() {
        Map<String, Map<Integer, Double>> byKey = ceilings.byKey();
        TreeSet<Integer> threadCounts = new TreeSet<>();
        byKey.values().forEach(byThreads -> threadCounts.addAll(byThreads.keySet()));
        List<String> headings = new ArrayList<>(List.of("ceiling", "unit"));
        threadCounts.forEach(threads -> headings.add(">" + threadName(threads)));
        Table table = new Table(headings.toArray(String[]::new));
        byKey.forEach((key, byThreads) -> {
            List<Object> row = new ArrayList<>(List.of(key, key.startsWith("fma") ? "GFLOP/s" : "GB/s"));
            threadCounts.forEach(threads -> row.add(Units.giga(byThreads.getOrDefault(threads, Double.NaN))));
            table.row(row.toArray());
        });
        return table;
    }

    private static String threadName(int threads) {
        return threads == 1 ? "1 thread" : threads + " threads";
    }

    private Table resultTable() {
        Table table = new Table(
                "benchmark",
                "dtype",
                "shape",
                ">threads",
                ">median",
                ">95% interval",
                ">GB/s",
                ">GFLOP/s",
                ">floor",
                ">of ceiling",
                "peer",
                ">ratio",
                ">95% interval");
        for (Result result : results) {
            table.row(
                    result.subject().benchmark(),
                    result.subject().dtype(),
                    result.subject().shape(),
                    result.threads(),
                    Units.seconds(result.sample().median()),
                    interval(result.sample()),
                    Units.giga(result.bandwidth()),
                    Units.giga(result.flopRate()),
                    Units.seconds(result.floor()),
                    Units.percent(result.ceilingShare()),
                    result.peer(),
                    result.peer() == null ? null : Units.significant(result.ratio()),
                    result.peer() == null ? null : interval(result.ratios()));
        }
        return table;
    }

    /** Of subjects that count something. */
    private Table rateTable() {
        Table table = new Table("benchmark", "dtype", "shape", ">threads", "", ">10^6/s", ">peer's");
        for (Result result : results) {
            Subject.Count count = result.subject().count();
            if (count != null) {
                double rate = count.number() / result.sample().median() * 1e-6;
                table.row(
                        result.subject().benchmark(),
                        result.subject().dtype(),
                        result.subject().shape(),
                        result.threads(),
                        count.unit(),
                        Units.significant(rate),
                        result.peer() == null ? null : Units.significant(rate / result.ratio()));
            }
        }
        return table;
    }

    /** As deviations: they are read faster than two more times. */
    private static String interval(Sample sample) {
        double down = (sample.median() - sample.low()) / sample.median();
        double up = (sample.high() - sample.median()) / sample.median();
        return "-" + Units.percent(down) + " +" + Units.percent(up);
    }

    private Table mixedTable() {
        Table table =
                new Table("benchmark", "dtype", "shape", ">threads", ">own fork", ">mixed", ">ratio", ">of rounds", "");
        for (Result result : mixed) {
            table.row(
                    result.subject().benchmark(),
                    result.subject().dtype(),
                    result.subject().shape(),
                    result.threads(),
                    Units.seconds(result.sample().median() * result.ratio()),
                    Units.seconds(result.sample().median()),
                    Units.significant(result.ratio()),
                    Units.significant(result.ratios().low()) + ".."
                            + Units.significant(result.ratios().high()),
                    lostForSure(result) ? "SLOWER" : lost(result) ? "slower?" : null);
        }
        return table;
    }

    private String mixedVerdict() {
        Result worst =
                mixed.stream().min(Comparator.comparingDouble(Result::ratio)).orElseThrow();
        long lost = mixed.stream().filter(BenchReport::lost).count();
        long surely = mixed.stream().filter(BenchReport::lostForSure).count();
        return "in one JVM with all others: "
                + lost
                + " of "
                + mixed.size()
                + " lose more than "
                + Units.percent(MIXED_LOSS)
                + " in the median, "
                + surely
                + " in every round; the worst runs at "
                + Units.percent(worst.ratio())
                + " of its own fork's speed ("
                + worst.subject()
                + ")";
    }
}
