package io.quern.bench.demo;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.report.ProgressLine;
import io.quern.bench.report.Table;
import io.quern.bench.report.Units;
import io.quern.ode.AdaptiveSolve;
import io.quern.ode.Method;
import io.quern.ode.Ode;
import io.quern.ode.OdeCatalogue;
import java.awt.Color;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import org.hipparchus.ode.AbstractIntegrator;
import org.hipparchus.ode.ExpandableODE;
import org.hipparchus.ode.ODEState;
import org.hipparchus.ode.OrdinaryDifferentialEquation;
import org.hipparchus.ode.nonstiff.DormandPrince54Integrator;
import org.hipparchus.ode.nonstiff.DormandPrince853Integrator;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

/**
 * Work and precision of adaptive methods on one core, beside those of Hipparchus (Hairer, Norsett and Wanner, "Solving Ordinary
 * Differential Equations I", II.10, draw them so): Kepler orbits of eccentricities 0 to 0.7, three revolutions each, after which a
 * body is where it began.
 */
public final class WorkPrecision {
    /** The most orbits, which Hipparchus solves one after the other. */
    public static final int MOST_ORBITS = 100_000;

    private static final double MOST_ECCENTRICITY = 0.7;
    private static final double END = 3 * 2 * Math.PI;
    private static final int DIMENSION = 4;
    /** Until then the JIT has compiled a method's steps, for the first of its tolerances. */
    private static final Duration WARM_UP = Duration.ofSeconds(4);

    /** Of each point; the fastest of the runs counts. */
    private static final Duration RUNS = Duration.ofMillis(300);

    private static final int MOST_STEPS = 1_000_000;
    private static final double LEAST_STEP = 1e-14; // of Hipparchus: none is too small to be tried
    private static final int HEIGHT = 520;

    private final int orbits;
    private final double[] tolerances;
    private final Duration warmUp;
    private final double[] start; // [4][orbits]

    /**
     * Prepares it.
     *
     * @param orbits 1 to {@value #MOST_ORBITS}
     * @param tolerances relative and absolute, each 1e-13 to 0.1
     */
    public WorkPrecision(int orbits, double... tolerances) {
        this(orbits, WARM_UP, tolerances);
    }

    WorkPrecision(int orbits, Duration warmUp, double... tolerances) {
        if (orbits < 1 || orbits > MOST_ORBITS) {
            throw new IllegalArgumentException("--orbits must be 1.." + MOST_ORBITS + ", but is " + orbits);
        }
        for (double tolerance : tolerances) {
            if (!(tolerance >= 1e-13 && tolerance <= 0.1)) {
                throw new IllegalArgumentException("a tolerance must be 1e-13..0.1, but is " + tolerance);
            }
        }
        this.orbits = orbits;
        this.warmUp = warmUp;
        this.tolerances = tolerances.clone();
        this.start = new double[DIMENSION * orbits];
        for (int i = 0; i < orbits; i++) {
            double eccentricity = MOST_ECCENTRICITY * (i + 0.5) / orbits;
            start[i] = 1 - eccentricity;
            start[3 * orbits + i] = Math.sqrt((1 + eccentricity) / (1 - eccentricity));
        }
    }

    /**
     * What one tolerance costs and gives.
     *
     * @param evaluations of f, the mean of the orbits
     * @param seconds an orbit
     * @param error root mean square of the distances from where the bodies should be
     */
    record Point(double tolerance, double evaluations, double seconds, double error) {}

    /** A method's points, from the largest tolerance to the smallest. */
    record Curve(String name, boolean ours, Color color, List<Point> points) {
        /** {@return a point's number at an error, on the straight line between two points of the logarithms} */
        Optional<Double> at(double error, ToDoubleFunction<Point> number) {
            for (int i = 1; i < points.size(); i++) {
                Point before = points.get(i - 1);
                Point after = points.get(i);
                if (before.error() >= error && after.error() <= error) {
                    double share = Math.log(before.error() / error) / Math.log(before.error() / after.error());
                    return Optional.of(Math.exp((1 - share) * Math.log(number.applyAsDouble(before))
                            + share * Math.log(number.applyAsDouble(after))));
                }
            }
            return Optional.empty();
        }
    }

