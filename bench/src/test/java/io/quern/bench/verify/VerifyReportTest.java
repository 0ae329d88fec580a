package io.quern.bench.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.quern.Case.Kind;
import io.quern.bench.report.Json;
import java.util.List;
import org.junit.jupiter.api.Test;

class VerifyReportTest {
    private static final CaseResult GOOD =
            new CaseResult("rope", "apply 3x2x8", Kind.NUMERIC, "cpu", "fp32", 1e-7, 4e-7, true, "");
    private static final CaseResult NOT_A_NUMBER =
            new CaseResult("rope", "apply 5x2x8", Kind.NUMERIC, "cpu", "fp32", Double.NaN, 4e-7, false, "NaN at 3");
    private static final CaseResult REFUSAL =
            new CaseResult("rope", "short x", Kind.REFUSAL, "cpu", null, Double.NaN, Double.NaN, true, "x must be");

    private final VerifyReport report =
            new VerifyReport(List.of(GOOD, NOT_A_NUMBER, REFUSAL), List.of("cuda driver: none"));

    @Test
    void jsonHasTheAgreedShape() {
        JsonObject json = report.json();
        assertEquals(List.of("cases", "passed", "failed", "skipped", "notRunHere"), List.copyOf(json.keySet()));
        assertEquals(2, json.get("passed").getAsInt());
        assertEquals(1, json.get("failed").getAsInt());
        assertEquals(0, json.get("skipped").getAsInt());
        JsonObject refusal = json.getAsJsonArray("cases").get(2).getAsJsonObject();
        assertEquals(
                List.of("room", "case", "kind", "device", "dtype", "error", "bound", "passed", "message"),
                List.copyOf(refusal.keySet()));
        assertEquals("refusal", refusal.get("kind").getAsString());
        assertTrue(refusal.get("error").isJsonNull() && refusal.get("bound").isJsonNull());
        assertTrue(refusal.get("dtype").isJsonNull());
        JsonObject wrong = json.getAsJsonArray("cases").get(1).getAsJsonObject();
        assertEquals("NaN", wrong.get("error").getAsString(), "an error that is not a number is not the lack of one");
    }

    @Test
    void resultsComeBackFromJson() {
        for (CaseResult result : report.results()) {
            JsonObject read = JsonParser.parseString(Json.text(result.json())).getAsJsonObject();
            assertEquals(result, CaseResult.read(read));
        }
    }

    @Test
    void theCondensedReportNamesTheWorstAndEachFailure() {
        String text = report.text(false);
        assertTrue(text.contains("1 FAILED"), text);
        assertTrue(text.contains("FAILED  rope, apply 5x2x8, fp32, on cpu"), text);
        assertTrue(text.contains("NaN at 3"), text);
        assertTrue(text.contains("not run here: cuda driver: none"), text);
        assertTrue(text.endsWith("2 passed, 1 failed, 0 skipped\n"), text);
        assertFalse(report.good());
    }

    @Test
    void theLongReportListsEachCase() {
        String text = report.text(true);
        assertTrue(report.results().stream().allMatch(result -> text.contains(result.name())), text);
        assertTrue(text.contains("25.0%"), text);
    }

    @Test
    void aVerificationOfNothingIsNotGood() {
        assertFalse(new VerifyReport(List.of(), List.of()).good());
    }
}
