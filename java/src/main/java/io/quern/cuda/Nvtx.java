package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Named ranges in the timeline of NVIDIA's profilers, where NVIDIA's library for them is installed; elsewhere the calls
 * compile to nothing.
 */
public final class Nvtx {
    /** Whether ranges go anywhere. */
    public static final boolean ENABLED;

    private static final Map<String, Long> NAMES = new ConcurrentHashMap<>();

    private static final MethodHandle PUSH;
    private static final MethodHandle POP;

    static {
        MethodHandle push = null;
        MethodHandle pop = null;
        try {
            DynamicLibrary library = DynamicLibrary.open("libnvtx3interop.so.1");
            push = library.function("nvtxRangePushA", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
            pop = library.function("nvtxRangePop", FunctionDescriptor.of(JAVA_INT));
        } catch (LinkageError _) {
            push = null; // no profiler's library or no native access, no ranges: nothing that a user has to know
        }
        ENABLED = push != null;
        PUSH = push;
        POP = pop;
    }

    private Nvtx() {}

    /**
     * Prepares a name. Each is kept once, for the life of the process.
     *
     * @return what {@link #push} takes
     */
    public static long name(String name) {
        return ENABLED
                ? NAMES.computeIfAbsent(
                        name, text -> Arena.global().allocateFrom(text).address())
                : 0;
    }

    /**
     * Begins a range on the calling thread, inside the one that is open.
     *
     * @param name from {@link #name}
     */
    public static void push(long name) {
        if (ENABLED) {
            try {
                int _ = (int) PUSH.invokeExact(name);
            } catch (Throwable thrown) {
                throw new AssertionError("nvtxRangePushA throws nothing", thrown);
            }
        }
    }

    /** Ends the calling thread's innermost range. */
    public static void pop() {
        if (ENABLED) {
            try {
                int _ = (int) POP.invokeExact();
            } catch (Throwable thrown) {
                throw new AssertionError("nvtxRangePop throws nothing", thrown);
            }
        }
    }
}
