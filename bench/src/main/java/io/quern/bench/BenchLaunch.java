package io.quern.bench;

import io.quern.bench.cuda.LaunchBench;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Measures what putting a kernel into a CUDA stream costs this side of the driver. */
@Command(
        name = "launch",
        description = "Measures what a launch costs before the driver has it, ours and JCuda's own, against a driver"
                + " whose calls return at once; needs gcc.")
final class BenchLaunch implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        try {
            PrintWriter out = spec.commandLine().getOut();
            out.print(LaunchBench.run());
            out.flush();
            return 0;
        } catch (IOException | IllegalStateException noDriver) {
            PrintWriter errors = spec.commandLine().getErr();
            errors.println(spec.qualifiedName() + ": " + noDriver.getMessage());
            errors.flush();
            return 1;
        }
    }
}
