package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
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
