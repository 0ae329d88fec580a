package io.quern.lion;

/**
 * The numbers of a bound step, each computed in FP64 and rounded once to the type that the step computes in. All devices
 * take them from here, so none can round otherwise.
 *
 * <p>The learning rate may change between runs, and with it the decay; the betas may not.
 */
final class Coefficients {
    final double beta1;
    final double rest1; // 1 - beta1
    final double beta2;
    final double rest2; // 1 - beta2

    private final double weightDecay;
    private double learningRate;
    private double decay; // learningRate * weightDecay
    private Runnable changed = () -> {};

    Coefficients(Lion settings) {
        this.beta1 = settings.beta1();
        this.rest1 = 1 - beta1;
        this.beta2 = settings.beta2();
        this.rest2 = 1 - beta2;
        this.weightDecay = settings.weightDecay();
        setLearningRate(settings.learningRate());
    }

    double learningRate() {
        return learningRate;
    }

    double decay() {
        return decay;
    }

    /** Changes the learning rate for the runs to come, and tells whoever keeps a copy. */
    void setLearningRate(double value) {
        learningRate = value + 0.0; // -0.0 becomes 0.0: kernels take its sign bit to be clear
        decay = learningRate * weightDecay;
        changed.run();
    }

    /** Has {@code action} run after each change, in place of an earlier action. */
    void onChange(Runnable action) {
        changed = action;
    }
}
