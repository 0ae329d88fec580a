package io.quern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.quern.cuda.CudaContext;
import io.quern.cuda.CudaDriver;
import io.quern.cuda.PtxFile;
import io.quern.emulator.Emulator;
import io.quern.emulator.EmulatorOption;
import io.quern.emulator.KernelCounters;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DynamicTest;

/**
 * A room's kernels under all checks of the emulator, in every order of warps and with each freedom that CUDA's documents
 * leave a device: results must be right and nothing reported in any of them, and none of the room's kernels may be left out.
 */
public final class EmulatorModes {
    private static final List<EmulatorOption> OPTIONS = List.of(
            EmulatorOption.SCHEDULE,
            EmulatorOption.STORES,
            EmulatorOption.COPIES,
            EmulatorOption.STREAMS,
            EmulatorOption.MATRIX,
            EmulatorOption.APPROX);

    /** Every value of each option occurs, and of any two options nearly every pair. */
    private static final List<List<String>> MODES = List.of(
            List.of("forward", "late", "late", "late", "truncating", "low"),
            List.of("reverse", "early", "eager", "late", "exact", "high"),
            List.of("random:1", "late", "eager", "eager", "truncating", "high"),
            List.of("preempt:1", "late", "late", "eager", "exact", "low"));

    private final String room;
    private final Map<String, Work> works = new LinkedHashMap<>();

    /** What runs kernels, and fails where they do wrong. */
    @FunctionalInterface
    public interface Work {
        /** @throws Exception if they do */
        void on(Device.Cuda device) throws Exception;
    }

    private EmulatorModes(String room) {
        this.room = room;
    }

    /** {@return the modes of a room, as yet without work} */
    public static EmulatorModes of(String room) {
        return new EmulatorModes(room);
    }

    /** {@return this, with the cases whose names begin so, of each type that they are about} */
    public EmulatorModes cases(List<Case> all, String... names) {
        for (String name : names) {
            List<Case> named =
                    all.stream().filter(c -> c.name().startsWith(name)).toList();
            if (named.isEmpty()) {
                throw new IllegalArgumentException("no case of " + room + " is named \"" + name + "\"");
            }
            named.forEach(c -> work(c.toString(), device -> {
                Outcome outcome = c.on(device);
                assertTrue(outcome.passed(), outcome::toString);
            }));
        }
        return this;
    }

    /** {@return this, with more work} */
    public EmulatorModes work(String name, Work work) {
        works.put(name, work);
        return this;
    }

    /** {@return tests of all work in all modes, where this JVM has the emulator as a device} */
    public List<DynamicTest> tests() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (!(device instanceof Device.Cuda cuda) || CudaDriver.provider() != CudaDriver.Provider.EMULATOR) {
                continue;
            }
            for (List<String> mode : MODES) {
                Set<String> launched = new TreeSet<>();
                works.forEach((name, work) ->
                        tests.add(dynamicTest(mode + " " + name, () -> launched.addAll(run(mode, work, cuda)))));
                tests.add(dynamicTest(mode + " every kernel was launched", () -> {
                    Set<String> left = kernels(cuda);
                    assertFalse(left.isEmpty());
                    left.removeAll(launched);
                    assertEquals(Set.of(), left);
                }));
            }
        }
        return tests;
    }

    /** {@return the kernels that were launched} */
    private static Set<String> run(List<String> mode, Work work, Device.Cuda device) throws Exception {
        Map<EmulatorOption, String> chosen = new EnumMap<>(EmulatorOption.class);
        chosen.put(EmulatorOption.CHECKS, "all");
        for (int i = 0; i < OPTIONS.size(); i++) {
            chosen.put(OPTIONS.get(i), mode.get(i));
        }
        chosen.forEach(Emulator::set);
        try {
            Emulator.reset();
            work.on(device);
            assertEquals("", Emulator.report().strip());
            return Emulator.counters().stream().map(KernelCounters::kernel).collect(Collectors.toSet());
        } finally {
            chosen.keySet().forEach(option -> Emulator.set(option, System.getProperty(option.property(), "")));
        }
    }

    /** {@return those of the room that ship for a device} */
    private Set<String> kernels(Device.Cuda device) {
        boolean newer = CudaContext.of(device.ordinal()).properties().atLeast(8, 0);
        String architecture = newer ? "compute_80" : "compute_75";
        return PtxFile.all().stream()
                .filter(file ->
                        file.architecture().equals(architecture) && file.room().equals(room))
                .flatMap(file -> file.entries().keySet().stream())
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
