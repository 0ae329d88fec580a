package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Bf16RowKernelTest {
    private static final int ROWS = Fp32RowKernel.ROWS;

    /** Elements between rows of BF16: they begin at halves of words too. */
    private static final int GAP = 3;

    private static MemorySegment fp32(Arena arena, int count) {
        MemorySegment memory = arena.allocate(count * 4L, HostMemory.ALIGNMENT);
        SplittableRandom random = new SplittableRandom(count);
        for (int i = 0; i < count; i++) {
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-1, 1));
        }
        return memory;
    }

    /** Neighbours share a word: each must reach its own channel whatever the other one is. */
    private static MemorySegment bf16(Arena arena, int count) {
        MemorySegment memory = arena.allocate(count * 2L, HostMemory.ALIGNMENT);
        SplittableRandom random = new SplittableRandom(count);
        for (int i = 0; i < count; i++) {
            float x = (float) random.nextDouble(-1, 1);
            memory.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(x) >> 16));
        }
        return memory;
    }

    private static double at(MemorySegment memory, int index) {
        return memory.getAtIndex(ValueLayout.JAVA_FLOAT, index);
    }

    private static double wide(MemorySegment memory, int index) {
        return Float.intBitsToFloat(memory.getAtIndex(ValueLayout.JAVA_SHORT, index) << 16);
    }

    /** A sum of n products, each and the sums rounded: off by n roundings of at most the sum of magnitudes. */
    private static double bound(int terms) {
        return (terms + 1) * 0x1p-24 * terms;
    }

    private static MemorySegment separated(Arena arena, int rows, int length, MemorySegment from) {
        MemorySegment to = arena.allocate(from.byteSize(), HostMemory.ALIGNMENT).copyFrom(from);
        for (int r = 0; r < rows; r++) {
            Bf16RowKernel.separate(length, from.address() + r * length * 4L, to.address() + r * length * 4L);
        }
        return to;
    }

    @Test
    void evenChannelsOfTwoVectorsComeBeforeOddOnes() {
        int half = Bf16RowKernel.LANES / 2;
        int length = 3 * Bf16RowKernel.LANES;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment row = fp32(arena, length);
            MemorySegment separated = separated(arena, 1, length, row);
            MemorySegment joined = arena.allocate(length * 4L, HostMemory.ALIGNMENT);
            Bf16RowKernel.join(length, separated.address(), joined.address());
            for (int i = 0; i < length; i++) {
                int of = i / (2 * half);
                assertEquals(
                        at(row, i), at(separated, of * 2 * half + i % 2 * half + i % (2 * half) / 2), "channel " + i);
            }
            assertEquals(-1, joined.mismatch(row));
        }
    }

    @Test
    void dotsAreThoseOfPlainLoops() {
        for (int keys : new int[] {0, 1, 7, 96}) {
            for (int vectors = 1; vectors <= 5; vectors++) {
                int length = vectors * Bf16RowKernel.LANES;
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment queries = fp32(arena, ROWS * length);
                    MemorySegment rows = bf16(arena, keys * (length + GAP) + 1);
                    MemorySegment scores = arena.allocate((keys + 1) * ROWS * 4L);
                    scores.fill((byte) 0x7f);
                    float fence = scores.getAtIndex(ValueLayout.JAVA_FLOAT, 0);
                    MemorySegment scratch = arena.allocate(Fp32RowKernel.scratchBytes(), HostMemory.ALIGNMENT);
                    Bf16RowKernel.dots(
                            keys,
                            length,
                            separated(arena, ROWS, length, queries).address(),
                            rows.address(),
                            (length + GAP) * 2L,
                            scores.address(),
                            (keys + 1) * 4L,
                            scratch.address());
                    for (int r = 0; r < ROWS; r++) {
                        for (int j = 0; j < keys; j++) {
                            double expected = 0;
                            for (int c = 0; c < length; c++) {
                                expected += at(queries, r * length + c) * wide(rows, j * (length + GAP) + c);
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
    void weightedRowsAreAddedUp() {
        for (int keys : new int[] {0, 1, 7, 96}) {
            for (int vectors = 1; vectors <= 5; vectors++) {
                int length = vectors * Bf16RowKernel.LANES;
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment weights = fp32(arena, ROWS * (keys + 1));
                    MemorySegment values = bf16(arena, keys * (length + GAP) + 1);
                    MemorySegment before = fp32(arena, ROWS * length + 1);
                    MemorySegment outs = separated(arena, ROWS, length, before);
                    Bf16RowKernel.accumulate(
                            keys,
                            length,
                            weights.address(),
                            (keys + 1) * 4L,
                            values.address(),
                            (length + GAP) * 2L,
                            outs.address());
                    MemorySegment joined = arena.allocate(length * 4L, HostMemory.ALIGNMENT);
                    for (int r = 0; r < ROWS; r++) {
                        Bf16RowKernel.join(length, outs.address() + r * length * 4L, joined.address());
                        for (int c = 0; c < length; c++) {
                            double expected = at(before, r * length + c);
                            for (int j = 0; j < keys; j++) {
                                expected += at(weights, r * (keys + 1) + j) * wide(values, j * (length + GAP) + c);
                            }
                            assertEquals(expected, at(joined, c), bound(keys + 1));
                        }
                    }
                    assertEquals(at(before, ROWS * length), at(outs, ROWS * length), "wrote behind the rows");
                }
            }
        }
    }
}
