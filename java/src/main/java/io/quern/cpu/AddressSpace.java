package io.quern.cpu;

import java.lang.foreign.MemorySegment;

/**
 * All memory of the process as one segment, in which an offset is an address.
 *
 * <p>For inner loops whose callers answer for their addresses. A segment that is a constant has no base to add, no owner to
 * ask whether it is alive, and a bound that is known while compiling: in a loop of seven loads and twelve FMA the checks of
 * ordinary segments took a tenth of the time at 512 bits and a third at 256. The price is that a wrong address is no
 * exception any more. Whoever passes one on keeps its memory reachable and open until the loop is done.
 */
public final class AddressSpace {
    /** From address 0 to the last that Java can name. */
    public static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private AddressSpace() {}
}
