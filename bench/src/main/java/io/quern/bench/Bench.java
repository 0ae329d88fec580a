package io.quern.bench;

import com.google.gson.JsonObject;
import io.quern.bench.machine.Machine;
import io.quern.bench.measure.BenchReport;
import io.quern.bench.measure.Ceiling;
import io.quern.bench.measure.Ceilings;
import io.quern.bench.measure.Disagreement;
import io.quern.bench.measure.ForkFailedException;
import io.quern.bench.measure.Forks;
import io.quern.bench.measure.Measurement;
import io.quern.bench.measure.Pace;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.Result;
import io.quern.bench.measure.Sample;
import io.quern.bench.measure.StreamPeer;
import io.quern.bench.measure.Subject;
import io.quern.bench.report.Json;
import io.quern.bench.report.ProgressLine;
import io.quern.bench.report.Units;
import io.quern.cpu.Lanes;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Measures the machine's ceilings, then how close each kernel comes to them. */
@Command(
        name = "bench",
        description = "Measures the machine's ceilings, then each kernel against them; a fork per shape,"
                + " and only kernels that agree with their oracle.",
        subcommands = BenchLaunch.class)
final class Bench implements Callable<Integer> {
    /** Fixed, so that two runs mix alike. */
    private static final long MIXED_SEED = 20260;

    @Parameters(
            arity = "0..1",
            paramLabel = "FILTER",
            description = "a regular expression found in <benchmark>/<dtype>/<shape>, as in rope.*fp32")
    private String filter = "";

    @Option(names = "--threads", paramLabel = "N", description = "measure at N threads only; otherwise at 1 and all")
    private Integer threads;

    @Option(names = "--quick", description = "fewer shapes, fewer iterations: minutes")
    private boolean quick;

