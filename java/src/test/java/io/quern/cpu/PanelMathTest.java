package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PanelMathTest {
    private static final int[] ROWS = {0, 1, 7, 17, 64, 65, 207};
    private static final Duration WARM_UP = Duration.ofSeconds(30);

    /** The two implementations. */
    enum Type {
        FP32(PanelMath.FP32, MicroKernel.FP32, 0x1p-24),
        FP64(PanelMath.FP64, MicroKernel.FP64, 0x1p-53);

        final PanelMath math;
        final int bytes;
        final int columns;
        final double roundoff;

        Type(PanelMath math, MicroKernel kernel, double roundoff) {
            this.math = math;
            this.bytes = kernel.elementBytes();
            this.columns = kernel.columns();
            this.roundoff = roundoff;
        }

        double exp2(double x) {
            return this == FP32 ? Exp2.of((float) x) : Exp2.of(x);
        }

        double rounded(double x) {
            return this == FP32 ? (float) x : x;
        }
    }

    @ParameterizedTest
    @EnumSource
    void maximaGrow(Type type) {
        for (int rows : ROWS) {
            try (Arena arena = Arena.ofConfined()) {
                Panel panel = new Panel(arena, type, rows);
                long maxima = panel.row(-1.0);
                type.math.maxima(rows, panel.address, maxima);
                for (int j = 0; j < type.columns; j++) {
                    double expected = -1;
                    for (int r = 0; r < rows; r++) {
                        expected = Math.max(expected, panel.given(r, j));
                    }
                    assertEquals(expected, type.math.get(maxima, j));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void exponentialsAreTheBitsOfExp2AndTheirSums(Type type) {
        for (int rows : ROWS) {
            try (Arena arena = Arena.ofConfined()) {
                Panel panel = new Panel(arena, type, rows);
                if (rows > 8) {
                    panel.set(3, 1, Double.NEGATIVE_INFINITY);
                    panel.set(5, 2, Double.NaN);
                    panel.set(6, 0, -1e4);
                    panel.set(0, 0, 2); // exponents half-way between two whole numbers: both go to the even one
                    panel.set(1, 0, 1);
                    panel.set(2, 0, type == Type.FP32 ? -124 : -1020);
                }
                long shifts = panel.row(2.5);
                long sums = panel.row(1);
                type.math.exponentials(rows, panel.address, shifts, sums);
                for (int j = 0; j < type.columns; j++) {
                    double sum = 1;
                    for (int r = 0; r < rows; r++) {
                        double expected = type.exp2(type.rounded(panel.given(r, j) - 2.5));
                        assertEquals(expected, panel.get(r, j), "row " + r + ", column " + j);
                        sum += expected;
                    }
                    double actual = type.math.get(sums, j);
                    assertTrue(
                            Double.isNaN(sum)
                                    ? Double.isNaN(actual)
                                    : Math.abs(sum - actual) <= (rows + 1) * type.roundoff * sum);
                }
                panel.assertFenced();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void momentsAndSquaresOfColumns(Type type) {
        for (int rows : ROWS) {
            try (Arena arena = Arena.ofConfined()) {
                Panel powers = new Panel(arena, type, rows);
                Panel panel = new Panel(arena, type, rows);
                if (rows > 8) {
                    panel.set(3, 1, Double.NEGATIVE_INFINITY);
                    powers.set(3, 1, 0);
                }
                long shifts = panel.row(0.5);
                long moments = panel.row(2);
                long squares = panel.row(3);
                type.math.moments(rows, powers.address, panel.address, shifts, moments);
                type.math.squares(rows, panel.address, squares);
                for (int j = 0; j < type.columns; j++) {
                    double moment = 2;
                    double momentSize = 2;
                    double square = 3;
                    for (int r = 0; r < rows; r++) {
                        boolean hidden = rows > 8 && r == 3 && j == 1;
                        double term = hidden ? 0 : powers.given(r, j) * (panel.given(r, j) - 0.5);
                        moment += term;
                        momentSize += Math.abs(term);
                        square += hidden ? Double.POSITIVE_INFINITY : panel.given(r, j) * panel.given(r, j);
                    }
                    double bound = (rows + 3) * type.roundoff;
                    assertEquals(moment, type.math.get(moments, j), bound * momentSize);
                    assertEquals(square, type.math.get(squares, j), Double.isInfinite(square) ? 0 : bound * square);
                }
                powers.assertFenced();
                panel.assertFenced();
            }
        }
    }

    /** Relatively, from where tanh is x to where it is 1. */
    @ParameterizedTest
    @EnumSource
    void tanhIsRelativelyExact(Type type) {
        int rows = 130;
        try (Arena arena = Arena.ofConfined()) {
            Panel panel = new Panel(arena, type, rows);
            for (int r = 0; r < rows; r++) {
                for (int j = 0; j < type.columns; j++) {
                    double x = Math.scalb(1.0 + j / 64.0, r / 2 - 25) * (r % 2 == 0 ? 1 : -1);
                    panel.set(r, j, type.rounded(x));
                }
            }
            panel.set(1, 0, Double.NaN);
            panel.set(2, 0, Double.POSITIVE_INFINITY);
            panel.set(3, 0, Double.NEGATIVE_INFINITY);
            type.math.tanh(rows, panel.address, 0.5, 3);
            double worst = 0;
            for (int r = 0; r < rows; r++) {
                for (int j = 0; j < type.columns; j++) {
                    double expected = 3 * Math.tanh(0.5 * panel.given(r, j));
                    double error = Math.abs(panel.get(r, j) - expected) / Math.abs(expected);
                    worst = Math.max(worst, Double.isNaN(expected) ? Double.isNaN(error) ? 0 : 1 : error);
                }
            }
            // Reduction of an argument n ln 2, n up to 64: one rounding of it; then some eight of results.
            assertTrue(worst <= 10 * type.roundoff, "relative error " + worst / type.roundoff + " roundings");
            panel.assertFenced();
        }
    }

    @ParameterizedTest
    @EnumSource
    void distancesGrowDownTheRows(Type type) {
        for (int rows : ROWS) {
            try (Arena arena = Arena.ofConfined()) {
                Panel panel = new Panel(arena, type, rows);
                long places = panel.row(0);
                long slopes = panel.row(0.25);
                for (int j = 0; j < type.columns; j++) {
                    type.math.set(places, j, 2 * j - 5);
                }
                type.math.distances(rows, panel.address, places, slopes);
                for (int r = 0; r < rows; r++) {
                    for (int j = 0; j < type.columns; j++) {
                        double expected = type.rounded(panel.given(r, j) - 0.25 * Math.abs(2 * j - 5 - r));
                        assertEquals(expected, panel.get(r, j));
                    }
                }
                panel.assertFenced();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void columnsAreAddedToAndHidden(Type type) {
        int rows = 9;
        try (Arena arena = Arena.ofConfined()) {
            Panel panel = new Panel(arena, type, rows);
            panel.set(4, 2, Double.NaN);
            long vector = arena.allocate(rows * 8L).address();
            for (int r = 0; r < rows; r++) {
                type.math.set(vector, r, r == 4 ? Double.NEGATIVE_INFINITY : r);
            }
            double least = type == Type.FP32 ? -Float.MAX_VALUE : -Double.MAX_VALUE;
            type.math.set(vector, 5, least);
            type.math.addColumn(rows, vector, 2, panel.address, 2);
            var mask = arena.allocate(rows * 4L, 4);
            mask.fill((byte) 1);
            mask.setAtIndex(ValueLayout.JAVA_INT, 7, 0);
            type.math.hideColumn(rows, mask.address(), panel.address, 1);
            for (int r = 0; r < rows; r++) {
                for (int j = 0; j < type.columns; j++) {
                    double sum = r == 5 ? least : type.rounded(panel.given(r, j) + 2 * r);
                    double added = j == 2 ? sum : panel.given(r, j);
                    boolean hidden = j == 2 && r == 4 || j == 1 && r == 7;
                    assertEquals(hidden ? Double.NEGATIVE_INFINITY : added, panel.get(r, j), r + " " + j);
                }
            }
            panel.assertFenced();
        }
    }

    @ParameterizedTest
    @EnumSource
    void rowsAreShiftedAndWeighed(Type type) {
        for (int rows : ROWS) {
            try (Arena arena = Arena.ofConfined()) {
                Panel panel = new Panel(arena, type, rows);
                Panel weights = new Panel(arena, type, rows);
                long numbers = arena.allocate(Math.max(1, rows) * 8L).address();
                for (int r = 0; r < rows; r++) {
                    type.math.set(numbers, r, 0.3 * r - 2);
                }
                type.math.subtractRows(rows, panel.address, numbers);
                type.math.weigh(rows, weights.address, panel.address, numbers);
                for (int r = 0; r < rows; r++) {
                    double number = type.math.get(numbers, r);
                    for (int j = 0; j < type.columns; j++) {
                        double shifted = type.rounded(panel.given(r, j) - number);
                        double expected = type.rounded(type.rounded(shifted + number) * weights.given(r, j));
                        assertEquals(expected, panel.get(r, j), r + " " + j);
                    }
                }
                panel.assertFenced();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void vectorsAreScaledAndAdded(Type type) {
        for (int length : new int[] {1, 7, type.columns, 3 * type.columns + 5}) {
            try (Arena arena = Arena.ofConfined()) {
                Panel from = new Panel(arena, type, 4);
                Panel to = new Panel(arena, type, 4);
                type.math.scaleVector(length, from.address, 0.3, to.address);
                type.math.addVector(length, from.address, to.address);
                for (int i = 0; i < 4 * type.columns; i++) {
                    double given = from.given(i / type.columns, i % type.columns);
                    double sum = type.rounded(given * type.rounded(0.3)) + given;
                    assertEquals(i < length ? type.rounded(sum) : given, to.get(i / type.columns, i % type.columns));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void scaledColumnByColumn(Type type) {
        for (int rows : ROWS) {
            try (Arena arena = Arena.ofConfined()) {
                Panel panel = new Panel(arena, type, rows);
                long factors = panel.row(0);
                for (int j = 0; j < type.columns; j++) {
                    type.math.set(factors, j, 1.0 / (j + 1));
                }
                type.math.scale(rows, panel.address, factors);
                for (int r = 0; r < rows; r++) {
                    for (int j = 0; j < type.columns; j++) {
                        double expected = type.rounded(panel.given(r, j) * type.math.get(factors, j));
                        assertEquals(expected, panel.get(r, j));
                    }
                }
                panel.assertFenced();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void keepsWhatIsBetween(Type type) {
        for (int rows : ROWS) {
            try (Arena arena = Arena.ofConfined()) {
                Panel panel = new Panel(arena, type, rows);
                for (int j = 0; j < type.columns && rows > 0; j++) {
                    panel.set(0, j, Double.NaN);
                }
                long begins = panel.row(0);
                long ends = panel.row(0);
                for (int j = 0; j < type.columns; j++) {
                    type.math.set(begins, j, 10 + j);
                    type.math.set(ends, j, 10 + 2 * j);
                }
                type.math.keep(10, rows, panel.address, begins, ends);
                for (int r = 0; r < rows; r++) {
                    for (int j = 0; j < type.columns; j++) {
                        double expected = r >= j && r < 2 * j ? panel.given(r, j) : Double.NEGATIVE_INFINITY;
                        assertEquals(expected, panel.get(r, j));
                    }
                }
                panel.assertFenced();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void vectorsBecomeColumnsAndBack(Type type) {
        for (int rows : ROWS) {
            try (Arena arena = Arena.ofConfined()) {
                Panel panel = new Panel(arena, type, rows);
                long vector = arena.allocate((rows + 1L) * type.bytes, HostMemory.ALIGNMENT)
                        .address();
                for (int i = 0; i <= rows; i++) {
                    type.math.set(vector, i, i + 1);
                }
                int column = type.columns - 2;
                type.math.packColumn(rows, vector, 0.5, panel.address, column);
                for (int r = 0; r < rows; r++) {
                    for (int j = 0; j < type.columns; j++) {
                        assertEquals(j == column ? (r + 1) / 2.0 : panel.given(r, j), panel.get(r, j));
                    }
                }
                panel.assertFenced();
                type.math.unpackColumn(rows, panel.address, column, 4, vector);
                for (int i = 0; i <= rows; i++) {
                    assertEquals(i < rows ? 2 * (i + 1) : i + 1, type.math.get(vector, i));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void findsWhatIsNotFinite(Type type) {
        try (Arena arena = Arena.ofConfined()) {
            int stride = 40;
            long from = new Panel(arena, type, 7).row(Double.MAX_VALUE, 7 * stride);
            for (int i = 0; i < 7 * stride; i++) {
                type.math.set(from, i, i % 2 == 0 ? 1e30 : -1e-30);
            }
            for (int length : new int[] {1, 7, 17, 37}) {
                assertTrue(type.math.allFinite(7, length, from, (long) stride * type.bytes));
                for (double x : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
                    for (int i = 0; i < stride; i++) {
                        double kept = type.math.get(from, 3 * stride + i);
                        type.math.set(from, 3 * stride + i, x);
                        assertEquals(i >= length, type.math.allFinite(7, length, from, (long) stride * type.bytes));
                        type.math.set(from, 3 * stride + i, kept);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aPanelAllocatesNothing(Type type) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Arena arena = Arena.ofConfined()) {
            int rows = 128;
            Panel panel = new Panel(arena, type, rows);
            long numbers = panel.row(1);
            long deadline = System.nanoTime() + WARM_UP.toNanos();
            long bytes;
            do {
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 300; i++) {
                    type.math.keep(0, rows, panel.address, numbers, numbers);
                    type.math.maxima(rows, panel.address, numbers);
                    type.math.exponentials(rows, panel.address, numbers, numbers);
                    type.math.scale(rows, panel.address, numbers);
                    type.math.moments(rows, panel.address, panel.address, numbers, numbers);
                    type.math.squares(rows, panel.address, numbers);
                    type.math.tanh(rows, panel.address, 1, 1);
                    type.math.distances(rows, panel.address, numbers, numbers);
                    type.math.subtractRows(type.columns, panel.address, numbers);
                    type.math.weigh(type.columns, panel.address, panel.address, numbers);
                    type.math.scaleVector(type.columns, numbers, 0.5, numbers);
                    type.math.addVector(type.columns, numbers, panel.address);
                }
                bytes = threads.getCurrentThreadAllocatedBytes() - before;
            } while (bytes > 0 && System.nanoTime() < deadline);
            assertEquals(0, bytes);
        }
    }

    /** Numbers between -30 and 2 in a panel with a fence below. */
    private static final class Panel {
        private static final double SENTINEL = -12345;

        private final Arena arena;
        private final Type type;
        private final int rows;
        private final double[] given;
        final long address;

        Panel(Arena arena, Type type, int rows) {
            this.arena = arena;
            this.type = type;
            this.rows = rows;
            int count = rows * type.columns;
            given = new double[count];
            address = row(SENTINEL, rows + 1);
            SplittableRandom random = new SplittableRandom(rows);
            for (int i = 0; i < count; i++) {
                set(i / type.columns, i % type.columns, random.nextDouble(-30, 2));
            }
        }

        long row(double value) {
            return row(value, 1);
        }

        private long row(double value, int count) {
            int numbers = count * type.columns;
            long at = arena.allocate((long) numbers * type.bytes, HostMemory.ALIGNMENT)
                    .address();
            for (int i = 0; i < numbers; i++) {
                type.math.set(at, i, value);
            }
            return at;
        }

        void set(int r, int j, double value) {
            type.math.set(address, r * type.columns + j, value);
            given[r * type.columns + j] = type.rounded(value);
        }

        double given(int r, int j) {
            return given[r * type.columns + j];
        }

        double get(int r, int j) {
            return type.math.get(address, r * type.columns + j);
        }

        void assertFenced() {
            for (int j = 0; j < type.columns; j++) {
                assertEquals(SENTINEL, get(rows, j), "wrote below the panel");
            }
        }
    }
}
