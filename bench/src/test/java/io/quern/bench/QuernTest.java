package io.quern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class QuernTest {
    /** The room whose cases take least: what is tested of a command is the same with any. */
    private static final String ROOM = "linear";

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
                0, run("verify", "--device", "reference", "--room", ROOM, "--json", file.toString()), out::toString);
        JsonObject json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        assertEquals(0, json.get("failed").getAsInt());
        assertEquals(json.getAsJsonArray("cases").size(), json.get("passed").getAsInt());
        assertTrue(json.get("passed").getAsInt() > 0);
    }

    @Test
    void oneFailingCaseFailsTheVerification() {
        assertEquals(1, run("verify", "--device", "reference", "--room", ROOM, "--add-failing-case"));
        assertTrue(out.toString().contains("FAILED  workbench, a failure is seen, on reference"), out::toString);
        assertTrue(out.toString().contains(" passed, 1 failed, 0 skipped"), out::toString);
    }

    @Test
    void aDeviceThatWasNamedAndIsNotThereIsAFailure() {
        assertEquals(1, run("verify", "--device", "cuda:99", "--room", ROOM));
        assertTrue(out.toString().contains("the device is there, on cuda:99"), out::toString);
    }

    @Test
    void theEmulatorSaysWhatEachLineDid(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("emulation.json");
        assertEquals(0, run("emulate", "rope.*/fp32", "--annotate", "--json", file.toString()), err::toString);
        assertTrue(out.toString().contains("sectors per store"), out::toString);
        assertTrue(out.toString().contains("st.global"), out::toString);
        JsonObject emulation = JsonParser.parseString(Files.readString(file))
                .getAsJsonObject()
                .getAsJsonArray("emulations")
                .get(0)
                .getAsJsonObject();
        assertTrue(emulation.get("good").getAsBoolean());
        JsonObject launch = emulation.getAsJsonArray("launches").get(0).getAsJsonObject();
        JsonObject counters = launch.getAsJsonObject("counters");
        long sectors = 0;
        long warps = 0;
        for (JsonElement element : emulation
                .getAsJsonObject("lines")
                .getAsJsonArray(launch.get("kernel").getAsString())) {
            sectors += element.getAsJsonObject().get("globalSectors").getAsLong();
            warps += element.getAsJsonObject().get("warps").getAsLong();
        }
        assertEquals(
                counters.get("globalLoads.sectors").getAsLong()
                        + counters.get("globalStores.sectors").getAsLong(),
                sectors);
        assertEquals(counters.get("warpInstructions").getAsLong(), warps);
    }

    /** The lines of a source are those that a compiler wrote into the PTX; the second element is out of bounds. */
    @Test
    void aKernelOfAFileIsEmulated(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("twice.ptx");
        Files.writeString(file, """
            .version 7.8
            .target sm_75
            .address_size 64
            .visible .entry twice(.param .u64 twice_param_0, .param .f32 twice_param_1)
            {
            .reg .b64 %rd<4>; .reg .f32 %f<4>; .reg .b32 %r<2>;
            ld.param.u64 %rd1, [twice_param_0];
            ld.param.f32 %f1, [twice_param_1];
            mov.u32 %r1, %tid.x;
            mul.wide.u32 %rd2, %r1, 4;
            add.s64 %rd3, %rd1, %rd2;
            .loc 1 7 5
            ld.global.f32 %f2, [%rd3];
            mul.f32 %f3, %f2, %f1;
            .loc 1 8 5
            st.global.f32 [%rd3], %f3;
            ret;
            }
            .file 1 "twice.cu"
            """);
        List<String> command = List.of("emulate", "ptx", file.toString(), "twice", "--grid", "1", "--block", "64");
        assertEquals(0, run(command, "fp32[64]=1", "fp32=2", "--annotate"), err::toString);
        assertTrue(
                out.toString().lines().anyMatch(line -> line.contains("ld.global") && line.endsWith("twice.cu:7")),
                out::toString);
        assertEquals(1, run(command, "fp32[63]=1", "fp32=2"), err::toString);
        assertTrue(out.toString().contains("thread (63,0,0)"), out::toString);
        assertEquals(0, run(command, "fp32[64]=1", "fp32=2"), "the one before left nothing behind");
        assertEquals(2, run(command, "fp32[64]=1"), out::toString);
        assertTrue(err.toString().contains("twice takes 2 arguments, but 1 are given"), err::toString);
        assertEquals(2, run(command, "fp32[64]=1", "fp64=2"), out::toString);
        assertTrue(
                err.toString().contains("argument fp64=2 has 8 bytes, but the parameter is .param .f32"),
                err::toString);
    }

    /** Everything but what only a GPU has. */
    @Test
    void aDayOnAGpuIsRehearsed(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("day.json");
        int status =
                run("gpu-day", "--rehearse", "--only", "lion.step/fp32/", "--room", ROOM, "--json", file.toString());
        assertEquals(0, status, () -> out.toString() + err);
        JsonObject day = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        assertEquals("emulated, not a speed", day.get("measured").getAsString());
        Map<String, JsonObject> steps = new LinkedHashMap<>();
        day.getAsJsonArray("steps")
                .forEach(step -> steps.put(step.getAsJsonObject().get("step").getAsString(), step.getAsJsonObject()));
        for (String name : List.of("doctor", "verify", "emulate", "bench")) {
            assertEquals("OK", steps.get(name).get("state").getAsString(), steps.get(name)::toString);
        }
        assertTrue(steps.containsKey("ncu") && steps.containsKey("compute-sanitizer racecheck"));
        assertTrue(steps.get("verify").getAsJsonObject("result").get("passed").getAsInt() > 0);
        JsonArray timed = steps.get("bench").getAsJsonArray("result");
        List<String> names = List.of("ceiling: copy", "ceiling: cublasSgemm of", "lion.step/fp32/");
        assertEquals(names.size(), timed.size(), timed::toString);
        for (int i = 0; i < names.size(); i++) {
            JsonObject row = timed.get(i).getAsJsonObject();
            assertTrue(row.get("name").getAsString().startsWith(names.get(i)), row::toString);
            assertTrue(row.get("seconds").getAsDouble() > 0, row::toString);
        }
    }

    private int run(List<String> command, String... more) {
        return run(Stream.concat(command.stream(), Stream.of(more)).toArray(String[]::new));
    }

    @ParameterizedTest
    @CsvSource({
        "verify --device gpu, no device is named \"gpu\"; devices are reference",
        "verify --room cellar, no room is named \"cellar\"; rooms are attention",
        "bench nonsense, 'finds nothing; benchmarks are attention.forward, attention.decode, attention.backward'",
        "bench (, FILTER is no regular expression",
        "bench launch nonsense, quern bench launch: Unmatched argument",
        "bench lion --threads 0, --threads must be 1..1024",
        "gpu-day --only nonsense, finds nothing",
        "emulate, say which kernels",
        "emulate nonsense, finds nothing",
        "emulate (, FILTER is no regular expression",
        "emulate lion --hot 0, --hot must be at least 1",
        "emulate ptx nowhere.ptx k --grid 1 --block 1, there is no file nowhere.ptx",
        "emulate lion.step/fp32 --checks some, CHECKS=some: expected",
        "demo, 'say which: digits-lion, flows, heat, hot-water, lora-digits, lorenz or work-precision'",
        "demo digits-lion --device moon, no device is named \"moon\"",
        "demo flows --device moon, no device is named \"moon\"",
        "demo heat --device moon, no device is named \"moon\"",
        "demo hot-water --device moon, no device is named \"moon\"",
        "demo hot-water --houses 0, '--houses must be 1..10000000, but is 0'",
        "demo hot-water --houses many, 'Invalid value for option \'\'--houses\'\''",
        "demo lora-digits --device moon, no device is named \"moon\"",
        "demo lorenz --trajectories 0, '--trajectories must be 1..100000000, but is 0'",
        "demo work-precision --orbits 0, '--orbits must be 1..100000, but is 0'",
        "frobnicate, frobnicate",
        "'', say what to do"
    })
    void aWrongQuestionIsAnsweredInOneLine(String command, String answer) {
        assertEquals(2, run(command.isEmpty() ? new String[0] : command.split(" ")));
        assertTrue(err.toString().contains(answer), err::toString);
        assertEquals(1, err.toString().lines().count(), err::toString);
    }

    @Test
    void everyCommandExplainsItself() {
        explainsItself(Quern.commandLine());
    }

    private void explainsItself(CommandLine command) {
        String name = command.getCommandSpec().qualifiedName();
        out.getBuffer().setLength(0);
        String[] words = (name + " --help").split(" ");
        assertEquals(0, run(Arrays.copyOfRange(words, 1, words.length)), () -> name + ": " + err);
        assertTrue(out.toString().startsWith("Usage: " + name), () -> name + ": " + out);
        command.getSubcommands().values().forEach(this::explainsItself);
    }

    @Test
    void filtersAreRegularExpressionsInEitherCase() {
        assertEquals(Rooms.subjects(".").size(), Rooms.subjects("^\\S+$").size());
        assertEquals(Rooms.subjects("lion").toString(), Rooms.subjects("LION").toString());
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
