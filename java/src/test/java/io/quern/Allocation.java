package io.quern;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/** What code allocates on the heap once it is compiled. */
public final class Allocation {
    /** Until then, and until so many rounds are over, every method has been compiled, however busy the machine is. */
    private static final Duration WARM_UP = Duration.ofSeconds(60);

    /** A machine may also stand still for a minute, in the middle of a round in which the JIT was at work. */
    private static final int ROUNDS = 300;

    private static final int RUNS = 100;

    private Allocation() {}

    /** Asserts that a round of runs without an allocation comes before the JIT's time is over. */
    public static void assertNone(String what, Runnable run) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long deadline = System.nanoTime() + WARM_UP.toNanos();
        int rounds = 0;
        long bytes;
        do {
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < RUNS; i++) {
                run.run();
            }
            bytes = threads.getCurrentThreadAllocatedBytes() - before;
            rounds++;
        } while (bytes > 0 && (System.nanoTime() < deadline || rounds < ROUNDS));
        assertEquals(0, bytes, () -> "bytes allocated in " + RUNS + " runs of " + what);
    }
}
