package io.quern.cpu;

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
 * <p>Powers of two are made as integers and used as floating point by way of memory, a chunk at a time in three passes: to
 * reinterpret a vector is not an option (it spoils the profile of every vector access of the JVM), and in one pass each
 * load would wait for the store before it. Where there are
 * two lanes, nothing uses masks: C2 boxes masks of two doubles.
 */
final class Fp64PanelMath implements PanelMath {
    private static final VectorSpecies<Double> SPECIES = Lanes.DOUBLE;
    private static final VectorSpecies<Long> INTEGERS = Lanes.LONG;
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
    private static final DoubleVector MASKED = DoubleVector.broadcast(SPECIES, Double.NEGATIVE_INFINITY);
    private static final DoubleVector ONE = DoubleVector.broadcast(SPECIES, 1);
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
    private static final LongVector BIAS = LongVector.broadcast(INTEGERS, Exp2.DOUBLE_BIAS);

    @Override
    public void maxima(int rows, long panel, long maxima) {
        DoubleVector x = load(maxima);
        DoubleVector y = load(maxima + V);
        DoubleVector z = load(maxima + 2 * V);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            x = larger(x, load(row));
            y = larger(y, load(row + V));
            z = larger(z, load(row + 2 * V));
        }
        store(x, maxima);
        store(y, maxima + V);
        store(z, maxima + 2 * V);
    }

    @Override
    public void exponentials(int rows, long panel, long shifts, long sums, long scratch) {
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            for (int r = 0; r < rows; r += CHUNK) {
                int count = Math.min(CHUNK, rows - r);
                long column = panel + r * ROW + v * V;
                polynomials(count, column, shifts + v * V, scratch);
                powers(count, scratch);
                products(count, column, scratch, sums + v * V);
            }
        }
    }

    /** Replaces x by p(f), and leaves n in the low bits of the scratch memory. */
    private static void polynomials(int rows, long column, long shifts, long scratch) {
        DoubleVector shift = load(shifts);
        for (int r = 0; r < rows; r++) {
            DoubleVector x = atLeast(load(column + r * ROW).sub(shift));
            DoubleVector shifted = x.add(TO_INTEGER);
            store(shifted, scratch + r * V);
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
            store(p.fma(f, ONE), column + r * ROW);
        }
    }

    /** Replaces n by 2^n. */
    private static void powers(int rows, long scratch) {
        for (int r = 0; r < rows; r++) {
            LongVector n = LongVector.fromMemorySegment(INTEGERS, ALL, scratch + r * V, ORDER);
            n.add(BIAS).lanewise(LSHL, 52).intoMemorySegment(ALL, scratch + r * V, ORDER);
        }
    }

    private static void products(int rows, long column, long scratch, long sums) {
        DoubleVector sum = load(sums);
        for (int r = 0; r < rows; r++) {
            DoubleVector power = load(column + r * ROW).mul(load(scratch + r * V));
            store(power, column + r * ROW);
            sum = sum.add(power);
        }
        store(sum, sums);
    }

    @Override
    public void scale(int rows, long panel, long factors) {
        DoubleVector x = load(factors);
        DoubleVector y = load(factors + V);
        DoubleVector z = load(factors + 2 * V);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            store(load(row).mul(x), row);
            store(load(row + V).mul(y), row + V);
            store(load(row + 2 * V).mul(z), row + 2 * V);
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
        DoubleVector begin = load(begins);
        DoubleVector end = load(ends);
        for (int r = 0; r < rows; r++) {
            DoubleVector row = DoubleVector.broadcast(SPECIES, (double) (firstRow + r));
            DoubleVector x = load(column + r * ROW);
            x = x.blend(MASKED, row.compare(LT, begin));
            store(x.blend(MASKED, row.compare(GE, end)), column + r * ROW);
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
            zeros = load(from + i * (long) Double.BYTES).mul(0).add(zeros);
        }
        double zero = zeros.reduceLanes(ADD);
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

    private static DoubleVector larger(DoubleVector a, DoubleVector b) {
        return MASKS ? a.blend(b, b.compare(GT, a)) : a.max(b);
    }

    private static DoubleVector atLeast(DoubleVector x) {
        return MASKS ? x.blend(LEAST, x.compare(LT, LEAST)) : x.max(LEAST);
    }

    private static DoubleVector load(long address) {
        return DoubleVector.fromMemorySegment(SPECIES, ALL, address, ORDER);
    }

    private static void store(DoubleVector x, long address) {
        x.intoMemorySegment(ALL, address, ORDER);
    }
}
