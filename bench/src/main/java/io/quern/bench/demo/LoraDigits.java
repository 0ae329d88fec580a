package io.quern.bench.demo;

import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.demo.SoftmaxRegression.Score;
import io.quern.bench.report.ProgressLine;
import io.quern.bench.report.Table;
import io.quern.bench.report.Units;
import io.quern.linear.Lora;
import io.quern.lion.Lion;
import io.quern.lion.LionCall;
import java.awt.Color;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;

/**
 * Adapts an {@link AttentionClassifier} that has learned the digits 0 to 4 to the digits 5 to 9: by LoRA, with its weights frozen but
 * for the last layer's, and by training all of it. {@link Lion} takes each step in one launch for all parameters.
 */
public final class LoraDigits {
    private static final int EPOCHS = 40;

    private static final int BATCH = 32;
    private static final int DIM = 64;
    private static final int HEADS = 4;
    private static final int RANK = 4;
    private static final double WEIGHT_DECAY = 1;
    private static final long SEED = 1;
    private static final int HEIGHT = 430;

    private static final Way FIRST = new Way("first training", null, 1e-3, Charts.GREY);
    private static final List<Way> WAYS = List.of(
            new Way("LoRA of rank " + RANK, Lora.of(RANK, 2 * RANK), 1e-3, Charts.BLUE),
            new Way("full fine-tuning", null, 3e-4, Charts.ORANGE));

    /**
     * How a model is trained.
     *
     * @param lora null: whole
     * @param learningRate of the first epoch
     */
    record Way(String name, Lora lora, double learningRate, Color color) {}

    /** How good a model is on test images after an epoch; 0: before the first. */
    record Point(int epoch, Score test) {}

    /**
     * A training.
     *
     * @param parameters that it trains
     * @param stateBytes of the optimizer
     * @param seconds of its steps
     */
    record Course(Way way, List<Point> curve, long parameters, long stateBytes, double seconds) {
        Score last() {
            return curve.getLast().test();
        }
    }

    private final Device device;
    private final int epochs;
    private final Digits train;
    private final Digits test;

    /** On a device. */
    public LoraDigits(Device device) {
        this(device, EPOCHS, Digits.load().shuffled(SEED));
    }

    /** On some of the digits, a fifth of which are for tests. */
    LoraDigits(Device device, int epochs, Digits digits) {
        this.device = device;
        this.epochs = epochs;
        test = digits.slice(0, digits.size() / 5);
        train = digits.slice(digits.size() / 5, digits.size());
    }

    /** Runs it, and writes the curves of both ways as PNG. */
    public void run(Path file, PrintWriter out) throws IOException {
        report(courses(), file, out);
    }

    void report(List<Course> courses, Path file, PrintWriter out) throws IOException {
        Course first = courses.getFirst();
        List<Course> both = courses.subList(1, courses.size());
        out.println("attention over 16 patches, " + HEADS + " heads of " + DIM / HEADS + ", on " + device.name()
                + ": trained for " + epochs + " epochs on "
                + train.between(0, 4).size() + " digits 0-4, "
                + Units.percent(first.last().accuracy()) + " of "
                + test.between(0, 4).size() + " others right");
        out.println("then as long on " + train.between(5, 9).size() + " digits 5-9 and tested on "
                + test.between(5, 9).size() + " others:");
        Table table = new Table("adapted by", ">right", ">loss", ">trained", ">optimizer state", ">steps took");
        for (Course course : both) {
            table.row(
                    course.way().name(),
                    Units.percent(course.last().accuracy()),
                    Units.significant(course.last().loss()),
                    Units.count(course.parameters()),
                    Units.bytes(course.stateBytes()),
                    Units.seconds(course.seconds()));
        }
        out.print(table);
        Charts.write(file, Charts.column(List.of(accuracyChart(both), lossChart(both))));
        out.println("curves         " + file);
        out.println(
                "data           UCI \"Optical Recognition of Handwritten Digits\", E. Alpaydin, C. Kaynak; CC BY 4.0");
        out.flush();
    }

