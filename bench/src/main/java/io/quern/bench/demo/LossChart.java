package io.quern.bench.demo;

import io.quern.bench.demo.DigitsTraining.Point;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws a training's loss by epoch; needs no display. */
public final class LossChart {
    private static final int WIDTH = 1000;
    private static final int HEIGHT = 600;
    private static final Color INK = new Color(0x33, 0x33, 0x33);
    private static final Color GRID = new Color(0xe4, 0xe4, 0xe4);
    private static final Color BLUE = new Color(0x1f, 0x6f, 0xb4);
    private static final Color ORANGE = new Color(0xd9, 0x5f, 0x0e);

    static {
        System.setProperty("java.awt.headless", "true");
    }

    private LossChart() {}

    /** Writes the curve as PNG. */
    public static void write(Path file, String title, List<Point> curve) throws IOException {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle("epoch")
                .yAxisTitle("cross-entropy (nats, log scale)")
                .build();
        style(chart);
        double[] epochs = curve.stream().mapToDouble(Point::epoch).toArray();
        line(
                chart,
                "training images",
                epochs,
                curve.stream().mapToDouble(Point::train).toArray(),
                BLUE);
        line(
                chart,
                "test images",
                epochs,
                curve.stream().mapToDouble(Point::test).toArray(),
                ORANGE);
        Path folder = file.toAbsolutePath().getParent();
        Files.createDirectories(folder);
        ImageIO.write(BitmapEncoder.getBufferedImage(chart), "png", file.toFile());
    }

    private static void line(XYChart chart, String name, double[] x, double[] y, Color color) {
        XYSeries series = chart.addSeries(name, x, y);
        series.setMarker(SeriesMarkers.NONE);
        series.setLineColor(color);
        series.setLineStyle(new BasicStroke(2.5f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    }

    private static void style(XYChart chart) {
        var style = chart.getStyler();
        style.setYAxisLogarithmic(true);
        style.setChartBackgroundColor(Color.WHITE);
        style.setPlotBackgroundColor(Color.WHITE);
        style.setPlotBorderVisible(false);
        style.setPlotGridLinesColor(GRID);
        style.setPlotGridLinesStroke(new BasicStroke(1));
        style.setChartFontColor(INK);
        style.setAxisTickLabelsColor(INK);
        style.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 18));
        style.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 15));
        style.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
        style.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 15));
        style.setChartTitleBoxVisible(false);
        style.setLegendPosition(Styler.LegendPosition.InsideNE);
        style.setLegendBorderColor(Color.WHITE);
        style.setXAxisMin(0.0);
        style.setXAxisMax((double) DigitsTraining.EPOCHS);
        style.setXAxisTickMarkSpacingHint(120);
        style.setChartPadding(18);
    }
}
