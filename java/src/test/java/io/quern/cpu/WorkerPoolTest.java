package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

class WorkerPoolTest {
    @Test
    void everyPartRunsOnceWhateverTheThreads() {
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            for (int threads : new int[] {1, 2, 3, 8}) {
                for (int parts : new int[] {0, 1, 2, 7, 1000}) {
                    for (int repeat = 0; repeat < 200; repeat++) {
                        AtomicIntegerArray runs = new AtomicIntegerArray(parts);
                        WorkerPool.run(runs::incrementAndGet, parts, threads);
                        for (int part = 0; part < parts; part++) {
                            assertEquals(1, runs.get(part));
                        }
                    }
                }
            }
        });
    }

    /** Each part waits for the other one, so that neither thread can do both. */
    @Test
    void aThreadDoesTheSamePartsInEveryCall() {
        Thread caller = Thread.currentThread();
        Thread[] threads = new Thread[2];
        for (int repeat = 0; repeat < 100; repeat++) {
            CountDownLatch both = new CountDownLatch(2);
            WorkerPool.run(
                    part -> {
                        threads[part] = Thread.currentThread();
                        both.countDown();
                        try {
                            assertTrue(both.await(60, TimeUnit.SECONDS));
                        } catch (InterruptedException interrupted) {
                            throw new AssertionError(interrupted);
                        }
                    },
                    2,
                    2);
            assertSame(caller, threads[0]);
            assertEquals("quern-cpu-1", threads[1].getName());
        }
    }

    @Test
    void whatAPartThrowsReachesTheCallerAndThePoolGoesOn() {
        IllegalStateException thrown = new IllegalStateException("part 3");
        WorkerPool.Task task = part -> {
            if (part == 3) {
                throw thrown;
            }
        };
        for (int repeat = 0; repeat < 100; repeat++) {
            assertSame(thrown, assertThrows(IllegalStateException.class, () -> WorkerPool.run(task, 8, 4)));
        }
        AtomicInteger runs = new AtomicInteger();
        WorkerPool.run(_ -> runs.incrementAndGet(), 8, 4);
        assertEquals(8, runs.get());
    }

    @Test
    void nestedAndConcurrentRunsDoNotDeadlock() {
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            AtomicInteger runs = new AtomicInteger();
            Thread[] callers = new Thread[4];
            for (int i = 0; i < callers.length; i++) {
                callers[i] = Thread.ofPlatform().start(() -> {
                    for (int repeat = 0; repeat < 500; repeat++) {
                        WorkerPool.run(_ -> WorkerPool.run(_ -> runs.incrementAndGet(), 3, 2), 4, 3);
                    }
                });
            }
            for (Thread caller : callers) {
                caller.join();
            }
            assertEquals(4 * 500 * 4 * 3, runs.get());
        });
    }
}
