package io.quern.lion;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;
import static io.quern.cpu.AddressSpace.STRIDE;

import io.quern.DType;
import io.quern.Launch;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Lanes;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Lion by the Vector API. All tensors together are one sequence of elements, cut into parts of equal length that threads
 * take in turn, so that one large tensor and a thousand small ones balance alike.
 *
 * <p>FP32 and FP64 are updated in place, what is left beyond whole vectors by {@link LionScalar}; FP64 with caution by the
 * reference's loop. For 16-bit storage a block at a time is widened, updated as FP32 and rounded; copies are made block by
 * block, while parameters are in the first-level cache. What is left there, or with caution, goes through the reference's loop,
 * which gives the same bits.
 */
final class LionVector implements Launch, WorkerPool.Task {
    /** Elements of a part: some 30 microseconds of work at memory speed, a hundred times what handing it out costs. */
    private static final int PART = 1 << 16;

    /** Parts are cut at multiples of this within a tensor, so that vectors keep the tensor's alignment in each. */
    private static final int CUT = 64;

    private static final MemorySegment ZEROS =
            Arena.global().allocate(Fp32Blocks.LENGTH * (long) Double.BYTES, Double.BYTES);

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int FLOAT_LANES = Lanes.FLOAT.length();
    private static final int DOUBLE_LANES = Lanes.DOUBLE.length();
    private static final long BYTES = Lanes.FLOAT.vectorByteSize();

    private final HostTensors[] tensors;
    private final long[] begins; // of each tensor in the sequence, and the sequence's end
    private final Coefficients coefficients;
    private final int parts;
    private final int threads;
    private final GradientLook look; // null: nobody looks
    private final CautionCount caution; // null: none

    LionVector(Lion.Step step, Coefficients coefficients, int threads) {
        this.tensors = HostTensors.of(step);
        this.begins = new long[step.size() + 1];
        for (int t = 0; t < step.size(); t++) {
            begins[t + 1] = begins[t] + step.parameters().get(t).elementCount();
        }
        this.coefficients = coefficients;
        this.parts = Math.toIntExact(Math.ceilDiv(begins[step.size()], (long) PART));
        this.threads = threads;
        this.caution = coefficients.cautious ? new CautionCount(step, coefficients, CautionVector::agreeing) : null;
        this.look = step.looksFirst() ? new GradientLook(step, coefficients, SquaresVector::sum) : null;
    }

    /** {@return how many parts {@link #run(int)} knows} */
    int parts() {
        return parts;
    }

    @Override
    public void run() {
        if (look != null) {
            WorkerPool.run(look, look.chunks(), threads);
            look.decide();
        }
        if (caution != null) {
            WorkerPool.run(caution, caution.chunks(), threads);
            caution.decide();
        }
        WorkerPool.run(this, parts, threads);
        coefficients.advance();
    }

    @Override
    public void run(int part) {
        long from = (long) part * PART;
        long to = from + PART;
        for (int t = Chunks.tensorAt(begins, from); t < tensors.length && begins[t] < to; t++) {
            long length = begins[t + 1] - begins[t];
            long begin = cut(from - begins[t]);
            long end = to < begins[t + 1] ? cut(to - begins[t]) : length;
            if (look != null && look.skips(t)) {
                LionReference.pass(tensors[t], begin, end, coefficients);
            } else {
                update(tensors[t], begin, end);
            }
        }
    }

    private static long cut(long position) {
        return Math.max(0, position - position % CUT);
    }

    /**
     * What looks at gradients or changes them goes piece by piece, while they are in the first-level cache. A piece with a
     * gradient that is not finite is rare: it goes through the reference's loop.
     */
    private void update(HostTensors at, long begin, long end) {
        if (!coefficients.skipsElements && !coefficients.zeroesGradients) {
            updateVectors(at, begin, end);
            return;
        }
        for (long i = begin; i < end; i += Fp32Blocks.LENGTH) {
            long pieceEnd = Math.min(i + Fp32Blocks.LENGTH, end);
            if (coefficients.skipsElements && !FiniteVector.all(at.storage().gradient(), at.gradient(), i, pieceEnd)) {
                LionReference.update(at, i, pieceEnd, coefficients);
            } else {
                updateVectors(at, i, pieceEnd);
            }
        }
    }

    private void updateVectors(HostTensors at, long begin, long end) {
        int lanes = at.storage() == Storage.FP64 ? DOUBLE_LANES : FLOAT_LANES;
        long vectorised = begin + (end - begin) / lanes * lanes;
        long updated = vectorised;
        if (at.storage() == Storage.FP64) {
            updated = coefficients.cautious ? begin : end;
            updateFp64(
                    at.parameter().address() + 8 * begin,
                    at.momentum().address() + 8 * begin,
                    at.gradient().address() + 8 * begin,
                    updated - begin,
                    coefficients);
        } else if (at.storage() == Storage.FP32 && at.copy() == null) {
            updated = coefficients.cautious ? vectorised : end;
            updateFp32(
                    at.parameter().address() + 4 * begin,
                    at.momentum().address() + 4 * begin,
                    at.gradient().address() + 4 * begin,
                    updated - begin,
                    (float) coefficients.learningRate(at),
                    coefficients);
        } else {
            long onePass = begin + onePass(at, begin, vectorised - begin);
            updateBlocks(at, onePass, vectorised);
        }
        if (coefficients.zeroesGradients) {
            int bytes = at.storage().gradient().bytes();
            MemorySegment.copy(ZEROS, 0, at.gradient(), bytes * begin, bytes * (updated - begin));
        }
        if (updated != end) {
            LionReference.update(at, updated, end, coefficients);
        }
    }

