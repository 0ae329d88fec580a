package io.quern.bench.measure;

import static java.nio.ByteOrder.nativeOrder;

import io.quern.cpu.Lanes;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Loops that nothing but the hardware limits, in the instructions that kernels have: the Vector API's. Offsets are in
 * bytes; ranges are whole blocks of {@link #BLOCK} bytes.
 */
final class CeilingLoops {
    private static final VectorSpecies<Float> F = Lanes.FLOAT;
    private static final VectorSpecies<Double> D = Lanes.DOUBLE;
    private static final long V = F.vectorByteSize();

    /** Accumulators of the FMA loops: two FMA units by a latency of four cycles need eight; twelve leave room. */
    static final int CHAINS = 12;

    /** Bytes a turn of the memory loops. */
    static final long BLOCK = 4 * V;

    private CeilingLoops() {}

    /** Does {@link #CHAINS} vector FMAs a round; {@return something that depends on all of them} */
    static float fmaFp32(long rounds) {
        FloatVector x = FloatVector.broadcast(F, 0.999f);
        FloatVector y = FloatVector.broadcast(F, 1e-3f);
        FloatVector a = FloatVector.broadcast(F, 0.0f);
        FloatVector b = FloatVector.broadcast(F, 0.1f);
        FloatVector c = FloatVector.broadcast(F, 0.2f);
        FloatVector d = FloatVector.broadcast(F, 0.3f);
        FloatVector e = FloatVector.broadcast(F, 0.4f);
        FloatVector f = FloatVector.broadcast(F, 0.5f);
        FloatVector g = FloatVector.broadcast(F, 0.6f);
        FloatVector h = FloatVector.broadcast(F, 0.7f);
        FloatVector i = FloatVector.broadcast(F, 0.8f);
        FloatVector j = FloatVector.broadcast(F, 0.9f);
        FloatVector k = FloatVector.broadcast(F, 1.0f);
        FloatVector l = FloatVector.broadcast(F, 1.1f);
        for (long round = 0; round < rounds; round++) {
            a = a.fma(x, y);
            b = b.fma(x, y);
            c = c.fma(x, y);
            d = d.fma(x, y);
            e = e.fma(x, y);
            f = f.fma(x, y);
            g = g.fma(x, y);
            h = h.fma(x, y);
            i = i.fma(x, y);
            j = j.fma(x, y);
            k = k.fma(x, y);
            l = l.fma(x, y);
        }
        FloatVector left = a.add(b).add(c).add(d).add(e).add(f);
        FloatVector right = g.add(h).add(i).add(j).add(k).add(l);
        return left.add(right).reduceLanes(VectorOperators.ADD);
    }

    /** The same in FP64. */
    static double fmaFp64(long rounds) {
        DoubleVector x = DoubleVector.broadcast(D, 0.999);
        DoubleVector y = DoubleVector.broadcast(D, 1e-3);
        DoubleVector a = DoubleVector.broadcast(D, 0.0);
        DoubleVector b = DoubleVector.broadcast(D, 0.1);
        DoubleVector c = DoubleVector.broadcast(D, 0.2);
        DoubleVector d = DoubleVector.broadcast(D, 0.3);
        DoubleVector e = DoubleVector.broadcast(D, 0.4);
        DoubleVector f = DoubleVector.broadcast(D, 0.5);
        DoubleVector g = DoubleVector.broadcast(D, 0.6);
        DoubleVector h = DoubleVector.broadcast(D, 0.7);
        DoubleVector i = DoubleVector.broadcast(D, 0.8);
        DoubleVector j = DoubleVector.broadcast(D, 0.9);
        DoubleVector k = DoubleVector.broadcast(D, 1.0);
        DoubleVector l = DoubleVector.broadcast(D, 1.1);
        for (long round = 0; round < rounds; round++) {
            a = a.fma(x, y);
            b = b.fma(x, y);
            c = c.fma(x, y);
            d = d.fma(x, y);
            e = e.fma(x, y);
            f = f.fma(x, y);
            g = g.fma(x, y);
            h = h.fma(x, y);
            i = i.fma(x, y);
            j = j.fma(x, y);
            k = k.fma(x, y);
            l = l.fma(x, y);
        }
        DoubleVector left = a.add(b).add(c).add(d).add(e).add(f);
        DoubleVector right = g.add(h).add(i).add(j).add(k).add(l);
        return left.add(right).reduceLanes(VectorOperators.ADD);
    }

    /** Sums a range, FP32. */
    static float read(MemorySegment x, long from, long to) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = FloatVector.zero(F);
        FloatVector c = FloatVector.zero(F);
        FloatVector d = FloatVector.zero(F);
        for (long at = from; at < to; at += BLOCK) {
            a = a.add(load(x, at));
            b = b.add(load(x, at + V));
            c = c.add(load(x, at + 2 * V));
            d = d.add(load(x, at + 3 * V));
        }
        return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
    }

    /** y = x. */
    static void copy(MemorySegment x, MemorySegment y, long from, long to) {
        for (long at = from; at < to; at += BLOCK) {
            store(load(x, at), y, at);
            store(load(x, at + V), y, at + V);
            store(load(x, at + 2 * V), y, at + 2 * V);
            store(load(x, at + 3 * V), y, at + 3 * V);
        }
    }

    /** z = x + 0.5 y. */
    static void triad(MemorySegment x, MemorySegment y, MemorySegment z, long from, long to) {
        FloatVector half = FloatVector.broadcast(F, 0.5f);
        for (long at = from; at < to; at += BLOCK) {
            store(load(y, at).fma(half, load(x, at)), z, at);
            store(load(y, at + V).fma(half, load(x, at + V)), z, at + V);
            store(load(y, at + 2 * V).fma(half, load(x, at + 2 * V)), z, at + 2 * V);
            store(load(y, at + 3 * V).fma(half, load(x, at + 3 * V)), z, at + 3 * V);
        }
    }

    /** x = 0.5 x + 1, which tends to 2 and so never to a denormal number. */
    static void inPlace(MemorySegment x, long from, long to) {
        FloatVector half = FloatVector.broadcast(F, 0.5f);
        FloatVector one = FloatVector.broadcast(F, 1);
        for (long at = from; at < to; at += BLOCK) {
            store(load(x, at).fma(half, one), x, at);
            store(load(x, at + V).fma(half, one), x, at + V);
            store(load(x, at + 2 * V).fma(half, one), x, at + 2 * V);
            store(load(x, at + 3 * V).fma(half, one), x, at + 3 * V);
        }
    }

    private static FloatVector load(MemorySegment x, long at) {
        return FloatVector.fromMemorySegment(F, x, at, nativeOrder());
    }

    private static void store(FloatVector v, MemorySegment x, long at) {
        v.intoMemorySegment(x, at, nativeOrder());
    }
}
