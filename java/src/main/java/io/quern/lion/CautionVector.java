package io.quern.lion;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;

import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Lanes;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/** What a cautious step does otherwise, by the Vector API. */
final class CautionVector {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int LANES = Lanes.FLOAT.length();
    private static final long BYTES = Lanes.FLOAT.vectorByteSize();

    private CautionVector() {}

    /** {@return how many of {@code count} elements from {@code begin} on have a c of the gradient's sign} */
    static int agreeing(HostTensors at, long begin, int count, Coefficients coefficients) {
        if (at.storage() == Storage.FP64) {
            return LionReference.agreeing(at, begin, count, coefficients);
        }
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        int vectorised = count - count % LANES;
        int agreeing = 0;
        for (int i = 0; i < vectorised; i += Fp32Blocks.LENGTH) {
            int length = Math.min(Fp32Blocks.LENGTH, vectorised - i);
            agreeing += agreeing(
                    LionVector.widened(blocks, 1, at.storage().momentum(), at.momentum(), begin + i, length),
                    LionVector.widened(blocks, 2, at.storage().gradient(), at.gradient(), begin + i, length),
                    length,
                    coefficients);
        }
        return agreeing + LionReference.agreeing(at, begin + vectorised, count - vectorised, coefficients);
    }

    private static int agreeing(long momentum, long gradient, int count, Coefficients coefficients) {
        FloatVector beta1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta1);
        float rest1 = (float) coefficients.rest1();
        float direction = (float) coefficients.direction;
        FloatVector ones = FloatVector.zero(Lanes.FLOAT); // exact: a block has fewer than 2^24 elements
        for (int i = 0; i < count; i += LANES) {
            momentum &= ADDRESS;
            gradient &= ADDRESS;
            FloatVector g = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, gradient, ORDER);
            FloatVector m = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, momentum, ORDER);
            FloatVector c = m.fma(beta1, g.mul(rest1));
            FloatVector directed = g.mul(direction);
            VectorMask<Float> agree = c.min(directed)
                    .compare(VectorOperators.GT, 0f)
                    .or(c.max(directed).compare(VectorOperators.LT, 0f));
            ones = ones.blend(ones.add(1f), agree);
            momentum += BYTES;
            gradient += BYTES;
        }
        int agreeing = 0;
        for (int lane = 0; lane < LANES; lane++) {
            agreeing += (int) ones.lane(lane);
        }
        return agreeing;
    }

    /** {@link LionVector}'s, but a step against the gradient is zero; where c is NaN, it stays so. */
    static void updateFp32(
            long parameter, long momentum, long gradient, long count, float learningRate, Coefficients coefficients) {
        FloatVector minusDecay = FloatVector.broadcast(Lanes.FLOAT, -(float) coefficients.decay());
        FloatVector beta1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta1);
        FloatVector beta2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta2);
        float rest1 = (float) coefficients.rest1();
        float rest2 = (float) coefficients.rest2();
        float direction = (float) coefficients.direction;
        for (long i = 0; i < count; i += LANES) {
            parameter &= ADDRESS;
            momentum &= ADDRESS;
            gradient &= ADDRESS;
            FloatVector g = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, gradient, ORDER);
            FloatVector m = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, momentum, ORDER);
            FloatVector theta = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, parameter, ORDER);
            FloatVector c = m.fma(beta1, g.mul(rest1));
            FloatVector directed = g.mul(direction);
            VectorMask<Float> taken = c.min(directed)
                    .compare(VectorOperators.GT, 0f)
                    .or(c.max(directed).compare(VectorOperators.LT, 0f))
                    .or(c.compare(VectorOperators.NE, c));
            theta.fma(minusDecay, theta)
                    .sub(LionVector.signedRate(learningRate, c).blend(0f, taken.not()))
                    .intoMemorySegment(ALL, parameter, ORDER);
            m.fma(beta2, g.mul(rest2)).intoMemorySegment(ALL, momentum, ORDER);
            parameter += BYTES;
            momentum += BYTES;
            gradient += BYTES;
        }
    }
}
