package io.quern.emulator;

/**
 * What can be chosen about the emulator. Each option is also a system property ({@code io.quern.emulator.memory}), read by
 * {@link Emulator#load()}, and an environment variable ({@code QUERN_EMULATOR_MEMORY}), so that a program that knows
 * nothing of the emulator can be run on it.
 */
public enum EmulatorOption {
    /** The device to present: sm_75, sm_80 (default), sm_86, sm_89 or sm_90. Only before {@code cuInit}. */
    DEVICE,
    /** Bytes of device memory, such as {@code 6g}; by default what that device has. Only before {@code cuInit}. */
    MEMORY,
    /** Host threads that run a kernel's blocks; by default one for each processor. */
    THREADS,
    /**
     * The order of warps and blocks: forward (default), reverse, random or random:SEED; preempt or preempt:SEED interrupts
     * warps before they touch memory, too.
     */
    SCHEDULE,
    /**
     * What is looked at: on (default: bounds, alignment and use after free), off, all, or some of memory, races and
     * uninitialised.
     */
    CHECKS,
    /** When other blocks see a block's stores: early (default), or late: after a fence, an atomic operation, its end. */
    STORES,
    /** Counting of memory traffic and instructions: on (default), off, or lines: for each line of the PTX too. */
    COUNTERS,
    /** Seconds after which a kernel is ended with CUDA_ERROR_LAUNCH_TIMEOUT. */
    TIMEOUT,
    /** Warp instructions a block may execute before its kernel is ended likewise. */
    BUDGET,
    /** When {@code cp.async} copies: late (default), when it is waited for; or eager, at once. */
    COPIES,
    /**
     * How matrix instructions add: exact (default), every sum rounded once; or truncating, as the tensor cores of the presented
     * device were found to add. A kernel must be good enough under both.
     */
    MATRIX,
    /**
     * Where results of {@code .approx} instructions lie: exact (default), the nearest to the function's value; low or high, at
     * that end of the error that PTX documents. A kernel must be good enough with all three.
     */
    APPROX,
    /** When queued work runs: late (default), when somebody waits for it; or eager, when it is queued. */
    STREAMS,
    /** Milliseconds after which work that nobody waits for runs nevertheless. */
    PATIENCE,
    /**
     * {@code run} (default), or {@code discard}: launches return at once, look at nothing and execute nothing. For measuring
     * what a launch costs its caller; results are then worthless.
     */
    LAUNCH,
    /**
     * A file of register counts as NVIDIA's assembler gives them, lines of a kernel's name and a number. Other kernels have
     * an estimate. Occupancy follows from them.
     */
    REGISTERS,
    /**
     * Calls that shall fail: {@code ALLOCATION:3:CUDA_ERROR_OUT_OF_MEMORY} is the third from now, several are divided by
     * commas; the kinds are those of {@link CallKind}.
     */
    FAIL,
    /** Whether reports go to the standard error stream too: on or off (default). */
    LOG;

    /** {@return the system property of this option} */
    public String property() {
        return "io.quern.emulator." + name().toLowerCase(java.util.Locale.ROOT);
    }

    /** {@return the environment variable of this option} */
    public String variable() {
        return "QUERN_EMULATOR_" + name();
    }
}
