package io.quern.lion;

import io.quern.DType;
import io.quern.Launch;
import io.quern.Tensor;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Lanes;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.List;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Lion by the Vector API. All tensors together are one sequence of elements, cut into parts of equal length that threads
 * take in turn, so that one large tensor and a thousand small ones balance alike.
 *
 * <p>FP32 and FP64 are updated in place. For 16-bit storage a block at a time is widened, updated as FP32 and rounded. What
 * is left of a piece beyond whole vectors goes through the reference's loop, which gives the same bits.
 */
final class LionVector implements Launch, WorkerPool.Task {
    /** Elements of a part: some 30 microseconds of work at memory speed, a hundred times what handing it out costs. */
    private static final int PART = 1 << 16;

    /** Parts are cut at multiples of this within a tensor, so that vectors keep the tensor's alignment in each. */
    private static final int CUT = 64;

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int FLOAT_LANES = Lanes.FLOAT.length();
    private static final int DOUBLE_LANES = Lanes.DOUBLE.length();

    private final Storage storage;
    private final MemorySegment[] parameters;
    private final MemorySegment[] momenta;
    private final MemorySegment[] gradients;
    private final long[] begins; // of each tensor in the sequence, and the sequence's end
    private final Coefficients coefficients;
    private final int parts;
    private final int threads;

    LionVector(Lion.Step step, Coefficients coefficients, int threads) {
        this.storage = step.storage();
        this.parameters = segments(step.parameters());
        this.momenta = segments(step.momenta());
        this.gradients = segments(step.gradients());
        this.begins = new long[step.size() + 1];
        for (int t = 0; t < step.size(); t++) {
            begins[t + 1] = begins[t] + step.parameters().get(t).elementCount();
        }
        this.coefficients = coefficients;
        this.parts = Math.toIntExact(Math.ceilDiv(begins[step.size()], (long) PART));
        this.threads = threads;
    }

    private static MemorySegment[] segments(List<Tensor> tensors) {
        return tensors.stream().map(Tensor::segment).toArray(MemorySegment[]::new);
    }

    /** {@return how many parts {@link #run(int)} knows} */
    int parts() {
        return parts;
    }

    @Override
    public void run() {
        WorkerPool.run(this, parts, threads);
    }

    @Override
    public void run(int part) {
        long from = (long) part * PART;
        long to = from + PART;
        for (int t = tensorAt(from); t < parameters.length && begins[t] < to; t++) {
            long length = begins[t + 1] - begins[t];
            long begin = cut(from - begins[t]);
            long end = to < begins[t + 1] ? cut(to - begins[t]) : length;
            update(t, begin, end);
        }
    }

