package io.quern.bench.gpuday;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.quern.bench.gpuday.Command.Ended;
import io.quern.cuda.CudaDriver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.StreamSupport;

/**
 * All that an hour on a borrowed GPU is for, in ten minutes: whether kernels are right there, whether NVIDIA's tools find
 * anything, whether the emulator's counters are the device's, how fast they are. Each step is a process of its own: what it
 * does to the driver, or how it ends, costs that step only.
 */
public final class Day {
    private static final Duration WHOLE = Duration.ofMinutes(10);
    private static final List<String> SANITIZERS = List.of("memcheck", "racecheck", "initcheck", "synccheck");
    private static final String ERROR_STATUS = "77";
    private static final String REHEARSED = "it looks at a GPU, and a rehearsal has none";

    private final CudaDriver.Provider provider;
    private final String filter;
    private final List<String> rooms;
    private final Path folder;
    private final Consumer<String> progress;
    private final long end = System.nanoTime() + WHOLE.toNanos();
    private JsonArray emulations = new JsonArray();

    /**
     * Prepares a day.
     *
     * @param provider whose device it is about: the emulator's in a rehearsal
     * @param filter which benchmarks, as {@code ./quern emulate} takes it
     * @param rooms whose cases run
     * @param folder for what the steps leave each other
     * @param progress hears the name of each step before it
     */
    public Day(
            CudaDriver.Provider provider, String filter, List<String> rooms, Path folder, Consumer<String> progress) {
        this.provider = provider;
        this.filter = filter;
        this.rooms = rooms;
        this.folder = folder;
        this.progress = progress;
    }

    private interface Work {
        Step run() throws IOException, InterruptedException;
    }

    /** {@return what came of each step} */
    public List<Step> run() throws IOException, InterruptedException {
        List<Step> steps = new ArrayList<>();
        steps.add(timed("doctor", this::doctor));
        steps.add(timed("verify", this::verify));
        steps.add(timed("emulate", this::emulate));
        steps.add(timed("ncu", this::ncu));
        for (String tool : SANITIZERS) {
            steps.add(timed("compute-sanitizer " + tool, () -> sanitize(tool)));
        }
        steps.add(timed("bench", this::bench));
        return steps;
    }

    private Step timed(String name, Work work) throws IOException, InterruptedException {
        progress.accept(name);
        long begin = System.nanoTime();
        Step step = left().toSeconds() < 1
                ? Step.failed(name, "the day was over before it", JsonNull.INSTANCE)
                : work.run();
        return step.taking((System.nanoTime() - begin) / 1e9);
    }

    private boolean rehearsed() {
        return provider == CudaDriver.Provider.EMULATOR;
    }

    private Duration left() {
        return Duration.ofNanos(Math.max(0, end - System.nanoTime()));
    }

    private Ended quern(CudaDriver.Provider with, String... arguments) throws IOException, InterruptedException {
        return Command.run(Command.quern(with, arguments), left());
    }

    private Step doctor() throws IOException, InterruptedException {
        Ended ended = quern(provider, "doctor");
        return ended.status() == 0
                ? Step.ok("doctor", ended.lastLine(), JsonNull.INSTANCE)
                : Step.failed("doctor", ended.output().strip(), JsonNull.INSTANCE);
    }

    private Step verify() throws IOException, InterruptedException {
        Path file = folder.resolve("verify.json");
        List<String> arguments = new ArrayList<>(List.of("verify", "--device", rehearsed() ? "emulator" : "cuda:0"));
        rooms.forEach(room -> arguments.addAll(List.of("--room", room)));
        arguments.addAll(List.of("--json", file.toString()));
        Ended ended = quern(provider, arguments.toArray(String[]::new));
        JsonElement result = read(file);
        if (ended.status() == 0) {
            return Step.ok("verify", result.getAsJsonObject().get("passed") + " cases passed", result);
        }
        return Step.failed("verify", ended.lastLine(), result);
    }

    private Step emulate() throws IOException, InterruptedException {
        Path file = folder.resolve("emulate.json");
        Ended ended = quern(CudaDriver.Provider.EMULATOR, "emulate", filter, "--json", file.toString());
        JsonElement result = read(file);
        if (result.isJsonObject()) {
            emulations = result.getAsJsonObject().getAsJsonArray("emulations");
        }
        return ended.status() == 0
                ? Step.ok("emulate", emulations.size() + " calls counted", result)
                : Step.failed("emulate", ended.lastLine(), result);
    }

    private Step ncu() throws IOException, InterruptedException {
        Optional<String> ncu = Command.find("ncu");
        if (rehearsed() || ncu.isEmpty()) {
            return Step.notHere("ncu", rehearsed() ? REHEARSED : "Nsight Compute is not installed");
        }
        List<String> command = new ArrayList<>(List.of(
                ncu.get(), "--csv", "--page", "raw", "--metrics", String.join(",", NsightCompute.METRICS.keySet())));
        command.addAll(Command.quern(provider, "gpu-day", "call", filter));
        Ended ended = Command.run(command, left());
        JsonArray compared = NsightCompute.compare(emulations, NsightCompute.parse(ended.output()));
        long equal =
                pairs(compared).filter(pair -> pair.get("equal").getAsBoolean()).count();
        long all = pairs(compared).count();
        String detail = equal + " of " + all + " counters are the device's";
        if (ended.status() != 0) {
            return Step.failed("ncu", ended.lastLine(), compared);
        }
        return equal == all && all > 0 ? Step.ok("ncu", detail, compared) : Step.failed("ncu", detail, compared);
    }

    private static java.util.stream.Stream<JsonObject> pairs(JsonArray compared) {
        return StreamSupport.stream(compared.spliterator(), false)
                .flatMap(launch -> StreamSupport.stream(
                        launch.getAsJsonObject().getAsJsonArray("pairs").spliterator(), false))
                .map(JsonElement::getAsJsonObject);
    }

    private Step sanitize(String tool) throws IOException, InterruptedException {
        String name = "compute-sanitizer " + tool;
        Optional<String> sanitizer = Command.find("compute-sanitizer");
        if (rehearsed() || sanitizer.isEmpty()) {
            return Step.notHere(name, rehearsed() ? REHEARSED : "compute-sanitizer is not installed");
        }
        List<String> command =
                new ArrayList<>(List.of(sanitizer.get(), "--tool", tool, "--error-exitcode", ERROR_STATUS));
        command.addAll(Command.quern(provider, "gpu-day", "call", filter));
        Ended ended = Command.run(command, left());
        return ended.status() == 0
                ? Step.ok(name, ended.lastLine(), JsonNull.INSTANCE)
                : Step.failed(name, ended.output().strip(), JsonNull.INSTANCE);
    }

    private Step bench() throws IOException, InterruptedException {
        Path file = folder.resolve("bench.json");
        Ended ended = quern(provider, "gpu-day", "time", filter, "--json", file.toString());
        JsonElement result = read(file);
        return ended.status() == 0
                ? Step.ok("bench", result.getAsJsonArray().size() + " calls timed", result)
                : Step.failed("bench", ended.lastLine(), result);
    }

    private static JsonElement read(Path file) throws IOException {
        return Files.exists(file) ? JsonParser.parseString(Files.readString(file)) : JsonNull.INSTANCE;
    }
}
