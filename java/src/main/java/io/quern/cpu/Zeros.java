package io.quern.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A row of zeros for accumulators to start from. */
final class Zeros {
    private static final MemorySegment MEMORY =
            Arena.global().allocate(MicroKernel.VECTORS * (Lanes.BITS / 8L), HostMemory.ALIGNMENT);

    static final long ADDRESS = MEMORY.address();

    private Zeros() {}
}
