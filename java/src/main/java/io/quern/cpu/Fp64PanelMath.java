package io.quern.cpu;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.Lanes.DOUBLE_VECTOR;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link PanelMath} for FP64.
 *
 * <p>No helper takes or returns a vector: where many of these loops end up in one method, C2 reaches its node limit, leaves
 * helpers out of line and boxes their vectors. The Vector API's own methods are inlined past that limit. Where there are
 * two lanes, nothing uses masks: C2 boxes masks of two doubles.
 */
final class Fp64PanelMath implements PanelMath {
    private static final VectorSpecies<Double> SPECIES = Lanes.DOUBLE;
    private static final long V = SPECIES.vectorByteSize();
    private static final long ROW = MicroKernel.VECTORS * V;
    private static final int COLUMNS = MicroKernel.VECTORS * SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfDouble ELEMENT = ValueLayout.JAVA_DOUBLE_UNALIGNED;
    private static final MemorySegment ALL = AddressSpace.ALL;

    /** C2 has no masks of two doubles. */
    private static final boolean MASKS = SPECIES.length() > 2;

    private static final DoubleVector LEAST = DoubleVector.broadcast(SPECIES, -Exp2.DOUBLE_BIAS);

    private static final DoubleVector TO_INTEGER = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_TO_INTEGER);

    /** Added after {@link #TO_INTEGER} and as an integer: it is odd, and ties would go the other way. */
    private static final LongVector BIAS = LongVector.broadcast(Lanes.LONG, Exp2.DOUBLE_BIAS);

    private static final DoubleVector MASKED = DoubleVector.broadcast(SPECIES, Double.NEGATIVE_INFINITY);
    private static final DoubleVector ONE = DoubleVector.broadcast(SPECIES, 1);
    private static final DoubleVector TWO = DoubleVector.broadcast(SPECIES, 2);

    /** From here on tanh is 1 to the last bit, and below minus this -1. */
    private static final DoubleVector MOST = DoubleVector.broadcast(SPECIES, 64);

    private static final DoubleVector LEAST_OF_TANH = DoubleVector.broadcast(SPECIES, -64);
    private static final double TWO_LOG2_E = 2 / Math.log(2);
    private static final DoubleVector C1 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C1);
    private static final DoubleVector C2 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C2);
    private static final DoubleVector C3 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C3);
    private static final DoubleVector C4 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C4);
    private static final DoubleVector C5 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C5);
    private static final DoubleVector C6 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C6);
    private static final DoubleVector C7 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C7);
    private static final DoubleVector C8 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C8);
    private static final DoubleVector C9 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C9);
    private static final DoubleVector C10 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C10);
    private static final DoubleVector C11 = DoubleVector.broadcast(SPECIES, Exp2.DOUBLE_C11);

    @Override
    public void maxima(int rows, long panel, long maxima) {
        DoubleVector x = DoubleVector.fromMemorySegment(SPECIES, ALL, maxima, ORDER);
        DoubleVector y = DoubleVector.fromMemorySegment(SPECIES, ALL, maxima + V, ORDER);
        DoubleVector z = DoubleVector.fromMemorySegment(SPECIES, ALL, maxima + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            DoubleVector a = DoubleVector.fromMemorySegment(SPECIES, ALL, row, ORDER);
            DoubleVector b = DoubleVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER);
            DoubleVector c = DoubleVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER);
            x = DOUBLE_VECTOR.cast(x);
            x = MASKS ? x.blend(a, a.compare(GT, x)) : x.max(a);
            y = DOUBLE_VECTOR.cast(y);
            y = MASKS ? y.blend(b, b.compare(GT, y)) : y.max(b);
            z = DOUBLE_VECTOR.cast(z);
            z = MASKS ? z.blend(c, c.compare(GT, z)) : z.max(c);
        }
        DOUBLE_VECTOR.cast(x).intoMemorySegment(ALL, maxima, ORDER);
        DOUBLE_VECTOR.cast(y).intoMemorySegment(ALL, maxima + V, ORDER);
        DOUBLE_VECTOR.cast(z).intoMemorySegment(ALL, maxima + 2 * V, ORDER);
    }

    @Override
    public void exponentials(int rows, long panel, long shifts, long sums) {
        for (int r = 0; r < rows; r += CHUNK) {
            powersOfChunk(Math.min(CHUNK, rows - r), panel + r * ROW, shifts, sums);
        }
    }

    /**
     * Each sum begins at 0: the total is rounded once a chunk. The same three times, a row a turn, makes the method too long
     * (325 bytes, {@code FreqInlineSize}) for C2 to inline it where other loops have brought it near its node limit, past
     * which vectors are boxed.
     */
    private static void powersOfChunk(int rows, long row, long shifts, long sums) {
        shifts &= ADDRESS;
        sums &= ADDRESS;
        DoubleVector shiftX = DoubleVector.fromMemorySegment(SPECIES, ALL, shifts, ORDER);
        DoubleVector shiftY = DoubleVector.fromMemorySegment(SPECIES, ALL, shifts + V, ORDER);
        DoubleVector shiftZ = DoubleVector.fromMemorySegment(SPECIES, ALL, shifts + 2 * V, ORDER);
        DoubleVector sumX = DoubleVector.zero(SPECIES);
        DoubleVector sumY = sumX;
        DoubleVector sumZ = sumX;
        for (int r = 0; r < rows; r++) {
            row &= ADDRESS;
            DoubleVector x =
                    DoubleVector.fromMemorySegment(SPECIES, ALL, row, ORDER).sub(shiftX);
            x = MASKS ? x.blend(LEAST, x.compare(LT, LEAST)) : x.max(LEAST);
            DoubleVector exponentX = x.add(TO_INTEGER);
            x = x.sub(exponentX.sub(TO_INTEGER));
            DoubleVector powerX = C11.fma(x, C10);
            powerX = powerX.fma(x, C9);
            powerX = powerX.fma(x, C8);
            powerX = powerX.fma(x, C7);
            powerX = powerX.fma(x, C6);
            powerX = powerX.fma(x, C5);
            powerX = powerX.fma(x, C4);
            powerX = powerX.fma(x, C3);
            powerX = powerX.fma(x, C2);
            powerX = powerX.fma(x, C1);
            powerX = powerX.fma(x, ONE)
                    .mul(exponentX
                            .reinterpretAsLongs()
                            .add(BIAS)
                            .lanewise(LSHL, 52)
                            .reinterpretAsDoubles());
            powerX.intoMemorySegment(ALL, row, ORDER);
            sumX = powerX.add(sumX);

            DoubleVector y =
                    DoubleVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER).sub(shiftY);
            y = MASKS ? y.blend(LEAST, y.compare(LT, LEAST)) : y.max(LEAST);
            DoubleVector exponentY = y.add(TO_INTEGER);
            y = y.sub(exponentY.sub(TO_INTEGER));
            DoubleVector powerY = C11.fma(y, C10);
            powerY = powerY.fma(y, C9);
            powerY = powerY.fma(y, C8);
            powerY = powerY.fma(y, C7);
            powerY = powerY.fma(y, C6);
            powerY = powerY.fma(y, C5);
            powerY = powerY.fma(y, C4);
            powerY = powerY.fma(y, C3);
            powerY = powerY.fma(y, C2);
            powerY = powerY.fma(y, C1);
            powerY = powerY.fma(y, ONE)
                    .mul(exponentY
                            .reinterpretAsLongs()
                            .add(BIAS)
                            .lanewise(LSHL, 52)
                            .reinterpretAsDoubles());
            powerY.intoMemorySegment(ALL, row + V, ORDER);
            sumY = powerY.add(sumY);

            DoubleVector z = DoubleVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER)
                    .sub(shiftZ);
            z = MASKS ? z.blend(LEAST, z.compare(LT, LEAST)) : z.max(LEAST);
            DoubleVector exponentZ = z.add(TO_INTEGER);
            z = z.sub(exponentZ.sub(TO_INTEGER));
            DoubleVector powerZ = C11.fma(z, C10);
            powerZ = powerZ.fma(z, C9);
            powerZ = powerZ.fma(z, C8);
            powerZ = powerZ.fma(z, C7);
            powerZ = powerZ.fma(z, C6);
            powerZ = powerZ.fma(z, C5);
            powerZ = powerZ.fma(z, C4);
            powerZ = powerZ.fma(z, C3);
            powerZ = powerZ.fma(z, C2);
            powerZ = powerZ.fma(z, C1);
            powerZ = powerZ.fma(z, ONE)
                    .mul(exponentZ
                            .reinterpretAsLongs()
                            .add(BIAS)
                            .lanewise(LSHL, 52)
                            .reinterpretAsDoubles());
            powerZ.intoMemorySegment(ALL, row + 2 * V, ORDER);
            sumZ = powerZ.add(sumZ);
            row += ROW;
        }
        DOUBLE_VECTOR
                .cast(sumX)
                .add(DoubleVector.fromMemorySegment(SPECIES, ALL, sums, ORDER))
                .intoMemorySegment(ALL, sums, ORDER);
        DOUBLE_VECTOR
                .cast(sumY)
                .add(DoubleVector.fromMemorySegment(SPECIES, ALL, sums + V, ORDER))
                .intoMemorySegment(ALL, sums + V, ORDER);
        DOUBLE_VECTOR
                .cast(sumZ)
                .add(DoubleVector.fromMemorySegment(SPECIES, ALL, sums + 2 * V, ORDER))
                .intoMemorySegment(ALL, sums + 2 * V, ORDER);
    }

    @Override
    public void moments(int rows, long powers, long panel, long shifts, long sums) {
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            momentsOfColumn(rows, powers + v * V, panel + v * V, shifts + v * V, sums + v * V);
        }
    }

    /** What is hidden has the power 0, and is bounded so that the product is 0 too. */
    private static void momentsOfColumn(int rows, long powers, long column, long shifts, long sums) {
        DoubleVector shift = DoubleVector.fromMemorySegment(SPECIES, ALL, shifts, ORDER);
        DoubleVector sum = DoubleVector.fromMemorySegment(SPECIES, ALL, sums, ORDER);
        for (int r = 0; r < rows; r++) {
            DoubleVector given = DoubleVector.fromMemorySegment(SPECIES, ALL, column + r * ROW, ORDER)
                    .sub(shift);
            DoubleVector x = MASKS ? given.blend(LEAST, given.compare(LT, LEAST)) : given.max(LEAST);
            sum = DoubleVector.fromMemorySegment(SPECIES, ALL, powers + r * ROW, ORDER)
                    .fma(x, sum);
        }
        DOUBLE_VECTOR.cast(sum).intoMemorySegment(ALL, sums, ORDER);
    }

    @Override
    public void squares(int rows, long panel, long sums) {
        DoubleVector x = DoubleVector.fromMemorySegment(SPECIES, ALL, sums, ORDER);
        DoubleVector y = DoubleVector.fromMemorySegment(SPECIES, ALL, sums + V, ORDER);
        DoubleVector z = DoubleVector.fromMemorySegment(SPECIES, ALL, sums + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            DoubleVector a = DoubleVector.fromMemorySegment(SPECIES, ALL, row, ORDER);
            DoubleVector b = DoubleVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER);
            DoubleVector c = DoubleVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER);
            x = a.fma(a, x);
            y = b.fma(b, y);
            z = c.fma(c, z);
        }
        DOUBLE_VECTOR.cast(x).intoMemorySegment(ALL, sums, ORDER);
        DOUBLE_VECTOR.cast(y).intoMemorySegment(ALL, sums + V, ORDER);
        DOUBLE_VECTOR.cast(z).intoMemorySegment(ALL, sums + 2 * V, ORDER);
    }

    /** With t = e^(2y) - 1 tanh y is t / (t + 2), and e^(2y) - 1 is (p - 1) 2^n + (2^n - 1): nothing is cancelled. */
    @Override
    public void tanh(int rows, long panel, double inner, double outer) {
        DoubleVector times = DoubleVector.broadcast(SPECIES, inner * TWO_LOG2_E);
        DoubleVector most = DoubleVector.broadcast(SPECIES, outer);
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = panel + i * V & ADDRESS;
            DoubleVector given =
                    DoubleVector.fromMemorySegment(SPECIES, ALL, at, ORDER).mul(times);
            DoubleVector low =
                    MASKS ? given.blend(LEAST_OF_TANH, given.compare(LT, LEAST_OF_TANH)) : given.max(LEAST_OF_TANH);
            DoubleVector x = MASKS ? low.blend(MOST, low.compare(GT, MOST)) : low.min(MOST);
            DoubleVector shifted = x.add(TO_INTEGER);
            DoubleVector f = x.sub(shifted.sub(TO_INTEGER));
            DoubleVector p = C11.fma(f, C10);
            p = p.fma(f, C9);
            p = p.fma(f, C8);
            p = p.fma(f, C7);
            p = p.fma(f, C6);
            p = p.fma(f, C5);
            p = p.fma(f, C4);
            p = p.fma(f, C3);
            p = p.fma(f, C2);
            p = p.fma(f, C1);
            DoubleVector power =
                    shifted.reinterpretAsLongs().add(BIAS).lanewise(LSHL, 52).reinterpretAsDoubles();
            DoubleVector t = p.mul(f).fma(power, power.sub(ONE));
            t.div(t.add(TWO)).mul(most).intoMemorySegment(ALL, at, ORDER);
        }
    }

    @Override
    public void distances(int rows, long panel, long places, long slopes) {
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            distancesOfColumn(rows, panel + v * V, places + v * V, slopes + v * V);
        }
    }

    private static void distancesOfColumn(int rows, long column, long places, long slopes) {
        DoubleVector place = DoubleVector.fromMemorySegment(SPECIES, ALL, places, ORDER);
        DoubleVector slope =
                DoubleVector.fromMemorySegment(SPECIES, ALL, slopes, ORDER).neg();
        for (int r = 0; r < rows; r++) {
            DoubleVector row = DoubleVector.broadcast(SPECIES, (double) r);
            place.sub(row)
                    .abs()
                    .fma(slope, DoubleVector.fromMemorySegment(SPECIES, ALL, column + r * ROW, ORDER))
                    .intoMemorySegment(ALL, column + r * ROW, ORDER);
        }
    }

    @Override
    public void scale(int rows, long panel, long factors) {
        DoubleVector x = DoubleVector.fromMemorySegment(SPECIES, ALL, factors, ORDER);
        DoubleVector y = DoubleVector.fromMemorySegment(SPECIES, ALL, factors + V, ORDER);
        DoubleVector z = DoubleVector.fromMemorySegment(SPECIES, ALL, factors + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            DoubleVector.fromMemorySegment(SPECIES, ALL, row, ORDER).mul(x).intoMemorySegment(ALL, row, ORDER);
            DoubleVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER).mul(y).intoMemorySegment(ALL, row + V, ORDER);
            DoubleVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER)
                    .mul(z)
                    .intoMemorySegment(ALL, row + 2 * V, ORDER);
        }
    }

    @Override
    public void subtractRows(int rows, long panel, long numbers) {
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            DoubleVector x = DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * (long) Double.BYTES));
            DoubleVector.fromMemorySegment(SPECIES, ALL, row, ORDER).sub(x).intoMemorySegment(ALL, row, ORDER);
            DoubleVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER).sub(x).intoMemorySegment(ALL, row + V, ORDER);
            DoubleVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER)
                    .sub(x)
                    .intoMemorySegment(ALL, row + 2 * V, ORDER);
        }
    }

    @Override
    public void weigh(int rows, long weights, long panel, long numbers) {
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            long weight = weights + r * ROW;
            DoubleVector x = DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * (long) Double.BYTES));
            DoubleVector.fromMemorySegment(SPECIES, ALL, row, ORDER)
                    .add(x)
                    .mul(DoubleVector.fromMemorySegment(SPECIES, ALL, weight, ORDER))
                    .intoMemorySegment(ALL, row, ORDER);
            DoubleVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER)
                    .add(x)
                    .mul(DoubleVector.fromMemorySegment(SPECIES, ALL, weight + V, ORDER))
                    .intoMemorySegment(ALL, row + V, ORDER);
            DoubleVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER)
                    .add(x)
                    .mul(DoubleVector.fromMemorySegment(SPECIES, ALL, weight + 2 * V, ORDER))
                    .intoMemorySegment(ALL, row + 2 * V, ORDER);
        }
    }

    @Override
    public void scaleVector(int length, long from, double factor, long to) {
        DoubleVector all = DoubleVector.broadcast(SPECIES, factor);
        int vectorised = SPECIES.loopBound(length);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            DoubleVector.fromMemorySegment(SPECIES, ALL, from + i * (long) Double.BYTES, ORDER)
                    .mul(all)
                    .intoMemorySegment(ALL, to + i * (long) Double.BYTES, ORDER);
        }
        for (int i = vectorised; i < length; i++) {
            ALL.set(ELEMENT, to + i * (long) Double.BYTES, ALL.get(ELEMENT, from + i * (long) Double.BYTES) * factor);
        }
    }

    @Override
    public void addVector(int length, long from, long to) {
        int vectorised = SPECIES.loopBound(length);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            long at = to + i * (long) Double.BYTES;
            DoubleVector.fromMemorySegment(SPECIES, ALL, at, ORDER)
                    .add(DoubleVector.fromMemorySegment(SPECIES, ALL, from + i * (long) Double.BYTES, ORDER))
                    .intoMemorySegment(ALL, at, ORDER);
        }
        for (int i = vectorised; i < length; i++) {
            long at = to + i * (long) Double.BYTES;
            ALL.set(ELEMENT, at, ALL.get(ELEMENT, at) + ALL.get(ELEMENT, from + i * (long) Double.BYTES));
        }
    }

    @Override
    public void keep(int firstRow, int rows, long panel, long begins, long ends) {
        if (!MASKS) {
            keepOneByOne(firstRow, rows, panel, begins, ends);
            return;
        }
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            keepColumns(firstRow, rows, panel + v * V, begins + v * V, ends + v * V);
        }
    }

    private static void keepColumns(int firstRow, int rows, long column, long begins, long ends) {
        DoubleVector begin = DoubleVector.fromMemorySegment(SPECIES, ALL, begins, ORDER);
        DoubleVector end = DoubleVector.fromMemorySegment(SPECIES, ALL, ends, ORDER);
        for (int r = 0; r < rows; r++) {
            DoubleVector row = DoubleVector.broadcast(SPECIES, (double) (firstRow + r));
            DoubleVector x = DoubleVector.fromMemorySegment(SPECIES, ALL, column + r * ROW, ORDER);
            x = x.blend(MASKED, row.compare(LT, begin));
            x.blend(MASKED, row.compare(GE, end)).intoMemorySegment(ALL, column + r * ROW, ORDER);
        }
    }

    private static void keepOneByOne(int firstRow, int rows, long panel, long begins, long ends) {
        for (int j = 0; j < COLUMNS; j++) {
            long column = j * (long) Double.BYTES;
            double begin = ALL.get(ELEMENT, begins + column);
            double end = ALL.get(ELEMENT, ends + column);
            for (int r = 0; r < rows; r++) {
                if (firstRow + r < begin || firstRow + r >= end) {
                    ALL.set(ELEMENT, panel + r * ROW + column, Double.NEGATIVE_INFINITY);
                }
            }
        }
    }

    @Override
    public void packColumn(int length, long from, double factor, long panel, int column) {
        double times = factor;
        long to = panel + column * (long) Double.BYTES;
        for (int i = 0; i < length; i++) {
            ALL.set(ELEMENT, to + i * ROW, ALL.get(ELEMENT, from + i * (long) Double.BYTES) * times);
        }
    }

    @Override
    public void unpackColumn(int length, long panel, int column, double factor, long to) {
        double times = factor;
        long from = panel + column * (long) Double.BYTES;
        for (int i = 0; i < length; i++) {
            ALL.set(ELEMENT, to + i * (long) Double.BYTES, ALL.get(ELEMENT, from + i * ROW) * times);
        }
    }

    @Override
    public void addColumn(int length, long from, double factor, long panel, int column) {
        double times = factor;
        long to = panel + column * (long) Double.BYTES;
        for (int i = 0; i < length; i++) {
            double x = ALL.get(ELEMENT, from + i * (long) Double.BYTES);
            double sum = ALL.get(ELEMENT, to + i * ROW) + Math.max(x * times, -Double.MAX_VALUE);
            ALL.set(ELEMENT, to + i * ROW, x == Double.NEGATIVE_INFINITY ? x : sum);
        }
    }

    @Override
    public void hideColumn(int length, long mask, long panel, int column) {
        long to = panel + column * (long) Double.BYTES;
        for (int i = 0; i < length; i++) {
            if (ALL.get(ValueLayout.JAVA_INT_UNALIGNED, mask + i * (long) Integer.BYTES) == 0) {
                ALL.set(ELEMENT, to + i * ROW, Double.NEGATIVE_INFINITY);
            }
        }
    }

    @Override
    public void packRow(int length, long from, long panels, long panelBytes) {
        int whole = length / COLUMNS;
        for (int i = 0; i < whole; i++) {
            long at = from + i * ROW;
            long to = panels + i * panelBytes;
            DoubleVector.fromMemorySegment(SPECIES, ALL, at, ORDER).intoMemorySegment(ALL, to, ORDER);
            DoubleVector.fromMemorySegment(SPECIES, ALL, at + V, ORDER).intoMemorySegment(ALL, to + V, ORDER);
            DoubleVector.fromMemorySegment(SPECIES, ALL, at + 2 * V, ORDER).intoMemorySegment(ALL, to + 2 * V, ORDER);
        }
        int rest = length - whole * COLUMNS;
        for (int i = 0; rest > 0 && i < COLUMNS; i++) {
            long at = from + whole * ROW + i * (long) Double.BYTES;
            ALL.set(
                    ELEMENT,
                    panels + whole * panelBytes + i * (long) Double.BYTES,
                    i < rest ? ALL.get(ELEMENT, at) : 0);
        }
    }

    @Override
    public void combine(int length, long from, double alpha, long to, double beta) {
        if (beta == 0) {
            scaleVector(length, from, alpha, to);
            return;
        }
        double times = alpha;
        double keep = beta;
        DoubleVector all = DoubleVector.broadcast(SPECIES, times);
        DoubleVector kept = DoubleVector.broadcast(SPECIES, keep);
        int vectorised = SPECIES.loopBound(length);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            long at = to + i * (long) Double.BYTES;
            DoubleVector.fromMemorySegment(SPECIES, ALL, at, ORDER)
                    .fma(
                            kept,
                            DoubleVector.fromMemorySegment(SPECIES, ALL, from + i * (long) Double.BYTES, ORDER)
                                    .mul(all))
                    .intoMemorySegment(ALL, at, ORDER);
        }
        for (int i = vectorised; i < length; i++) {
            long at = to + i * (long) Double.BYTES;
            double product = ALL.get(ELEMENT, from + i * (long) Double.BYTES) * times;
            ALL.set(ELEMENT, at, Math.fma(ALL.get(ELEMENT, at), keep, product));
        }
    }

    @Override
    public boolean allFinite(int vectors, int length, long from, long stride) {
        for (int i = 0; i < vectors; i++) {
            if (!allFinite(length, from + i * stride)) {
                return false;
            }
        }
        return true;
    }

    /** Zero times what is not finite is NaN, and stays it in a sum. */
    private static boolean allFinite(int length, long from) {
        int vectorised = SPECIES.loopBound(length);
        DoubleVector zeros = DoubleVector.zero(SPECIES);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            zeros = DoubleVector.fromMemorySegment(SPECIES, ALL, from + i * (long) Double.BYTES, ORDER)
                    .mul(0)
                    .add(zeros);
        }
        double zero = DOUBLE_VECTOR.cast(zeros).reduceLanes(ADD);
        for (int i = vectorised; i < length; i++) {
            zero += ALL.get(ELEMENT, from + i * (long) Double.BYTES) * 0;
        }
        return zero == 0;
    }

    @Override
    public double get(long row, int i) {
        return ALL.get(ELEMENT, row + i * (long) Double.BYTES);
    }

    @Override
    public void set(long row, int i, double value) {
        ALL.set(ELEMENT, row + i * (long) Double.BYTES, value);
    }
}