    /** {@return how many elements were updated without blocks: none, or what is whole vectors} */
    private long onePass(HostTensors at, long begin, long count) {
        if (coefficients.cautious || coefficients.rounding.isStochastic()) {
            return 0;
        }
        long whole = count - count % LionBf16.ELEMENTS;
        long parameter =
                at.parameter().address() + begin * at.storage().parameter().bytes();
        long momentum =
                at.momentum().address() + begin * at.storage().momentum().bytes();
        long gradient =
                at.gradient().address() + begin * at.storage().gradient().bytes();
        float learningRate = (float) coefficients.learningRate(at);
        if (at.storage() == Storage.BF16) {
            LionBf16.bf16(parameter, momentum, gradient, whole, learningRate, coefficients);
        } else if (at.storage() == Storage.BF16_FP32_BF16) {
            LionBf16.momentumFp32(parameter, momentum, gradient, whole, learningRate, coefficients);
        } else if (at.storage() == Storage.FP32_BF16_BF16 && at.copyType() == DType.BF16) {
            long copy = at.copy().address() + 2 * begin;
            LionBf16.parameterFp32(parameter, momentum, gradient, copy, whole, learningRate, coefficients);
        } else {
            return 0;
        }
        return whole;
    }

    private void updateBlocks(HostTensors at, long begin, long end) {
        Storage storage = at.storage();
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        for (long i = begin; i < end; i += Fp32Blocks.LENGTH) {
            int count = (int) Math.min(Fp32Blocks.LENGTH, end - i);
            updateFp32(
                    widened(blocks, 0, storage.parameter(), at.parameter(), i, count),
                    widened(blocks, 1, storage.momentum(), at.momentum(), i, count),
                    widened(blocks, 2, storage.gradient(), at.gradient(), i, count),
                    count,
                    (float) coefficients.learningRate(at),
                    coefficients);
            if (coefficients.rounding.isStochastic()) {
                RoundingVector.round(
                        storage.parameter(),
                        blocks.address(0),
                        coefficients.rounding,
                        coefficients.step(),
                        at.first() + i,
                        count);
            }
            narrow(blocks, 0, storage.parameter(), at.parameter(), i, count);
            narrow(blocks, 1, storage.momentum(), at.momentum(), i, count);
            if (at.copy() != null) {
                blocks.load(0, storage.parameter(), at.parameter(), 4 * i, count);
                blocks.store(0, at.copyType(), at.copy(), 2 * i, count);
            }
        }
    }

    /** {@return the address where elements from {@code i} on are as FP32: a block, or the tensor itself if that is FP32} */
    static long widened(Fp32Blocks blocks, int block, DType dtype, MemorySegment tensor, long i, int count) {
        return dtype == DType.FP32
                ? tensor.address() + 4 * i
                : blocks.load(block, dtype, tensor, 2 * i, count).address();
    }

    private static void narrow(Fp32Blocks blocks, int block, DType dtype, MemorySegment tensor, long i, int count) {
        switch (dtype) {
            case FP32 -> {} // updated in place
            case FP16 -> blocks.storeFp16(block, tensor, 2 * i, count);
            case BF16 -> blocks.storeBf16(block, tensor, 2 * i, count);
            default -> throw new AssertionError(dtype);
        }
    }

