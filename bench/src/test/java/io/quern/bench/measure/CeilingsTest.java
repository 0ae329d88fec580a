package io.quern.bench.measure;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.bench.measure.Ceiling.Level;
import io.quern.cpu.HostMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class CeilingsTest {
    private static final Pace SHORT = new Pace(2, 6, 20);

    private static Subject subject(String dtype, long bytes, long flops, long footprint) {
        var work = new Subject.Work(Traffic.IN_PLACE, bytes, flops, footprint);
        return new Subject("room.kernel", dtype, "n=1", work, true, null, _ -> null);
    }

    @Test
    void theFloorIsTheSlowerOfMovingAndComputing() {
        Ceilings ceilings = new Ceilings();
        ceilings.put(Ceiling.IN_PLACE, Level.MEMORY, 1, 10);
        ceilings.put(Ceiling.IN_PLACE, Level.L2, 1, 100);
        ceilings.put(Ceiling.FMA_FP32, Level.MEMORY, 1, 1000);
        ceilings.put(Ceiling.FMA_FP64, Level.MEMORY, 1, 500);
        assertEquals(4, ceilings.floor(subject("fp32", 40, 1000, 2000), 1, 1000));
        assertEquals(
                0.4, ceilings.floor(subject("fp32", 40, 10, 500), 1, 1000), "what fits into L2 is held against L2");
        assertEquals(20, ceilings.floor(subject("fp64", 40, 10_000, 2000), 1, 1000));
        assertTrue(Double.isNaN(ceilings.floor(subject("fp32", 40, 10, 2000), 2, 1000)), "never measured");
    }

    @Test
    void theLoopsDoWhatTheySay() {
        long bytes = 8 * CeilingLoops.BLOCK;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment x = HostMemory.allocate(arena, bytes);
            MemorySegment y = HostMemory.allocate(arena, bytes);
            MemorySegment z = HostMemory.allocate(arena, bytes);
            CeilingLoops.inPlace(x, 0, bytes);
            CeilingLoops.inPlace(x, CeilingLoops.BLOCK, bytes);
            assertEquals(1f, at(x, 0));
            assertEquals(1.5f, at(x, bytes - 4));
            CeilingLoops.copy(x, y, 0, bytes);
            assertEquals(-1, x.mismatch(y));
            CeilingLoops.triad(x, y, z, 0, bytes);
            assertEquals(1.5f, at(z, 0));
            assertEquals(2.25f, at(z, bytes - 4));
            float sum = CeilingLoops.read(x, 0, bytes);
            assertEquals((1 + 7 * 1.5f) * CeilingLoops.BLOCK / 4, sum);
        }
    }

    /** Far below any machine's limits and far above what a broken loop reaches or a loop that was optimised away. */
    @Test
    void ratesArePlausible() {
        double flops = Sample.of(Forks.measure(Ceiling.FMA_FP32, Level.MEMORY, 1, SHORT))
                .median();
        assertTrue(flops > 5e8 && flops < 1e12, "FMA FP32 " + flops);
        double bytes =
                Sample.of(Forks.measure(Ceiling.IN_PLACE, Level.L2, 1, SHORT)).median();
        assertTrue(bytes > 2e8 && bytes < 2e12, "in place " + bytes);
    }

    private static float at(MemorySegment x, long offset) {
        return x.get(ValueLayout.JAVA_FLOAT, offset);
    }
}
