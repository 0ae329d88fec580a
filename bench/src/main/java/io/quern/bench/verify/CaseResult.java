package io.quern.bench.verify;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.quern.Case;
import io.quern.Outcome;
import io.quern.bench.report.Json;
import java.util.Locale;

/**
 * What came of a case on a device.
 *
 * @param room the kernel family
 * @param name the case
 * @param kind what it asserts
 * @param device where it ran
 * @param dtype the type it is about, in lower case, or null
 * @param error the largest error; NaN where the case has none
 * @param bound what it may be; NaN where the case has none
 * @param passed whether it holds
 * @param message what a reader of a failure needs
 */
public record CaseResult(
        String room,
        String name,
        Case.Kind kind,
        String device,
        String dtype,
        double error,
        double bound,
        boolean passed,
        String message) {

    /** {@return the result of a case that ran} */
    public static CaseResult of(Case subject, String device, Outcome outcome) {
        String dtype = subject.dtype() == null ? null : subject.dtype().name().toLowerCase(Locale.ROOT);
        return new CaseResult(
                subject.room(),
                subject.name(),
                subject.kind(),
                device,
                dtype,
                outcome.error(),
                outcome.bound(),
                outcome.passed(),
                outcome.message());
    }

    /** {@return the share of the bound that the error uses; NaN where the case has no bound} */
    public double share() {
        return error == 0 ? (Double.isNaN(bound) ? Double.NaN : 0) : error / bound;
    }

    /** {@return as the workbench's JSON has it} */
    public JsonObject json() {
        JsonObject json = new JsonObject();
        json.addProperty("room", room);
        json.addProperty("case", name);
        json.addProperty("kind", kind.name().toLowerCase(Locale.ROOT));
        json.addProperty("device", device);
        json.add("dtype", Json.stringOrNull(dtype));
        json.add("error", number(error));
        json.add("bound", Json.numberOrNull(bound));
        json.addProperty("passed", passed);
        json.addProperty("message", message);
        return json;
    }

    /** A NaN is the error itself only where there is a bound to hold it against. */
    private JsonElement number(double value) {
        return Double.isNaN(bound) ? Json.numberOrNull(value) : Json.number(value);
    }

    /** {@return what {@link #json} wrote} */
    public static CaseResult read(JsonObject json) {
        JsonElement dtype = json.get("dtype");
        return new CaseResult(
                json.get("room").getAsString(),
                json.get("case").getAsString(),
                Case.Kind.valueOf(json.get("kind").getAsString().toUpperCase(Locale.ROOT)),
                json.get("device").getAsString(),
                dtype.isJsonNull() ? null : dtype.getAsString(),
                Json.toDouble(json.get("error")),
                Json.toDouble(json.get("bound")),
                json.get("passed").getAsBoolean(),
                json.get("message").getAsString());
    }
}
