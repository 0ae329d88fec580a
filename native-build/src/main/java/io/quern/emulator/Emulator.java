package io.quern.emulator;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

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
     * Loads the emulator: the library packed with this class, or the one that the system property
     * {@code io.quern.emulator.library} names. Sets every {@link EmulatorOption} that has a system property. Later calls do
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
        Path library = named == null ? PackagedLibrary.place() : Path.of(named).toAbsolutePath();
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

    /** {@return the memory that contexts destroyed since {@link #reset()} still held, a sentence for each block} */
    public static List<String> leaks() {
        load();
        return nativeLeaks().lines().toList();
    }

    /**
     * Forgets report, counters and leaks, and heals contexts that a failed kernel made unusable: their memory and modules
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

    private static native String nativeLeaks();

    private static native void nativeReset();
}
