package io.quern.emulator;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A CUDA driver that executes PTX on the CPU. {@link #load()} makes it this process's {@code libcuda.so.1}; what binds to
 * CUDA afterwards, such as unmodified JCuda, runs on it.
 *
 * <pre>{@code
 * Emulator.load();                      // before JCudaDriver is touched
 * JCudaDriver.cuInit(0);                // and so on, as on a GPU
 * ...
 * Emulator.report();                    // what went wrong last, in a sentence
 * Emulator.counters();                  // what each launch did
 * }</pre>
 *
 * <p>A process has one CUDA driver: once a real one is loaded, this one cannot take its place.
 */
public final class Emulator {
    private static final String LIBRARY_PROPERTY = "io.quern.emulator.library";

    private static boolean loaded;

    private Emulator() {}

    /**
     * Loads the emulator, and its stand-in for cuBLAS: the libraries packed with this class, or the one that the system
     * property {@code io.quern.emulator.library} names. Sets every {@link EmulatorOption} that has a system property. Later calls do
     * nothing.
     *
     * @throws UnsatisfiedLinkError if the library is not there, cannot be placed, or does not load
     * @throws IllegalArgumentException if an option has a value that it does not accept
     */
    public static synchronized void load() {
        if (loaded) {
            return;
        }
        String named = System.getProperty(LIBRARY_PROPERTY);
        Path library = named == null
                ? PackagedLibrary.place(PackagedLibrary.CUDA)
                : Path.of(named).toAbsolutePath();
        if (!Files.isRegularFile(library)) {
            throw new UnsatisfiedLinkError("-D" + LIBRARY_PROPERTY + ": there is no file " + library);
        }
        System.load(library.toString());
        for (EmulatorOption option : EmulatorOption.values()) {
            String value = System.getProperty(option.property());
            if (value != null) {
                configure(option.variable(), value);
            }
        }
        loaded = true;
        loadCublas(named == null ? null : library);
    }

    // Under its soname, so that JCublas2 binds to it. Beside a library that was named there need not be one.
    private static void loadCublas(Path named) {
        Path cublas = named == null
                ? PackagedLibrary.place(PackagedLibrary.CUBLAS)
                : named.resolveSibling(PackagedLibrary.CUBLAS);
        if (Files.isRegularFile(cublas)) {
            System.load(cublas.toString());
        }
    }

    /**
     * Loads the emulator and sets what is chosen, for everything that happens from now on.
     *
     * @throws UnsatisfiedLinkError as {@link #load()}
     * @throws IllegalArgumentException if an option does not accept its value; those before it are set
     * @throws IllegalStateException if another device, or other memory, has been presented already
     */
    public static void install(EmulatorOptions options) {
        load();
        options.values().forEach(Emulator::set);
    }

    /**
     * Sets an option, for everything that happens from now on. Loads the emulator if need be.
     *
     * @throws IllegalArgumentException if the option does not accept the value; it then stays as it was
     * @throws IllegalStateException if the device has been presented already and the option describes it
     */
    public static void set(EmulatorOption option, String value) {
        load();
        configure(option.variable(), value);
    }

    /** {@return what went wrong last (call, kernel, block, thread, address, PTX line), or "" if nothing did} */
    public static String report() {
        load();
        return nativeReport();
    }

    /** {@return what each launch since {@link #reset()} did, oldest first; the last 4,096 are kept} */
    public static List<KernelCounters> counters() {
        load();
        return nativeCounters().lines().map(KernelCounters::parse).toList();
    }

    /** {@return as {@link #counters()}, as a JSON array} */
    public static String countersJson() {
        load();
        return nativeCountersJson();
    }

    /**
     * {@return the lines of a kernel's PTX that hold instructions, each with what it did in the kernel's last launch under
     * {@link EmulatorOption#COUNTERS} = {@code lines}; empty if there was none}
     */
    public static List<LineCounters> lines(String kernel) {
        load();
        return nativeListing(kernel).lines().map(LineCounters::parse).toList();
    }

    /** {@return the memory that contexts destroyed since {@link #reset()} still held, a sentence for each block} */
    public static List<String> leaks() {
        load();
        return nativeLeaks().lines().toList();
    }

    /**
     * Makes a call fail: the {@code n}-th of its kind from now on, 1 being the next one, returns {@code result} and does
     * nothing. A result that costs a device its context, such as CUDA_ERROR_ILLEGAL_ADDRESS, makes the current context
     * unusable. Calls that are refused for a reason of their own do not count. Orders add up.
     *
     * @param result a CUresult: 2 is CUDA_ERROR_OUT_OF_MEMORY
     */
    public static void failNext(CallKind kind, long n, int result) {
        if (n < 1 || result < 1 || result > 999) {
            throw new IllegalArgumentException("failNext(" + kind + ", " + n + ", " + result
                    + "): expected n from 1 and a CUresult that is an error");
        }
        load();
        nativeFailNext(kind.ordinal(), n, result);
    }

    /** {@return calls of a kind since {@link #reset()}: as many as {@link #failNext} could make fail} */
    public static long calls(CallKind kind) {
        load();
        return nativeCalls(kind.ordinal());
    }

    /**
     * Tells how many registers a thread of a kernel has, as NVIDIA's assembler counted them for the presented device:
     * occupancy and the largest block follow from it, as on that device. Without it there is an estimate, which refuses no
     * launch.
     *
     * @param ptx the module's text, as it is loaded
     */
    public static void registers(String ptx, String kernel, int registers) {
        registers(ptx, Map.of(kernel, registers));
    }

    /**
     * As {@link #registers(String, String, int)}, for many kernels of a module. What the module's load writes about them into
     * its log, if that is asked for, says which counts are estimates.
     *
     * @param ptx the module's text, as it is loaded
     * @param registers of a thread, by kernel
     */
    public static void registers(String ptx, Map<String, Integer> registers) {
        String[] kernels = registers.keySet().toArray(String[]::new);
        int[] counts = new int[kernels.length];
        for (int i = 0; i < kernels.length; i++) {
            counts[i] = registers.get(kernels[i]);
            if (counts[i] < 0 || counts[i] > 255) {
                throw new IllegalArgumentException(kernels[i] + ": " + counts[i] + " registers; a thread has 0 to 255");
            }
        }
        load();
        nativeRegisters(ptx, kernels, counts);
    }

    /**
     * Forgets report, counters, leaks and what was ordered to fail, and heals contexts that a failed kernel made unusable: their memory and modules
     * stay. A real driver offers no such thing; a test that provokes an error goes on with the next one.
     */
    public static void reset() {
        load();
        nativeReset();
    }

    private static native void configure(String variable, String value);

    private static native String nativeReport();

    private static native String nativeCounters();

    private static native String nativeCountersJson();

    private static native String nativeListing(String kernel);

    private static native String nativeLeaks();

    private static native void nativeFailNext(int kind, long n, int result);

    private static native long nativeCalls(int kind);

    private static native void nativeRegisters(String ptx, String[] kernels, int[] registers);

    private static native void nativeReset();
}
