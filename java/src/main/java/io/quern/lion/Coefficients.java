package io.quern.lion;

/**
 * The numbers of a bound step, each computed in FP64 and rounded once to the type that the step computes in. All devices
 * take them from here, so none can round otherwise.
 *
 * <p>The betas are fixed. Learning rate and loss scale may change between runs, and what follows from them with them: these
 * are the rates.
 */
final class Coefficients {
    final double beta1;
    final double beta2;
    final Rounding rounding;
    final boolean skipsElements;
    final boolean zeroesGradients;
    final boolean cautious;
    final double direction; // 1, or -1 to go up

    private final double weightDecay;
    private double learningRate;
    private double decay; // learningRate * weightDecay
    private double lossScale;
    private double rest1; // (1 - beta1) * direction / lossScale: the gradient's weight in the step
    private double rest2; // the same of beta2: its weight in the momentum
    private double[] cautiousRates; // of each tensor in this run
    private double clip = 1; // what the gradients of this run are multiplied by; where a device knows it, 1
    private long step; // the number of the next run; where the counter lies on a device, of the first
    private Runnable changed = () -> {};
    private Runnable stepSet = () -> {};

    Coefficients(Lion settings) {
        this.rounding = settings.rounding();
        this.skipsElements = settings.nanPolicy() == NanPolicy.SKIP_ELEMENT;
        this.zeroesGradients = settings.gradients() == Lion.Gradients.ZEROED;
        this.cautious = settings.caution() == Lion.Caution.CAUTIOUS;
        this.beta1 = settings.beta1();
        this.beta2 = settings.beta2();
        this.weightDecay = settings.weightDecay();
        this.direction = settings.direction().sign();
        setLearningRate(settings.learningRate());
        setLossScale(settings.lossScale());
    }

    double learningRate() {
        return learningRate;
    }

    /** {@return the learning rate of a tensor in this run, on the host} */
    double learningRate(HostTensors tensors) {
        return cautious ? cautiousRates[tensors.number()] : learningRate;
    }

    /** Has each tensor step by a rate of its own, on the host. */
    void setCautiousRates(double[] rates) {
        cautiousRates = rates;
    }

    double decay() {
        return decay;
    }

    double lossScale() {
        return lossScale;
    }

    double rest1() {
        return rest1 * clip;
    }

    double rest2() {
        return rest2 * clip;
    }

    long step() {
        return step;
    }

    /** Has the gradients of this run multiplied, on the host. */
    void setClip(double value) {
        clip = value;
    }

    /** Counts a run, on the host. */
    void advance() {
        step++;
    }

    /** Changes the number of the next run, and tells whoever counts by itself. */
    void setStep(long value) {
        step = value;
        stepSet.run();
    }

    /** Has {@code action} run after {@link #setStep}, in place of an earlier action. */
    void onStepSet(Runnable action) {
        stepSet = action;
    }

    /** Changes the learning rate for the runs to come, and tells whoever keeps a copy. */
    void setLearningRate(double value) {
        learningRate = value + 0.0; // -0.0 becomes 0.0: kernels take its sign bit to be clear
        decay = learningRate * weightDecay;
        changed.run();
    }

    /** Changes the loss scale likewise. */
    void setLossScale(double value) {
        lossScale = value;
        rest1 = (1 - beta1) * direction / lossScale;
        rest2 = (1 - beta2) * direction / lossScale;
        changed.run();
    }

    /** Has {@code action} run after each change, in place of an earlier action. */
    void onChange(Runnable action) {
        changed = action;
    }
}
