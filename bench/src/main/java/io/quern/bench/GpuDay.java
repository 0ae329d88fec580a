package io.quern.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.quern.bench.gpuday.Day;
import io.quern.bench.gpuday.Step;
import io.quern.bench.machine.Machine;
import io.quern.bench.report.Json;
import io.quern.bench.report.ProgressLine;
import io.quern.bench.report.Table;
import io.quern.bench.report.Units;
import io.quern.cuda.CudaDriver.Provider;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Does all that a machine with a GPU is needed for. */
@Command(
        name = "gpu-day",
        description = "On a machine with a GPU, in ten minutes at most: doctor, verify, compute-sanitizer and ncu where"
                + " they are installed with their counters beside the emulator's, and times beside cuBLAS; one JSON."
                + " Exits with 1 if something is wrong.",
        subcommands = {GpuDayCall.class, GpuDayTime.class})
final class GpuDay implements Callable<Integer> {
    @Option(names = "--rehearse", description = "with the emulator in place of a GPU: everything but NVIDIA's tools")
    private boolean rehearse;

    @Option(
            names = "--only",
            paramLabel = "FILTER",
            description = "benchmarks to count and time, as ./quern emulate finds them; default: the smallest of all")
    private String filter = ".";

    @Option(names = "--room", paramLabel = "R", description = "verify a kernel family; may be repeated; default: all")
    private List<String> rooms = List.of();

    @Option(names = "--json", paramLabel = "FILE", description = "where the results go (gpu-day.json)")
    private Path json = Path.of("gpu-day.json");

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException, InterruptedException {
        rooms.forEach(Rooms::checkName);
        Rooms.subjects(filter);
        List<Step> steps;
        try (TemporaryFolder folder = TemporaryFolder.create("quern-gpu-day");
                ProgressLine bar = new ProgressLine("gpu-day", 0)) {
            steps = new Day(
                            rehearse ? Provider.EMULATOR : Provider.DRIVER,
                            filter,
                            rooms.isEmpty() ? Rooms.names() : rooms,
                            folder.path(),
                            bar::doing)
                    .run();
        }
        Json.write(json, report(steps));
        PrintWriter out = spec.commandLine().getOut();
        Table table = new Table("step", "", ">time", "");
        for (Step step : steps) {
            table.row(
                    step.name(),
                    step.state() == Step.State.NOT_HERE ? Units.NONE : step.state(),
                    Units.seconds(step.seconds()),
                    step.detail().lines().findFirst().orElse(""));
        }
        out.print(table);
        out.println("written to " + json);
        out.flush();
        return steps.stream().anyMatch(step -> step.state() == Step.State.FAILED) ? 1 : 0;
    }

    private JsonObject report(List<Step> steps) {
        JsonArray all = new JsonArray();
        steps.forEach(step -> all.add(step.json()));
        JsonObject report = new JsonObject();
        report.addProperty("measured", rehearse ? "emulated, not a speed" : "on a device");
        report.addProperty("quern", Library.version());
        report.add("machine", Machine.here().json());
        report.add("steps", all);
        return report;
    }
}
