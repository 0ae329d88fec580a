package io.quern.emulator;

import java.util.EnumMap;
import java.util.Map;

/**
 * Choices for {@link Emulator#install}: what is not chosen stays as environment and system properties have it.
 *
 * <pre>{@code
 * Emulator.install(EmulatorOptions.none()
 *         .withDevice("sm_90")
 *         .withMemory(6L << 30)
 *         .with(EmulatorOption.SCHEDULE, "random:7"));
 * }</pre>
 *
 * @param values what each chosen option is set to
 */
public record EmulatorOptions(Map<EmulatorOption, String> values) {
    public EmulatorOptions {
        values = Map.copyOf(values);
    }

    /** {@return the choice of nothing} */
    public static EmulatorOptions none() {
        return new EmulatorOptions(Map.of());
    }

    /** {@return these choices and one more, in the words that {@link EmulatorOption} lists} */
    public EmulatorOptions with(EmulatorOption option, String value) {
        Map<EmulatorOption, String> more = new EnumMap<>(EmulatorOption.class);
        more.putAll(values);
        more.put(option, value);
        return new EmulatorOptions(more);
    }

    /** {@return these choices and the device to present: sm_75, sm_80, sm_86, sm_89 or sm_90} */
    public EmulatorOptions withDevice(String device) {
        return with(EmulatorOption.DEVICE, device);
    }

    /** {@return these choices and the memory of the device, in bytes} */
    public EmulatorOptions withMemory(long bytes) {
        return with(EmulatorOption.MEMORY, Long.toString(bytes));
    }

    /** {@return these choices and the number of host threads that run a kernel's blocks} */
    public EmulatorOptions withThreads(int threads) {
        return with(EmulatorOption.THREADS, Integer.toString(threads));
    }

    /** {@return these choices and the order of warps and blocks: forward, reverse, random or random:SEED} */
    public EmulatorOptions withSchedule(String schedule) {
        return with(EmulatorOption.SCHEDULE, schedule);
    }

    /** {@return these choices and the checks of kernels: on, all, off, or some of those that the README lists} */
    public EmulatorOptions withChecks(String checks) {
        return with(EmulatorOption.CHECKS, checks);
    }
}
