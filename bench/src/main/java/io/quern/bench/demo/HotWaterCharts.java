package io.quern.bench.demo;

import io.quern.bench.demo.HotWaterDay.Outcome;
import io.quern.bench.demo.House.Installation;
import io.quern.bench.report.Units;
import io.quern.ode.HotWaterLoop;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Pictures of {@link HotWaterDay} for people who own a house. */
final class HotWaterCharts {
    private static final Map<Installation, Color> COLORS = Map.of(
            Installation.NO_PUMP, Charts.GREY,
            Installation.TIMER, Charts.BLUE,
            Installation.THERMOSTAT, Charts.ORANGE,
            Installation.BUTTON, Charts.GREEN);

    // Pixels.
    private static final int BAR_TOP = 52;
    private static final int BAR_SPACE = 32;
    private static final int BAR_LEFT = 230;
    private static final int BAR_MOST = 680;
    private static final int PANEL_HEIGHT = 300;
    private static final double SHORTEST = 5; // m
    private static final double LONGEST = 40;
    private static final int LENGTHS = 14;

    private static final Installation[] INSTALLATIONS = Installation.values();

    private HotWaterCharts() {}

    /** Writes the temperature at the tap of one house, a panel for each installation. */
    static void writeDay(Path file, House house, double[] seconds, double[][] temperatures) throws IOException {
        double[] hours = Arrays.stream(seconds).map(s -> s / 3600).toArray();
        double[] p = house.parameters();
        double[] draws = Arrays.stream(p, HotWaterLoop.DRAWS, p.length)
                .filter(s -> s < House.DAY)
                .map(s -> s / 3600)
                .toArray();
        double[] marks = new double[draws.length];
        Arrays.fill(marks, 5);
        List<XYChart> panels = new ArrayList<>();
        for (int i = 0; i < INSTALLATIONS.length; i++) {
            XYChart panel = new XYChartBuilder()
                    .width(Charts.WIDTH)
                    .height(PANEL_HEIGHT)
                    .title("Temperature of the hot-water pipe at the tap: " + INSTALLATIONS[i].title())
                    .xAxisTitle(i == INSTALLATIONS.length - 1 ? "hour of the day" : "")
                    .yAxisTitle("degrees C")
                    .build();
            Charts.style(panel.getStyler());
            panel.getStyler()
                    .setXAxisMin(0.0)
                    .setXAxisMax(24.0)
                    .setYAxisMin(0.0)
                    .setYAxisMax(80.0);
            panel.getStyler().setXAxisTickMarkSpacingHint(70).setYAxisTickMarkSpacingHint(40);
            panel.getStyler().setLegendPosition(Styler.LegendPosition.InsideNW);
            Charts.line(panel, "water at the tap", hours, temperatures[i], COLORS.get(INSTALLATIONS[i]));
            double warm = p[HotWaterLoop.USE];
            Charts.line(panel, "warm enough for a shower", new double[] {0, 24}, new double[] {warm, warm}, Charts.INK)
                    .setLineWidth(1);
            XYSeries taps = panel.addSeries("somebody opens the tap", draws, marks);
            taps.setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
            taps.setMarker(SeriesMarkers.TRIANGLE_UP).setMarkerColor(Charts.INK);
            panel.getStyler().setMarkerSize(9);
            panel.getStyler().setLegendLayout(Styler.LegendLayout.Horizontal);
            panels.add(panel);
        }
        Charts.write(file, Charts.column(panels));
    }

    /** Writes what each installation costs on average: waiting, water and heat. */
    static void writeInstallations(Path file, List<Outcome> outcomes) throws IOException {
        int panel = BAR_TOP + Installation.values().length * BAR_SPACE + 20;
        BufferedImage image = new BufferedImage(Charts.WIDTH, 3 * panel, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setColor(Color.WHITE);
        graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
        bars(graphics, 0, "Waiting for warm water, seconds each time the tap is opened", outcomes, Outcome::waited);
        bars(graphics, panel, "Water that runs away unused, litres a day", outcomes, Outcome::wasted);
        bars(graphics, 2 * panel, "Heat that never comes out of the tap, kWh a day", outcomes, Outcome::lost);
        graphics.dispose();
        Charts.write(file, image);
    }

    /** Names, bars and numbers: the pictures of XChart leave names out where there are many. */
    private static void bars(
            Graphics2D graphics, int top, String title, List<Outcome> outcomes, ToDoubleFunction<Outcome> number) {
        double[] means = new double[Installation.values().length];
        for (Installation installation : Installation.values()) {
            means[installation.ordinal()] = outcomes.stream()
                    .filter(outcome -> outcome.house().installation() == installation)
                    .mapToDouble(number)
                    .average()
                    .orElse(0);
        }
        double most = Arrays.stream(means).max().orElseThrow();
        graphics.setColor(Charts.INK);
        graphics.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 18));
        graphics.drawString(title, 20, top + 34);
        graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 15));
        for (Installation installation : Installation.values()) {
            int y = top + BAR_TOP + installation.ordinal() * BAR_SPACE;
            double mean = means[installation.ordinal()];
            int length = most > 0 ? (int) Math.round(BAR_MOST * mean / most) : 0;
            graphics.setColor(COLORS.get(installation));
            graphics.fillRect(BAR_LEFT, y, Math.max(length, 1), BAR_SPACE - 10);
            graphics.setColor(Charts.INK);
            graphics.drawString(installation.title(), 20, y + 16);
            graphics.drawString(Units.significant(mean), BAR_LEFT + length + 8, y + 16);
        }
    }

    /** Writes what the length of the pipe does. */
    static void writeLengths(Path file, List<Outcome> outcomes) throws IOException {
        Charts.write(
                file,
                Charts.column(List.of(
                        byLength("Water that runs away unused", "litres a day", outcomes, Outcome::wasted),
                        byLength("Heat that never comes out of the tap", "kWh a day", outcomes, Outcome::lost))));
    }

    private static XYChart byLength(
            String title, String unit, List<Outcome> outcomes, ToDoubleFunction<Outcome> number) {
        XYChart chart = new XYChartBuilder()
                .width(Charts.WIDTH)
                .height(450)
                .title(title + ", by the length of the pipe")
                .xAxisTitle("metres from the heater to the tap")
                .yAxisTitle(unit)
                .build();
        Charts.style(chart.getStyler());
        chart.getStyler().setXAxisMin(0.0).setXAxisMax(LONGEST).setYAxisMin(0.0);
        chart.getStyler().setLegendPosition(Styler.LegendPosition.InsideNW);
        double width = (LONGEST - SHORTEST) / LENGTHS;
        for (Installation installation : INSTALLATIONS) {
            List<Double> lengths = new ArrayList<>();
            List<Double> means = new ArrayList<>();
            for (int bin = 0; bin < LENGTHS; bin++) {
                double from = SHORTEST + bin * width;
                outcomes.stream()
                        .filter(outcome -> outcome.house().installation() == installation
                                && outcome.house().length() >= from
                                && outcome.house().length() < from + width)
                        .mapToDouble(number)
                        .average()
                        .ifPresent(mean -> {
                            lengths.add(from + width / 2);
                            means.add(mean);
                        });
            }
            if (!means.isEmpty()) {
                Charts.line(chart, installation.title(), array(lengths), array(means), COLORS.get(installation));
            }
        }
        return chart;
    }

    private static double[] array(List<Double> numbers) {
        return numbers.stream().mapToDouble(Double::doubleValue).toArray();
    }
}
