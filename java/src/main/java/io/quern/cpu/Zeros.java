package io.quern.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A row of zeros for accumulators to start from. */
final class Zeros {
    static final long BYTES = MicroKernel.VECTORS * (Lanes.BITS / 8L);

    private static final MemorySegment MEMORY = Arena.global().allocate(BYTES, HostMemory.ALIGNMENT);

    static final long ADDRESS = MEMORY.address();

    private Zeros() {}
}
