package io.quern.bench.measure;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.quern.bench.measure.Ceiling.Level;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class BenchReportTest {
    private static BenchReport report() {
        Ceilings ceilings = new Ceilings();
        for (Ceiling ceiling : Ceiling.values()) {
            ceilings.put(ceiling, Level.MEMORY, 1, 1e9);
            ceilings.put(ceiling, Level.MEMORY, 2, 2e9);
        }
        var work = new Subject.Work(Traffic.IN_PLACE, 1000, 10, 1 << 30);
        Subject subject = new Subject("lion.step", "fp32", "n=50", work, true, "C loop", _ -> null);
        Sample sample = new Sample(2e-6, 1e-6, 1.5e-6, 3e-6);
        Result own = new Result(subject, "cpu", 1, sample, 1e-6, "C loop", Sample.of(1.25));
        Result mixed = new Result(subject, "cpu", 1, sample, Double.NaN, "own fork", Sample.of(0.9, 0.8, 0.94));
        return new BenchReport(
                new JsonObject(), ceilings, List.of(own), List.of(mixed), List.of("x: differs"), List.of("y"));
    }

    @Test
    void jsonHasTheAgreedShape() {
        JsonObject json = report().json();
        JsonObject ceilings = json.getAsJsonObject("ceilings");
        assertEquals(Set.of("fmaFp32", "fmaFp64", "read", "copy", "triad", "inPlace"), ceilings.keySet());
        assertEquals(Set.of("1", "2"), ceilings.getAsJsonObject("read").keySet());
        JsonObject own = json.getAsJsonArray("results").get(0).getAsJsonObject();
        assertEquals(
                List.of(
                        "benchmark",
                        "device",
                        "threads",
                        "dtype",
                        "shape",
                        "median",
                        "min",
                        "low",
                        "high",
                        "flop",
                        "bytes",
                        "floor",
                        "ceilingShare",
                        "peer",
                        "ratio"),
                List.copyOf(own.keySet()));
        assertEquals(0.5, own.get("ceilingShare").getAsDouble());
        assertEquals(1.25, own.get("ratio").getAsDouble());
        JsonObject mixed = json.getAsJsonArray("results").get(1).getAsJsonObject();
        assertEquals("NaN", mixed.get("floor").getAsString());
        assertEquals("own fork", mixed.get("peer").getAsString());
    }

    /** 3000 steps in 1.5 us, the peer in 1.25 times that. */
    @Test
    void whatASubjectCountsIsARate() {
        var work = new Subject.Work(Traffic.COPY, 1000, 10, 1000);
        var count = new Subject.Count("steps", 3000);
        Subject subject = new Subject("ode.fixed", "fp64", "n=50", work, true, "C loop", count, _ -> null);
        Sample sample = Sample.of(1.5e-6);
        Result own = new Result(subject, "cpu", 1, sample, 1e-6, "C loop", Sample.of(1.25));
        BenchReport report =
                new BenchReport(new JsonObject(), new Ceilings(), List.of(own), List.of(), List.of(), List.of());
        assertTrue(report.text().contains("steps    2000    1600"), report.text());
        JsonObject json = report.json().getAsJsonArray("results").get(0).getAsJsonObject();
        assertEquals(3000, json.get("steps").getAsLong());
    }

    @Test
    void aLossThatRoundsDisagreeAboutIsUnsure() {
        Result lost = report().mixed().getFirst();
        assertTrue(BenchReport.lostForSure(lost));
        Result noise =
                new Result(lost.subject(), "cpu", 1, lost.sample(), Double.NaN, "own fork", Sample.of(0.9, 0.8, 1.1));
        assertTrue(BenchReport.lost(noise));
        assertFalse(BenchReport.lostForSure(noise));
    }

    @Test
    void aMixedLossAndARefusalAreSeen() {
        String text = report().text();
        assertTrue(text.contains("SLOWER"), text);
        assertTrue(text.contains("REFUSED x: differs"), text);
        assertTrue(text.contains("not run here: y"), text);
        assertTrue(text.contains("50.0%"), text);
    }
}
