package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class MicroKernelTest {
    private static final int[] DEPTHS = {0, 1, 7, 17, 64, 207};
    private static final int ROWS = MicroKernel.ROWS;
    private static final double SENTINEL = -12345;
    private static final Duration WARM_UP = Duration.ofSeconds(30);

    /** How elements are stored, and what one rounding costs. */
    enum Type {
        FP32(MicroKernel.FP32, 0x1p-24) {
            @Override
            void set(MemorySegment memory, long index, double value) {
                memory.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) value);
            }

            @Override
            double get(MemorySegment memory, long index) {
                return memory.getAtIndex(ValueLayout.JAVA_FLOAT, index);
            }

            @Override
            double fma(double a, double b, double c) {
                return Math.fma((float) a, (float) b, (float) c);
            }
        },
        FP64(MicroKernel.FP64, 0x1p-53) {
            @Override
            void set(MemorySegment memory, long index, double value) {
                memory.setAtIndex(ValueLayout.JAVA_DOUBLE, index, value);
            }

            @Override
            double get(MemorySegment memory, long index) {
                return memory.getAtIndex(ValueLayout.JAVA_DOUBLE, index);
            }

            @Override
            double fma(double a, double b, double c) {
                return Math.fma(a, b, c);
            }
        };

        final MicroKernel kernel;
        final double roundoff;

        Type(MicroKernel kernel, double roundoff) {
            this.kernel = kernel;
            this.roundoff = roundoff;
        }

        abstract void set(MemorySegment memory, long index, double value);

        abstract double get(MemorySegment memory, long index);

        abstract double fma(double a, double b, double c);
    }

    /** Where A's elements lie; the last two leave gaps. */
    enum Layout {
        ROW_MAJOR,
        TRANSPOSED,
        ROWS_APART,
        COLUMNS_APART;

        int row(int depth) {
            return switch (this) {
                case ROW_MAJOR -> depth;
                case TRANSPOSED, COLUMNS_APART -> 1;
                case ROWS_APART -> depth + 3;
            };
        }

        int step() {
            return switch (this) {
                case ROW_MAJOR, ROWS_APART -> 1;
                case TRANSPOSED -> ROWS;
                case COLUMNS_APART -> ROWS + 5;
            };
        }
    }

    static Stream<Arguments> tiles() {
        return Stream.of(Type.values())
                .flatMap(type -> Stream.of(Layout.values()).map(layout -> Arguments.of(type, layout)));
    }

    /** The contract to the last bit; and, independently of it, the sum in FP64 within depth + 1 roundings of its terms. */
    @ParameterizedTest
    @MethodSource("tiles")
    void everyTermIsOneFmaInOrder(Type type, Layout layout) {
        for (int depth : DEPTHS) {
            for (boolean accumulate : new boolean[] {false, true}) {
                try (Arena arena = Arena.ofConfined()) {
                    new Tile(arena, type, layout, depth).check(accumulate);
                }
            }
        }
    }

    /** The same contract where the rows of B lie apart, and those of C and D. */
    @ParameterizedTest
    @EnumSource
    void rowsOfBMayLieApart(Type type) {
        int bytes = type.kernel.elementBytes();
        int columns = MicroKernel.ROW_VECTORS * type.kernel.columns() / MicroKernel.VECTORS;
        int apart = columns + 3;
        for (int depth : DEPTHS) {
            try (Arena arena = Arena.ofConfined()) {
                SplittableRandom random = new SplittableRandom(depth);
                MemorySegment a = random(arena, type, random, ROWS * (depth + 1));
                MemorySegment b = random(arena, type, random, (depth + 1) * apart);
                MemorySegment c = random(arena, type, random, ROWS * apart);
                MemorySegment d = random(arena, type, random, ROWS * apart);
                MemorySegment before =
                        arena.allocate(d.byteSize(), HostMemory.ALIGNMENT).copyFrom(d);
                long row = (long) apart * bytes;
                type.kernel.multiplyAddRows(
                        depth,
                        a.address(),
                        (long) depth * bytes,
                        bytes,
                        b.address(),
                        row,
                        c.address(),
                        row,
                        d.address(),
                        row);
                for (int r = 0; r < ROWS; r++) {
                    for (int j = 0; j < apart; j++) {
                        double sum = 0;
                        for (int k = 0; k < depth; k++) {
                            sum = type.fma(type.get(a, r * depth + k), type.get(b, k * apart + j), sum);
                        }
                        double total = type.fma(1, type.get(c, r * apart + j), sum);
                        double expected = j < columns ? total : type.get(before, r * apart + j);
                        assertEquals(expected, type.get(d, r * apart + j), depth + ": " + r + " " + j);
                    }
                }
            }
        }
    }

    private static MemorySegment random(Arena arena, Type type, SplittableRandom random, int count) {
        MemorySegment memory = arena.allocate((long) count * type.kernel.elementBytes(), HostMemory.ALIGNMENT);
        for (int i = 0; i < count; i++) {
            type.set(memory, i, random.nextDouble(-2, 2));
        }
        return memory;
    }

    @ParameterizedTest
    @EnumSource
    void aNaNStaysInItsRowAndColumn(Type type) {
        try (Arena arena = Arena.ofConfined()) {
            Tile tile = new Tile(arena, type, Layout.ROW_MAJOR, 17);
            type.set(tile.a, 17 + 3, Double.NaN); // A[1][3]
            type.set(tile.b, 5L * tile.columns + 2, Double.POSITIVE_INFINITY); // B[5][2]
            tile.run(MicroKernel.zeros(), 0);
            for (int r = 0; r < ROWS; r++) {
                for (int j = 0; j < tile.columns; j++) {
                    assertEquals(r != 1 && j != 2, Double.isFinite(tile.d(r, j)), "D[" + r + "][" + j + "]");
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aTileAllocatesNothing(Type type) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Arena arena = Arena.ofConfined()) {
            Tile tile = new Tile(arena, type, Layout.ROW_MAJOR, 64);
            long deadline = System.nanoTime() + WARM_UP.toNanos();
            long bytes;
            do {
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 1000; i++) {
                    tile.run(MicroKernel.zeros(), 0);
                }
                bytes = threads.getCurrentThreadAllocatedBytes() - before;
            } while (bytes > 0 && System.nanoTime() < deadline);
            assertEquals(0, bytes);
        }
    }

    /** Operands of one product; D lies in a larger, fenced matrix and is filled with NaN. */
    private static final class Tile {
        final Type type;
        final Layout layout;
        final int depth;
        final int columns;
        final int dRow;
        final MemorySegment a;
        final MemorySegment b;
        final MemorySegment d;

        Tile(Arena arena, Type type, Layout layout, int depth) {
            this.type = type;
            this.layout = layout;
            this.depth = depth;
            this.columns = type.kernel.columns();
            this.dRow = columns + 4;
            SplittableRandom random = new SplittableRandom(depth);
            a = filled(arena, random, (ROWS - 1) * layout.row(depth) + Math.max(1, depth) * layout.step());
            b = filled(arena, random, depth * columns + 1);
            d = allocate(arena, (ROWS + 2) * dRow);
            for (int i = 0; i < (ROWS + 2) * dRow; i++) {
                boolean inside = i / dRow >= 1 && i / dRow <= ROWS && i % dRow >= 2 && i % dRow < 2 + columns;
                type.set(d, i, inside ? Double.NaN : SENTINEL);
            }
        }

        private MemorySegment allocate(Arena arena, int count) {
            return arena.allocate((long) count * type.kernel.elementBytes(), HostMemory.ALIGNMENT);
        }

        private MemorySegment filled(Arena arena, SplittableRandom random, int count) {
            MemorySegment memory = allocate(arena, count);
            for (int i = 0; i < count; i++) {
                type.set(memory, i, random.nextDouble(-1, 1) * (i % 11 == 3 ? 20 : 1));
            }
            return memory;
        }

        void run(long c, long cRow) {
            int bytes = type.kernel.elementBytes();
            long at = d.address() + (long) (dRow + 2) * bytes;
            type.kernel.multiplyAdd(
                    depth,
                    a.address(),
                    (long) layout.row(depth) * bytes,
                    (long) layout.step() * bytes,
                    b.address(),
                    c == 0 ? at : c,
                    cRow,
                    at,
                    (long) dRow * bytes);
        }

        double d(int r, int j) {
            return type.get(d, (1L + r) * dRow + 2 + j);
        }

        void check(boolean accumulate) {
            run(MicroKernel.zeros(), 0);
            if (accumulate) {
                run(0, (long) dRow * type.kernel.elementBytes());
            }
            for (int r = 0; r < ROWS; r++) {
                for (int j = 0; j < columns; j++) {
                    checkElement(r, j, accumulate ? 2 : 1);
                }
            }
            for (int i = 0; i < (ROWS + 2) * dRow; i++) {
                boolean inside = i / dRow >= 1 && i / dRow <= ROWS && i % dRow >= 2 && i % dRow < 2 + columns;
                assertTrue(inside || type.get(d, i) == SENTINEL, "wrote beside D");
            }
        }

        private void checkElement(int r, int j, int times) {
            double bits = 0;
            double sum = 0;
            double magnitude = 0;
            for (int time = 0; time < times; time++) {
                double product = 0;
                for (int k = 0; k < depth; k++) {
                    double x = type.get(a, (long) r * layout.row(depth) + (long) k * layout.step());
                    double y = type.get(b, (long) k * columns + j);
                    product = type.fma(x, y, product);
                    sum += x * y;
                    magnitude += Math.abs(x * y);
                }
                bits = type.fma(1, product, bits);
            }
            String place = "D[" + r + "][" + j + "] of depth " + depth;
            assertEquals(bits, d(r, j), place);
            double bound = (times * depth + 1) * (type.roundoff + 0x1p-53) * magnitude;
            assertTrue(Math.abs(sum - d(r, j)) <= bound, place);
        }
    }
}
