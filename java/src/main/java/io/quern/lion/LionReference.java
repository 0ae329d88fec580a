package io.quern.lion;

import io.quern.DType;
import io.quern.Launch;

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
        HostTensors[] tensors = HostTensors.of(step);
        for (int t = 0; t < tensors.length; t++) {
            update(tensors[t], 0, step.parameters().get(t).elementCount(), coefficients);
        }
        coefficients.advance();
    }

    /** Updates elements {@code begin} to {@code end}, exclusive. */
    static void update(HostTensors tensors, long begin, long end, Coefficients coefficients) {
        if (tensors.storage().compute() == DType.FP64) {
            updateFp64(tensors, begin, end, coefficients);
        } else {
            updateFp32(tensors, begin, end, coefficients);
        }
        if (tensors.copy() != null) {
            for (long i = begin; i < end; i++) {
                double parameter = tensors.storage().parameter().get(tensors.parameter(), i);
                tensors.copyType().set(tensors.copy(), i, parameter);
            }
        }
        if (coefficients.zeroesGradients) {
            for (long i = begin; i < end; i++) {
                tensors.storage().gradient().set(tensors.gradient(), i, 0);
            }
        }
    }

    private static void updateFp64(HostTensors tensors, long begin, long end, Coefficients coefficients) {
        Storage storage = tensors.storage();
        double learningRate = coefficients.learningRate();
        double decay = coefficients.decay();
        double beta1 = coefficients.beta1;
        double rest1 = coefficients.rest1();
        double beta2 = coefficients.beta2;
        double rest2 = coefficients.rest2();
        for (long i = begin; i < end; i++) {
            double theta = storage.parameter().get(tensors.parameter(), i);
            double m = storage.momentum().get(tensors.momentum(), i);
            double g = storage.gradient().get(tensors.gradient(), i);
            if (coefficients.skipsElements && !Double.isFinite(g)) {
                continue;
            }
            double c = Math.fma(beta1, m, rest1 * g);
            double decayed = Math.fma(-decay, theta, theta);
            storage.parameter().set(tensors.parameter(), i, decayed - learningRate * Math.signum(c));
            storage.momentum().set(tensors.momentum(), i, Math.fma(beta2, m, rest2 * g));
        }
    }

    private static void updateFp32(HostTensors tensors, long begin, long end, Coefficients coefficients) {
        Storage storage = tensors.storage();
        Rounding rounding = coefficients.rounding;
        float learningRate = (float) coefficients.learningRate();
        float decay = (float) coefficients.decay();
        float beta1 = (float) coefficients.beta1;
        float rest1 = (float) coefficients.rest1();
        float beta2 = (float) coefficients.beta2;
        float rest2 = (float) coefficients.rest2();
        for (long i = begin; i < end; i++) {
            float theta = (float) storage.parameter().get(tensors.parameter(), i);
            float m = (float) storage.momentum().get(tensors.momentum(), i);
            float g = (float) storage.gradient().get(tensors.gradient(), i);
            if (coefficients.skipsElements && !Float.isFinite(g)) {
                continue;
            }
            float c = Math.fma(beta1, m, rest1 * g);
            float decayed = Math.fma(-decay, theta, theta);
            float stepped = decayed - learningRate * Math.signum(c);
            if (rounding.isStochastic()) {
                int bits = rounding.bits(coefficients.step(), tensors.first() + i);
                stepped = Rounding.stochastic(storage.parameter(), stepped, bits);
            }
            storage.parameter().set(tensors.parameter(), i, stepped);
            storage.momentum().set(tensors.momentum(), i, Math.fma(beta2, m, rest2 * g));
        }
    }
}
