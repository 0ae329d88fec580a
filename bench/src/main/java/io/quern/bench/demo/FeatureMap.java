package io.quern.bench.demo;

import java.util.Random;

/**
 * Maps of features over the positions of digits' images, by a filter bank that a seed decides:
 *
 * <pre>
 *   z_j(x, y)  =  cos(w_j . p(x, y)  +  u_j x  +  v_j y  +  b_j)        the last channel is 1
 * </pre>
 *
 * <p>p(x, y) are the 3 by 3 pixels from (x - 2, y - 2) to (x, y), 0 outside the image. None is further right or below: what the
 * upper left quarter of an image is mapped to says nothing of the other quarters. The phase of the place lets a linear map know
 * it: (I + A) can turn it.
 */
final class FeatureMap {
    /** Positions along an axis. */
    static final int SIDE = 8;

    /** Features of a position. */
    static final int CHANNELS = 64;

    private static final int WINDOW = 3;
    private static final double CONTRAST =
            0.5; // standard deviation of w: a window of ink turns phases by one or two radians
    private static final double TURN = Math.PI / SIDE; // of u and v: half a turn across the image
    private static final long SEED = 2_211;

    private final double[] weights = new double[(CHANNELS - 1) * WINDOW * WINDOW];
    private final double[] across = new double[CHANNELS - 1];
    private final double[] down = new double[CHANNELS - 1];
    private final double[] phase = new double[CHANNELS - 1];

    /** The one filter bank. */
    FeatureMap() {
        Random random = new Random(SEED);
        for (int i = 0; i < weights.length; i++) {
            weights[i] = CONTRAST * random.nextGaussian();
        }
        for (int j = 0; j < CHANNELS - 1; j++) {
            across[j] = TURN * random.nextGaussian();
            down[j] = TURN * random.nextGaussian();
            phase[j] = 2 * Math.PI * random.nextDouble();
        }
    }

    /** {@return the maps of images of {@link Digits#PIXELS} pixels: (y, x, image, channel)} */
    float[] of(float[][] images) {
        float[] maps = new float[SIDE * SIDE * images.length * CHANNELS];
        double[] window = new double[WINDOW * WINDOW];
        int at = 0;
        for (int y = 0; y < SIDE; y++) {
            for (int x = 0; x < SIDE; x++) {
                for (float[] image : images) {
                    look(image, x, y, window);
                    for (int j = 0; j < CHANNELS - 1; j++) {
                        double angle = across[j] * x + down[j] * y + phase[j];
                        for (int i = 0; i < window.length; i++) {
                            angle += weights[j * window.length + i] * window[i];
                        }
                        maps[at++] = (float) StrictMath.cos(angle); // the same wherever it runs
                    }
                    maps[at++] = 1;
                }
            }
        }
        return maps;
    }

    private static void look(float[] image, int x, int y, double[] window) {
        for (int i = 0; i < window.length; i++) {
            int column = x - WINDOW + 1 + i % WINDOW;
            int row = y - WINDOW + 1 + i / WINDOW;
            window[i] = column < 0 || row < 0 ? 0 : image[row * SIDE + column];
        }
    }
}
