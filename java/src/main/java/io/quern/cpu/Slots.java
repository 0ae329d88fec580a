package io.quern.cpu;

import java.util.concurrent.atomic.AtomicIntegerArray;

/** As many places as threads: whoever runs a part of a task takes one that is free, and with it its scratch memory. */
public final class Slots {
    private final AtomicIntegerArray busy;

    /** Makes places for a number of threads, all free. */
    public Slots(int threads) {
        busy = new AtomicIntegerArray(threads);
    }

    /** {@return a place that was free; there is one while no more threads than places ask} */
    public int acquire() {
        for (int i = 0; ; i = (i + 1) % busy.length()) {
            if (busy.compareAndSet(i, 0, 1)) {
                return i;
            }
        }
    }

    /** Gives a place back. */
    public void release(int slot) {
        busy.setRelease(slot, 0);
    }
}
