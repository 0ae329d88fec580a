package io.quern.lion;

import static io.quern.cpu.AddressSpace.ALL;

import java.lang.foreign.ValueLayout;

/**
 * Plain steps in place, one element after the other: what is left of a tensor beyond whole vectors, without caution and with
 * finite gradients where others are skipped. The reference's loop reads every type of storage; in a JVM where it has met a few,
 * an element takes it 17 ns, and 10,000 tensors of 1,000 elements took 4/3 of the time.
 */
final class LionScalar {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;

    private LionScalar() {}

    /** Updates elements {@code begin} to {@code end}, exclusive, of tensors at addresses. */
    static void fp32(
            long parameter,
            long momentum,
            long gradient,
            long begin,
            long end,
            float learningRate,
            Coefficients coefficients) {
        float decay = (float) coefficients.decay();
        float beta1 = (float) coefficients.beta1;
        float rest1 = (float) coefficients.rest1();
        float beta2 = (float) coefficients.beta2;
        float rest2 = (float) coefficients.rest2();
        for (long at = 4 * begin; at < 4 * end; at += 4) {
            float theta = ALL.get(FLOAT, parameter + at);
            float m = ALL.get(FLOAT, momentum + at);
            float g = ALL.get(FLOAT, gradient + at);
            float c = Math.fma(beta1, m, rest1 * g);
            ALL.set(FLOAT, parameter + at, Math.fma(-decay, theta, theta) - learningRate * Math.signum(c));
            ALL.set(FLOAT, momentum + at, Math.fma(beta2, m, rest2 * g));
        }
    }

    /** As for FP32. */
    static void fp64(
            long parameter,
            long momentum,
            long gradient,
            long begin,
            long end,
            double learningRate,
            Coefficients coefficients) {
        double decay = coefficients.decay();
        double beta1 = coefficients.beta1;
        double rest1 = coefficients.rest1();
        double beta2 = coefficients.beta2;
        double rest2 = coefficients.rest2();
        for (long at = 8 * begin; at < 8 * end; at += 8) {
            double theta = ALL.get(DOUBLE, parameter + at);
            double m = ALL.get(DOUBLE, momentum + at);
            double g = ALL.get(DOUBLE, gradient + at);
            double c = Math.fma(beta1, m, rest1 * g);
            ALL.set(DOUBLE, parameter + at, Math.fma(-decay, theta, theta) - learningRate * Math.signum(c));
            ALL.set(DOUBLE, momentum + at, Math.fma(beta2, m, rest2 * g));
        }
    }
}
