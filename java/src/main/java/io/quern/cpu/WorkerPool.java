package io.quern.cpu;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The threads that CPU kernels share. A kernel cuts its work into parts whose bounds do not depend on the thread count.
 * The caller and up to {@code threads - 1} workers each do a run of adjoining parts, the same ones in every call of as many
 * parts, so that what a core has in its caches is what it works on; who is done early takes over parts of the others.
 * Nothing is allocated per run.
 *
 * <p>One run uses the pool at a time. A second caller meanwhile, or a task that runs a task, does its parts alone: slower,
 * never wrong, never deadlocked.
 */
public final class WorkerPool {
    /** The most threads one run may ask for. */
    public static final int MAX_THREADS = 1024;

    /** How often a waiting thread looks again before it parks: some 20 microseconds, the gap between two small kernels. */
    private static final int SPINS = 1000;

    private static final ReentrantLock IN_USE = new ReentrantLock();

    /** From one thread's counter to the next one's, so that no two share a cache line (or the line fetched beside it). */
    private static final int SPACING = 32;

    /** Grown under {@link #IN_USE}, never shrunk. */
    private static Worker[] workers = new Worker[0];

    /** The next part of each thread's share; the caller's is the first. Grown with the workers. */
    private static AtomicIntegerArray next = new AtomicIntegerArray(SPACING);

    // The current run. Written by the caller before it assigns a worker, read by the worker after
    // it accepts: the worker's
    // state orders the two.
    private static Task task;
    private static int parts;
    private static int shares;
    private static volatile Throwable failure;

    private WorkerPool() {}

    /** Work that can be cut into independent parts. */
    @FunctionalInterface
    public interface Task {
        /**
         * Does one part.
         *
         * @param part from 0 to the number of parts, exclusive; each exactly once
         */
        void run(int part);
    }

    /** {@return the thread count of {@code Device.cpu()}: {@code -Dio.quern.cpu.threads}, or every core} */
    public static int defaultThreads() {
        return Default.THREADS;
    }

    /**
     * Runs all parts and returns when they are done.
     *
     * @param parts how many
     * @param threads how many threads may work at it, the calling one included
     * @throws RuntimeException or Error the first that a part threw; the other parts may or may not have run
     */
    public static void run(Task task, int parts, int threads) {
        int helpers = Math.min(threads, parts) - 1;
        if (helpers <= 0 || IN_USE.isHeldByCurrentThread() || !IN_USE.tryLock()) {
            for (int part = 0; part < parts; part++) {
                task.run(part);
            }
            return;
        }
        try {
            runShared(task, parts, helpers);
        } finally {
            IN_USE.unlock();
        }
    }

    private static void runShared(Task task, int parts, int helpers) {
        grow(helpers);
        WorkerPool.task = task;
        WorkerPool.parts = parts;
        WorkerPool.shares = helpers + 1;
        failure = null;
        for (int share = 0; share <= helpers; share++) {
            next.set(share * SPACING, firstPart(share));
        }
        for (int i = 0; i < helpers; i++) {
            workers[i].assign();
        }
        claimParts(0);
        for (int i = 0; i < helpers; i++) {
            workers[i].withdrawOrAwait();
        }
        WorkerPool.task = null;
        Throwable thrown = failure;
        if (thrown != null) {
            failure = null;
            throw WorkerPool.<RuntimeException>sneak(thrown);
        }
    }

    /** Does what is left of a share, then of the shares behind it, around to the one before it. */
    private static void claimParts(int own) {
        try {
            for (int i = 0; i < shares; i++) {
                claimShare((own + i) % shares);
            }
        } catch (RuntimeException | Error thrown) {
            failure = thrown;
            for (int share = 0; share < shares; share++) {
                next.set(share * SPACING, parts);
            }
        }
    }

    private static void claimShare(int share) {
        int counter = share * SPACING;
        int end = firstPart(share + 1);
        for (int part = next.getAndIncrement(counter); part < end; part = next.getAndIncrement(counter)) {
            task.run(part);
        }
    }

    private static int firstPart(int share) {
        return (int) ((long) parts * share / shares);
    }

    private static void grow(int helpers) {
        if (helpers <= workers.length) {
            return;
        }
        Worker[] grown = Arrays.copyOf(workers, helpers);
        next = new AtomicIntegerArray((helpers + 1) * SPACING);
        for (int i = workers.length; i < helpers; i++) {
            grown[i] = new Worker(i + 1);
            grown[i].start();
        }
        workers = grown;
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> T sneak(Throwable thrown) throws T {
        throw (T) thrown;
    }

    /** Apart, so that a wrong property is reported when it is used and not as a failed class initialisation. */
    private static final class Default {
        static final int THREADS = read();

        private static int read() {
            String asked = System.getProperty("io.quern.cpu.threads");
            if (asked == null) {
                return Math.min(Runtime.getRuntime().availableProcessors(), MAX_THREADS);
            }
            if (!asked.matches("[0-9]{1,4}") || Integer.parseInt(asked) < 1 || Integer.parseInt(asked) > MAX_THREADS) {
                throw new IllegalArgumentException(
                        "-Dio.quern.cpu.threads must be 1.." + MAX_THREADS + ", but is \"" + asked + "\"");
            }
            return Integer.parseInt(asked);
        }
    }

    private static final class Worker extends Thread {
        private static final int IDLE = 0;
        private static final int ASSIGNED = 1;
        private static final int RUNNING = 2;

        private final int share;
        private final AtomicInteger state = new AtomicInteger(IDLE);
        private volatile boolean parked;
        private volatile Thread waiting;

        Worker(int number) {
            super(null, null, "quern-cpu-" + number, 0, false);
            share = number;
            setDaemon(true);
        }

        void assign() {
            state.set(ASSIGNED);
            if (parked) {
                LockSupport.unpark(this);
            }
        }

        /** Takes the assignment back if the worker has not begun (it may be slow to wake), else waits until it is done. */
        void withdrawOrAwait() {
            if (state.compareAndSet(ASSIGNED, IDLE)) {
                return;
            }
            int spins = 0;
            while (state.get() != IDLE) {
                if (++spins < SPINS) {
                    Thread.onSpinWait();
                    continue;
                }
                waiting = Thread.currentThread();
                if (state.get() != IDLE) {
                    LockSupport.park(this);
                }
                waiting = null;
            }
        }

        @Override
        public void run() {
            while (true) {
                awaitAssignment();
                if (state.compareAndSet(ASSIGNED, RUNNING)) {
                    claimParts(share);
                    state.set(IDLE);
                    Thread caller = waiting;
                    if (caller != null) {
                        LockSupport.unpark(caller);
                    }
                }
            }
        }

        private void awaitAssignment() {
            int spins = 0;
            while (state.get() != ASSIGNED) {
                if (++spins < SPINS) {
                    Thread.onSpinWait();
                    continue;
                }
                parked = true;
                if (state.get() != ASSIGNED) {
                    LockSupport.park(this);
                }
                parked = false;
                spins = 0;
            }
        }
    }
}