    /** {@return the last tensor that does not begin beyond a position of the sequence} */
    private int tensorAt(long position) {
        int low = 0;
        int high = parameters.length;
        while (high - low > 1) {
            int middle = low + high >>> 1;
            if (begins[middle] <= position) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private static long cut(long position) {
        return Math.max(0, position - position % CUT);
    }

    private void update(int t, long begin, long end) {
        MemorySegment p = parameters[t];
        MemorySegment m = momenta[t];
        MemorySegment g = gradients[t];
        int lanes = storage == Storage.FP64 ? DOUBLE_LANES : FLOAT_LANES;
        long vectorised = begin + (end - begin) / lanes * lanes;
        switch (storage) {
            case FP64 -> updateFp64(p, m, g, begin, vectorised, coefficients);
            case FP32 -> updateFp32(p, 4 * begin, m, 4 * begin, g, 4 * begin, vectorised - begin, coefficients);
            case FP16, BF16, BF16_FP32_BF16, FP32_FP32_BF16 -> updateBlocks(p, m, g, begin, vectorised);
        }
        LionReference.update(storage, p, m, g, vectorised, end, coefficients);
    }

    private void updateBlocks(MemorySegment p, MemorySegment m, MemorySegment g, long begin, long end) {
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        for (long i = begin; i < end; i += Fp32Blocks.LENGTH) {
            int count = (int) Math.min(Fp32Blocks.LENGTH, end - i);
            updateFp32(
                    widened(blocks, 0, storage.parameter(), p, i, count),
                    offset(storage.parameter(), i),
                    widened(blocks, 1, storage.momentum(), m, i, count),
                    offset(storage.momentum(), i),
                    widened(blocks, 2, storage.gradient(), g, i, count),
                    offset(storage.gradient(), i),
                    count,
                    coefficients);
            narrow(blocks, 0, storage.parameter(), p, i, count);
            narrow(blocks, 1, storage.momentum(), m, i, count);
        }
    }

    /** {@return where elements from {@code i} on are as FP32: a block, or the tensor itself if that is FP32} */
    private static MemorySegment widened(
            Fp32Blocks blocks, int block, DType dtype, MemorySegment tensor, long i, int count) {
        switch (dtype) {
            case FP32 -> {
                return tensor;
            }
            case FP16 -> blocks.loadFp16(block, tensor, 2 * i, count);
            case BF16 -> blocks.loadBf16(block, tensor, 2 * i, count);
            default -> throw new AssertionError(dtype);
        }
        return blocks.segment(block);
    }

    private static long offset(DType dtype, long i) {
        return dtype == DType.FP32 ? 4 * i : 0;
    }

    private static void narrow(Fp32Blocks blocks, int block, DType dtype, MemorySegment tensor, long i, int count) {
        switch (dtype) {
            case FP32 -> {} // updated in place
            case FP16 -> blocks.storeFp16(block, tensor, 2 * i, count);
            case BF16 -> blocks.storeBf16(block, tensor, 2 * i, count);
            default -> throw new AssertionError(dtype);
        }
    }

    private static void updateFp32(
            MemorySegment parameter,
            long parameterByte,
            MemorySegment momentum,
            long momentumByte,
            MemorySegment gradient,
            long gradientByte,
            long count,
            Coefficients coefficients) {
        float learningRate = (float) coefficients.learningRate();
        FloatVector minusDecay = FloatVector.broadcast(Lanes.FLOAT, -(float) coefficients.decay());
        FloatVector beta1 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta1);
        FloatVector beta2 = FloatVector.broadcast(Lanes.FLOAT, (float) coefficients.beta2);
        float rest1 = (float) coefficients.rest1;
        float rest2 = (float) coefficients.rest2;
        for (long i = 0; i < 4 * count; i += 4 * FLOAT_LANES) {
            FloatVector g = FloatVector.fromMemorySegment(Lanes.FLOAT, gradient, gradientByte + i, ORDER);
            FloatVector m = FloatVector.fromMemorySegment(Lanes.FLOAT, momentum, momentumByte + i, ORDER);
            FloatVector theta = FloatVector.fromMemorySegment(Lanes.FLOAT, parameter, parameterByte + i, ORDER);
            FloatVector c = m.fma(beta1, g.mul(rest1));
            theta.fma(minusDecay, theta)
                    .sub(signedRate(learningRate, c))
                    .intoMemorySegment(parameter, parameterByte + i, ORDER);
            m.fma(beta2, g.mul(rest2)).intoMemorySegment(momentum, momentumByte + i, ORDER);
        }
    }

    /** {@return learningRate * sign(c)}; what is neither above nor below zero stays as it is: zeros, and NaN */
    private static FloatVector signedRate(float learningRate, FloatVector c) {
        return c.blend(learningRate, c.compare(VectorOperators.GT, 0f))
                .blend(-learningRate, c.compare(VectorOperators.LT, 0f));
    }

    private static void updateFp64(
            MemorySegment parameter,
            MemorySegment momentum,
            MemorySegment gradient,
            long begin,
            long end,
            Coefficients coefficients) {
        double learningRate = coefficients.learningRate();
        DoubleVector minusDecay = DoubleVector.broadcast(Lanes.DOUBLE, -coefficients.decay());
        DoubleVector beta1 = DoubleVector.broadcast(Lanes.DOUBLE, coefficients.beta1);
        DoubleVector beta2 = DoubleVector.broadcast(Lanes.DOUBLE, coefficients.beta2);
        double rest1 = coefficients.rest1;
        double rest2 = coefficients.rest2;
        for (long i = 8 * begin; i < 8 * end; i += 8 * DOUBLE_LANES) {
            DoubleVector g = DoubleVector.fromMemorySegment(Lanes.DOUBLE, gradient, i, ORDER);
            DoubleVector m = DoubleVector.fromMemorySegment(Lanes.DOUBLE, momentum, i, ORDER);
            DoubleVector theta = DoubleVector.fromMemorySegment(Lanes.DOUBLE, parameter, i, ORDER);
            DoubleVector c = m.fma(beta1, g.mul(rest1));
            theta.fma(minusDecay, theta).sub(signedRate(learningRate, c)).intoMemorySegment(parameter, i, ORDER);
            m.fma(beta2, g.mul(rest2)).intoMemorySegment(momentum, i, ORDER);
        }
    }

    /** {@return learningRate * sign(c)}; as for FP32 */
    private static DoubleVector signedRate(double learningRate, DoubleVector c) {
        if (DOUBLE_LANES == 2) {
            // C2 has no masks of two lanes and would box them. The factors make the smallest number larger than any
            // rate, and
            // leave zeros, infinities and NaN; elsewhere masks are twice as fast as Java's min and max.
            return c.mul(0x1p1000).mul(0x1p1000).min(learningRate).max(-learningRate);
        }
        return c.blend(learningRate, c.compare(VectorOperators.GT, 0.0))
                .blend(-learningRate, c.compare(VectorOperators.LT, 0.0));
    }
}
