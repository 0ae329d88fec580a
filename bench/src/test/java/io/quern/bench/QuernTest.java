package io.quern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class QuernTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... arguments) {
        CommandLine line = Quern.commandLine();
        line.setOut(new PrintWriter(out));
        line.setErr(new PrintWriter(err));
        return line.execute(arguments);
    }

    @Test
    void theRoomsOfTheHostAgree(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("verify.json");
        assertEquals(
                0, run("verify", "--device", "reference", "--room", "lion", "--json", file.toString()), out::toString);
        JsonObject json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        assertEquals(0, json.get("failed").getAsInt());
        assertEquals(json.getAsJsonArray("cases").size(), json.get("passed").getAsInt());
        assertTrue(json.get("passed").getAsInt() > 0);
    }

    @Test
    void oneFailingCaseFailsTheVerification() {
        assertEquals(1, run("verify", "--device", "reference", "--room", "lion", "--add-failing-case"));
        assertTrue(out.toString().contains("FAILED  workbench, a failure is seen, on reference"), out::toString);
        assertTrue(out.toString().contains(" passed, 1 failed, 0 skipped"), out::toString);
    }

    @Test
    void aDeviceThatWasNamedAndIsNotThereIsAFailure() {
        assertEquals(1, run("verify", "--device", "cuda:99", "--room", "lion"));
        assertTrue(out.toString().contains("the device is there, on cuda:99"), out::toString);
    }

    @ParameterizedTest
    @CsvSource({
        "verify --device gpu, no device is named \"gpu\"; devices are reference",
        "verify --room cellar, no room is named \"cellar\"; rooms are attention",
        "bench nonsense, finds nothing; benchmarks are lion.step",
        "bench (, FILTER is no regular expression",
        "bench launch nonsense, quern bench launch: Unmatched argument",
        "bench lion --threads 0, --threads must be 1..1024",
        "demo digits-lion --device moon, no device is named \"moon\"",
        "frobnicate, frobnicate",
        "'', say what to do"
    })
    void aWrongQuestionIsAnsweredInOneLine(String command, String answer) {
        assertEquals(2, run(command.isEmpty() ? new String[0] : command.split(" ")));
        assertTrue(err.toString().contains(answer), err::toString);
        assertEquals(1, err.toString().lines().count(), err::toString);
    }

    @Test
    void theDoctorAlwaysAnswers() {
        int status = run("doctor", "--json");
        JsonObject json = JsonParser.parseString(out.toString()).getAsJsonObject();
        assertEquals(status == 0, json.get("healthy").getAsBoolean());
        assertTrue(json.getAsJsonArray("findings").size() >= 8);
        assertTrue(json.getAsJsonObject("machine").get("cores").getAsInt() >= 1);
    }
}
