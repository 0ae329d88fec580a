package io.quern.lion;

import io.quern.DType;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The look at all gradients before a step, on the host: their norm, by the tree that the package fixes, and how many are not
 * finite. A task of chunks, which may be done in any order; {@link #decide} then says what follows.
 */
final class GradientLook implements WorkerPool.Task {
    /** Sums of a chunk, one for each element modulo this. */
    static final int CHUNK_SUMS = 32;

    /** Sums of the chunks. */
    static final int SUMS = 256;

    /** The sum of squares of one chunk by the tree; where some are not finite, it may be anything that is not finite. */
    @FunctionalInterface
    interface Squares {
        double of(DType dtype, MemorySegment tensor, long begin, int count);
    }

    private final Lion.Step step;
    private final Coefficients coefficients;
    private final Squares squares;
    private final HostTensors[] tensors;
    private final boolean passesOver; // gradients that are not finite
    private final Chunks chunks;
    private final double[] chunkSums;
    private final int[] chunkFound;
    private final double[] sums = new double[SUMS];
    private final boolean[] skipped;

    GradientLook(Lion.Step step, Coefficients coefficients, Squares squares) {
        this.step = step;
        this.coefficients = coefficients;
        this.squares = squares;
        this.tensors = HostTensors.of(step);
        this.passesOver = step.settings().nanPolicy() != NanPolicy.PROPAGATE;
        this.chunks = new Chunks(step);
        this.chunkSums = new double[chunks()];
        this.chunkFound = new int[chunks()];
        this.skipped = new boolean[tensors.length];
    }

    int chunks() {
        return chunks.count();
    }

    /** {@return whether a tensor stays as it is} */
    boolean skips(int t) {
        return skipped[t];
    }

    @Override
    public void run(int chunk) {
        int t = chunks.tensorOf(chunk);
        long begin = chunks.begin(chunk, t);
        int count = chunks.length(chunk, t);
        DType dtype = tensors[t].storage().gradient();
        MemorySegment gradient = tensors[t].gradient();
        double sum = squares.of(dtype, gradient, begin, count);
        int found = 0;
        if (!Double.isFinite(sum)) {
            for (long i = begin; i < begin + count; i++) {
                found += Double.isFinite(dtype.get(gradient, i)) ? 0 : 1;
            }
            sum = sumOfSquares(dtype, gradient, begin, count, passesOver);
        }
        chunkSums[chunk] = sum;
        chunkFound[chunk] = found;
    }

    /** The tree of one chunk as its definition says. */
    static double sumOfSquares(DType dtype, MemorySegment tensor, long begin, int count, boolean passesOver) {
        double[] sums = new double[CHUNK_SUMS];
        for (int i = 0; i < count; i++) {
            double g = dtype.get(tensor, begin + i);
            if (!passesOver || Double.isFinite(g)) {
                sums[i % CHUNK_SUMS] = Math.fma(g, g, sums[i % CHUNK_SUMS]);
            }
        }
        return halved(sums);
    }

    private static double halved(double[] sums) {
        for (int half = sums.length / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                sums[i] += sums[i + half];
            }
        }
        return sums[0];
    }

    /** What follows from all chunks: which tensors are skipped, and by what gradients are multiplied. */
    void decide() {
        long total = 0;
        for (int t = 0; t < tensors.length; t++) {
            long found = 0;
            for (int chunk = chunks.first(t); chunk < chunks.first(t + 1); chunk++) {
                found += chunkFound[chunk];
            }
            total += found;
            skipped[t] = found > 0 && step.settings().nanPolicy() == NanPolicy.SKIP_TENSOR;
            if (step.found() != null) {
                DType.INT64.set(step.found().segment(), t, found);
            }
        }
        if (total > 0 && step.settings().nanPolicy() == NanPolicy.SKIP_STEP) {
            Arrays.fill(skipped, true);
        }
        Arrays.fill(sums, 0);
        for (int chunk = 0; chunk < chunkSums.length; chunk++) {
            sums[chunk % SUMS] += chunkSums[chunk];
        }
        double norm = Math.sqrt(halved(sums)) / coefficients.lossScale();
        double maxNorm = step.settings().maxNorm();
        coefficients.setClip(norm > maxNorm ? maxNorm / norm : 1);
    }
}