    /** Runs it, and writes the picture. */
    public void run(Path file, PrintWriter out) throws IOException {
        List<Curve> curves = measure();
        Table table = new Table("method", ">tolerance", ">error", ">evaluations", ">time");
        for (Curve curve : curves) {
            for (Point point : curve.points()) {
                table.row(
                        curve.name(),
                        Units.error(point.tolerance()),
                        Units.error(point.error()),
                        Units.count(Math.round(point.evaluations())),
                        Units.seconds(point.seconds()));
            }
        }
        out.println(Units.count(orbits) + " Kepler orbits of eccentricities 0 to " + MOST_ECCENTRICITY
                + ", three revolutions each, FP64, one core; evaluations and time of one orbit");
        out.print(table);
        for (double error : new double[] {1e-3, 1e-6, 1e-9}) {
            compare(out, curves, error);
        }
        Charts.write(
                file,
                Charts.column(List.of(
                        chart("Work of a Kepler orbit: evaluations of f", "evaluations", curves, Point::evaluations),
                        chart(
                                "Time of a Kepler orbit on one core",
                                "microseconds",
                                curves,
                                point -> 1e6 * point.seconds()))));
        out.println("picture        " + file);
        out.flush();
    }

    private List<Curve> measure() throws IOException {
        List<Curve> curves = new ArrayList<>();
        try (ProgressLine bar = new ProgressLine("orbits", 5 * tolerances.length)) {
            curves.add(ours("Bogacki-Shampine 3(2)", Method.BOGACKI_SHAMPINE_3_2, Charts.GREEN, bar));
            curves.add(ours("Dormand-Prince 5(4)", Method.DORMAND_PRINCE_5_4, Charts.BLUE, bar));
            curves.add(ours("Tsitouras 5(4)", Method.TSITOURAS_5_4, Charts.ORANGE, bar));
            curves.add(theirs(
                    "Hipparchus 5(4)",
                    Charts.GREY,
                    tolerance -> new DormandPrince54Integrator(LEAST_STEP, END, tolerance, tolerance),
                    bar));
            curves.add(theirs(
                    "Hipparchus 8(5,3)",
                    Charts.INK,
                    tolerance -> new DormandPrince853Integrator(LEAST_STEP, END, tolerance, tolerance),
                    bar));
        }
        return curves;
    }

    private Curve ours(String name, Method method, Color color, ProgressLine bar) {
        List<Point> points = new ArrayList<>();
        Device device = Device.cpu(1);
        try (Stream stream = Stream.open(device);
                TensorArena arena = TensorArena.open(device)) {
            Tensor state = arena.allocate(DType.FP64, DIMENSION, orbits).copyFrom(start);
            Tensor parameters = arena.allocate(DType.FP64, 1).fill(1);
            Tensor end = arena.allocate(DType.FP64, DIMENSION, orbits);
            Tensor statistics = arena.allocate(DType.INT32, AdaptiveSolve.STATISTICS, orbits);
            for (double tolerance : tolerances) {
                try (BoundCall call = Ode.of(OdeCatalogue.KEPLER, method)
                        .adaptive()
                        .state(state)
                        .parameters(parameters)
                        .end(END)
                        .tolerances(tolerance, tolerance)
                        .maxSteps(MOST_STEPS)
                        .out(end)
                        .statistics(statistics)
                        .bind(stream)) {
                    double seconds = fastest(points.isEmpty(), call::run);
                    double evaluations = Arrays.stream(statistics.select(0, 2).toDoubleArray())
                            .average()
                            .orElseThrow();
                    points.add(new Point(tolerance, evaluations, seconds / orbits, error(end.toDoubleArray())));
                }
                bar.step();
            }
        }
        return new Curve(name, true, color, points);
    }

    /** Makes an integrator for a tolerance. */
    @FunctionalInterface
    private interface Integrators {
        AbstractIntegrator of(double tolerance);
    }

