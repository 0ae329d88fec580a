package io.quern.bench;

import io.quern.bench.emulate.Emulation;
import io.quern.bench.measure.Subject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Runs benchmarks' kernels once on the emulator and says what they did. */
@Command(
        name = "emulate",
        description = "Runs kernels once on the emulator, compares them with their oracle, and prints what they did:"
                + " sectors, bank conflicts, divergence, instructions. Says nothing about speed.",
        subcommands = EmulatePtx.class)
final class Emulate implements Callable<Integer> {
    @Parameters(
            arity = "0..1",
            paramLabel = "FILTER",
            description = "a regular expression found in <benchmark>/<dtype>/<shape>, as in lion.step/fp32")
    private String filter;

    @Option(names = "--all", description = "every shape that FILTER finds; otherwise the smallest of each type")
    private boolean all;

    @Mixin
    private EmulateOptions options;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        if (filter == null) {
            throw new IllegalArgumentException("say which kernels: FILTER, or ptx FILE KERNEL for those of a file");
        }
        List<Subject> found = Rooms.subjects(filter);
        options.begin();
        List<Emulation> emulations = new ArrayList<>();
        for (Subject subject : all ? found : Rooms.smallest(found)) {
            emulations.add(Emulation.of(subject, options.detail()));
        }
        return options.end(emulations, spec.commandLine().getOut());
    }
}
