package io.quern.bench.demo;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.linear.Propagator;
import io.quern.lion.Lion;
import io.quern.lion.LionCall;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Maps z(x, y) that obey z_x = A z and z_y = B z, positions a step of 1 apart: A and B are fitted to maps by {@link Lion}, with
 * the gradients of {@link Propagator}, and maps are extrapolated from one quarter.
 *
 * @param stream of the device where that is done
 * @param side positions along an axis
 * @param channels features of a position
 */
record HeatMaps(Stream stream, int side, int channels) {
    /** (I + A) z is the right neighbour of z, or with B the one below. */
    static final Propagator STEP = new Propagator(Propagator.Scheme.EULER, 1);

    private static final double LEARNING_RATE = 8e-3;
    private static final double LAST_RATE = 3e-6; // steps of one size cannot settle in a minimum

    /** Ways from the quarter that is given to the one across: first along which axis. */
    enum Route {
        RIGHT_THEN_DOWN,
        DOWN_THEN_RIGHT
    }

    /**
     * Fits A to pairs of neighbours along an axis: the mean of ||(I + A) z - z'||^2 / 2 goes down from A = 0, which is standing
     * still, by a step of Lion for each batch.
     *
     * @param batches each (along the axis, anything, channel)
     * @param epochs how often all batches are gone through
     * @return A (channel, channel)
     */
    float[] fit(List<float[]> batches, int epochs) {
        List<Batch> bound = new ArrayList<>();
        try (TensorArena arena = TensorArena.open(stream.device())) {
            Tensor generator = arena.allocate(DType.FP32, channels, channels).fill(0);
            Tensor momentum = arena.allocate(DType.FP32, channels, channels).fill(0);
            Tensor p = arena.allocate(DType.FP32, channels, channels);
            Tensor gradient = arena.allocate(DType.FP32, channels, channels);
            for (float[] planes : batches) {
                bound.add(new Batch(arena, planes, p, gradient));
            }
            try (LionCall lion = Lion.of(LEARNING_RATE).bind(stream, generator, momentum, gradient)) {
                int steps = epochs * bound.size();
                for (int step = 0; step < steps; step++) {
                    STEP.form(generator, p);
                    bound.get(step % bound.size()).gradient();
                    STEP.generatorGradient(generator, gradient, gradient);
                    lion.setLearningRate(LEARNING_RATE * Math.pow(LAST_RATE / LEARNING_RATE, (double) step / steps));
                    lion.run();
                    stream.synchronize();
                }
            }
            return generator.toFloatArray();
        } finally {
            bound.forEach(Batch::close);
        }
    }

    /** Neighbours, and the two products of matrices that a gradient takes. */
    private final class Batch implements AutoCloseable {
        private final float[] next;
        private final Tensor predicted;
        private final Tensor error;
        private final BoundCall forward;
        private final BoundCall backward;

        Batch(TensorArena arena, float[] planes, Tensor p, Tensor gradient) {
            int rows = planes.length / channels / side * (side - 1);
            Tensor all = arena.allocate(DType.FP32, planes.length / channels, channels)
                    .copyFrom(planes);
            Tensor z = all.slice(0, 0, rows);
            next = all.slice(0, planes.length / channels - rows, planes.length / channels)
                    .toFloatArray();
            predicted = arena.allocate(DType.FP32, rows, channels);
            error = arena.allocate(DType.FP32, rows, channels);
            forward = STEP.bind(stream, p, z, predicted);
            backward = STEP.bindPropagatorGradient(stream, z, error, gradient);
        }

        void gradient() {
            forward.run();
            stream.synchronize();
            float[] difference = predicted.toFloatArray();
            float share = (float) channels / difference.length;
            for (int i = 0; i < difference.length; i++) {
                difference[i] = (difference[i] - next[i]) * share;
            }
            error.copyFrom(difference);
            backward.run();
            stream.synchronize();
        }

        @Override
        public void close() {
            forward.close();
            backward.close();
        }
    }

    /** {@return maps (y, x, map, channel) with x before y, or the other way round} */
    float[] transposed(float[] maps) {
        int size = maps.length / side / side;
        float[] transposed = new float[maps.length];
        for (int i = 0; i < side * side; i++) {
            System.arraycopy(maps, i * size, transposed, (i % side * side + i / side) * size, size);
        }
        return transposed;
    }

    /** {@return one step of all positions of z (anything, channel)} */
    float[] step(float[] z, float[] generator) {
        try (TensorArena arena = TensorArena.open(stream.device())) {
            Tensor from =
                    arena.allocate(DType.FP32, z.length / channels, channels).copyFrom(z);
            Tensor to = arena.allocate(DType.FP32, z.length / channels, channels);
            STEP.step(stream, propagator(arena, generator), from, to);
            stream.synchronize();
            return to.toFloatArray();
        }
    }

    /**
     * Extrapolates maps from their upper left quarters, a step at a time.
     *
     * @param maps (y, x, map, channel); read only where y and x are below half of side, which is even
     * @param a to the right
     * @param b down
     * @return whole maps
     */
    float[] extrapolate(float[] maps, float[] a, float[] b, Route route) {
        int half = side / 2;
        int row = maps.length / side;
        try (TensorArena arena = TensorArena.open(stream.device())) {
            Tensor all = arena.allocate(DType.FP32, side, side, row / side / channels, channels);
            for (int y = 0; y < half; y++) {
                all.select(0, y).slice(0, 0, half).copyFrom(Arrays.copyOfRange(maps, y * row, y * row + row / 2));
            }
            Tensor right = propagator(arena, a);
            Tensor down = propagator(arena, b);
            if (route == Route.RIGHT_THEN_DOWN) {
                toTheRight(all, right, half);
                downwards(all, down, side);
            } else {
                downwards(all, down, half);
                toTheRight(all, right, side);
            }
            stream.synchronize();
            return all.toFloatArray();
        }
    }

    private Tensor propagator(TensorArena arena, float[] generator) {
        Tensor p = arena.allocate(DType.FP32, channels, channels).copyFrom(generator);
        STEP.form(p, p);
        return p;
    }

    private void toTheRight(Tensor maps, Tensor p, int rows) {
        for (int y = 0; y < rows; y++) {
            for (int x = side / 2; x < side; x++) {
                Tensor line = maps.select(0, y);
                STEP.step(stream, p, line.select(0, x - 1), line.select(0, x));
            }
        }
    }

    private void downwards(Tensor maps, Tensor p, int columns) {
        for (int y = side / 2; y < side; y++) {
            for (int x = 0; x < columns; x++) {
                STEP.step(
                        stream,
                        p,
                        maps.select(0, y - 1).select(0, x),
                        maps.select(0, y).select(0, x));
            }
        }
    }
}
