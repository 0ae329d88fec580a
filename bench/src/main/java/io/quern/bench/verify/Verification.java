package io.quern.bench.verify;

import com.google.gson.JsonParser;
import io.quern.Case;
import io.quern.bench.measure.JavaProcess;
import io.quern.cuda.CudaDriver;
import io.quern.cuda.CudaDriver.Provider;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs cases in one process for each driver provider, since a process binds one driver, and merges what they say. */
public final class Verification {
    private final List<CaseResult> results = new ArrayList<>();
    private final List<String> notRunHere = new ArrayList<>();
    private final Progress progress;
    private final boolean failingCase;

    // Of the process that is running.
    private int begun;
    private String current;

    /** Hears how far it is. */
    public interface Progress {
        /** More cases are to come. */
        void expect(int cases);

        /** One is done. */
        void done(CaseResult result);
    }

    /**
     * Prepares to run cases.
     *
     * @param failingCase whether to add one that cannot pass
     */
    public Verification(Progress progress, boolean failingCase) {
        this.progress = progress;
        this.failingCase = failingCase;
    }

    /** {@return what ran so far} */
    public List<CaseResult> results() {
        return results;
    }

    /** {@return what could not run on this machine, and why} */
    public List<String> notRunHere() {
        return notRunHere;
    }

    /**
     * Runs the cases of some rooms on some devices of a provider. What a case does to its process, be it a crash or a device
     * that CUDA gives up, costs that case only: another process goes on after it.
     */
    public void run(Provider provider, List<String> devices, List<String> rooms)
            throws IOException, InterruptedException {
        int done = 0;
        int status;
        do {
            begun = 0;
            status = runProcess(provider, command(provider, devices, rooms, done));
            done += begun;
        } while (status != 0 && begun > 0);
    }

    private int runProcess(Provider provider, List<String> command) throws IOException, InterruptedException {
        Path errors = Files.createTempFile("quern-verify", ".log");
        try {
            Process process =
                    new ProcessBuilder(command).redirectError(errors.toFile()).start();
            try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    hear(line);
                }
            }
            int status = process.waitFor();
            if (status != 0 && status != CaseProcess.UNUSABLE) {
                died(provider, status, Files.readAllLines(errors));
            }
            return status;
        } finally {
            Files.deleteIfExists(errors);
        }
    }

    private List<String> command(Provider provider, List<String> devices, List<String> rooms, int done) {
        List<String> command = new ArrayList<>(List.of(JavaProcess.executable()));
        command.addAll(JavaProcess.flags(
                CudaDriver.PROPERTY + "=" + provider.property(), CaseProcess.FAILING_CASE + "=" + failingCase));
        command.addAll(List.of("-cp", JavaProcess.classPath(), CaseProcess.class.getName()));
        command.addAll(List.of(String.join(",", devices), String.join(",", rooms), String.valueOf(done)));
        return command;
    }

    private void hear(String line) {
        if (line.startsWith(CaseProcess.BEGIN)) {
            begun++;
            current = line.substring(CaseProcess.BEGIN.length());
        } else if (line.startsWith(CaseProcess.TOTAL)) {
            progress.expect(Integer.parseInt(line.substring(CaseProcess.TOTAL.length())));
        } else if (line.startsWith(CaseProcess.NOT_RUN)) {
            notRunHere.add(line.substring(CaseProcess.NOT_RUN.length()));
        } else if (line.startsWith(CaseProcess.RESULT)) {
            String json = line.substring(CaseProcess.RESULT.length());
            CaseResult result = CaseResult.read(JsonParser.parseString(json).getAsJsonObject());
            results.add(result);
            progress.done(result);
        }
    }

    /** A process that dies is a failure, and it has a name. */
    private void died(Provider provider, int status, List<String> errors) {
        String last = errors.stream()
                .filter(line -> !line.isBlank() && !line.startsWith("WARNING"))
                .findFirst()
                .orElse("");
        String message = "the JVM with the "
                + provider.property()
                + " ended with status "
                + status
                + (begun == 0 ? " before its first case" : " during " + current)
                + (last.isEmpty() ? "" : ": " + last.strip());
        results.add(new CaseResult(
                "workbench",
                "cases run to their end",
                Case.Kind.PROPERTY,
                provider.property(),
                null,
                Double.NaN,
                Double.NaN,
                false,
                message));
    }
}
