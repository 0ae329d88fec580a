package io.quern.cpu;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.Lanes.FLOAT_VECTOR;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link PanelMath} for FP32.
 *
 * <p>No helper takes or returns a vector: where many of these loops end up in one method, C2 reaches its node limit, leaves
 * helpers out of line and boxes their vectors. The Vector API's own methods are inlined past that limit.
 */
final class Fp32PanelMath implements PanelMath {
    private static final VectorSpecies<Float> SPECIES = Lanes.FLOAT;
    private static final long V = SPECIES.vectorByteSize();
    private static final long ROW = MicroKernel.VECTORS * V;
    private static final int COLUMNS = MicroKernel.VECTORS * SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat ELEMENT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final MemorySegment ALL = AddressSpace.ALL;

    private static final FloatVector LEAST = FloatVector.broadcast(SPECIES, -Exp2.FLOAT_BIAS);

    private static final FloatVector TO_INTEGER = FloatVector.broadcast(SPECIES, Exp2.FLOAT_TO_INTEGER);

    /** Added after {@link #TO_INTEGER} and as an integer: it is odd, and ties would go the other way. */
    private static final IntVector BIAS = IntVector.broadcast(Lanes.INT, Exp2.FLOAT_BIAS);

    private static final FloatVector MASKED = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    private static final FloatVector ONE = FloatVector.broadcast(SPECIES, 1);
    private static final FloatVector TWO = FloatVector.broadcast(SPECIES, 2);

    /** From here on tanh is 1 to the last bit, and below minus this -1. */
    private static final FloatVector MOST = FloatVector.broadcast(SPECIES, 32);

