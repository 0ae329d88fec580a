package io.quern.bench;

import io.quern.bench.emulate.Emulation;
import io.quern.bench.emulate.EmulationReport;
import io.quern.bench.report.Json;
import io.quern.cuda.CudaDriver;
import io.quern.emulator.Emulator;
import io.quern.emulator.EmulatorOption;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** What {@code ./quern emulate} and its subcommand have in common: how to run, and what to print. */
final class EmulateOptions {
    @Option(names = "--annotate", description = "print each kernel's PTX with what each line did")
    private boolean annotate;

    @Option(names = "--hot", paramLabel = "N", description = "annotate the N lines that cost most, those first")
    private Integer hot;

    @Option(names = "--device", paramLabel = "D", description = "sm_75, sm_80 (default), sm_86, sm_89 or sm_90")
    private String device;

    @Option(
            names = "--checks",
            paramLabel = "C",
            description = "on (default), off, all, or some of memory, races, uninitialised")
    private String checks;

    @Option(names = "--json", paramLabel = "FILE", description = "write the results there")
    private Path json;

    /** Makes the emulator this process's driver, set up as asked. To be called before anything touches CUDA. */
    void begin() {
        if (hot != null && hot < 1) {
            throw new IllegalArgumentException("--hot must be at least 1, but is " + hot);
        }
        if (System.getProperty(CudaDriver.PROPERTY) == null) {
            System.setProperty(CudaDriver.PROPERTY, CudaDriver.Provider.EMULATOR.property());
        }
        if (device != null) {
            Emulator.set(EmulatorOption.DEVICE, device);
        }
        CudaDriver.require(CudaDriver.Provider.EMULATOR);
        if (checks != null) {
            Emulator.set(EmulatorOption.CHECKS, checks);
        }
    }

    Emulation.Detail detail() {
        return annotate || hot != null ? Emulation.Detail.LINES : Emulation.Detail.LAUNCHES;
    }

    /** {@return the exit status: 1 if something was wrong} */
    int end(List<Emulation> emulations, PrintWriter out) throws IOException {
        EmulationReport report = new EmulationReport(emulations);
        if (json != null) {
            Json.write(json, report.json());
        }
        out.print(report.counters());
        if (detail() == Emulation.Detail.LINES) {
            out.print(report.annotated(
                    hot == null ? EmulationReport.Order.PTX : EmulationReport.Order.HOT,
                    hot == null ? Integer.MAX_VALUE : hot));
        }
        out.flush();
        return emulations.stream().allMatch(Emulation::good) ? 0 : 1;
    }
}
