package io.quern.bench.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.Device;
import io.quern.Stream;
import io.quern.bench.demo.HeatMaps.Route;
import java.awt.image.BufferedImage;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeatTest {
    private static final int SIDE = 6;
    private static final int CHANNELS = 4;
    private static final int MAPS = 8;

    /** What turns the planes (0, 1) and (2, 3): two of them commute, and one step turns by these angles. */
    private static float[] generator(double[] angles) {
        float[] a = new float[CHANNELS * CHANNELS];
        for (int i = 0; i < CHANNELS; i += 2) {
            double angle = angles[i / 2];
            a[i * CHANNELS + i] = (float) (Math.cos(angle) - 1);
            a[(i + 1) * CHANNELS + i + 1] = (float) (Math.cos(angle) - 1);
            a[i * CHANNELS + i + 1] = (float) -Math.sin(angle);
            a[(i + 1) * CHANNELS + i] = (float) Math.sin(angle);
        }
        return a;
    }

    private static final double[] ACROSS = {0.25, -0.15};
    private static final double[] DOWN = {0.1, 0.3};
    private static final float[] A = generator(ACROSS);
    private static final float[] B = generator(DOWN);

    /** (y, x, map, channel) of maps that obey the equation, exactly but for rounding, and are random at one corner. */
    private static float[] maps() {
        float[] maps = new float[SIDE * SIDE * MAPS * CHANNELS];
        Random random = new Random(3);
        for (int map = 0; map < MAPS; map++) {
            for (int plane = 0; plane < CHANNELS; plane += 2) {
                double radius = 0.5 + random.nextDouble();
                double phase = 2 * Math.PI * random.nextDouble();
                for (int i = 0; i < SIDE * SIDE; i++) {
                    int y = i / SIDE;
                    int x = i % SIDE;
                    double angle = phase + ACROSS[plane / 2] * x + DOWN[plane / 2] * y;
                    int at = (i * MAPS + map) * CHANNELS + plane;
                    maps[at] = (float) (radius * Math.cos(angle));
                    maps[at + 1] = (float) (radius * Math.sin(angle));
                }
            }
        }
        return maps;
    }

    /** Where errors vanish at the minimum it is reached but for some of Lion's last steps, which are 3e-6 long: ten of them. */
    @Test
    void theFitFindsTheGeneratorsOfMapsThatObeyTheEquation() {
        try (Stream stream = Stream.open(Device.cpu(1))) {
            HeatMaps heat = new HeatMaps(stream, SIDE, CHANNELS);
            float[] maps = maps();
            assertArrayEquals(A, heat.fit(List.of(heat.transposed(maps)), 1200), 3e-5f);
            assertArrayEquals(B, heat.fit(List.of(maps), 1200), 3e-5f);
        }
    }

    /** Six steps at most turn vectors of at most 1.5, |z_i| + |z_j| < 2.2; each rounds A, P, products and sums. */
    @Test
    void suchMapsAreExtrapolatedFromAQuarterOnEitherRoute() {
        float tolerance = 6 * (CHANNELS + 3) * 0x1p-24f * 2.2f;
        float[] whole = maps();
        float[] quarter = whole.clone();
        int size = MAPS * CHANNELS;
        for (int i = 0; i < SIDE * SIDE; i++) {
            if (i / SIDE >= SIDE / 2 || i % SIDE >= SIDE / 2) {
                Arrays.fill(quarter, i * size, (i + 1) * size, Float.NaN);
            }
        }
        try (Stream stream = Stream.open(Device.cpu(1))) {
            HeatMaps heat = new HeatMaps(stream, SIDE, CHANNELS);
            for (Route route : Route.values()) {
                assertArrayEquals(whole, heat.extrapolate(quarter, A, B, route), tolerance, route.toString());
            }
        }
    }

    /** The routes are what they are called: with generators that do not commute they differ, in the quarter across only. */
    @Test
    void routesDifferWhereGeneratorsDoNotCommute() {
        float[] shear = new float[CHANNELS * CHANNELS];
        shear[2] = 1; // adds channel 2 to channel 0
        float[] maps = maps();
        try (Stream stream = Stream.open(Device.cpu(1))) {
            HeatMaps heat = new HeatMaps(stream, SIDE, CHANNELS);
            float[] rightFirst = heat.extrapolate(maps, A, shear, Route.RIGHT_THEN_DOWN);
            float[] downFirst = heat.extrapolate(maps, A, shear, Route.DOWN_THEN_RIGHT);
            int size = MAPS * CHANNELS;
            for (int i = 0; i < SIDE * SIDE; i++) {
                float[] one = Arrays.copyOfRange(rightFirst, i * size, (i + 1) * size);
                float[] other = Arrays.copyOfRange(downFirst, i * size, (i + 1) * size);
                boolean across = i / SIDE >= SIDE / 2 && i % SIDE >= SIDE / 2;
                assertEquals(!across, Arrays.equals(one, other), "position " + i);
            }
            int corner = (SIDE / 2 * SIDE + SIDE / 2) * size;
            float[] right = heat.step(at(maps, SIDE / 2 - 1, SIDE / 2 - 1), A);
            assertEquals(right[0] + right[2], rightFirst[corner], 1e-6f, "right, then down");
        }
    }

    private static float[] at(float[] maps, int y, int x) {
        int size = MAPS * CHANNELS;
        return Arrays.copyOfRange(maps, (y * SIDE + x) * size, (y * SIDE + x + 1) * size);
    }

    /** Else extrapolation from it would look at what it is to guess. */
    @Test
    void theUpperLeftQuarterOfAMapSaysNothingOfTheRestOfTheImage() {
        float[] image = Digits.load().pixels()[0];
        float[] other = image.clone();
        for (int i = 0; i < other.length; i++) {
            other[i] = i / 8 < 4 && i % 8 < 4 ? other[i] : 1 - other[i];
        }
        FeatureMap features = new FeatureMap();
        float[] map = features.of(new float[][] {image});
        float[] otherMap = features.of(new float[][] {other});
        int size = FeatureMap.CHANNELS;
        for (int i = 0; i < 64; i++) {
            boolean same = Arrays.equals(map, i * size, (i + 1) * size, otherMap, i * size, (i + 1) * size);
            assertEquals(i / 8 < 4 && i % 8 < 4, same, "position " + i);
        }
    }

    @Test
    void leastSquaresLeavesAResidualThatIsOrthogonalToX() {
        Random random = new Random(5);
        float[] x = new float[50 * 3];
        float[] y = new float[50 * 2];
        for (int i = 0; i < x.length; i++) {
            x[i] = random.nextFloat();
        }
        for (int i = 0; i < y.length; i++) {
            y[i] = random.nextFloat();
        }
        double[][] w = LeastSquares.solve(x, 3, y, 2);
        for (int in = 0; in < 3; in++) {
            for (int out = 0; out < 2; out++) {
                double product = 0;
                for (int row = 0; row < 50; row++) {
                    double residual = y[row * 2 + out];
                    for (int i = 0; i < 3; i++) {
                        residual -= x[row * 3 + i] * w[i][out];
                    }
                    product += residual * x[row * 3 + in];
                }
                assertEquals(0, product, 1e-12);
            }
        }
    }

    /** A few steps on a few digits. */
    @Test
    void theDemonstrationSaysHowGoodItIsAndDrawsIt(@TempDir Path folder) throws Exception {
        Path png = folder.resolve("heat.png");
        StringWriter text = new StringWriter();
        new Heat(Device.cpu(2), 8, 64).run(png, new PrintWriter(text));
        String said = text.toString();
        assertFalse(said.contains("NaN") || said.contains("\u2013"), said);
        assertTrue(said.contains("verdict         ") && said.contains("integrability"), said);
        assertEquals(8, said.lines().filter(line -> line.matches("[1-8] .*%.*")).count(), said);
        BufferedImage image = ImageIO.read(png.toFile());
        int given = image.getRGB(44 + 148 + 5, 90 + 100); // the lower left quarter of the second image of the first row
        assertEquals(0xffd8d8d8, given, "hidden");
        assertNotEquals(given, image.getRGB(44 + 5, 90 + 100), "the digit is shown whole");
    }
}
