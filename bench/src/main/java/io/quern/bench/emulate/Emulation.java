package io.quern.bench.emulate;

import io.quern.Device;
import io.quern.bench.measure.Disagreement;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Workload;
import io.quern.emulator.Emulator;
import io.quern.emulator.EmulatorOption;
import io.quern.emulator.KernelCounters;
import io.quern.emulator.LineCounters;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Kernels that ran once on the emulator.
 *
 * @param name what was run
 * @param launches what each launch did
 * @param lines for each kernel that was launched, the lines of its PTX; empty unless asked for
 * @param complaint why it is not right: a disagreement with the oracle, or what the emulator reports; "" if it is
 */
public record Emulation(
        String name, List<KernelCounters> launches, Map<String, List<LineCounters>> lines, String complaint) {

    /** Whether each line of the PTX is counted. */
    public enum Detail {
        LAUNCHES,
        LINES
    }

    /** {@return what a call of this subject does, compared with its oracle} */
    public static Emulation of(Subject subject, Detail detail) {
        try (Counting _ = new Counting(detail);
                Workload workload = subject.opening().open(Device.cuda(0))) {
            Emulator.reset(); // opening it may have launched something
            String complaint = "";
            try {
                workload.agree();
            } catch (Disagreement wrong) {
                complaint = "it disagrees with its oracle: " + wrong.getMessage();
            }
            return counted(subject.id(), detail, complaint);
        }
    }

    /** {@return what a launch of a kernel from a file does} */
    public static Emulation of(PtxLaunch launch, Detail detail) {
        try (Counting _ = new Counting(detail)) {
            Emulator.reset();
            return launch.run(complaint -> counted(launch.kernel(), detail, complaint));
        }
    }

    private static Emulation counted(String name, Detail detail, String complaint) {
        List<KernelCounters> launches = Emulator.counters();
        Map<String, List<LineCounters>> lines = new LinkedHashMap<>();
        if (detail == Detail.LINES) {
            launches.forEach(launch -> lines.computeIfAbsent(launch.kernel(), Emulator::lines));
        }
        return new Emulation(name, launches, lines, complaint);
    }

    /** {@return whether nothing was wrong} */
    public boolean good() {
        return complaint.isEmpty();
    }

    /** While it is open, launches are counted in this detail. */
    private record Counting(Detail detail) implements AutoCloseable {
        Counting {
            Emulator.set(EmulatorOption.COUNTERS, detail == Detail.LINES ? "lines" : "on");
        }

        @Override
        public void close() {
            Emulator.set(EmulatorOption.COUNTERS, "on");
        }
    }
}
