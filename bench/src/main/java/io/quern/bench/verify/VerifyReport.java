package io.quern.bench.verify;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.quern.Case;
import io.quern.bench.report.Table;
import io.quern.bench.report.Units;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a verification found, for people and for programs.
 *
 * @param results of all cases that ran
 * @param notRunHere what could not run on this machine, and why
 */
public record VerifyReport(List<CaseResult> results, List<String> notRunHere) {
    /** {@return how many cases passed} */
    public long passed() {
        return results.stream().filter(CaseResult::passed).count();
    }

    /** {@return how many cases failed} */
    public long failed() {
        return results.size() - passed();
    }

    /** {@return whether something ran and nothing failed: a verification of nothing verifies nothing} */
    public boolean good() {
        return failed() == 0 && !results.isEmpty();
    }

    /** {@return as the workbench's JSON has it} */
    public JsonObject json() {
        JsonArray cases = new JsonArray();
        results.forEach(result -> cases.add(result.json()));
        JsonArray notRun = new JsonArray();
        notRunHere.forEach(notRun::add);
        JsonObject json = new JsonObject();
        json.add("cases", cases);
        json.addProperty("passed", passed());
        json.addProperty("failed", failed());
        json.addProperty("skipped", 0); // what cannot run here is not selected
        json.add("notRunHere", notRun);
        return json;
    }

    /**
     * {@return the report to be read}
     *
     * @param all whether to list each case; otherwise a line for each room, device and type, with its worst case
     */
    public String text(boolean all) {
        StringBuilder text = new StringBuilder();
        if (!results.isEmpty()) {
            text.append(all ? eachCase() : condensed()).append('\n');
        }
        List<CaseResult> failures =
                results.stream().filter(result -> !result.passed()).toList();
        for (CaseResult failure : failures) {
            text.append("FAILED  ").append(title(failure)).append("\n        ");
            if (!Double.isNaN(failure.bound())) {
                text.append("error ").append(Units.error(failure.error()));
                text.append(", bound ").append(Units.error(failure.bound())).append("; ");
            }
            text.append(failure.message().replace("\n", "\n        ")).append("\n\n");
        }
        for (String line : notRunHere) {
            text.append("not run here: ").append(line).append('\n');
        }
        text.append(notRunHere.isEmpty() ? "" : "\n");
        return text.append(verdict()).append('\n').toString();
    }

    private String verdict() {
        if (results.isEmpty()) {
            return "nothing ran";
        }
        return passed() + " passed, " + failed() + " failed, 0 skipped";
    }

    private Table eachCase() {
        Table table = new Table("room", "case", "dtype", "device", "kind", ">error", ">bound", ">used", "result");
        for (CaseResult result : results) {
            table.row(
                    result.room(),
                    result.name(),
                    result.dtype() == null ? Units.NONE : result.dtype(),
                    result.device(),
                    result.kind().name().toLowerCase(Locale.ROOT),
                    Units.error(result.error()),
                    Units.error(result.bound()),
                    Units.percent(result.share()),
                    result.passed() ? "ok" : "FAILED");
        }
        return table;
    }

    private Table condensed() {
        Table table = new Table(
                "room",
                "device",
                "dtype",
                ">numeric",
                ">property",
                ">refusal",
                ">error",
                ">bound",
                ">used",
                "result",
                "the case that uses most of its bound");
        Map<List<String>, List<CaseResult>> groups = results.stream()
                .collect(Collectors.groupingBy(
                        result -> List.of(
                                result.room(), result.device(), result.dtype() == null ? Units.NONE : result.dtype()),
                        LinkedHashMap::new,
                        Collectors.toList()));
        groups.forEach((group, cases) -> condense(table, group, cases));
        return table;
    }

    private static void condense(Table table, List<String> group, List<CaseResult> cases) {
        CaseResult worst = cases.stream()
                .filter(result -> !Double.isNaN(result.bound()))
                .max(Comparator.comparingDouble(VerifyReport::severity))
                .orElse(null);
        long failed = cases.stream().filter(result -> !result.passed()).count();
        boolean exact = worst != null && worst.error() == 0;
        table.row(
                group.get(0),
                group.get(1),
                group.get(2),
                count(cases, Case.Kind.NUMERIC),
                count(cases, Case.Kind.PROPERTY),
                count(cases, Case.Kind.REFUSAL),
                worst == null ? null : Units.error(worst.error()),
                worst == null || exact ? null : Units.error(worst.bound()),
                worst == null || exact ? null : Units.percent(worst.share()),
                failed == 0 ? "ok" : failed + " FAILED",
                worst == null ? null : exact ? "all exact" : worst.name());
    }

    /** A NaN error is the worst there is. */
    private static double severity(CaseResult result) {
        return Double.isNaN(result.share()) ? Double.POSITIVE_INFINITY : result.share();
    }

    private static String count(List<CaseResult> cases, Case.Kind kind) {
        long count = cases.stream().filter(result -> result.kind() == kind).count();
        return count == 0 ? Units.NONE : String.valueOf(count);
    }

    private static String title(CaseResult result) {
        return result.room()
                + ", "
                + result.name()
                + (result.dtype() == null ? "" : ", " + result.dtype())
                + ", on "
                + result.device();
    }
}