    /** {@return the first training, then a course of each way to adapt what it left} */
    List<Course> courses() {
        try (ProgressLine bar = new ProgressLine("training", (1L + WAYS.size()) * epochs);
                Stream stream = Stream.open(device);
                TensorArena arena = TensorArena.open(device);
                AttentionClassifier learned = classifier(stream, arena, null)) {
            List<Course> courses = new ArrayList<>();
            learned.initialize(SEED);
            courses.add(train(FIRST, learned, stream, train.between(0, 4), test.between(0, 4), bar));
            for (Way way : WAYS) {
                try (AttentionClassifier adapted = classifier(stream, arena, way.lora())) {
                    adapted.initialize(SEED);
                    adapted.copyBody(learned);
                    courses.add(train(way, adapted, stream, train.between(5, 9), test.between(5, 9), bar));
                }
            }
            return courses;
        }
    }

    private static AttentionClassifier classifier(Stream stream, TensorArena arena, Lora lora) {
        return new AttentionClassifier(stream, arena, DType.FP32, BATCH, DIM, HEADS, lora);
    }

    private Course train(
            Way way, AttentionClassifier model, Stream stream, Digits train, Digits test, ProgressLine bar) {
        bar.doing(way.name());
        List<Point> curve = new ArrayList<>();
        curve.add(new Point(0, model.score(test)));
        long nanos = 0;
        try (TensorArena state = TensorArena.open(device)) {
            List<Tensor> momenta = model.trained().stream()
                    .map(parameter -> state.allocate(parameter.dtype(), parameter.shape()))
                    .toList();
            try (LionCall step = Lion.of(way.learningRate())
                    .withWeightDecay(WEIGHT_DECAY)
                    .bind(stream, model.trained(), momenta, model.gradients())) {
                for (int epoch = 1; epoch <= epochs; epoch++) {
                    long begin = System.nanoTime();
                    step.setLearningRate(way.learningRate() * share(epoch));
                    Digits shuffled = train.shuffled(SEED + epoch);
                    for (int from = 0; from < shuffled.size(); from += BATCH) {
                        model.gradient(shuffled, from, Math.min(from + BATCH, shuffled.size()));
                        step.run();
                    }
                    stream.synchronize();
                    nanos += System.nanoTime() - begin;
                    curve.add(new Point(epoch, model.score(test)));
                    bar.step();
                }
            }
            long bytes = momenta.stream()
                    .mapToLong(momentum ->
                            momentum.elementCount() * momentum.dtype().bytes())
                    .sum();
            long parameters = momenta.stream().mapToLong(Tensor::elementCount).sum();
            return new Course(way, curve, parameters, bytes, nanos * 1e-9);
        }
    }

    /** {@return half a cosine from 1 to nearly 0: steps of one size cannot settle in a minimum} */
    private double share(int epoch) {
        return (1 + Math.cos(Math.PI * (epoch - 1) / epochs)) / 2;
    }

    private XYChart accuracyChart(List<Course> courses) {
        XYChart chart = chart(
                "Digits 5-9: test images right",
                "%",
                courses,
                point -> 100 * point.test().accuracy());
        chart.getStyler().setLegendPosition(Styler.LegendPosition.InsideSE);
        return chart;
    }

    private XYChart lossChart(List<Course> courses) {
        return chart(
                "Digits 5-9: loss on test images",
                "cross-entropy (nats)",
                courses,
                point -> point.test().loss());
    }

    private XYChart chart(String title, String unit, List<Course> courses, ToDoubleFunction<Point> number) {
        XYChart chart = new XYChartBuilder()
                .width(Charts.WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle("epoch")
                .yAxisTitle(unit)
                .build();
        var style = chart.getStyler();
        Charts.style(style);
        style.setXAxisMin(0.0);
        style.setXAxisMax((double) epochs);
        style.setXAxisTickMarkSpacingHint(120);
        for (Course course : courses) {
            Charts.line(
                    chart,
                    course.way().name() + ", " + Units.count(course.parameters()) + " parameters",
                    course.curve().stream().mapToDouble(Point::epoch).toArray(),
                    course.curve().stream().mapToDouble(number).toArray(),
                    course.way().color());
        }
        return chart;
    }
}