    /**
     * Vectors begin where those of the parameter fill cache lines: of tensors that lie one behind the other, each may begin
     * elsewhere, and 1,000 elements took a quarter longer. The loop ends by {@code !=}, so that C2 does not cut it into one before,
     * a main loop and one after.
     */
    private static void updateFp32(
            long parameter, long momentum, long gradient, long count, float learningRate, Coefficients coefficients) {
        if (coefficients.cautious) {
            CautionVector.updateFp32(parameter, momentum, gradient, count, learningRate, coefficients);
            return;
        }
        FloatVector minusDecay = FloatVector.broadcast(Lanes.FLOAT, -(float) coefficients.decay());
        FloatVector beta1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta1);
        FloatVector beta2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta2);
        FloatVector rest1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.rest1());
        FloatVector rest2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.rest2());
        FloatVector up = FloatVector.broadcast(Lanes.FLOAT, learningRate);
        FloatVector down = FloatVector.broadcast(Lanes.FLOAT, -learningRate);
        FloatVector zero = FloatVector.zero(Lanes.FLOAT);
        long head = Math.min(count, (-parameter & (BYTES - 1)) / 4);
        if (head != 0) {
            LionScalar.fp32(parameter, momentum, gradient, 0, head, learningRate, coefficients);
        }
        parameter &= ADDRESS;
        momentum &= ADDRESS;
        gradient &= ADDRESS;
        long vectors = (count - head) / FLOAT_LANES;
        long i = 4 * head & STRIDE;
        long whole = i + vectors * BYTES;
        long twos = i + (vectors & ~1) * BYTES;
        while (i != twos) {
            FloatVector g0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, gradient + i, ORDER);
            FloatVector m0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, momentum + i, ORDER);
            FloatVector theta0 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, parameter + i, ORDER);
            FloatVector c0 = m0.fma(beta1, g0.mul(rest1));
            FloatVector step0 = c0.blend(up, c0.compare(VectorOperators.GT, zero))
                    .blend(down, c0.compare(VectorOperators.LT, zero));
            theta0.fma(minusDecay, theta0).sub(step0).intoMemorySegment(ALL, parameter + i, ORDER);
            m0.fma(beta2, g0.mul(rest2)).intoMemorySegment(ALL, momentum + i, ORDER);
            FloatVector g1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, gradient + i + BYTES, ORDER);
            FloatVector m1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, momentum + i + BYTES, ORDER);
            FloatVector theta1 = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, parameter + i + BYTES, ORDER);
            FloatVector c1 = m1.fma(beta1, g1.mul(rest1));
            FloatVector step1 = c1.blend(up, c1.compare(VectorOperators.GT, zero))
                    .blend(down, c1.compare(VectorOperators.LT, zero));
            theta1.fma(minusDecay, theta1).sub(step1).intoMemorySegment(ALL, parameter + i + BYTES, ORDER);
            m1.fma(beta2, g1.mul(rest2)).intoMemorySegment(ALL, momentum + i + BYTES, ORDER);
            i = (i + 2 * BYTES) & STRIDE;
        }
        if (i != whole) {
            FloatVector g = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, gradient + i, ORDER);
            FloatVector m = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, momentum + i, ORDER);
            FloatVector theta = FloatVector.fromMemorySegment(Lanes.FLOAT, ALL, parameter + i, ORDER);
            FloatVector c = m.fma(beta1, g.mul(rest1));
            FloatVector step =
                    c.blend(up, c.compare(VectorOperators.GT, zero)).blend(down, c.compare(VectorOperators.LT, zero));
            theta.fma(minusDecay, theta).sub(step).intoMemorySegment(ALL, parameter + i, ORDER);
            m.fma(beta2, g.mul(rest2)).intoMemorySegment(ALL, momentum + i, ORDER);
        }
        if (whole != 4 * count) {
            LionScalar.fp32(parameter, momentum, gradient, whole / 4, count, learningRate, coefficients);
        }
    }

    /** {@return learningRate * sign(c)}; what is neither above nor below zero stays as it is: zeros, and NaN */
    static FloatVector signedRate(float learningRate, FloatVector c) {
        return c.blend(learningRate, c.compare(VectorOperators.GT, 0f))
                .blend(-learningRate, c.compare(VectorOperators.LT, 0f));
    }

    private static void updateFp64(
            long parameter, long momentum, long gradient, long count, Coefficients coefficients) {
        double learningRate = coefficients.learningRate();
        DoubleVector minusDecay = DoubleVector.broadcast(Lanes.DOUBLE, -coefficients.decay());
        DoubleVector beta1 = DoubleVector.broadcast(Lanes.DOUBLE, coefficients.beta1);
        DoubleVector beta2 = DoubleVector.broadcast(Lanes.DOUBLE, coefficients.beta2);
        double rest1 = coefficients.rest1();
        double rest2 = coefficients.rest2();
        long whole = count - count % DOUBLE_LANES;
        for (long i = 0; i < whole; i += DOUBLE_LANES) {
            parameter &= ADDRESS;
            momentum &= ADDRESS;
            gradient &= ADDRESS;
            DoubleVector g = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, gradient, ORDER);
            DoubleVector m = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, momentum, ORDER);
            DoubleVector theta = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, parameter, ORDER);
            DoubleVector c = m.fma(beta1, g.mul(rest1));
            theta.fma(minusDecay, theta).sub(signedRate(learningRate, c)).intoMemorySegment(ALL, parameter, ORDER);
            m.fma(beta2, g.mul(rest2)).intoMemorySegment(ALL, momentum, ORDER);
            parameter += BYTES;
            momentum += BYTES;
            gradient += BYTES;
        }
        LionScalar.fp64(parameter, momentum, gradient, 0, count - whole, learningRate, coefficients);
    }

    /** {@return learningRate * sign(c)}; as for FP32 */
    private static DoubleVector signedRate(double learningRate, DoubleVector c) {
        if (DOUBLE_LANES == 2) {
            // C2 has no masks of two lanes and would box them. The factors make the smallest number larger than any
            // rate, and leave zeros, infinities and NaN; elsewhere masks are twice as fast as Java's min and max.
            return c.mul(0x1p1000).mul(0x1p1000).min(learningRate).max(-learningRate);
        }
        return c.blend(learningRate, c.compare(VectorOperators.GT, 0.0))
                .blend(-learningRate, c.compare(VectorOperators.LT, 0.0));
    }
}
