package io.quern.bench.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.Device;
import io.quern.bench.demo.DigitsTraining.Point;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DigitsTrainingTest {
    @Test
    void learnsToReadDigitsAndDrawsIt(@TempDir Path folder) throws Exception {
        DigitsTraining training = new DigitsTraining();
        assertEquals(1797, training.trainSize() + training.testSize());
        List<Point> curve = training.run(Device.cpu(2), _ -> {});
        assertEquals(Math.log(10), curve.getFirst().test(), 1e-6, "zero weights know nothing");
        assertTrue(curve.getLast().accuracy() >= 0.95, curve.getLast().toString());
        assertTrue(curve.getLast().train() < 0.1, curve.getLast().toString());
        Path png = folder.resolve("loss.png");
        LossChart.write(png, "loss", curve);
        assertEquals(1000, ImageIO.read(png.toFile()).getWidth());
    }

    /** Against central differences. */
    @Test
    void theGradientIsTheLosssDerivative() {
        Digits digits = Digits.load().slice(0, 40);
        float[] weights = new float[SoftmaxRegression.PARAMETERS];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) Math.sin(i) * 0.3f;
        }
        float[] gradient = new float[weights.length];
        SoftmaxRegression.gradient(weights, digits, 0, digits.size(), gradient);
        for (int i : new int[] {20, 64, 100, 333, 649}) {
            float old = weights[i];
            weights[i] = old + 0.01f;
            double above = SoftmaxRegression.score(weights, digits).loss();
            weights[i] = old - 0.01f;
            double below = SoftmaxRegression.score(weights, digits).loss();
            weights[i] = old;
            assertEquals((above - below) / 0.02, gradient[i], 1e-4, "weight " + i);
        }
    }
}
