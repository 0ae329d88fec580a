package io.quern.cpu;

import java.lang.foreign.MemorySegment;

/**
 * All memory of the process as one segment, in which an offset is an address.
 *
 * <p>For inner loops whose callers answer for their addresses. A segment that is a constant has no base to add, no owner to
 * ask whether it is alive, and a bound that is known while compiling: in a loop of seven loads and twelve FMA the checks of
 * ordinary segments took a tenth of the time at 512 bits and a third at 256. The price is that a wrong address is no
 * exception any more. Whoever passes one on keeps its memory reachable and open until the loop is done.
 *
 * <p>C2 drops a check for good where the operands' types say that it holds. So addresses and strides are cut to the bits below,
 * which changes none of them: {@code a &= ADDRESS} before the loop, and in it {@code a = (a + stride) & ADDRESS}, as a variable
 * that grows may have any value otherwise. An address plus seven strides is in the segment.
 */
public final class AddressSpace {
    /** From address 0 to the last that Java can name. */
    public static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    /** The bits of an address: more than any machine has. */
    public static final long ADDRESS = (1L << 60) - 1;

    /** The bits of a distance between addresses, which is not negative. */
    public static final long STRIDE = (1L << 59) - 1;

    private AddressSpace() {}
}
