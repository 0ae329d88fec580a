package io.quern.bench;

import io.quern.bench.report.Json;
import io.quern.bench.report.ProgressLine;
import io.quern.bench.verify.CaseResult;
import io.quern.bench.verify.Devices;
import io.quern.bench.verify.Verification;
import io.quern.bench.verify.VerifyReport;
import io.quern.cuda.CudaDriver.Provider;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Runs every case of every room against its oracle on every device. */
@Command(
        name = "verify",
        description = "Runs every case of every room against its oracle, on the reference, the CPU, the"
                + " emulator and each GPU. Exits with 1 if one fails.")
final class Verify implements Callable<Integer> {
    @Option(
            names = "--device",
            paramLabel = "D",
            description = "reference, cpu, cpu:<threads>, emulator, cuda or cuda:<ordinal>; may be" + " repeated")
    private List<String> devices = List.of();

    @Option(names = "--room", paramLabel = "R", description = "a kernel family; may be repeated")
    private List<String> rooms = List.of();

    @Option(names = "--all", description = "list each case, not only the worst of each group")
    private boolean all;

    @Option(names = "--json", paramLabel = "FILE", description = "write the results there")
    private Path json;

    @Option(names = "--add-failing-case", hidden = true, description = "add a case that cannot pass")
    private boolean failingCase;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        Map<Provider, List<String>> byProvider = Devices.byProvider(devices);
        List<String> chosen = rooms.isEmpty() ? Rooms.names() : rooms;
        chosen.forEach(Rooms::checkName);
        VerifyReport report;
        try (ProgressLine bar = new ProgressLine("verify", 0)) {
            Verification verification = new Verification(new Bar(bar), failingCase);
            for (var devicesOfProvider : byProvider.entrySet()) {
                verification.run(devicesOfProvider.getKey(), devicesOfProvider.getValue(), chosen);
            }
            report = new VerifyReport(verification.results(), verification.notRunHere());
        }
        PrintWriter out = spec.commandLine().getOut();
        out.print(report.text(all));
        out.flush();
        if (json != null) {
            Json.write(json, report.json());
        }
        return report.good() ? 0 : 1;
    }

    private record Bar(ProgressLine line) implements Verification.Progress {
        @Override
        public void expect(int cases) {
            line.expect(cases);
        }

        @Override
        public void done(CaseResult result) {
            line.doing(result.room() + " on " + result.device());
            line.step();
        }
    }
}
