package io.quern.flow;

import io.quern.cpu.Philox;

/** One sample of a noise, by Philox: words of the counters (row, block, attempt, stream). */
final class NoiseRow {
    private static final int STREAM = 3;

    /** Blocks of what is no component: those of components are counted from 0. */
    private static final int RADIUS = 1 << 30;

    private NoiseRow() {}

    static void draw(Noise noise, long seed, int row, int d, double[] to) {
        int first = row * d;
        if (noise instanceof Noise.Uniform box) {
            for (int k = 0; k < d; k++) {
                double uniform = Philox.uniform(seed, row, k / 4, 0, STREAM, k % 4);
                to[first + k] = box.low() + (box.high() - box.low()) * uniform;
            }
            return;
        }
        double square = 0;
        for (int k = 0; k < d; k++) {
            to[first + k] = Philox.normal(seed, row, k / 4, 0, STREAM, k % 4);
            square += to[first + k] * to[first + k];
        }
        double uniform = Philox.uniform(seed, row, RADIUS, 0, STREAM, 0);
        double factor = switch (noise) {
            case Noise.Student s -> 1 / Math.sqrt(2 * gamma(s.dimensions() / 2, seed, row));
            case Noise.Tanh _ -> (Math.log1p(uniform) - Math.log1p(-uniform)) / 2 / Math.sqrt(square);
            case Noise.Exponential _ -> -Math.log1p(-uniform) / Math.sqrt(square);
            case Noise.Gaussian _, Noise.Uniform _ -> 1;
        };
        for (int k = 0; k < d; k++) {
            to[first + k] *= factor;
        }
    }

    /** Marsaglia and Tsang; a shape below 1 by one more and a power of another uniform number. */
    private static double gamma(double shape, long seed, int row) {
        double raised = shape < 1 ? shape + 1 : shape;
        double d = raised - 1 / 3.0;
        double c = 1 / Math.sqrt(9 * d);
        for (int attempt = 1; ; attempt++) {
            double x = Philox.normal(seed, row, RADIUS, attempt, STREAM, 0);
            double v = 1 + c * x;
            double u = Philox.uniform(seed, row, RADIUS, attempt, STREAM, 2);
            if (v > 0 && Math.log(u) < x * x / 2 + d * (1 - v * v * v + 3 * Math.log(v))) {
                double power = shape < 1 ? Math.pow(Philox.uniform(seed, row, RADIUS, 0, STREAM, 1), 1 / shape) : 1;
                return d * v * v * v * power;
            }
        }
    }
}