    @Option(names = "--mixed", description = "then all of them in random order in one JVM, against their own forks")
    private boolean mixed;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "5",
            description = "of --mixed: how often own forks and the one JVM take turns (default: ${DEFAULT-VALUE})")
    private int rounds;

    @Option(names = "--json", paramLabel = "FILE", description = "write the results there")
    private Path json;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        List<Subject> subjects = subjects();
        if (rounds < 1 || rounds > 100) {
            throw new IllegalArgumentException("--rounds must be 1..100, but is " + rounds);
        }
        Set<Integer> counts = threadCounts();
        Pace pace = quick ? Pace.QUICK : Pace.FULL;
        Machine machine = Machine.here();
        List<String> refused = new ArrayList<>();
        List<String> notRunHere = new ArrayList<>();
        List<Result> alone = new ArrayList<>();
        List<Result> together = new ArrayList<>();
        Ceilings ceilings;
        warnOfLoad(machine);
        try (TemporaryFolder folder = TemporaryFolder.create("quern-bench")) {
            String noPeers = StreamPeer.build(folder.path());
            if (noPeers != null) {
                notRunHere.add("C peers: " + noPeers);
            }
            if (!Peer.available(Peer.PYTORCH)
                    && subjects.stream()
                            .anyMatch(s -> s.peers().contains(Peer.PYTORCH)
                                    || s.peers().contains(Peer.OPENBLAS))) {
                notRunHere.add(
                        "PyTorch, OpenBLAS: not on the class path; ./mvnw -DskipTests -Ppytorch package puts it there"
                                + " (110 MB)");
            }
            ceilings = ceilings(subjects, counts, pace, machine.l2Bytes());
            Measurement measurement = new Measurement(ceilings, pace, machine.l2Bytes());
            time(measurement, subjects, counts, alone, refused);
            if (mixed) {
                mix(measurement, counts, alone, together, refused);
            }
        }
        BenchReport report = new BenchReport(about(machine), ceilings, alone, together, refused, notRunHere);
        PrintWriter out = spec.commandLine().getOut();
        out.print(report.text());
        out.flush();
        if (json != null) {
            Json.write(json, report.json());
        }
        return refused.isEmpty() ? 0 : 1;
    }

    private List<Subject> subjects() {
        List<Subject> found = Rooms.subjects(filter).stream()
                .filter(subject -> subject.quick() || !quick)
                .toList();
        if (found.isEmpty()) {
            throw Rooms.findsNothing(filter);
        }
        return found;
    }

    private Set<Integer> threadCounts() {
        int all = Runtime.getRuntime().availableProcessors();
        if (threads != null && (threads < 1 || threads > 1024)) {
            throw new IllegalArgumentException("--threads must be 1..1024, but is " + threads);
        }
        return threads != null ? Set.of(threads) : new TreeSet<>(List.of(1, all));
    }

    private static Ceilings ceilings(List<Subject> subjects, Set<Integer> counts, Pace pace, long l2Bytes) {
        Set<Ceiling.Level> levels = new TreeSet<>(Set.of(Ceiling.Level.MEMORY));
        subjects.forEach(subject -> levels.add(Ceilings.levelOf(subject, l2Bytes)));
        Ceilings ceilings = new Ceilings();
        int steps = Ceiling.values().length * levels.size() * counts.size();
        try (ProgressLine bar = new ProgressLine("ceilings", steps)) {
            for (Ceiling.Level level : levels) {
                for (Ceiling ceiling : Ceiling.values()) {
                    for (int count : counts) {
                        bar.doing(ceiling.key(level));
                        if (level == Ceiling.Level.MEMORY || !ceiling.arithmetic()) {
                            double[] rates = Forks.measure(ceiling, level, count, pace);
                            ceilings.put(ceiling, level, count, Sample.of(rates).median());
                        }
                        bar.step();
                    }
                }
            }
        }
        return ceilings;
    }

    private static void time(
            Measurement measurement,
            List<Subject> subjects,
            Set<Integer> counts,
            List<Result> alone,
            List<String> refused) {
        try (ProgressLine bar = new ProgressLine("kernels", (long) subjects.size() * counts.size())) {
            for (Subject subject : subjects) {
                for (int count : counts) {
                    bar.doing(subject.id());
                    try {
                        alone.addAll(measurement.alone(subject, count));
                    } catch (Disagreement | ForkFailedException wrong) {
                        refused.add(subject + " on " + count + " thread(s): " + wrong.getMessage());
                    }
                    bar.step();
                }
            }
        }
    }

    private void mix(
            Measurement measurement,
            Set<Integer> counts,
            List<Result> alone,
            List<Result> together,
            List<String> refused) {
        try (ProgressLine bar = new ProgressLine("mixed", counts.size())) {
            for (int count : counts) {
                List<Result> own = alone.stream()
                        .filter(result -> result.threads() == count)
                        .collect(Collectors.toMap(
                                Result::subject, Function.identity(), (one, _) -> one, LinkedHashMap::new))
                        .values()
                        .stream()
                        .toList();
                try {
                    if (!own.isEmpty()) { // all of them were refused, and that was said
                        together.addAll(measurement.mixed(own, count, MIXED_SEED, rounds));
                    }
                } catch (Disagreement | ForkFailedException wrong) {
                    refused.add("all in one JVM on " + count + " thread(s): " + wrong.getMessage());
                }
                bar.step();
            }
        }
    }

    /** Somebody else's work on the same cores makes every figure worthless, and nothing in the figures would show it. */
    private void warnOfLoad(Machine machine) {
        double load = ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
        if (load > machine.cores() * 0.25) {
            PrintWriter errors = spec.commandLine().getErr();
            errors.println("quern bench: other programs are at work (load "
                    + Units.significant(load)
                    + " on "
                    + machine.cores()
                    + " cores): judge by ratios, not by times");
            errors.flush();
        }
    }

    private static JsonObject about(Machine machine) {
        JsonObject json = machine.json();
        json.addProperty("lanes", Lanes.BITS);
        json.addProperty("quern", Library.version());
        return json;
    }
}
