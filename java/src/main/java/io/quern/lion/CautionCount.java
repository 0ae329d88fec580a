package io.quern.lion;

import io.quern.DType;
import io.quern.cpu.WorkerPool;

/**
 * How many parameters of each tensor a cautious step moves, counted before it on the host, and what learning rate follows. A task
 * of chunks, as {@link GradientLook}.
 */
final class CautionCount implements WorkerPool.Task {
    private static final double LEAST_SHARE = 1e-3;

    /** Counts where c has the sign of the gradient. */
    @FunctionalInterface
    interface Counter {
        int of(HostTensors tensors, long begin, int count, Coefficients coefficients);
    }

    private final Coefficients coefficients;
    private final Counter counter;
    private final HostTensors[] tensors;
    private final Chunks chunks;
    private final int[] agreeing; // of each chunk
    private final double[] rates;

    CautionCount(Lion.Step step, Coefficients coefficients, Counter counter) {
        this.coefficients = coefficients;
        this.counter = counter;
        this.tensors = HostTensors.of(step);
        this.chunks = new Chunks(step);
        this.agreeing = new int[chunks.count()];
        this.rates = new double[tensors.length];
        coefficients.setCautiousRates(rates);
    }

    int chunks() {
        return chunks.count();
    }

    @Override
    public void run(int chunk) {
        int t = chunks.tensorOf(chunk);
        agreeing[chunk] = counter.of(tensors[t], chunks.begin(chunk, t), chunks.length(chunk, t), coefficients);
    }

    /** The rate of each tensor: the quotient of two numbers in FP64, of which the first was rounded to the compute type. */
    void decide() {
        for (int t = 0; t < tensors.length; t++) {
            long all = 0;
            for (int chunk = chunks.first(t); chunk < chunks.first(t + 1); chunk++) {
                all += agreeing[chunk];
            }
            double rate = coefficients.learningRate();
            if (tensors[t].storage().compute() == DType.FP32) {
                rate = (float) rate;
            }
            rates[t] = rate / Math.max((double) all / chunks.elements(t), LEAST_SHARE);
        }
    }
}
