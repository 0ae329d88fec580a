package io.quern.bench.machine;

import io.quern.bench.machine.Finding.State;
import io.quern.bench.report.Units;
import io.quern.cpu.Lanes;
import io.quern.cpu.VectorModule;
import io.quern.cuda.CudaDriver.Provider;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Looks at everything that Quern needs or can use here. Whatever is missing becomes a finding, never an exception. */
public final class Examination {
    private static final Runtime.Version OLDEST = Runtime.Version.parse("25.0.3");

    private Examination() {}

    /**
     * {@return the findings, in the order in which they matter}
     *
     * @param rooms whose PTX is looked for
     * @param library the library's version
     */
    public static List<Finding> of(Machine machine, List<String> rooms, String library) {
        List<Finding> findings = new ArrayList<>();
        findings.add(Finding.ok("library", "quern " + library));
        findings.add(jdk());
        findings.add(vectorApi());
        findings.add(Finding.ok("CPU", cpu(machine)));
        findings.add(Finding.ok("memory", memory(machine)));
        findings.addAll(driver(CudaProbe.of(Provider.DRIVER)));
        findings.add(emulator(CudaProbe.of(Provider.EMULATOR)));
        for (Ptx ptx : Ptx.of(rooms)) {
            findings.add(ptx(ptx));
        }
        return findings;
    }

    private static Finding jdk() {
        Runtime.Version version = Runtime.version();
        boolean fit = version.feature() == OLDEST.feature() && version.compareToIgnoreOptional(OLDEST) >= 0;
        return Finding.needed(
                fit,
                "JDK",
                version + ", " + System.getProperty("java.vendor") + ", " + System.getProperty("java.home"),
                "install JDK " + OLDEST + " or a newer 25");
    }

    private static Finding vectorApi() {
        if (!VectorModule.present()) {
            return Finding.needed(
                    false,
                    "Vector API",
                    "the module jdk.incubator.vector is not there",
                    "start the JVM with --add-modules jdk.incubator.vector");
        }
        try {
            return Finding.ok("Vector API", WidthOfLanes.describe());
        } catch (RuntimeException | LinkageError wrong) {
            Throwable cause = wrong.getCause() == null ? wrong : wrong.getCause();
            return Finding.needed(false, "Vector API", cause.getMessage(), "set io.quern.lanes to 128, 256 or 512");
        }
    }

    /** Apart, since its class cannot be linked where the Vector API is absent. */
    private static final class WidthOfLanes {
        static String describe() {
            return Lanes.BITS + " bits: " + Lanes.FLOAT.length() + " FP32 lanes, " + Lanes.DOUBLE.length()
                    + " FP64 lanes";
        }
    }

    private static String cpu(Machine machine) {
        String caches = machine.caches().stream()
                .filter(cache -> !cache.type().equals("Instruction"))
                .map(Machine.Cache::toString)
                .collect(Collectors.joining(", "));
        String name = machine.cpu().isEmpty() ? System.getProperty("os.arch") : machine.cpu();
        return name + ", " + machine.cores() + (machine.cores() == 1 ? " core" : " cores")
                + (caches.isEmpty() ? "" : "; " + caches);
    }

    private static String memory(Machine machine) {
        String size = machine.memoryBytes() == 0 ? "of unknown size" : Units.bytes(machine.memoryBytes());
        return size + (machine.hugePages().isEmpty() ? "" : ", huge pages: " + machine.hugePages());
    }

    private static List<Finding> driver(CudaProbe probe) {
        if (!probe.available()) {
            return List.of(new Finding("CUDA driver", State.ABSENT, probe.cause(), probe.cure()));
        }
        List<Finding> findings = new ArrayList<>();
        findings.add(Finding.ok("CUDA driver", "for CUDA " + probe.version()));
        for (int ordinal = 0; ordinal < probe.devices().size(); ordinal++) {
            findings.add(Finding.ok("cuda:" + ordinal, probe.devices().get(ordinal)));
        }
        return findings;
    }

    private static Finding emulator(CudaProbe probe) {
        String loaded = "loads; " + String.join("; ", probe.devices())
                + (probe.version().isEmpty() ? "" : "; as a driver for CUDA " + probe.version());
        return Finding.needed(probe.available(), "emulator", probe.available() ? loaded : probe.cause(), probe.cure());
    }

    private static Finding ptx(Ptx ptx) {
        return Finding.needed(
                ptx.present(),
                "PTX " + ptx.room(),
                ptx.present()
                        ? ptx.target() + ", " + ptx.kernels() + " kernels, PTX ISA " + ptx.version()
                        : ptx.target() + " is not in the library",
                "run native-build/ptx.sh " + ptx.room() + " and build again");
    }
}
