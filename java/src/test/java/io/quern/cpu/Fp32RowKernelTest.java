package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Fp32RowKernelTest {
    private static final int ROWS = Fp32RowKernel.ROWS;

    private static MemorySegment random(Arena arena, int count) {
        MemorySegment memory = arena.allocate(count * 4L, HostMemory.ALIGNMENT);
        SplittableRandom random = new SplittableRandom(count);
        for (int i = 0; i < count; i++) {
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-1, 1));
        }
        return memory;
    }

    private static double at(MemorySegment memory, int index) {
        return memory.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    /** A sum of n products, each and the sums rounded: off by n roundings of at most the sum of magnitudes. */
    private static double bound(int terms) {
        return (terms + 1) * 0x1p-24 * terms;
    }

    @Test
    void dotsAreThoseOfPlainLoops() {
        for (int keys : new int[] {0, 1, 7, 96}) {
            for (int vectors = 1; vectors <= 9; vectors++) {
                int length = vectors * Fp32RowKernel.LANES;
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment queries = random(arena, ROWS * length);
                    MemorySegment rows = random(arena, keys * (length + 3) + 1);
                    MemorySegment scores = arena.allocate((keys + 1) * ROWS * 4L);
                    scores.fill((byte) 0x7f);
                    float fence = scores.getAtIndex(ValueLayout.JAVA_FLOAT, 0);
                    MemorySegment scratch = arena.allocate(Fp32RowKernel.scratchBytes(), HostMemory.ALIGNMENT);
                    Fp32RowKernel.dots(
                            keys,
                            length,
                            queries.address(),
                            rows.address(),
                            (length + 3) * 4L,
                            scores.address(),
                            (keys + 1) * 4L,
                            scratch.address());
                    for (int r = 0; r < ROWS; r++) {
                        for (int j = 0; j < keys; j++) {
                            double expected = 0;
                            for (int c = 0; c < length; c++) {
                                expected += at(queries, r * length + c) * at(rows, j * (length + 3) + c);
                            }
                            assertEquals(expected, at(scores, r * (keys + 1) + j), bound(length));
                        }
                        assertEquals(fence, at(scores, r * (keys + 1) + keys), "wrote beside row " + r);
                    }
                }
            }
        }
    }

    @Test
    void theMaximumIsThatOfAllLanesAndPassesOverNaN() {
        int vectors = 3;
        int count = vectors * Fp32RowKernel.LANES;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment scores = random(arena, count);
            MemorySegment scratch = arena.allocate(Fp32RowKernel.scratchBytes(), HostMemory.ALIGNMENT);
            for (int i = 0; i < count; i++) {
                float before = scores.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                scores.setAtIndex(ValueLayout.JAVA_FLOAT, (i + 1) % count, Float.NaN);
                scores.setAtIndex(ValueLayout.JAVA_FLOAT, i, 2 + i);
                assertEquals(2 + i, Fp32RowKernel.maximum(vectors, scores.address(), -5, scratch.address()));
                scores.setAtIndex(ValueLayout.JAVA_FLOAT, i, before);
            }
            assertEquals(5, Fp32RowKernel.maximum(vectors, scores.address(), 5, scratch.address()));
            scores.fill((byte) 0xff); // NaN
            assertEquals(-5, Fp32RowKernel.maximum(vectors, scores.address(), -5, scratch.address()));
        }
    }

    @Test
    void weightedRowsAreAddedUp() {
        for (int keys : new int[] {0, 1, 7, 96}) {
            for (int vectors = 1; vectors <= 9; vectors++) {
                int length = vectors * Fp32RowKernel.LANES;
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment weights = random(arena, ROWS * (keys + 1));
                    MemorySegment values = random(arena, keys * (length + 3) + 1);
                    MemorySegment outs = random(arena, ROWS * length + 1);
                    MemorySegment before = arena.allocate(outs.byteSize()).copyFrom(outs);
                    Fp32RowKernel.accumulate(
                            keys,
                            length,
                            weights.address(),
                            (keys + 1) * 4L,
                            values.address(),
                            (length + 3) * 4L,
                            outs.address());
                    for (int r = 0; r < ROWS; r++) {
                        for (int c = 0; c < length; c++) {
                            double expected = at(before, r * length + c);
                            for (int j = 0; j < keys; j++) {
                                expected += at(weights, r * (keys + 1) + j) * at(values, j * (length + 3) + c);
                            }
                            assertEquals(expected, at(outs, r * length + c), bound(keys + 1));
                        }
                    }
                    assertEquals(at(before, ROWS * length), at(outs, ROWS * length), "wrote behind the rows");
                }
            }
        }
    }
}
