package io.quern.bench.demo;

import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.demo.SoftmaxRegression.Score;
import io.quern.lion.Lion;
import io.quern.lion.LionCall;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Trains softmax regression on the digits. Each update is one step of {@link Lion} on the chosen device; the gradient is
 * computed by plain loops on the host.
 */
public final class DigitsTraining {
    /** Times that all training images are seen. */
    public static final int EPOCHS = 60;

    private static final int TEST = 360; // a fifth
    private static final int BATCH = 32;
    private static final double LEARNING_RATE = 3e-3;
    private static final double WEIGHT_DECAY = 0.3;
    private static final long SEED = 1;

    /**
     * A state of the training.
     *
     * @param epoch how often all training images were seen; 0 before the first step
     * @param train loss on the training images
     * @param test loss on the others
     * @param accuracy share of the others that are recognised
     */
    public record Point(int epoch, double train, double test, double accuracy) {}

    private final Digits train;
    private final Digits test;
    private final float[] weights = new float[SoftmaxRegression.PARAMETERS];
    private final float[] slope = new float[SoftmaxRegression.PARAMETERS];

    /** Splits the digits into training and test images. */
    public DigitsTraining() {
        Digits all = Digits.load().shuffled(SEED);
        test = all.slice(0, TEST);
        train = all.slice(TEST, all.size());
    }

    /** {@return how many images it learns from} */
    public int trainSize() {
        return train.size();
    }

    /** {@return how many images it is tested with} */
    public int testSize() {
        return test.size();
    }

    /**
     * Trains from zero weights.
     *
     * @param device where Lion steps
     * @param afterEpoch hears of each epoch that is done
     * @return the state before the first and after each epoch
     */
    public List<Point> run(Device device, IntConsumer afterEpoch) {
        Arrays.fill(weights, 0);
        List<Point> curve = new ArrayList<>();
        curve.add(point(0));
        try (Stream stream = Stream.open(device);
                TensorArena arena = TensorArena.open(device)) {
            Tensor parameter = arena.allocate(DType.FP32, weights.length);
            Tensor momentum = arena.allocate(DType.FP32, weights.length);
            Tensor gradient = arena.allocate(DType.FP32, weights.length);
            Lion lion = Lion.of(LEARNING_RATE).withWeightDecay(WEIGHT_DECAY);
            try (LionCall step = lion.bind(stream, parameter, momentum, gradient)) {
                for (int epoch = 1; epoch <= EPOCHS; epoch++) {
                    step.setLearningRate(rate(epoch));
                    epoch(epoch, step, stream, parameter, gradient);
                    curve.add(point(epoch));
                    afterEpoch.accept(epoch);
                }
            }
        }
        return curve;
    }

    /** A cosine from the full rate down to a hundredth: steps of one size cannot settle in a minimum. */
    private static double rate(int epoch) {
        double done = (epoch - 1.0) / (EPOCHS - 1);
        return LEARNING_RATE * (0.01 + 0.99 * (1 + Math.cos(Math.PI * done)) / 2);
    }

    private void epoch(int epoch, LionCall step, Stream stream, Tensor parameter, Tensor gradient) {
        Digits shuffled = train.shuffled(SEED + epoch);
        for (int from = 0; from < shuffled.size(); from += BATCH) {
            int to = Math.min(from + BATCH, shuffled.size());
            SoftmaxRegression.gradient(weights, shuffled, from, to, slope);
            gradient.copyFrom(slope);
            step.run();
            stream.synchronize();
            System.arraycopy(parameter.toFloatArray(), 0, weights, 0, weights.length);
        }
    }

    private Point point(int epoch) {
        Score onTest = SoftmaxRegression.score(weights, test);
        return new Point(epoch, SoftmaxRegression.score(weights, train).loss(), onTest.loss(), onTest.accuracy());
    }
}
