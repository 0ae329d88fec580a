package io.quern.cpu;

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
 * <p>Powers of two are made as integers and used as floating point by way of memory, a chunk at a time in three passes: to
 * reinterpret a vector is not an option (it spoils the profile of every vector access of the JVM), and in one pass each
 * load would wait for the store before it.
 */
final class Fp32PanelMath implements PanelMath {
    private static final VectorSpecies<Float> SPECIES = Lanes.FLOAT;
    private static final VectorSpecies<Integer> INTEGERS = Lanes.INT;
    private static final long V = SPECIES.vectorByteSize();
    private static final long ROW = MicroKernel.VECTORS * V;
    private static final int COLUMNS = MicroKernel.VECTORS * SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat ELEMENT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final MemorySegment ALL = AddressSpace.ALL;

    private static final FloatVector LEAST = FloatVector.broadcast(SPECIES, -Exp2.FLOAT_BIAS);
    private static final FloatVector TO_INTEGER = FloatVector.broadcast(SPECIES, Exp2.FLOAT_TO_INTEGER);
    private static final FloatVector MASKED = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    private static final FloatVector ONE = FloatVector.broadcast(SPECIES, 1);
    private static final FloatVector C1 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C1);
    private static final FloatVector C2 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C2);
    private static final FloatVector C3 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C3);
    private static final FloatVector C4 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C4);
    private static final FloatVector C5 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C5);
    private static final FloatVector C6 = FloatVector.broadcast(SPECIES, Exp2.FLOAT_C6);
    private static final IntVector BIAS = IntVector.broadcast(INTEGERS, Exp2.FLOAT_BIAS);

    @Override
    public void maxima(int rows, long panel, long maxima) {
        FloatVector x = load(maxima);
        FloatVector y = load(maxima + V);
        FloatVector z = load(maxima + 2 * V);
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
        FloatVector shift = load(shifts);
        for (int r = 0; r < rows; r++) {
            FloatVector x = atLeast(load(column + r * ROW).sub(shift));
            FloatVector shifted = x.add(TO_INTEGER);
            store(shifted, scratch + r * V);
            FloatVector f = x.sub(shifted.sub(TO_INTEGER));
            FloatVector p = C6.fma(f, C5);
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
            IntVector n = IntVector.fromMemorySegment(INTEGERS, ALL, scratch + r * V, ORDER);
            n.add(BIAS).lanewise(LSHL, 23).intoMemorySegment(ALL, scratch + r * V, ORDER);
        }
    }

    private static void products(int rows, long column, long scratch, long sums) {
        FloatVector sum = load(sums);
        for (int r = 0; r < rows; r++) {
            FloatVector power = load(column + r * ROW).mul(load(scratch + r * V));
            store(power, column + r * ROW);
            sum = sum.add(power);
        }
        store(sum, sums);
    }

    @Override
    public void scale(int rows, long panel, long factors) {
        FloatVector x = load(factors);
        FloatVector y = load(factors + V);
        FloatVector z = load(factors + 2 * V);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            store(load(row).mul(x), row);
            store(load(row + V).mul(y), row + V);
            store(load(row + 2 * V).mul(z), row + 2 * V);
        }
    }

    @Override
    public void keep(int firstRow, int rows, long panel, long begins, long ends) {
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            keepColumns(firstRow, rows, panel + v * V, begins + v * V, ends + v * V);
        }
    }

    private static void keepColumns(int firstRow, int rows, long column, long begins, long ends) {
        FloatVector begin = load(begins);
        FloatVector end = load(ends);
        for (int r = 0; r < rows; r++) {
            FloatVector row = FloatVector.broadcast(SPECIES, (float) (firstRow + r));
            FloatVector x = load(column + r * ROW);
            x = x.blend(MASKED, row.compare(LT, begin));
            store(x.blend(MASKED, row.compare(GE, end)), column + r * ROW);
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
            zeros = load(from + i * (long) Float.BYTES).mul(0).add(zeros);
        }
        float zero = zeros.reduceLanes(ADD);
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

    private static FloatVector larger(FloatVector a, FloatVector b) {
        return a.blend(b, b.compare(GT, a));
    }

    private static FloatVector atLeast(FloatVector x) {
        return x.blend(LEAST, x.compare(LT, LEAST));
    }

    private static FloatVector load(long address) {
        return FloatVector.fromMemorySegment(SPECIES, ALL, address, ORDER);
    }

    private static void store(FloatVector x, long address) {
        x.intoMemorySegment(ALL, address, ORDER);
    }
}
