package io.quern.bench.measure;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Starts JMH, one forked JVM at a time, and hands back what each timed iteration measured. */
public final class Forks {
    private static final String DISAGREEMENT = Disagreement.class.getName() + ": ";

    static {
        // JMH's lock file belongs to whoever ran it first on this machine and stays behind: others
        // could not run at all.
        System.setProperty("jmh.ignoreLock", "true");
    }

    private Forks() {}

    /**
     * Runs kernels.
     *
     * @param visits what to run when; they begin with the warm-ups
     * @param device the device's name
     * @param threads of {@code cpu}
     * @return seconds a call, one figure for each timed iteration
     * @throws Disagreement if a result differs from its oracle
     * @throws ForkFailedException if the fork died
     */
    public static double[] time(
            List<Visit> visits, int warmups, int iterations, Pace pace, String device, int threads) {
        return run(new OptionsBuilder()
                .include(exactly(TimedCall.class))
                .param("visits", Visit.write(visits))
                .param("device", device)
                .warmupIterations(warmups)
                .measurementIterations(iterations)
                .warmupTime(TimeValue.milliseconds(pace.millis()))
                .measurementTime(TimeValue.milliseconds(pace.millis()))
                .jvmArgs(JavaProcess.flags("io.quern.cpu.threads=" + threads).toArray(String[]::new)));
    }

    /** Runs a ceiling's loop; {@return FLOP/s or bytes/s, one figure for each timed iteration} */
    public static double[] measure(Ceiling ceiling, Ceiling.Level level, int threads, Pace pace) {
        double[] seconds = run(new OptionsBuilder()
                .include(exactly(CeilingCall.class))
                .param("ceiling", ceiling.name())
                .param("level", level.name())
                .param("threads", String.valueOf(threads))
                .warmupIterations(pace.warmups())
                .measurementIterations(pace.iterations())
                .warmupTime(TimeValue.milliseconds(pace.millis()))
                .measurementTime(TimeValue.milliseconds(pace.millis()))
                .jvmArgs(JavaProcess.flags().toArray(String[]::new)));
        double amount = CeilingCall.amount(ceiling, level, threads);
        double[] rates = new double[seconds.length];
        for (int i = 0; i < rates.length; i++) {
            rates[i] = amount / seconds[i];
        }
        return rates;
    }

    private static String exactly(Class<?> benchmark) {
        return "^" + benchmark.getName().replace(".", "\\.") + "\\.call$";
    }

    private static double[] run(ChainedOptionsBuilder builder) {
        Path log = temporaryLog();
        try {
            Options options = builder.forks(1)
                    .jvm(JavaProcess.executable())
                    .shouldFailOnError(true)
                    .verbosity(VerboseMode.NORMAL)
                    .output(log.toString())
                    .build();
            return seconds(new Runner(options)
                    .runSingle()
                    .getBenchmarkResults()
                    .iterator()
                    .next());
        } catch (RunnerException failed) {
            throw explained(log, failed);
        } finally {
            delete(log);
        }
    }

    private static double[] seconds(BenchmarkResult fork) {
        return fork.getIterationResults().stream().mapToDouble(Forks::seconds).toArray();
    }

    private static double seconds(IterationResult iteration) {
        return iteration.getPrimaryResult().getScore() * 1e-9;
    }

    /** JMH says only that a fork failed; why, it wrote into its log. */
    private static RuntimeException explained(Path log, RunnerException failed) {
        List<String> lines = read(log);
        Optional<String> disagreement =
                lines.stream().filter(line -> line.startsWith(DISAGREEMENT)).findFirst();
        if (disagreement.isPresent()) {
            return new Disagreement(disagreement.get().substring(DISAGREEMENT.length()));
        }
        String cause = lines.stream()
                .filter(line -> line.matches("(\\S+\\.)+\\w*(Exception|Error|Throwable)(:" + " .*)?|.*SIG[A-Z]+ .*"))
                .findFirst()
                .orElse(failed.getMessage());
        return new ForkFailedException(cause, failed);
    }

    private static List<String> read(Path log) {
        try {
            return Files.readAllLines(log);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    private static Path temporaryLog() {
        try {
            return Files.createTempFile("quern-jmh", ".log");
        } catch (IOException unwritable) {
            throw new UncheckedIOException(unwritable);
        }
    }

    private static void delete(Path log) {
        try {
            Files.deleteIfExists(log);
        } catch (IOException kept) {
            throw new UncheckedIOException(kept);
        }
    }
}
