package io.quern.lion;

import io.quern.DType;
import io.quern.Launch;
import java.lang.foreign.MemorySegment;

/**
 * Lion as its definition says, one parameter after the other. Every device must give the bits that this gives.
 *
 * <p>The loops are the same for FP64 and for FP32; what differs is where Java rounds.
 */
final class LionReference implements Launch {
    private final Lion.Step step;
    private final Coefficients coefficients;

    LionReference(Lion.Step step, Coefficients coefficients) {
        this.step = step;
        this.coefficients = coefficients;
    }

    @Override
    public void run() {
        for (int t = 0; t < step.size(); t++) {
            update(
                    step.storage(),
                    step.parameters().get(t).segment(),
                    step.momenta().get(t).segment(),
                    step.gradients().get(t).segment(),
                    0,
                    step.parameters().get(t).elementCount(),
                    coefficients);
        }
    }

    /** Updates elements {@code begin} to {@code end}, exclusive. */
    static void update(
            Storage storage,
            MemorySegment parameter,
            MemorySegment momentum,
            MemorySegment gradient,
            long begin,
            long end,
            Coefficients coefficients) {
        if (storage.compute() == DType.FP64) {
            updateFp64(storage, parameter, momentum, gradient, begin, end, coefficients);
        } else {
            updateFp32(storage, parameter, momentum, gradient, begin, end, coefficients);
        }
    }

    private static void updateFp64(
            Storage storage,
            MemorySegment parameter,
            MemorySegment momentum,
            MemorySegment gradient,
            long begin,
            long end,
            Coefficients coefficients) {
        double learningRate = coefficients.learningRate();
        double decay = coefficients.decay();
        double beta1 = coefficients.beta1;
        double rest1 = coefficients.rest1;
        double beta2 = coefficients.beta2;
        double rest2 = coefficients.rest2;
        for (long i = begin; i < end; i++) {
            double theta = storage.parameter().get(parameter, i);
            double m = storage.momentum().get(momentum, i);
            double g = storage.gradient().get(gradient, i);
            double c = Math.fma(beta1, m, rest1 * g);
            double decayed = Math.fma(-decay, theta, theta);
            storage.parameter().set(parameter, i, decayed - learningRate * Math.signum(c));
            storage.momentum().set(momentum, i, Math.fma(beta2, m, rest2 * g));
        }
    }

    private static void updateFp32(
            Storage storage,
            MemorySegment parameter,
            MemorySegment momentum,
            MemorySegment gradient,
            long begin,
            long end,
            Coefficients coefficients) {
        float learningRate = (float) coefficients.learningRate();
        float decay = (float) coefficients.decay();
        float beta1 = (float) coefficients.beta1;
        float rest1 = (float) coefficients.rest1;
        float beta2 = (float) coefficients.beta2;
        float rest2 = (float) coefficients.rest2;
        for (long i = begin; i < end; i++) {
            float theta = (float) storage.parameter().get(parameter, i);
            float m = (float) storage.momentum().get(momentum, i);
            float g = (float) storage.gradient().get(gradient, i);
            float c = Math.fma(beta1, m, rest1 * g);
            float decayed = Math.fma(-decay, theta, theta);
            storage.parameter().set(parameter, i, decayed - learningRate * Math.signum(c));
            storage.momentum().set(momentum, i, Math.fma(beta2, m, rest2 * g));
        }
    }
}
