package io.quern.bench.report;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** JSON as the workbench writes it: indented, nulls written, NaN and infinities as strings. */
public final class Json {
    private static final Gson GSON = new GsonBuilder()
            .setPrettyPrinting()
            .serializeNulls()
            .disableHtmlEscaping()
            .create();

    private Json() {}

    /** {@return a number, or {@code "NaN"}, {@code "Infinity"}, {@code "-Infinity"}, which JSON has no numbers for} */
    public static JsonElement number(double value) {
        if (!Double.isFinite(value)) {
            return new JsonPrimitive(Double.toString(value));
        }
        boolean whole = value == Math.rint(value) && Math.abs(value) < 1e15;
        return whole ? new JsonPrimitive((long) value) : new JsonPrimitive(value);
    }

    /** {@return a number, or null where NaN means that there is none} */
    public static JsonElement numberOrNull(double value) {
        return Double.isNaN(value) ? JsonNull.INSTANCE : number(value);
    }

    /** {@return a string, or null} */
    public static JsonElement stringOrNull(String value) {
        return value == null ? JsonNull.INSTANCE : new JsonPrimitive(value);
    }

    /** {@return what {@link #number} or {@link #numberOrNull} wrote} */
    public static double toDouble(JsonElement element) {
        return element.isJsonNull() ? Double.NaN : Double.parseDouble(element.getAsString());
    }

    /** {@return the text of a JSON value} */
    public static String text(JsonElement value) {
        return GSON.toJson(value);
    }

    /** Writes a file. */
    public static void write(Path file, JsonElement value) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        Files.createDirectories(folder);
        Files.writeString(file, text(value) + "\n");
    }
}
