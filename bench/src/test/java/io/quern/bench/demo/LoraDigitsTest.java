package io.quern.bench.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.demo.LoraDigits.Course;
import io.quern.linear.Lora;
import io.quern.lion.Lion;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoraDigitsTest {
    private static final int BATCH = 4;
    private static final Digits DIGITS = Digits.load().slice(0, BATCH - 1); // a batch that is not full

    private static final double H = 1e-5;

    /**
     * Of (f(x + H) - f(x - H)) / 2H: half an ulp of some 40 sums, one after another in f, which is about 2, over H; and H^2 / 6 times
     * the third derivative, of the order of 1.
     */
    private static final double BOUND = 40 * 0x1p-53 * 2 / H + H * H;

    @Test
    void theGradientOfAllIsTheLosssDerivative() {
        assertEquals(17 * 8 + 8 * 24 + 8 * 8 + 8 * 10, differences(null));
    }

    @Test
    void theGradientOfFactorsIsTheLosssDerivative() {
        assertEquals(2 * (8 + 24) + 2 * (8 + 8) + 8 * 10, differences(Lora.of(2, 3)));
    }

    /** {@return how many derivatives were compared} */
    private static int differences(Lora lora) {
        Random random = new Random(7);
        int compared = 0;
        double worst = 0;
        try (Stream stream = Stream.open(Device.reference());
                TensorArena arena = TensorArena.open(stream.device());
                AttentionClassifier model = model(stream, arena, lora)) {
            model.body().forEach(weight -> LinearLayer.drawn(weight, random)); // what is frozen too
            model.trained().forEach(parameter -> LinearLayer.drawn(parameter, random)); // B too
            model.gradients().forEach(gradient -> gradient.fill(Double.NaN));
            model.gradient(DIGITS, 0, DIGITS.size());
            for (int t = 0; t < model.trained().size(); t++) {
                Tensor parameter = model.trained().get(t);
                double[] gradient = model.gradients().get(t).toDoubleArray();
                double[] values = parameter.toDoubleArray();
                for (int i = 0; i < values.length; i++) {
                    double value = values[i];
                    values[i] = value + H;
                    double above = loss(model, parameter, values);
                    values[i] = value - H;
                    double below = loss(model, parameter, values);
                    values[i] = value;
                    worst = Math.max(worst, Math.abs((above - below) / (2 * H) - gradient[i])); // NaN stays
                    compared++;
                }
                parameter.copyFrom(values);
            }
        }
        assertTrue(worst <= BOUND, "off by " + worst);
        return compared;
    }

    /** The frozen weights stay what they are to the last bit, and what is adapted begins where the trained model left off. */
    @Test
    void whatIsFrozenStays() {
        try (Stream stream = Stream.open(Device.cpu(2));
                TensorArena arena = TensorArena.open(stream.device());
                AttentionClassifier learned = model(stream, arena, null);
                AttentionClassifier adapted = model(stream, arena, Lora.of(2, 3))) {
            learned.initialize(3);
            adapted.initialize(3);
            adapted.copyBody(learned);
            assertEquals(learned.score(DIGITS).loss(), adapted.score(DIGITS).loss(), 1e-12);
            List<Tensor> momenta = adapted.trained().stream()
                    .map(parameter -> arena.allocate(parameter.dtype(), parameter.shape()))
                    .toList();
            for (int i = 0; i < 3; i++) {
                adapted.gradient(DIGITS, 0, DIGITS.size());
                Lion.of(1e-2).step(stream, adapted.trained(), momenta, adapted.gradients());
            }
            assertTrue(adapted.score(DIGITS).loss() < learned.score(DIGITS).loss());
            for (int i = 0; i < learned.body().size(); i++) {
                assertArrayEquals(
                        learned.body().get(i).toDoubleArray(),
                        adapted.body().get(i).toDoubleArray());
            }
        }
    }

    @Test
    void digitsThatAreNewAreLearnedBothWays(@TempDir Path folder) throws Exception {
        Path png = folder.resolve("lora-digits.png");
        StringWriter text = new StringWriter();
        LoraDigits demo = new LoraDigits(Device.cpu(2), 2, Digits.load().slice(0, 60));
        List<Course> courses = demo.courses();
        demo.report(courses, png, new PrintWriter(text));
        assertEquals(1000, ImageIO.read(png.toFile()).getWidth());
        Course lora = courses.get(1);
        Course full = courses.get(2);
        assertEquals(4 * (64 + 192) + 4 * (64 + 64) + 64 * 10, lora.parameters());
        assertEquals(17 * 64 + 64 * 192 + 64 * 64 + 64 * 10, full.parameters());
        assertEquals(
                full.curve().getFirst().test().loss(),
                lora.curve().getFirst().test().loss(),
                1e-6,
                "both begin alike");
        for (Course course : courses) {
            assertEquals(3, course.curve().size());
            assertEquals(4 * course.parameters(), course.stateBytes());
            assertTrue(course.last().loss() < course.curve().getFirst().test().loss(), course::toString);
            assertTrue(
                    course == courses.getFirst()
                            || text.toString().contains(course.way().name()),
                    text::toString);
        }
    }

    private static AttentionClassifier model(Stream stream, TensorArena arena, Lora lora) {
        return new AttentionClassifier(stream, arena, DType.FP64, BATCH, 8, 2, lora);
    }

    private static double loss(AttentionClassifier model, Tensor parameter, double[] values) {
        parameter.copyFrom(values);
        return model.score(DIGITS).loss();
    }
}
