package io.quern.bench.verify;

import io.quern.cuda.CudaDriver.Provider;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/** The devices that can be asked for, and which driver provider each one needs. */
public final class Devices {
    /** The emulated CUDA device. */
    public static final String EMULATOR = "emulator";

    private static final List<String> DEFAULT = List.of("reference", "cpu", CaseProcess.ALL_CUDA, EMULATOR);

    private Devices() {}

    /**
     * {@return the devices by provider, in the order in which they were asked for}
     *
     * @param asked names; none means all there are
     * @throws IllegalArgumentException naming a device that does not exist, and those that do
     */
    public static Map<Provider, List<String>> byProvider(List<String> asked) {
        Map<Provider, List<String>> devices = new EnumMap<>(Provider.class);
        for (String name : new LinkedHashSet<>(asked.isEmpty() ? DEFAULT : asked)) {
            if (!name.equals(CaseProcess.ALL_CUDA)) {
                check(name);
            }
            Provider provider = name.equals(EMULATOR) ? Provider.EMULATOR : Provider.DRIVER;
            devices.computeIfAbsent(provider, _ -> new ArrayList<>()).add(name);
        }
        return devices;
    }

    private static void check(String name) {
        if (!name.matches("reference|cpu(:[1-9][0-9]{0,2})?|" + EMULATOR + "|cuda(:[0-9]{1,3})?")) {
            throw new IllegalArgumentException("no device is named \""
                    + name
                    + "\"; devices are reference, cpu, cpu:<threads>, emulator, cuda and"
                    + " cuda:<ordinal>");
        }
    }
}
