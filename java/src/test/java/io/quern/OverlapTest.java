package io.quern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class OverlapTest {
    /** Random views of a small block, against the set of bytes that each one covers. */
    @Test
    void agreesWithCountingBytes() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment block = arena.allocate(4 * 720, 64);
            SplittableRandom random = new SplittableRandom(7);
            int overlapping = 0;
            for (int i = 0; i < 200_000; i++) {
                Tensor a = randomView(block, random);
                Tensor b = randomView(block, random);
                BitSet common = bytes(block, a);
                common.and(bytes(block, b));
                assertEquals(!common.isEmpty(), Overlap.between(a, b), () -> a + " and " + b);
                overlapping += common.isEmpty() ? 0 : 1;
            }
            assertTrue(overlapping > 20_000 && overlapping < 180_000, "both answers must occur: " + overlapping);
        }
    }

    @Test
    void packedQueryKeyValueSlicesAreApartAndQuicklyFoundSo() {
        try (TensorArena arena = TensorArena.open(Device.cpu())) {
            Tensor packed = arena.allocate(DType.BF16, 8, 65_536, 3, 4, 16);
            Tensor query = packed.select(2, 0);
            Tensor key = packed.select(2, 1);
            Tensor keyByHeads = key.transpose(1, 2);
            assertTimeoutPreemptively(Duration.ofSeconds(5), () -> {
                assertFalse(Overlap.between(query, key));
                assertFalse(Overlap.between(query, keyByHeads));
                assertFalse(Overlap.between(keyByHeads, query));
                assertTrue(Overlap.between(key, keyByHeads));
                assertTrue(Overlap.between(packed, keyByHeads.slice(0, 7, 8).slice(2, 65_535, 65_536)));
            });
        }
    }

    @Test
    void emptyTensorsOverlapNothing() {
        try (TensorArena arena = TensorArena.open(Device.cpu())) {
            Tensor tensor = arena.allocate(DType.FP32, 4, 4);
            assertFalse(Overlap.between(tensor.slice(0, 2, 2), tensor));
        }
    }

    private static Tensor randomView(MemorySegment block, SplittableRandom random) {
        long[][] shapes = {{720}, {6, 120}, {4, 5, 36}, {2, 3, 4, 30}, {5, 4, 3, 2, 6}};
        long[] shape = shapes[random.nextInt(shapes.length)];
        Tensor view = Tensor.borrow(block, DType.FP32, shape);
        for (int cut = 0; cut < 3; cut++) {
            int axis = random.nextInt(view.rank());
            long from = random.nextLong(view.size(axis));
            view = view.slice(axis, from, from + 1 + random.nextLong(view.size(axis) - from));
        }
        if (view.rank() > 2) {
            view = view.transpose(random.nextInt(view.rank() - 1), random.nextInt(view.rank() - 1));
        }
        return view;
    }

    private static BitSet bytes(MemorySegment block, Tensor view) {
        BitSet covered = new BitSet();
        mark(covered, view.address() - block.address(), view, 0);
        return covered;
    }

    private static void mark(BitSet covered, long at, Tensor view, int axis) {
        if (axis == view.rank()) {
            covered.set((int) at, (int) at + 4);
            return;
        }
        for (long i = 0; i < view.size(axis); i++) {
            mark(covered, at + 4 * i * view.stride(axis), view, axis + 1);
        }
    }
}
