package io.quern.bench.demo;

import io.quern.bench.demo.DigitsTraining.Point;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

/** Draws a training's loss by epoch. */
public final class LossChart {
    private static final int HEIGHT = 600;

    private LossChart() {}

    /** Writes the curve as PNG. */
    public static void write(Path file, String title, List<Point> curve) throws IOException {
        XYChart chart = new XYChartBuilder()
                .width(Charts.WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle("epoch")
                .yAxisTitle("cross-entropy (nats, log scale)")
                .build();
        var style = chart.getStyler();
        Charts.style(style);
        style.setYAxisLogarithmic(true);
        style.setXAxisMin(0.0);
        style.setXAxisMax((double) DigitsTraining.EPOCHS);
        style.setXAxisTickMarkSpacingHint(120);
        double[] epochs = numbers(curve, Point::epoch);
        Charts.line(chart, "training images", epochs, numbers(curve, Point::train), Charts.BLUE);
        Charts.line(chart, "test images", epochs, numbers(curve, Point::test), Charts.ORANGE);
        Charts.write(file, BitmapEncoder.getBufferedImage(chart));
    }

    private static double[] numbers(List<Point> curve, ToDoubleFunction<Point> number) {
        return curve.stream().mapToDouble(number).toArray();
    }
}
