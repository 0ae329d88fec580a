package io.quern.lion;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;

import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Lanes;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Steps of Lion over BF16 storage in one pass: what is widened is updated and rounded at once, not block by block, so that
 * memory is never idle. In blocks they had .6 of the speed of loops in C with the same reads and writes.
 *
 * <p>Integers become FP32 and back by way of a few lines of scratch memory. Everything is written out, over addresses cut to
 * their bits ({@link io.quern.cpu.AddressSpace}): helpers would stay out of line and box their vectors. Each method is
 * longer than what C2 inlines into others ({@code FreqInlineSize}, 325 bytes), so that no two of them meet in one.
 *
 * <p>Parameters are addresses; {@code count} is a multiple of {@link #ELEMENTS}.
 */
final class LionBf16 {
    /** What each turn of a loop does. */
    static final int ELEMENTS = 2 * Lanes.FLOAT.length();

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final long V = Lanes.FLOAT.vectorByteSize();
    private static final IntVector UPPER = IntVector.broadcast(Lanes.INT, 0xffff_0000);
    private static final IntVector ONE = IntVector.broadcast(Lanes.INT, 1);
    private static final IntVector HALF_UNIT = IntVector.broadcast(Lanes.INT, 0x7fff); // less one bit: ties go to even
    private static final IntVector MAGNITUDE = IntVector.broadcast(Lanes.INT, 0x7fff_ffff);
    private static final IntVector INFINITY = IntVector.broadcast(Lanes.INT, 0x7f80_0000);
    private static final IntVector QUIET = IntVector.broadcast(Lanes.INT, 0x0040_0000);

    private LionBf16() {}

    /**
     * All in BF16. A vector of integers holds pairs of neighbours: the even ones' bits in its lower halves, the odd ones' in
     * its upper. A NaN that is computed from BF16 has lower bits of 0, so rounding leaves it one.
     */
    static void bf16(
            long parameter, long momentum, long gradient, long count, float learningRate, Coefficients coefficients) {
        long scratch = Fp32Blocks.ofThread().address(0) & ADDRESS;
        FloatVector minusDecay = FloatVector.broadcast(Lanes.FLOAT, -(float) coefficients.decay());
        FloatVector beta1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta1);
        FloatVector beta2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta2);
        FloatVector rest1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.rest1());
        FloatVector rest2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.rest2());
        FloatVector up = FloatVector.broadcast(Lanes.FLOAT, learningRate);
        FloatVector down = FloatVector.broadcast(Lanes.FLOAT, -learningRate);
        FloatVector zero = FloatVector.zero(Lanes.FLOAT);
        for (long i = 0; i < count; i += ELEMENTS) {
            parameter &= ADDRESS;
            momentum &= ADDRESS;
            gradient &= ADDRESS;
            IntVector gradients = IntVector.fromMemorySegment(Lanes.INT, ALL, gradient, ORDER);
            gradients.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(ALL, scratch, ORDER);
            gradients.and(UPPER).intoMemorySegment(ALL, scratch + V, ORDER);
            IntVector momenta = IntVector.fromMemorySegment(Lanes.INT, ALL, momentum, ORDER);
            momenta.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(ALL, scratch + 2 * V, ORDER);
            momenta.and(UPPER).intoMemorySegment(ALL, scratch + 3 * V, ORDER);
            IntVector parameters = IntVector.fromMemorySegment(Lanes.INT, ALL, parameter, ORDER);
            parameters.lanewise(VectorOperators.LSHL, 16).intoMemorySegment(ALL, scratch + 4 * V, ORDER);
            parameters.and(UPPER).intoMemorySegment(ALL, scratch + 5 * V, ORDER);
            FloatVector gEven = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch, ORDER);
            FloatVector mEven = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + 2 * V, ORDER);
            FloatVector pEven = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + 4 * V, ORDER);
            FloatVector cEven = mEven.fma(beta1, gEven.mul(rest1));
            FloatVector stepEven = cEven.blend(up, cEven.compare(VectorOperators.GT, zero))
                    .blend(down, cEven.compare(VectorOperators.LT, zero));
            mEven.fma(beta2, gEven.mul(rest2)).intoMemorySegment(ALL, scratch + 2 * V, ORDER);
            pEven.fma(minusDecay, pEven).sub(stepEven).intoMemorySegment(ALL, scratch + 4 * V, ORDER);
            FloatVector gOdd = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + V, ORDER);
            FloatVector mOdd = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + 3 * V, ORDER);
            FloatVector pOdd = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + 5 * V, ORDER);
            FloatVector cOdd = mOdd.fma(beta1, gOdd.mul(rest1));
            FloatVector stepOdd = cOdd.blend(up, cOdd.compare(VectorOperators.GT, zero))
                    .blend(down, cOdd.compare(VectorOperators.LT, zero));
            mOdd.fma(beta2, gOdd.mul(rest2)).intoMemorySegment(ALL, scratch + 3 * V, ORDER);
            pOdd.fma(minusDecay, pOdd).sub(stepOdd).intoMemorySegment(ALL, scratch + 5 * V, ORDER);
            IntVector evenMomentum = IntVector.fromMemorySegment(Lanes.INT, ALL, scratch + 2 * V, ORDER);
            IntVector oddMomentum = IntVector.fromMemorySegment(Lanes.INT, ALL, scratch + 3 * V, ORDER);
            evenMomentum
                    .lanewise(VectorOperators.LSHR, 16)
                    .and(ONE)
                    .add(HALF_UNIT)
                    .add(evenMomentum)
                    .lanewise(VectorOperators.LSHR, 16)
                    .or(oddMomentum
                            .lanewise(VectorOperators.LSHR, 16)
                            .and(ONE)
                            .add(HALF_UNIT)
                            .add(oddMomentum)
                            .and(UPPER))
                    .intoMemorySegment(ALL, momentum, ORDER);
            IntVector evenParameter = IntVector.fromMemorySegment(Lanes.INT, ALL, scratch + 4 * V, ORDER);
            IntVector oddParameter = IntVector.fromMemorySegment(Lanes.INT, ALL, scratch + 5 * V, ORDER);
            evenParameter
                    .lanewise(VectorOperators.LSHR, 16)
                    .and(ONE)
                    .add(HALF_UNIT)
                    .add(evenParameter)
                    .lanewise(VectorOperators.LSHR, 16)
                    .or(oddParameter
                            .lanewise(VectorOperators.LSHR, 16)
                            .and(ONE)
                            .add(HALF_UNIT)
                            .add(oddParameter)
                            .and(UPPER))
                    .intoMemorySegment(ALL, parameter, ORDER);
            parameter += V;
            momentum += V;
            gradient += V;
        }
    }

    /** Parameter and gradient in BF16, momentum in FP32. */
    static void momentumFp32(
            long parameter, long momentum, long gradient, long count, float learningRate, Coefficients coefficients) {
        long scratch = Fp32Blocks.ofThread().address(0) & ADDRESS;
        FloatVector minusDecay = FloatVector.broadcast(Lanes.FLOAT, -(float) coefficients.decay());
        FloatVector beta1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta1);
        FloatVector beta2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta2);
        FloatVector rest1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.rest1());
        FloatVector rest2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.rest2());
        FloatVector up = FloatVector.broadcast(Lanes.FLOAT, learningRate);
        FloatVector down = FloatVector.broadcast(Lanes.FLOAT, -learningRate);
        FloatVector zero = FloatVector.zero(Lanes.FLOAT);
        for (long i = 0; i < count; i += ELEMENTS) {
            parameter &= ADDRESS;
            momentum &= ADDRESS;
            gradient &= ADDRESS;
            ShortVector gradients0 = ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, gradient, ORDER);
            gradients0
                    .convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(ALL, scratch, ORDER);
            ShortVector parameters0 = ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, parameter, ORDER);
            parameters0
                    .convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(ALL, scratch + V, ORDER);
            FloatVector g0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch, ORDER);
            FloatVector m0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, momentum, ORDER);
            FloatVector p0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + V, ORDER);
            FloatVector c0 = m0.fma(beta1, g0.mul(rest1));
            FloatVector step0 = c0.blend(up, c0.compare(VectorOperators.GT, zero))
                    .blend(down, c0.compare(VectorOperators.LT, zero));
            m0.fma(beta2, g0.mul(rest2)).intoMemorySegment(ALL, momentum, ORDER);
            p0.fma(minusDecay, p0).sub(step0).intoMemorySegment(ALL, scratch + 2 * V, ORDER);
            IntVector stepped0 = IntVector.fromMemorySegment(Lanes.INT, ALL, scratch + 2 * V, ORDER);
            VectorMask<Integer> stepped0Nan = stepped0.and(MAGNITUDE).compare(VectorOperators.GT, INFINITY);
            stepped0.lanewise(VectorOperators.LSHR, 16)
                    .and(ONE)
                    .add(HALF_UNIT)
                    .add(stepped0)
                    .blend(stepped0.or(QUIET), stepped0Nan)
                    .lanewise(VectorOperators.LSHR, 16)
                    .convertShape(VectorOperators.I2S, Lanes.HALF_SHORT, 0)
                    .intoMemorySegment(ALL, parameter, ORDER);
            ShortVector gradients1 = ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, gradient + V / 2, ORDER);
            gradients1
                    .convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(ALL, scratch + 3 * V, ORDER);
            ShortVector parameters1 = ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, parameter + V / 2, ORDER);
            parameters1
                    .convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(ALL, scratch + 4 * V, ORDER);
            FloatVector g1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + 3 * V, ORDER);
            FloatVector m1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, momentum + V, ORDER);
            FloatVector p1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + 4 * V, ORDER);
            FloatVector c1 = m1.fma(beta1, g1.mul(rest1));
            FloatVector step1 = c1.blend(up, c1.compare(VectorOperators.GT, zero))
                    .blend(down, c1.compare(VectorOperators.LT, zero));
            m1.fma(beta2, g1.mul(rest2)).intoMemorySegment(ALL, momentum + V, ORDER);
            p1.fma(minusDecay, p1).sub(step1).intoMemorySegment(ALL, scratch + 5 * V, ORDER);
            IntVector stepped1 = IntVector.fromMemorySegment(Lanes.INT, ALL, scratch + 5 * V, ORDER);
            VectorMask<Integer> stepped1Nan = stepped1.and(MAGNITUDE).compare(VectorOperators.GT, INFINITY);
            stepped1.lanewise(VectorOperators.LSHR, 16)
                    .and(ONE)
                    .add(HALF_UNIT)
                    .add(stepped1)
                    .blend(stepped1.or(QUIET), stepped1Nan)
                    .lanewise(VectorOperators.LSHR, 16)
                    .convertShape(VectorOperators.I2S, Lanes.HALF_SHORT, 0)
                    .intoMemorySegment(ALL, parameter + V / 2, ORDER);
            parameter += V;
            momentum += 2 * V;
            gradient += V;
        }
    }

    /** Momentum and gradient in BF16, parameter in FP32 with a copy in BF16. */
    static void parameterFp32(
            long parameter,
            long momentum,
            long gradient,
            long copy,
            long count,
            float learningRate,
            Coefficients coefficients) {
        long scratch = Fp32Blocks.ofThread().address(0) & ADDRESS;
        FloatVector minusDecay = FloatVector.broadcast(Lanes.FLOAT, -(float) coefficients.decay());
        FloatVector beta1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta1);
        FloatVector beta2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta2);
        FloatVector rest1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.rest1());
        FloatVector rest2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.rest2());
        FloatVector up = FloatVector.broadcast(Lanes.FLOAT, learningRate);
        FloatVector down = FloatVector.broadcast(Lanes.FLOAT, -learningRate);
        FloatVector zero = FloatVector.zero(Lanes.FLOAT);
        for (long i = 0; i < count; i += ELEMENTS) {
            parameter &= ADDRESS;
            momentum &= ADDRESS;
            gradient &= ADDRESS;
            copy &= ADDRESS;
            ShortVector gradients0 = ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, gradient, ORDER);
            gradients0
                    .convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(ALL, scratch, ORDER);
            ShortVector momenta0 = ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, momentum, ORDER);
            momenta0.convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(ALL, scratch + V, ORDER);
            FloatVector g0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch, ORDER);
            FloatVector m0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + V, ORDER);
            FloatVector p0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, parameter, ORDER);
            FloatVector c0 = m0.fma(beta1, g0.mul(rest1));
            FloatVector step0 = c0.blend(up, c0.compare(VectorOperators.GT, zero))
                    .blend(down, c0.compare(VectorOperators.LT, zero));
            FloatVector stepped0 = p0.fma(minusDecay, p0).sub(step0);
            stepped0.intoMemorySegment(ALL, parameter, ORDER);
            m0.fma(beta2, g0.mul(rest2)).intoMemorySegment(ALL, scratch + 2 * V, ORDER);
            IntVector momentum0 = IntVector.fromMemorySegment(Lanes.INT, ALL, scratch + 2 * V, ORDER);
            momentum0
                    .lanewise(VectorOperators.LSHR, 16)
                    .and(ONE)
                    .add(HALF_UNIT)
                    .add(momentum0)
                    .lanewise(VectorOperators.LSHR, 16)
                    .convertShape(VectorOperators.I2S, Lanes.HALF_SHORT, 0)
                    .intoMemorySegment(ALL, momentum, ORDER);
            IntVector parameter0 = IntVector.fromMemorySegment(Lanes.INT, ALL, parameter, ORDER);
            VectorMask<Integer> parameter0Nan = parameter0.and(MAGNITUDE).compare(VectorOperators.GT, INFINITY);
            parameter0
                    .lanewise(VectorOperators.LSHR, 16)
                    .and(ONE)
                    .add(HALF_UNIT)
                    .add(parameter0)
                    .blend(parameter0.or(QUIET), parameter0Nan)
                    .lanewise(VectorOperators.LSHR, 16)
                    .convertShape(VectorOperators.I2S, Lanes.HALF_SHORT, 0)
                    .intoMemorySegment(ALL, copy, ORDER);
            ShortVector gradients1 = ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, gradient + V / 2, ORDER);
            gradients1
                    .convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(ALL, scratch + 4 * V, ORDER);
            ShortVector momenta1 = ShortVector.fromMemorySegment(Lanes.HALF_SHORT, ALL, momentum + V / 2, ORDER);
            momenta1.convertShape(VectorOperators.S2I, Lanes.INT, 0)
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(ALL, scratch + 5 * V, ORDER);
            FloatVector g1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + 4 * V, ORDER);
            FloatVector m1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, scratch + 5 * V, ORDER);
            FloatVector p1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, parameter + V, ORDER);
            FloatVector c1 = m1.fma(beta1, g1.mul(rest1));
            FloatVector step1 = c1.blend(up, c1.compare(VectorOperators.GT, zero))
                    .blend(down, c1.compare(VectorOperators.LT, zero));
            FloatVector stepped1 = p1.fma(minusDecay, p1).sub(step1);
            stepped1.intoMemorySegment(ALL, parameter + V, ORDER);
            m1.fma(beta2, g1.mul(rest2)).intoMemorySegment(ALL, scratch + 6 * V, ORDER);
            IntVector momentum1 = IntVector.fromMemorySegment(Lanes.INT, ALL, scratch + 6 * V, ORDER);
            momentum1
                    .lanewise(VectorOperators.LSHR, 16)
                    .and(ONE)
                    .add(HALF_UNIT)
                    .add(momentum1)
                    .lanewise(VectorOperators.LSHR, 16)
                    .convertShape(VectorOperators.I2S, Lanes.HALF_SHORT, 0)
                    .intoMemorySegment(ALL, momentum + V / 2, ORDER);
            IntVector parameter1 = IntVector.fromMemorySegment(Lanes.INT, ALL, parameter + V, ORDER);
            VectorMask<Integer> parameter1Nan = parameter1.and(MAGNITUDE).compare(VectorOperators.GT, INFINITY);
            parameter1
                    .lanewise(VectorOperators.LSHR, 16)
                    .and(ONE)
                    .add(HALF_UNIT)
                    .add(parameter1)
                    .blend(parameter1.or(QUIET), parameter1Nan)
                    .lanewise(VectorOperators.LSHR, 16)
                    .convertShape(VectorOperators.I2S, Lanes.HALF_SHORT, 0)
                    .intoMemorySegment(ALL, copy + V / 2, ORDER);
            parameter += 2 * V;
            momentum += V;
            gradient += V;
            copy += V;
        }
    }
}
