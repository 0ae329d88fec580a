package io.quern.bench.ode;

import static java.nio.ByteOrder.nativeOrder;

import io.quern.Tensor;
import io.quern.bench.measure.Peer;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Lanes;
import io.quern.cpu.WorkerPool;
import jdk.incubator.vector.DoubleVector;

/**
 * Steps of RK4 of Lorenz trajectories in FP64, written for the Vector API by hand: what a field from expressions is measured
 * against. The same operations in the same order, so the same bits; two vectors in flight, the parameters the same for all.
 */
final class LorenzByHand implements WorkerPool.Task {
    static final String NAME = "Vector API by hand";

    private static final int LENGTH = Lanes.DOUBLE.length();
    private static final DoubleVector SIGMA = DoubleVector.broadcast(Lanes.DOUBLE, 10);
    private static final DoubleVector RHO = DoubleVector.broadcast(Lanes.DOUBLE, 28);
    private static final DoubleVector MINUS_BETA = DoubleVector.broadcast(Lanes.DOUBLE, -8.0 / 3);
    private static final DoubleVector TWO = DoubleVector.broadcast(Lanes.DOUBLE, 2);

    private static final long V = 8L * LENGTH;

    /** Trajectories of a part. */
    static final int PART = 2 * LENGTH;

    private final long state;
    private final long out;
    private final long row; // bytes
    private final int steps;
    private final DoubleVector h;
    private final DoubleVector half;
    private final DoubleVector sixth;

    private LorenzByHand(Tensor state, Tensor out, int steps, double h) {
        this.state = state.address();
        this.out = out.address();
        this.row = 8 * state.size(1);
        this.steps = steps;
        this.h = DoubleVector.broadcast(Lanes.DOUBLE, h);
        this.half = DoubleVector.broadcast(Lanes.DOUBLE, h * 0.5);
        this.sixth = DoubleVector.broadcast(Lanes.DOUBLE, h * (1.0 / 6));
    }

    /** {@return the peer; the trajectories are a multiple of {@link #PART}} */
    static Peer peer(Tensor state, Tensor out, int steps, double h, int threads) {
        LorenzByHand task = new LorenzByHand(state, out, steps, h);
        int parts = Math.toIntExact(state.size(1) / PART);
        return new Peer(NAME, () -> WorkerPool.run(task, parts, threads));
    }

    @Override
    public void run(int part) {
        solve(8L * part * PART, steps, h, half, sixth);
    }

    /** Both vectors are written out: a step of one gives three, which a method of its own could only return in an object. */
    private void solve(long at, int steps, DoubleVector h, DoubleVector half, DoubleVector sixth) {
        DoubleVector xa = load(at);
        DoubleVector ya = load(row + at);
        DoubleVector za = load(2 * row + at);
        DoubleVector xb = load(at + V);
        DoubleVector yb = load(row + at + V);
        DoubleVector zb = load(2 * row + at + V);
        for (int step = 0; step < steps; step++) {
            DoubleVector ka1 = SIGMA.mul(ya.sub(xa));
            DoubleVector la1 = xa.mul(RHO.sub(za)).sub(ya);
            DoubleVector ma1 = MINUS_BETA.fma(za, xa.mul(ya));
            DoubleVector pa2 = half.fma(ka1, xa);
            DoubleVector qa2 = half.fma(la1, ya);
            DoubleVector ra2 = half.fma(ma1, za);
            DoubleVector ka2 = SIGMA.mul(qa2.sub(pa2));
            DoubleVector la2 = pa2.mul(RHO.sub(ra2)).sub(qa2);
            DoubleVector ma2 = MINUS_BETA.fma(ra2, pa2.mul(qa2));
            DoubleVector pa3 = half.fma(ka2, xa);
            DoubleVector qa3 = half.fma(la2, ya);
            DoubleVector ra3 = half.fma(ma2, za);
            DoubleVector ka3 = SIGMA.mul(qa3.sub(pa3));
            DoubleVector la3 = pa3.mul(RHO.sub(ra3)).sub(qa3);
            DoubleVector ma3 = MINUS_BETA.fma(ra3, pa3.mul(qa3));
            DoubleVector pa4 = h.fma(ka3, xa);
            DoubleVector qa4 = h.fma(la3, ya);
            DoubleVector ra4 = h.fma(ma3, za);
            DoubleVector ka4 = SIGMA.mul(qa4.sub(pa4));
            DoubleVector la4 = pa4.mul(RHO.sub(ra4)).sub(qa4);
            DoubleVector ma4 = MINUS_BETA.fma(ra4, pa4.mul(qa4));
            xa = sixth.fma(TWO.fma(ka2.add(ka3), ka1.add(ka4)), xa);
            ya = sixth.fma(TWO.fma(la2.add(la3), la1.add(la4)), ya);
            za = sixth.fma(TWO.fma(ma2.add(ma3), ma1.add(ma4)), za);
            DoubleVector kb1 = SIGMA.mul(yb.sub(xb));
            DoubleVector lb1 = xb.mul(RHO.sub(zb)).sub(yb);
            DoubleVector mb1 = MINUS_BETA.fma(zb, xb.mul(yb));
            DoubleVector pb2 = half.fma(kb1, xb);
            DoubleVector qb2 = half.fma(lb1, yb);
            DoubleVector rb2 = half.fma(mb1, zb);
            DoubleVector kb2 = SIGMA.mul(qb2.sub(pb2));
            DoubleVector lb2 = pb2.mul(RHO.sub(rb2)).sub(qb2);
            DoubleVector mb2 = MINUS_BETA.fma(rb2, pb2.mul(qb2));
            DoubleVector pb3 = half.fma(kb2, xb);
            DoubleVector qb3 = half.fma(lb2, yb);
            DoubleVector rb3 = half.fma(mb2, zb);
            DoubleVector kb3 = SIGMA.mul(qb3.sub(pb3));
            DoubleVector lb3 = pb3.mul(RHO.sub(rb3)).sub(qb3);
            DoubleVector mb3 = MINUS_BETA.fma(rb3, pb3.mul(qb3));
            DoubleVector pb4 = h.fma(kb3, xb);
            DoubleVector qb4 = h.fma(lb3, yb);
            DoubleVector rb4 = h.fma(mb3, zb);
            DoubleVector kb4 = SIGMA.mul(qb4.sub(pb4));
            DoubleVector lb4 = pb4.mul(RHO.sub(rb4)).sub(qb4);
            DoubleVector mb4 = MINUS_BETA.fma(rb4, pb4.mul(qb4));
            xb = sixth.fma(TWO.fma(kb2.add(kb3), kb1.add(kb4)), xb);
            yb = sixth.fma(TWO.fma(lb2.add(lb3), lb1.add(lb4)), yb);
            zb = sixth.fma(TWO.fma(mb2.add(mb3), mb1.add(mb4)), zb);
        }
        store(xa, at);
        store(ya, row + at);
        store(za, 2 * row + at);
        store(xb, at + V);
        store(yb, row + at + V);
        store(zb, 2 * row + at + V);
    }

    private DoubleVector load(long at) {
        return DoubleVector.fromMemorySegment(Lanes.DOUBLE, AddressSpace.ALL, state + at, nativeOrder());
    }

    private void store(DoubleVector v, long at) {
        v.intoMemorySegment(AddressSpace.ALL, out + at, nativeOrder());
    }
}
