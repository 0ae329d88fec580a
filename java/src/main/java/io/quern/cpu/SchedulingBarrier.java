package io.quern.cpu;

/**
 * Keeps C2 from loading ahead in a loop that uses every register. Its scheduler orders the operations of a stretch without a
 * branch and may load two elements of A where one register is left for them; an accumulator is spilt in every turn then (43
 * instead of 96 GFLOP/s, AVX2, FP32, depth 64). Over a branch it moves none of them:
 *
 * <pre>
 *   int never = SchedulingBarrier.never();
 *   for (int k = 0; k &lt; depth; k++) {
 *       ...
 *       if (k == never) break;
 *       ...
 *       if (k == never - 1) break; // a second test of the same condition would be dropped
 * </pre>
 *
 * <p>Each costs one instruction, a comparison that the processor fuses with its jump.
 */
public final class SchedulingBarrier {
    /** Not final: what C2 knows it does not compare. */
    private static int never = -1;

    private SchedulingBarrier() {}

    /** {@return a negative number, and C2 does not know that it is} */
    public static int never() {
        return never;
    }
}
