package io.quern.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JsonTest {
    @Test
    void whatJsonHasNoNumbersForIsAString() {
        assertEquals("\"NaN\"", Json.text(Json.number(Double.NaN)));
        assertEquals("\"-Infinity\"", Json.text(Json.number(Double.NEGATIVE_INFINITY)));
        assertEquals("0.5", Json.text(Json.number(0.5)));
        assertEquals("3", Json.text(Json.number(3)));
        assertTrue(Json.numberOrNull(Double.NaN).isJsonNull());
    }

    @Test
    void numbersComeBackAsTheyWere() {
        for (double value : new double[] {0, 1e-300, 1.0 / 3, 1e18, Double.POSITIVE_INFINITY, Double.NaN}) {
            assertEquals(value, Json.toDouble(JsonParser.parseString(Json.text(Json.number(value)))));
        }
    }

    @Test
    void foldersOnTheWayAreMade(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("a/b/c.json");
        Json.write(file, Json.number(1));
        assertEquals("1\n", Files.readString(file));
    }
}
