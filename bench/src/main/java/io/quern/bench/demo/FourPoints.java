package io.quern.bench.demo;

import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.flow.Flow;
import io.quern.flow.Noise;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

/** Trajectories from a uniform prior on 0..2 to the data .5, .5, 1.2 and 1.7, as kexue.fm 9379 has them. */
final class FourPoints {
    private static final double[] DATA = {0.5, 0.5, 1.2, 1.7};
    private static final int PATHS = 40;
    private static final int STEPS = 400;
    private static final int HEIGHT = 700;

    private FourPoints() {}

    static void write(Device device, Path file) throws IOException {
        XYChart chart = new XYChartBuilder()
                .width(Charts.WIDTH)
                .height(HEIGHT)
                .title("From a uniform prior to four points: half of it to .5")
                .xAxisTitle("t")
                .yAxisTitle("x")
                .build();
        Charts.style(chart.getStyler());
        chart.getStyler().setLegendVisible(false);
        double[] times = new double[STEPS + 1];
        for (int step = 0; step <= STEPS; step++) {
            times[step] = 1 - (double) step / STEPS;
        }
        double[][] paths = paths(device, times);
        for (int i = 0; i < PATHS; i++) {
            double end = paths[i][STEPS];
            Charts.line(
                    chart,
                    "x" + i,
                    times,
                    paths[i],
                    end < 0.8 ? Charts.BLUE : end < 1.45 ? Charts.ORANGE : Charts.GREEN);
        }
        Charts.write(file, Charts.column(List.of(chart)));
    }

    /** x of each path at each time. */
    private static double[][] paths(Device device, double[] times) {
        double[][] paths = new double[PATHS][times.length];
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            double[] start = new double[PATHS];
            for (int i = 0; i < PATHS; i++) {
                start[i] = (i + 0.5) * 2 / PATHS;
            }
            Tensor state = arena.allocate(DType.FP64, PATHS, 1).copyFrom(start);
            Tensor data = arena.allocate(DType.FP64, DATA.length, 1).copyFrom(DATA);
            Flow flow = Flow.straight(Noise.uniform(0, 2));
            for (int step = 0; step < times.length; step++) {
                if (step > 0) {
                    flow.sampleExactly()
                            .state(state)
                            .data(data)
                            .times(times[step - 1], times[step])
                            .run(stream);
                }
                double[] at = state.toDoubleArray();
                for (int i = 0; i < PATHS; i++) {
                    paths[i][step] = at[i];
                }
            }
        }
        return paths;
    }
}