    private Curve theirs(String name, Color color, Integrators integrators, ProgressLine bar) {
        List<Point> points = new ArrayList<>();
        double[] end = new double[DIMENSION * orbits];
        for (double tolerance : tolerances) {
            AbstractIntegrator integrator = integrators.of(tolerance);
            ExpandableODE kepler = new ExpandableODE(KEPLER);
            long[] evaluations = {0};
            double seconds = fastest(points.isEmpty(), () -> {
                evaluations[0] = 0;
                for (int i = 0; i < orbits; i++) {
                    double[] y = {start[i], start[orbits + i], start[2 * orbits + i], start[3 * orbits + i]};
                    double[] last = integrator
                            .integrate(kepler, new ODEState(0, y), END)
                            .getPrimaryState();
                    evaluations[0] += integrator.getEvaluations();
                    for (int j = 0; j < DIMENSION; j++) {
                        end[j * orbits + i] = last[j];
                    }
                }
            });
            points.add(new Point(tolerance, (double) evaluations[0] / orbits, seconds / orbits, error(end)));
            bar.step();
        }
        return new Curve(name, false, color, points);
    }

    /** As {@link OdeCatalogue#KEPLER} has it, around a mass of 1. */
    private static final OrdinaryDifferentialEquation KEPLER = new OrdinaryDifferentialEquation() {
        @Override
        public int getDimension() {
            return DIMENSION;
        }

        @Override
        public double[] computeDerivatives(double t, double[] y) {
            double square = y[0] * y[0] + y[1] * y[1];
            double pull = -1 / (square * Math.sqrt(square));
            return new double[] {y[2], y[3], pull * y[0], pull * y[1]};
        }
    };

    /** {@return the seconds of the fastest run within a time, of one at least} */
    private static double fastest(Duration time, Runnable work) {
        double seconds = Double.POSITIVE_INFINITY;
        long end = System.nanoTime() + time.toNanos();
        do {
            long begin = System.nanoTime();
            work.run();
            seconds = Math.min(seconds, (System.nanoTime() - begin) * 1e-9);
        } while (System.nanoTime() < end);
        return seconds;
    }

    private double fastest(boolean first, Runnable work) {
        if (first) {
            fastest(warmUp, work);
        }
        return fastest(RUNS, work);
    }

    private double error(double[] end) {
        double sum = 0;
        for (int i = 0; i < 2 * orbits; i++) {
            sum += (end[i] - start[i]) * (end[i] - start[i]);
        }
        return Math.sqrt(sum / orbits);
    }

    private static void compare(PrintWriter out, List<Curve> curves, double error) {
        Optional<Curve> ours = quickest(curves, error, true);
        Optional<Curve> theirs = quickest(curves, error, false);
        if (ours.isPresent() && theirs.isPresent()) {
            double here = ours.get().at(error, Point::seconds).orElseThrow();
            double there = theirs.get().at(error, Point::seconds).orElseThrow();
            out.println("error " + Units.error(error) + ": " + ours.get().name() + " " + Units.seconds(here) + ", "
                    + theirs.get().name() + " " + Units.seconds(there) + ", "
                    + Units.significant(there / here) + " times as long");
        }
    }

    private static Optional<Curve> quickest(List<Curve> curves, double error, boolean ours) {
        return curves.stream()
                .filter(curve -> curve.ours() == ours)
                .filter(curve -> curve.at(error, Point::seconds).isPresent())
                .min((a, b) -> Double.compare(
                        a.at(error, Point::seconds).orElseThrow(),
                        b.at(error, Point::seconds).orElseThrow()));
    }

    private static XYChart chart(String title, String unit, List<Curve> curves, ToDoubleFunction<Point> work) {
        XYChart chart = new XYChartBuilder()
                .width(Charts.WIDTH)
                .height(HEIGHT)
                .title(title)
                .xAxisTitle("error, root mean square of distances (log scale)")
                .yAxisTitle(unit + " (log scale)")
                .build();
        Charts.style(chart.getStyler());
        chart.getStyler().setXAxisLogarithmic(true).setYAxisLogarithmic(true);
        for (Curve curve : curves) {
            double[] errors = curve.points().stream().mapToDouble(Point::error).toArray();
            double[] works = curve.points().stream().mapToDouble(work).toArray();
            Charts.line(chart, curve.name(), errors, works, curve.color());
        }
        return chart;
    }
}
