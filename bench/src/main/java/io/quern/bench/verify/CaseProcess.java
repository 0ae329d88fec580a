package io.quern.bench.verify;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.quern.Case;
import io.quern.CudaException;
import io.quern.Device;
import io.quern.DeviceUnavailableException;
import io.quern.Outcome;
import io.quern.bench.Rooms;
import io.quern.cuda.CudaContext;
import io.quern.cuda.CudaDriver;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The process that runs cases with one driver provider. Each line that it has to say begins with a mark, since a kernel's
 * runtime may write to the same output; what it was doing is said before it is done, so that a crash can be told by name.
 */
public final class CaseProcess {
    static final String TOTAL = "\u0001total ";
    static final String BEGIN = "\u0001begin ";
    static final String RESULT = "\u0001result ";
    static final String NOT_RUN = "\u0001not-run ";

    /** The exit status of a process whose device was made unusable by a case; the others need a new process. */
    static final int UNUSABLE = 75;

    /** Every CUDA device of the provider. */
    static final String ALL_CUDA = "cuda:*";

    /** Turns on a case that cannot pass: the proof that a failure is seen. */
    static final String FAILING_CASE = "io.quern.bench.failingCase";

    private static final Gson GSON =
            new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

    private CaseProcess() {}

    /**
     * Runs cases.
     *
     * @param arguments device names, comma separated; rooms, comma separated; how many cases to leave out, since an earlier
     *     process ran them
     */
    public static void main(String[] arguments) {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        int done = Integer.parseInt(arguments[2]);
        // What is said about devices is said once.
        PrintStream aboutDevices = done == 0 ? out : new PrintStream(OutputStream.nullOutputStream());
        List<String> devices = new ArrayList<>();
        for (String name : arguments[0].split(",")) {
            devices.addAll(available(name, aboutDevices));
        }
        List<Case> cases = cases(Set.of(arguments[1].split(",")));
        aboutDevices.println(TOTAL + cases.size() * devices.size());
        for (int i = done; i < cases.size() * devices.size(); i++) {
            run(cases.get(i % cases.size()), devices.get(i / cases.size()), out);
        }
        // A helper thread of a driver must not keep a finished process alive.
        System.exit(0);
    }

    private static void run(Case subject, String name, PrintStream out) {
        Device device = device(name);
        out.println(BEGIN + subject + " on " + name);
        CaseResult result = CaseResult.of(subject, name, subject.on(device));
        report(result, out);
        if (!result.passed() && device instanceof Device.Cuda cuda && !usable(cuda)) {
            System.exit(UNUSABLE);
        }
    }

    /** After a fault in a kernel, CUDA refuses everything in the same process: later cases would fail for no fault of theirs. */
    private static boolean usable(Device.Cuda device) {
        try {
            CudaContext.of(device.ordinal()).synchronize();
            return true;
        } catch (CudaException unusable) {
            return false;
        }
    }

    /**
     * {@return the devices behind a name}
     *
     * <p>That a machine has no GPU is said in a line. That a device which was named, or the emulator, is not to be had is a
     * failure: else a broken build would verify nothing and be content.
     */
    private static List<String> available(String name, PrintStream out) {
        if (name.equals(ALL_CUDA)) {
            CudaDriver.Availability cuda = CudaDriver.availability();
            if (!cuda.available()) {
                out.println(NOT_RUN + "cuda driver: " + cuda.cause());
            }
            return IntStream.range(0, cuda.deviceCount())
                    .mapToObj(ordinal -> "cuda:" + ordinal)
                    .toList();
        }
        try {
            device(name);
            return List.of(name);
        } catch (DeviceUnavailableException absent) {
            Case there =
                    new Case("workbench", "the device is there", Case.Kind.PROPERTY, null, _ -> Outcome.passed(""));
            report(CaseResult.of(there, name, Outcome.failed(absent.getMessage())), out);
            return List.of();
        }
    }

    private static void report(CaseResult result, PrintStream out) {
        out.println(RESULT + GSON.toJson(result.json()));
    }

    private static Device device(String name) {
        return Device.named(name.equals(Devices.EMULATOR) ? "cuda:0" : name);
    }

    private static List<Case> cases(Set<String> rooms) {
        List<Case> cases = new ArrayList<>(Rooms.cases().stream()
                .filter(subject -> rooms.contains(subject.room()))
                .toList());
        if (Boolean.getBoolean(FAILING_CASE)) {
            cases.add(new Case(
                    "workbench",
                    "a failure is seen",
                    Case.Kind.NUMERIC,
                    null,
                    _ -> Outcome.within(2, 1, "injected: this case fails on purpose")));
        }
        return cases;
    }
}
