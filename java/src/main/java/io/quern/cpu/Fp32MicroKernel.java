package io.quern.cpu;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.STRIDE;
import static io.quern.cpu.Lanes.FLOAT_VECTOR;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link MicroKernel} for FP32.
 *
 * <p>The loop is written out, without helpers: C2 keeps vectors in registers only as local variables, and leaves helpers
 * out of line, their vectors boxed, where a method has grown long. Addresses are cut to their bits, so that no check is left
 * ({@link AddressSpace}); that leaves the scheduler too free, hence the {@link SchedulingBarrier}. Per turn 12 FMA, 7 loads and 15
 * more instructions are left, and the FMA units are busy for nine tenths of the time.
 */
final class Fp32MicroKernel implements MicroKernel {
    private static final VectorSpecies<Float> SPECIES = Lanes.FLOAT;
    private static final long V = SPECIES.vectorByteSize();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat ELEMENT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final MemorySegment ALL = AddressSpace.ALL;

    @Override
    public int elementBytes() {
        return Float.BYTES;
    }

    @Override
    public void multiplyAdd(int depth, long a, long aRow, long aStep, long b, long c, long cRow, long d, long dRow) {
        aRow &= STRIDE;
        aStep &= STRIDE;
        cRow &= STRIDE;
        dRow &= STRIDE;
        c &= ADDRESS;
        d &= ADDRESS;
        int never = SchedulingBarrier.never();
        FloatVector x0 = FloatVector.zero(SPECIES);
        FloatVector y0 = x0;
        FloatVector z0 = x0;
        FloatVector x1 = x0;
        FloatVector y1 = x0;
        FloatVector z1 = x0;
        FloatVector x2 = x0;
        FloatVector y2 = x0;
        FloatVector z2 = x0;
        FloatVector x3 = x0;
        FloatVector y3 = x0;
        FloatVector z3 = x0;
        for (int k = 0; k < depth; k++) {
            a &= ADDRESS;
            b &= ADDRESS;
            FloatVector bX = FloatVector.fromMemorySegment(SPECIES, ALL, b, ORDER);
            FloatVector bY = FloatVector.fromMemorySegment(SPECIES, ALL, b + V, ORDER);
            FloatVector bZ = FloatVector.fromMemorySegment(SPECIES, ALL, b + 2 * V, ORDER);
            FloatVector a0 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a));
            x0 = a0.fma(bX, x0);
            y0 = a0.fma(bY, y0);
            z0 = a0.fma(bZ, z0);
            if (k == never) {
                break;
            }
            FloatVector a1 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a + aRow));
            x1 = a1.fma(bX, x1);
            y1 = a1.fma(bY, y1);
            z1 = a1.fma(bZ, z1);
            if (k == never - 1) {
                break;
            }
            FloatVector a2 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a + 2 * aRow));
            x2 = a2.fma(bX, x2);
            y2 = a2.fma(bY, y2);
            z2 = a2.fma(bZ, z2);
            if (k == never - 2) {
                break;
            }
            FloatVector a3 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a + 3 * aRow));
            x3 = a3.fma(bX, x3);
            y3 = a3.fma(bY, y3);
            z3 = a3.fma(bZ, z3);
            a += aStep;
            b += VECTORS * V;
        }
        x0 = FLOAT_VECTOR.cast(x0);
        y0 = FLOAT_VECTOR.cast(y0);
        z0 = FLOAT_VECTOR.cast(z0);
        x1 = FLOAT_VECTOR.cast(x1);
        y1 = FLOAT_VECTOR.cast(y1);
        z1 = FLOAT_VECTOR.cast(z1);
        x2 = FLOAT_VECTOR.cast(x2);
        y2 = FLOAT_VECTOR.cast(y2);
        z2 = FLOAT_VECTOR.cast(z2);
        x3 = FLOAT_VECTOR.cast(x3);
        y3 = FLOAT_VECTOR.cast(y3);
        z3 = FLOAT_VECTOR.cast(z3);
        x0.add(FloatVector.fromMemorySegment(SPECIES, ALL, c, ORDER)).intoMemorySegment(ALL, d, ORDER);
        y0.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + V, ORDER)).intoMemorySegment(ALL, d + V, ORDER);
        z0.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * V, ORDER)).intoMemorySegment(ALL, d + 2 * V, ORDER);
        x1.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + cRow, ORDER)).intoMemorySegment(ALL, d + dRow, ORDER);
        y1.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + cRow + V, ORDER))
                .intoMemorySegment(ALL, d + dRow + V, ORDER);
        z1.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + cRow + 2 * V, ORDER))
                .intoMemorySegment(ALL, d + dRow + 2 * V, ORDER);
        x2.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * cRow, ORDER))
                .intoMemorySegment(ALL, d + 2 * dRow, ORDER);
        y2.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * cRow + V, ORDER))
                .intoMemorySegment(ALL, d + 2 * dRow + V, ORDER);
        z2.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * cRow + 2 * V, ORDER))
                .intoMemorySegment(ALL, d + 2 * dRow + 2 * V, ORDER);
        x3.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * cRow, ORDER))
                .intoMemorySegment(ALL, d + 3 * dRow, ORDER);
        y3.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * cRow + V, ORDER))
                .intoMemorySegment(ALL, d + 3 * dRow + V, ORDER);
        z3.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * cRow + 2 * V, ORDER))
                .intoMemorySegment(ALL, d + 3 * dRow + 2 * V, ORDER);
    }

    @Override
    public void multiplyAddRows(
            int depth, long a, long aRow, long aStep, long b, long bRow, long c, long cRow, long d, long dRow) {
        if (ROW_VECTORS == 4) {
            ofFour(depth, a, aRow, aStep, b, bRow, c, cRow, d, dRow);
        } else {
            ofTwo(depth, a, aRow, aStep, b, bRow, c, cRow, d, dRow);
        }
    }

    private static void ofFour(
            int depth, long a, long aRow, long aStep, long b, long bRow, long c, long cRow, long d, long dRow) {
        aRow &= STRIDE;
        aStep &= STRIDE;
        bRow &= STRIDE;
        cRow &= STRIDE;
        dRow &= STRIDE;
        c &= ADDRESS;
        d &= ADDRESS;
        FloatVector x0 = FloatVector.zero(SPECIES);
        FloatVector y0 = x0;
        FloatVector z0 = x0;
        FloatVector w0 = x0;
        FloatVector x1 = x0;
        FloatVector y1 = x0;
        FloatVector z1 = x0;
        FloatVector w1 = x0;
        FloatVector x2 = x0;
        FloatVector y2 = x0;
        FloatVector z2 = x0;
        FloatVector w2 = x0;
        FloatVector x3 = x0;
        FloatVector y3 = x0;
        FloatVector z3 = x0;
        FloatVector w3 = x0;
        for (int k = 0; k < depth; k++) {
            a &= ADDRESS;
            b &= ADDRESS;
            FloatVector bX = FloatVector.fromMemorySegment(SPECIES, ALL, b, ORDER);
            FloatVector bY = FloatVector.fromMemorySegment(SPECIES, ALL, b + V, ORDER);
            FloatVector bZ = FloatVector.fromMemorySegment(SPECIES, ALL, b + 2 * V, ORDER);
            FloatVector bW = FloatVector.fromMemorySegment(SPECIES, ALL, b + 3 * V, ORDER);
            FloatVector a0 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a));
            x0 = a0.fma(bX, x0);
            y0 = a0.fma(bY, y0);
            z0 = a0.fma(bZ, z0);
            w0 = a0.fma(bW, w0);
            FloatVector a1 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a + aRow));
            x1 = a1.fma(bX, x1);
            y1 = a1.fma(bY, y1);
            z1 = a1.fma(bZ, z1);
            w1 = a1.fma(bW, w1);
            FloatVector a2 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a + 2 * aRow));
            x2 = a2.fma(bX, x2);
            y2 = a2.fma(bY, y2);
            z2 = a2.fma(bZ, z2);
            w2 = a2.fma(bW, w2);
            FloatVector a3 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a + 3 * aRow));
            x3 = a3.fma(bX, x3);
            y3 = a3.fma(bY, y3);
            z3 = a3.fma(bZ, z3);
            w3 = a3.fma(bW, w3);
            a += aStep;
            b += bRow;
        }
        x0 = FLOAT_VECTOR.cast(x0);
        y0 = FLOAT_VECTOR.cast(y0);
        z0 = FLOAT_VECTOR.cast(z0);
        w0 = FLOAT_VECTOR.cast(w0);
        x1 = FLOAT_VECTOR.cast(x1);
        y1 = FLOAT_VECTOR.cast(y1);
        z1 = FLOAT_VECTOR.cast(z1);
        w1 = FLOAT_VECTOR.cast(w1);
        x2 = FLOAT_VECTOR.cast(x2);
        y2 = FLOAT_VECTOR.cast(y2);
        z2 = FLOAT_VECTOR.cast(z2);
        w2 = FLOAT_VECTOR.cast(w2);
        x3 = FLOAT_VECTOR.cast(x3);
        y3 = FLOAT_VECTOR.cast(y3);
        z3 = FLOAT_VECTOR.cast(z3);
        w3 = FLOAT_VECTOR.cast(w3);
        x0.add(FloatVector.fromMemorySegment(SPECIES, ALL, c, ORDER)).intoMemorySegment(ALL, d, ORDER);
        y0.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + V, ORDER)).intoMemorySegment(ALL, d + V, ORDER);
        z0.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * V, ORDER)).intoMemorySegment(ALL, d + 2 * V, ORDER);
        w0.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * V, ORDER)).intoMemorySegment(ALL, d + 3 * V, ORDER);
        x1.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + cRow, ORDER)).intoMemorySegment(ALL, d + dRow, ORDER);
        y1.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + cRow + V, ORDER))
                .intoMemorySegment(ALL, d + dRow + V, ORDER);
        z1.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + cRow + 2 * V, ORDER))
                .intoMemorySegment(ALL, d + dRow + 2 * V, ORDER);
        w1.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + cRow + 3 * V, ORDER))
                .intoMemorySegment(ALL, d + dRow + 3 * V, ORDER);
        x2.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * cRow, ORDER))
                .intoMemorySegment(ALL, d + 2 * dRow, ORDER);
        y2.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * cRow + V, ORDER))
                .intoMemorySegment(ALL, d + 2 * dRow + V, ORDER);
        z2.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * cRow + 2 * V, ORDER))
                .intoMemorySegment(ALL, d + 2 * dRow + 2 * V, ORDER);
        w2.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * cRow + 3 * V, ORDER))
                .intoMemorySegment(ALL, d + 2 * dRow + 3 * V, ORDER);
        x3.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * cRow, ORDER))
                .intoMemorySegment(ALL, d + 3 * dRow, ORDER);
        y3.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * cRow + V, ORDER))
                .intoMemorySegment(ALL, d + 3 * dRow + V, ORDER);
        z3.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * cRow + 2 * V, ORDER))
                .intoMemorySegment(ALL, d + 3 * dRow + 2 * V, ORDER);
        w3.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * cRow + 3 * V, ORDER))
                .intoMemorySegment(ALL, d + 3 * dRow + 3 * V, ORDER);
    }

    private static void ofTwo(
            int depth, long a, long aRow, long aStep, long b, long bRow, long c, long cRow, long d, long dRow) {
        aRow &= STRIDE;
        aStep &= STRIDE;
        bRow &= STRIDE;
        cRow &= STRIDE;
        dRow &= STRIDE;
        c &= ADDRESS;
        d &= ADDRESS;
        FloatVector x0 = FloatVector.zero(SPECIES);
        FloatVector y0 = x0;
        FloatVector x1 = x0;
        FloatVector y1 = x0;
        FloatVector x2 = x0;
        FloatVector y2 = x0;
        FloatVector x3 = x0;
        FloatVector y3 = x0;
        for (int k = 0; k < depth; k++) {
            a &= ADDRESS;
            b &= ADDRESS;
            FloatVector bX = FloatVector.fromMemorySegment(SPECIES, ALL, b, ORDER);
            FloatVector bY = FloatVector.fromMemorySegment(SPECIES, ALL, b + V, ORDER);
            FloatVector a0 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a));
            x0 = a0.fma(bX, x0);
            y0 = a0.fma(bY, y0);
            FloatVector a1 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a + aRow));
            x1 = a1.fma(bX, x1);
            y1 = a1.fma(bY, y1);
            FloatVector a2 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a + 2 * aRow));
            x2 = a2.fma(bX, x2);
            y2 = a2.fma(bY, y2);
            FloatVector a3 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, a + 3 * aRow));
            x3 = a3.fma(bX, x3);
            y3 = a3.fma(bY, y3);
            a += aStep;
            b += bRow;
        }
        x0 = FLOAT_VECTOR.cast(x0);
        y0 = FLOAT_VECTOR.cast(y0);
        x1 = FLOAT_VECTOR.cast(x1);
        y1 = FLOAT_VECTOR.cast(y1);
        x2 = FLOAT_VECTOR.cast(x2);
        y2 = FLOAT_VECTOR.cast(y2);
        x3 = FLOAT_VECTOR.cast(x3);
        y3 = FLOAT_VECTOR.cast(y3);
        x0.add(FloatVector.fromMemorySegment(SPECIES, ALL, c, ORDER)).intoMemorySegment(ALL, d, ORDER);
        y0.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + V, ORDER)).intoMemorySegment(ALL, d + V, ORDER);
        x1.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + cRow, ORDER)).intoMemorySegment(ALL, d + dRow, ORDER);
        y1.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + cRow + V, ORDER))
                .intoMemorySegment(ALL, d + dRow + V, ORDER);
        x2.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * cRow, ORDER))
                .intoMemorySegment(ALL, d + 2 * dRow, ORDER);
        y2.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 2 * cRow + V, ORDER))
                .intoMemorySegment(ALL, d + 2 * dRow + V, ORDER);
        x3.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * cRow, ORDER))
                .intoMemorySegment(ALL, d + 3 * dRow, ORDER);
        y3.add(FloatVector.fromMemorySegment(SPECIES, ALL, c + 3 * cRow + V, ORDER))
                .intoMemorySegment(ALL, d + 3 * dRow + V, ORDER);
    }
}
