package io.quern.attention;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.Random;

/** A program that compares the bits of rows' softmax and its gradient, computed first, with those once it is compiled. */
final class SoftmaxBits {
    private static final int ROWS = 4;
    private static final int LENGTH = 203;
    private static final int RUNS = 30_000;

    private SoftmaxBits() {}

    public static void main(String[] arguments) {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu(1))) {
            Tensor x = normal(arena, 1);
            Tensor y = arena.allocate(DType.FP32, ROWS, LENGTH);
            Tensor gradient = arena.allocate(DType.FP32, ROWS, LENGTH);
            for (RowSoftmax kind : RowSoftmax.values()) {
                try (BoundCall forward = kind.bind(stream, x, y);
                        BoundCall backward = kind.bindBackward(stream, y, normal(arena, 2), gradient)) {
                    forward.run();
                    backward.run();
                    float[] first = y.toFloatArray();
                    float[] firstGradient = gradient.toFloatArray();
                    for (int i = 0; i < RUNS; i++) {
                        forward.run();
                        backward.run();
                    }
                    if (!Arrays.equals(first, y.toFloatArray())
                            || !Arrays.equals(firstGradient, gradient.toFloatArray())) {
                        throw new AssertionError(kind + " has other bits once it is compiled");
                    }
                }
            }
        }
    }

    private static Tensor normal(TensorArena arena, int seed) {
        Random random = new Random(seed);
        double[] values = new double[ROWS * LENGTH];
        Arrays.setAll(values, _ -> random.nextGaussian());
        return arena.allocate(DType.FP32, ROWS, LENGTH).copyFrom(values);
    }
}
