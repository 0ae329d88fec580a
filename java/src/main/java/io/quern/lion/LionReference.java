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
        GradientLook look = look();
        if (coefficients.cautious) {
            CautionCount count = new CautionCount(step, coefficients, LionReference::agreeing);
            for (int chunk = 0; chunk < count.chunks(); chunk++) {
                count.run(chunk);
            }
            count.decide();
        }
        for (int t = 0; t < tensors.length; t++) {
            long count = step.parameters().get(t).elementCount();
            if (look != null && look.skips(t)) {
                pass(tensors[t], 0, count, coefficients);
            } else {
                update(tensors[t], 0, count, coefficients);
            }
        }
        coefficients.advance();
    }

    /** {@return what was seen; null where nobody looks} */
    private GradientLook look() {
        if (!step.looksFirst()) {
            return null;
        }
        GradientLook look = new GradientLook(
                step,
                coefficients,
                (dtype, gradient, begin, count) -> GradientLook.sumOfSquares(dtype, gradient, begin, count, false));
        for (int chunk = 0; chunk < look.chunks(); chunk++) {
            look.run(chunk);
        }
        look.decide();
        return look;
    }

    /** sign(c); but 0 where that leads against the gradient and is cautious, NaN aside. */
    private static double sign(double c, double g, Coefficients coefficients) {
        boolean held = coefficients.cautious && c == c && !agree(c, g, coefficients);
        return held ? 0 : Math.signum(c);
    }

    private static boolean agree(double c, double g, Coefficients coefficients) {
        double directed = g * coefficients.direction;
        return c > 0 && directed > 0 || c < 0 && directed < 0;
    }

    /** {@return how many of {@code count} elements from {@code begin} on have a c of the gradient's sign} */
    static int agreeing(HostTensors tensors, long begin, int count, Coefficients coefficients) {
        Storage storage = tensors.storage();
        int agreeing = 0;
        for (long i = begin; i < begin + count; i++) {
            double m = storage.momentum().get(tensors.momentum(), i);
            double g = storage.gradient().get(tensors.gradient(), i);
            double c;
            if (storage.compute() == DType.FP64) {
                c = Math.fma(coefficients.beta1, m, coefficients.rest1() * g);
            } else {
                float product = (float) coefficients.rest1() * (float) g;
                c = Math.fma((float) coefficients.beta1, (float) m, product);
            }
            agreeing += agree(c, g, coefficients) ? 1 : 0;
        }
        return agreeing;
    }

    /** What becomes of elements that are not updated. */
    static void pass(HostTensors tensors, long begin, long end, Coefficients coefficients) {
        copy(tensors, begin, end);
        zero(tensors, begin, end, coefficients);
    }

    /** Updates elements {@code begin} to {@code end}, exclusive. */
    static void update(HostTensors tensors, long begin, long end, Coefficients coefficients) {
        if (tensors.storage().compute() == DType.FP64) {
            updateFp64(tensors, begin, end, coefficients);
        } else {
            updateFp32(tensors, begin, end, coefficients);
        }
        pass(tensors, begin, end, coefficients);
    }

    private static void copy(HostTensors tensors, long begin, long end) {
        if (tensors.copy() != null) {
            for (long i = begin; i < end; i++) {
                double parameter = tensors.storage().parameter().get(tensors.parameter(), i);
                tensors.copyType().set(tensors.copy(), i, parameter);
            }
        }
    }

    private static void zero(HostTensors tensors, long begin, long end, Coefficients coefficients) {
        if (coefficients.zeroesGradients) {
            for (long i = begin; i < end; i++) {
                tensors.storage().gradient().set(tensors.gradient(), i, 0);
            }
        }
    }

    private static void updateFp64(HostTensors tensors, long begin, long end, Coefficients coefficients) {
        Storage storage = tensors.storage();
        double learningRate = coefficients.learningRate(tensors);
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
            storage.parameter().set(tensors.parameter(), i, decayed - learningRate * sign(c, g, coefficients));
            storage.momentum().set(tensors.momentum(), i, Math.fma(beta2, m, rest2 * g));
        }
    }

    private static void updateFp32(HostTensors tensors, long begin, long end, Coefficients coefficients) {
        Storage storage = tensors.storage();
        Rounding rounding = coefficients.rounding;
        float learningRate = (float) coefficients.learningRate(tensors);
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
            float stepped = decayed - learningRate * (float) sign(c, g, coefficients);
            if (rounding.isStochastic()) {
                int bits = rounding.bits(coefficients.step(), tensors.first() + i);
                stepped = Rounding.stochastic(storage.parameter(), stepped, bits);
            }
            storage.parameter().set(tensors.parameter(), i, stepped);
            storage.momentum().set(tensors.momentum(), i, Math.fma(beta2, m, rest2 * g));
        }
    }
}