    private static final FloatVector LEAST_OF_TANH = FloatVector.broadcast(SPECIES, -32);
    private static final double TWO_LOG2_E = 2 / Math.log(2);
    private static final FloatVector C1 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C1);
    private static final FloatVector C2 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C2);
    private static final FloatVector C3 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C3);
    private static final FloatVector C4 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C4);
    private static final FloatVector C5 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C5);
    private static final FloatVector C6 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C6);

    @Override
    public void maxima(int rows, long panel, long maxima) {
        FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, maxima, ORDER);
        FloatVector y = FloatVector.fromMemorySegment(SPECIES, ALL, maxima + V, ORDER);
        FloatVector z = FloatVector.fromMemorySegment(SPECIES, ALL, maxima + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, ALL, row, ORDER);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER);
            FloatVector c = FloatVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER);
            x = FLOAT_VECTOR.cast(x).blend(a, a.compare(GT, x));
            y = FLOAT_VECTOR.cast(y).blend(b, b.compare(GT, y));
            z = FLOAT_VECTOR.cast(z).blend(c, c.compare(GT, z));
        }
        FLOAT_VECTOR.cast(x).intoMemorySegment(ALL, maxima, ORDER);
        FLOAT_VECTOR.cast(y).intoMemorySegment(ALL, maxima + V, ORDER);
        FLOAT_VECTOR.cast(z).intoMemorySegment(ALL, maxima + 2 * V, ORDER);
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
        FloatVector shiftX = FloatVector.fromMemorySegment(SPECIES, ALL, shifts, ORDER);
        FloatVector shiftY = FloatVector.fromMemorySegment(SPECIES, ALL, shifts + V, ORDER);
        FloatVector shiftZ = FloatVector.fromMemorySegment(SPECIES, ALL, shifts + 2 * V, ORDER);
        FloatVector sumX = FloatVector.zero(SPECIES);
        FloatVector sumY = sumX;
        FloatVector sumZ = sumX;
        for (int r = 0; r < rows; r++) {
            row &= ADDRESS;
            FloatVector x =
                    FloatVector.fromMemorySegment(SPECIES, ALL, row, ORDER).sub(shiftX);
            x = x.blend(LEAST, x.compare(LT, LEAST));
            FloatVector exponentX = x.add(TO_INTEGER);
            x = x.sub(exponentX.sub(TO_INTEGER));
            FloatVector powerX = C6.fma(x, C5);
            powerX = powerX.fma(x, C4);
            powerX = powerX.fma(x, C3);
            powerX = powerX.fma(x, C2);
            powerX = powerX.fma(x, C1);
            powerX = powerX.fma(x, ONE)
                    .mul(exponentX
                            .reinterpretAsInts()
                            .add(BIAS)
                            .lanewise(LSHL, 23)
                            .reinterpretAsFloats());
            powerX.intoMemorySegment(ALL, row, ORDER);
            sumX = powerX.add(sumX);

            FloatVector y =
                    FloatVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER).sub(shiftY);
            y = y.blend(LEAST, y.compare(LT, LEAST));
            FloatVector exponentY = y.add(TO_INTEGER);
            y = y.sub(exponentY.sub(TO_INTEGER));
            FloatVector powerY = C6.fma(y, C5);
            powerY = powerY.fma(y, C4);
            powerY = powerY.fma(y, C3);
            powerY = powerY.fma(y, C2);
            powerY = powerY.fma(y, C1);
            powerY = powerY.fma(y, ONE)
                    .mul(exponentY
                            .reinterpretAsInts()
                            .add(BIAS)
                            .lanewise(LSHL, 23)
                            .reinterpretAsFloats());
            powerY.intoMemorySegment(ALL, row + V, ORDER);
            sumY = powerY.add(sumY);

            FloatVector z = FloatVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER)
                    .sub(shiftZ);
            z = z.blend(LEAST, z.compare(LT, LEAST));
            FloatVector exponentZ = z.add(TO_INTEGER);
            z = z.sub(exponentZ.sub(TO_INTEGER));
            FloatVector powerZ = C6.fma(z, C5);
            powerZ = powerZ.fma(z, C4);
            powerZ = powerZ.fma(z, C3);
            powerZ = powerZ.fma(z, C2);
            powerZ = powerZ.fma(z, C1);
            powerZ = powerZ.fma(z, ONE)
                    .mul(exponentZ
                            .reinterpretAsInts()
                            .add(BIAS)
                            .lanewise(LSHL, 23)
                            .reinterpretAsFloats());
            powerZ.intoMemorySegment(ALL, row + 2 * V, ORDER);
            sumZ = powerZ.add(sumZ);
            row += ROW;
        }
        FLOAT_VECTOR
                .cast(sumX)
                .add(FloatVector.fromMemorySegment(SPECIES, ALL, sums, ORDER))
                .intoMemorySegment(ALL, sums, ORDER);
        FLOAT_VECTOR
                .cast(sumY)
                .add(FloatVector.fromMemorySegment(SPECIES, ALL, sums + V, ORDER))
                .intoMemorySegment(ALL, sums + V, ORDER);
        FLOAT_VECTOR
                .cast(sumZ)
                .add(FloatVector.fromMemorySegment(SPECIES, ALL, sums + 2 * V, ORDER))
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
        FloatVector shift = FloatVector.fromMemorySegment(SPECIES, ALL, shifts, ORDER);
        FloatVector sum = FloatVector.fromMemorySegment(SPECIES, ALL, sums, ORDER);
        for (int r = 0; r < rows; r++) {
            FloatVector given = FloatVector.fromMemorySegment(SPECIES, ALL, column + r * ROW, ORDER)
                    .sub(shift);
            FloatVector x = given.blend(LEAST, given.compare(LT, LEAST));
            sum = FloatVector.fromMemorySegment(SPECIES, ALL, powers + r * ROW, ORDER)
                    .fma(x, sum);
        }
        FLOAT_VECTOR.cast(sum).intoMemorySegment(ALL, sums, ORDER);
    }

    @Override
    public void squares(int rows, long panel, long sums) {
        FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, sums, ORDER);
        FloatVector y = FloatVector.fromMemorySegment(SPECIES, ALL, sums + V, ORDER);
        FloatVector z = FloatVector.fromMemorySegment(SPECIES, ALL, sums + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, ALL, row, ORDER);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER);
            FloatVector c = FloatVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER);
            x = a.fma(a, x);
            y = b.fma(b, y);
            z = c.fma(c, z);
        }
        FLOAT_VECTOR.cast(x).intoMemorySegment(ALL, sums, ORDER);
        FLOAT_VECTOR.cast(y).intoMemorySegment(ALL, sums + V, ORDER);
        FLOAT_VECTOR.cast(z).intoMemorySegment(ALL, sums + 2 * V, ORDER);
    }

    /** With t = e^(2y) - 1 tanh y is t / (t + 2), and e^(2y) - 1 is (p - 1) 2^n + (2^n - 1): nothing is cancelled. */
    @Override
    public void tanh(int rows, long panel, double inner, double outer) {
        FloatVector times = FloatVector.broadcast(SPECIES, (float) (inner * TWO_LOG2_E));
        FloatVector most = FloatVector.broadcast(SPECIES, (float) outer);
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = panel + i * V & ADDRESS;
            FloatVector given =
                    FloatVector.fromMemorySegment(SPECIES, ALL, at, ORDER).mul(times);
            FloatVector low = given.blend(LEAST_OF_TANH, given.compare(LT, LEAST_OF_TANH));
            FloatVector x = low.blend(MOST, low.compare(GT, MOST));
            FloatVector shifted = x.add(TO_INTEGER);
            FloatVector f = x.sub(shifted.sub(TO_INTEGER));
            FloatVector p = C6.fma(f, C5);
            p = p.fma(f, C4);
            p = p.fma(f, C3);
            p = p.fma(f, C2);
            p = p.fma(f, C1);
            FloatVector power =
                    shifted.reinterpretAsInts().add(BIAS).lanewise(LSHL, 23).reinterpretAsFloats();
            FloatVector t = p.mul(f).fma(power, power.sub(ONE));
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
        FloatVector place = FloatVector.fromMemorySegment(SPECIES, ALL, places, ORDER);
        FloatVector slope =
                FloatVector.fromMemorySegment(SPECIES, ALL, slopes, ORDER).neg();
        for (int r = 0; r < rows; r++) {
            FloatVector row = FloatVector.broadcast(SPECIES, (float) r);
            place.sub(row)
                    .abs()
                    .fma(slope, FloatVector.fromMemorySegment(SPECIES, ALL, column + r * ROW, ORDER))
                    .intoMemorySegment(ALL, column + r * ROW, ORDER);
        }
    }

    @Override
    public void scale(int rows, long panel, long factors) {
        FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, factors, ORDER);
        FloatVector y = FloatVector.fromMemorySegment(SPECIES, ALL, factors + V, ORDER);
        FloatVector z = FloatVector.fromMemorySegment(SPECIES, ALL, factors + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            FloatVector.fromMemorySegment(SPECIES, ALL, row, ORDER).mul(x).intoMemorySegment(ALL, row, ORDER);
            FloatVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER).mul(y).intoMemorySegment(ALL, row + V, ORDER);
            FloatVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER)
                    .mul(z)
                    .intoMemorySegment(ALL, row + 2 * V, ORDER);
        }
    }

    @Override
    public void subtractRows(int rows, long panel, long numbers) {
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            FloatVector x = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * (long) Float.BYTES));
            FloatVector.fromMemorySegment(SPECIES, ALL, row, ORDER).sub(x).intoMemorySegment(ALL, row, ORDER);
            FloatVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER).sub(x).intoMemorySegment(ALL, row + V, ORDER);
            FloatVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER)
                    .sub(x)
                    .intoMemorySegment(ALL, row + 2 * V, ORDER);
        }
    }

    @Override
    public void weigh(int rows, long weights, long panel, long numbers) {
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            long weight = weights + r * ROW;
            FloatVector x = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * (long) Float.BYTES));
            FloatVector.fromMemorySegment(SPECIES, ALL, row, ORDER)
                    .add(x)
                    .mul(FloatVector.fromMemorySegment(SPECIES, ALL, weight, ORDER))
                    .intoMemorySegment(ALL, row, ORDER);
            FloatVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER)
                    .add(x)
                    .mul(FloatVector.fromMemorySegment(SPECIES, ALL, weight + V, ORDER))
                    .intoMemorySegment(ALL, row + V, ORDER);
            FloatVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER)
                    .add(x)
                    .mul(FloatVector.fromMemorySegment(SPECIES, ALL, weight + 2 * V, ORDER))
                    .intoMemorySegment(ALL, row + 2 * V, ORDER);
        }
    }

    @Override
    public void scaleVector(int length, long from, double factor, long to) {
        float times = (float) factor;
        FloatVector all = FloatVector.broadcast(SPECIES, times);
        int vectorised = SPECIES.loopBound(length);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            FloatVector.fromMemorySegment(SPECIES, ALL, from + i * (long) Float.BYTES, ORDER)
                    .mul(all)
                    .intoMemorySegment(ALL, to + i * (long) Float.BYTES, ORDER);
        }
        for (int i = vectorised; i < length; i++) {
            ALL.set(ELEMENT, to + i * (long) Float.BYTES, ALL.get(ELEMENT, from + i * (long) Float.BYTES) * times);
        }
    }

    @Override
    public void addVector(int length, long from, long to) {
        int vectorised = SPECIES.loopBound(length);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            long at = to + i * (long) Float.BYTES;
            FloatVector.fromMemorySegment(SPECIES, ALL, at, ORDER)
                    .add(FloatVector.fromMemorySegment(SPECIES, ALL, from + i * (long) Float.BYTES, ORDER))
                    .intoMemorySegment(ALL, at, ORDER);
        }
        for (int i = vectorised; i < length; i++) {
            long at = to + i * (long) Float.BYTES;
            ALL.set(ELEMENT, at, ALL.get(ELEMENT, at) + ALL.get(ELEMENT, from + i * (long) Float.BYTES));
        }
    }

    @Override
    public void keep(int firstRow, int rows, long panel, long begins, long ends) {
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            keepColumns(firstRow, rows, panel + v * V, begins + v * V, ends + v * V);
        }
    }

    private static void keepColumns(int firstRow, int rows, long column, long begins, long ends) {
        FloatVector begin = FloatVector.fromMemorySegment(SPECIES, ALL, begins, ORDER);
        FloatVector end = FloatVector.fromMemorySegment(SPECIES, ALL, ends, ORDER);
        for (int r = 0; r < rows; r++) {
            FloatVector row = FloatVector.broadcast(SPECIES, (float) (firstRow + r));
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, column + r * ROW, ORDER);
            x = x.blend(MASKED, row.compare(LT, begin));
            x.blend(MASKED, row.compare(GE, end)).intoMemorySegment(ALL, column + r * ROW, ORDER);
        }
    }

    @Override
    public void packColumn(int length, long from, double factor, long panel, int column) {
        float times = (float) factor;
        long to = panel + column * (long) Float.BYTES;
        for (int i = 0; i < length; i++) {
            ALL.set(ELEMENT, to + i * ROW, ALL.get(ELEMENT, from + i * (long) Float.BYTES) * times);
        }
    }

    @Override
    public void unpackColumn(int length, long panel, int column, double factor, long to) {
        float times = (float) factor;
        long from = panel + column * (long) Float.BYTES;
        for (int i = 0; i < length; i++) {
            ALL.set(ELEMENT, to + i * (long) Float.BYTES, ALL.get(ELEMENT, from + i * ROW) * times);
        }
    }

    @Override
    public void addColumn(int length, long from, double factor, long panel, int column) {
        float times = (float) factor;
        long to = panel + column * (long) Float.BYTES;
        for (int i = 0; i < length; i++) {
            float x = ALL.get(ELEMENT, from + i * (long) Float.BYTES);
            float sum = ALL.get(ELEMENT, to + i * ROW) + Math.max(x * times, -Float.MAX_VALUE);
            ALL.set(ELEMENT, to + i * ROW, x == Float.NEGATIVE_INFINITY ? x : sum);
        }
    }

    @Override
    public void hideColumn(int length, long mask, long panel, int column) {
        long to = panel + column * (long) Float.BYTES;
        for (int i = 0; i < length; i++) {
            if (ALL.get(ValueLayout.JAVA_INT_UNALIGNED, mask + i * (long) Integer.BYTES) == 0) {
                ALL.set(ELEMENT, to + i * ROW, Float.NEGATIVE_INFINITY);
            }
        }
    }

    @Override
    public void packRow(int length, long from, long panels, long panelBytes) {
        int whole = length / COLUMNS;
        for (int i = 0; i < whole; i++) {
            long at = from + i * ROW;
            long to = panels + i * panelBytes;
            FloatVector.fromMemorySegment(SPECIES, ALL, at, ORDER).intoMemorySegment(ALL, to, ORDER);
            FloatVector.fromMemorySegment(SPECIES, ALL, at + V, ORDER).intoMemorySegment(ALL, to + V, ORDER);
            FloatVector.fromMemorySegment(SPECIES, ALL, at + 2 * V, ORDER).intoMemorySegment(ALL, to + 2 * V, ORDER);
        }
        int rest = length - whole * COLUMNS;
        for (int i = 0; rest > 0 && i < COLUMNS; i++) {
            long at = from + whole * ROW + i * (long) Float.BYTES;
            ALL.set(ELEMENT, panels + whole * panelBytes + i * (long) Float.BYTES, i < rest ? ALL.get(ELEMENT, at) : 0);
        }
    }

    @Override
    public void combine(int length, long from, double alpha, long to, double beta) {
        if (beta == 0) {
            scaleVector(length, from, alpha, to);
            return;
        }
        float times = (float) alpha;
        float keep = (float) beta;
        FloatVector all = FloatVector.broadcast(SPECIES, times);
        FloatVector kept = FloatVector.broadcast(SPECIES, keep);
        int vectorised = SPECIES.loopBound(length);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            long at = to + i * (long) Float.BYTES;
            FloatVector.fromMemorySegment(SPECIES, ALL, at, ORDER)
                    .fma(
                            kept,
                            FloatVector.fromMemorySegment(SPECIES, ALL, from + i * (long) Float.BYTES, ORDER)
                                    .mul(all))
                    .intoMemorySegment(ALL, at, ORDER);
        }
        for (int i = vectorised; i < length; i++) {
            long at = to + i * (long) Float.BYTES;
            float product = ALL.get(ELEMENT, from + i * (long) Float.BYTES) * times;
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
        FloatVector zeros = FloatVector.zero(SPECIES);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            zeros = FloatVector.fromMemorySegment(SPECIES, ALL, from + i * (long) Float.BYTES, ORDER)
                    .mul(0)
                    .add(zeros);
        }
        float zero = FLOAT_VECTOR.cast(zeros).reduceLanes(ADD);
        for (int i = vectorised; i < length; i++) {
            zero += ALL.get(ELEMENT, from + i * (long) Float.BYTES) * 0;
        }
        return zero == 0;
    }

    @Override
    public double get(long row, int i) {
        return ALL.get(ELEMENT, row + i * (long) Float.BYTES);
    }

    @Override
    public void set(long row, int i, double value) {
        ALL.set(ELEMENT, row + i * (long) Float.BYTES, (float) value);
    }
}
