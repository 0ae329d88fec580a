package io.quern.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link MicroKernel} for FP32.
 *
 * <p>The loop is written out: C2 keeps vectors in registers only as local variables. Addresses are made from k anew in each
 * turn, because with variables that grow C2 finds no bound for its checks.
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
        FloatVector x0 = load(c);
        FloatVector y0 = load(c + V);
        FloatVector z0 = load(c + 2 * V);
        FloatVector x1 = load(c + cRow);
        FloatVector y1 = load(c + cRow + V);
        FloatVector z1 = load(c + cRow + 2 * V);
        FloatVector x2 = load(c + 2 * cRow);
        FloatVector y2 = load(c + 2 * cRow + V);
        FloatVector z2 = load(c + 2 * cRow + 2 * V);
        FloatVector x3 = load(c + 3 * cRow);
        FloatVector y3 = load(c + 3 * cRow + V);
        FloatVector z3 = load(c + 3 * cRow + 2 * V);
        for (int k = 0; k < depth; k++) {
            long bk = b + k * (VECTORS * V);
            long ak = a + k * aStep;
            FloatVector bX = load(bk);
            FloatVector bY = load(bk + V);
            FloatVector bZ = load(bk + 2 * V);
            FloatVector a0 = broadcast(ak);
            x0 = a0.fma(bX, x0);
            y0 = a0.fma(bY, y0);
            z0 = a0.fma(bZ, z0);
            FloatVector a1 = broadcast(ak + aRow);
            x1 = a1.fma(bX, x1);
            y1 = a1.fma(bY, y1);
            z1 = a1.fma(bZ, z1);
            FloatVector a2 = broadcast(ak + 2 * aRow);
            x2 = a2.fma(bX, x2);
            y2 = a2.fma(bY, y2);
            z2 = a2.fma(bZ, z2);
            FloatVector a3 = broadcast(ak + 3 * aRow);
            x3 = a3.fma(bX, x3);
            y3 = a3.fma(bY, y3);
            z3 = a3.fma(bZ, z3);
        }
        x0.intoMemorySegment(ALL, d, ORDER);
        y0.intoMemorySegment(ALL, d + V, ORDER);
        z0.intoMemorySegment(ALL, d + 2 * V, ORDER);
        x1.intoMemorySegment(ALL, d + dRow, ORDER);
        y1.intoMemorySegment(ALL, d + dRow + V, ORDER);
        z1.intoMemorySegment(ALL, d + dRow + 2 * V, ORDER);
        x2.intoMemorySegment(ALL, d + 2 * dRow, ORDER);
        y2.intoMemorySegment(ALL, d + 2 * dRow + V, ORDER);
        z2.intoMemorySegment(ALL, d + 2 * dRow + 2 * V, ORDER);
        x3.intoMemorySegment(ALL, d + 3 * dRow, ORDER);
        y3.intoMemorySegment(ALL, d + 3 * dRow + V, ORDER);
        z3.intoMemorySegment(ALL, d + 3 * dRow + 2 * V, ORDER);
    }

    private static FloatVector load(long address) {
        return FloatVector.fromMemorySegment(SPECIES, ALL, address, ORDER);
    }

    private static FloatVector broadcast(long address) {
        return FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, address));
    }
}
