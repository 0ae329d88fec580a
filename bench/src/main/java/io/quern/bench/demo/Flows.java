package io.quern.bench.demo;

import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.report.Units;
import io.quern.flow.Flow;
import io.quern.flow.Noise;
import io.quern.flow.Sampler;
import io.quern.flow.Schedule;
import io.quern.ode.Method;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Samples by the flows that 1,797 handwritten digits give: noise at a late time is carried to an early one, where it has arrived at
 * the digits. Every digit must be met as often as it is there.
 */
public final class Flows {
    /** Samples of a family. */
    public static final int SAMPLES = 100;

    private static final int CLASSES = Digits.CLASSES;
    private static final int STEPS = 120;
    private static final long SEED = 20_230;

    /** chi^2 of 9 degrees of freedom is below this in 999 of 1000 cases. */
    private static final double CHI_SQUARE = 27.877;

    /**
     * How a family is sampled.
     *
     * @param start where noise is drawn: so late that the data are a point beside it
     * @param end where samples have arrived at data
     * @param steps of Heun's method; of a uniform prior, whose velocity jumps, many more and exact between the jumps
     */
    private record Family(Flow flow, double start, double end, int steps) {
        Family(Flow flow, double start, double end) {
            this(flow, start, end, STEPS);
        }
    }

    private static final Map<String, Family> FAMILIES = new LinkedHashMap<>();

    static {
        FAMILIES.put("variance exploding", new Family(Flow.varianceExploding(), 400, 0.02));
        FAMILIES.put("variance preserving", new Family(Flow.variancePreserving(0.1, 20), 1, 1e-4));
        FAMILIES.put("rectified", new Family(Flow.rectified(), 1, 0.02));
        FAMILIES.put("poisson", new Family(Flow.poisson(), 2000, 1e-3));
        FAMILIES.put("pfgm++ D=128", new Family(Flow.augmented(128), 4000, 0.2));
        FAMILIES.put("uniform prior", new Family(Flow.straight(Noise.uniform(-2, 3)), 1, 0.02, 1000));
        FAMILIES.put("radial tanh", new Family(Flow.radial(Noise.tanh()), 2000, 1e-3));
        FAMILIES.put("radial exponential", new Family(Flow.radial(Noise.exponential()), 2000, 1e-3));
    }

    private final Device device;
    private final Digits digits = Digits.load();

    /** On a device. */
    public Flows(Device device) {
        this.device = device;
    }

    /**
     * Writes a picture of samples for each family, and one of trajectories to four points.
     *
     * @return whether each family's samples fall on the digits as often as the digits are there, by chi^2 at a level of .001
     */
    public boolean run(Path folder, PrintWriter out) throws IOException {
        Files.createDirectories(folder);
        boolean all = true;
        out.println(SAMPLES + " samples of each flow to " + digits.size() + " handwritten digits, on " + device.name());
        out.println(String.format(
                Locale.ROOT,
                "%-20s %9s %7s  %s",
                "flow",
                "time",
                "chi^2",
                "samples of 0 .. 9 (a tenth is expected of each)"));
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor data =
                    arena.allocate(DType.FP32, digits.size(), Digits.PIXELS).copyFrom(pixels());
            for (Map.Entry<String, Family> each : FAMILIES.entrySet()) {
                all &= sample(each.getKey(), each.getValue(), data, arena, stream, folder, out);
            }
        }
        out.println(String.format(
                Locale.ROOT,
                "verdict              %s: chance alone takes chi^2 above %.1f once in 1,000",
                all ? "each flow draws digits as often as they are there" : "not as often as they are there",
                CHI_SQUARE));
        Path trajectories = folder.resolve("four-points.png");
        FourPoints.write(device, trajectories);
        out.println("pictures             " + folder + ": a grid of samples for each flow, and "
                + trajectories.getFileName() + ", trajectories from U[0,2] to .5, .5, 1.2, 1.7");
        out.println(
                "data                 UCI \"Optical Recognition of Handwritten Digits\", E. Alpaydin, C. Kaynak; CC BY"
                        + " 4.0");
        out.flush();
        return all;
    }

    private float[] pixels() {
        float[] flat = new float[digits.size() * Digits.PIXELS];
        for (int i = 0; i < digits.size(); i++) {
            System.arraycopy(digits.pixels()[i], 0, flat, i * Digits.PIXELS, Digits.PIXELS);
        }
        return flat;
    }

    private boolean sample(
            String name, Family family, Tensor data, TensorArena arena, Stream stream, Path folder, PrintWriter out)
            throws IOException {
        Tensor state = arena.allocate(DType.FP32, SAMPLES, Digits.PIXELS);
        family.flow().noise().draw(SEED, state);
        float[] noise = state.toFloatArray();
        float sigma = (float) family.flow().schedule().sigma(family.start());
        for (int i = 0; i < noise.length; i++) {
            noise[i] *= sigma;
        }
        state.copyFrom(noise);
        long begin = System.nanoTime();
        Sampler.Roles sampler = family.steps() == STEPS
                ? family.flow().sample(Method.HEUN)
                : family.flow().sampleExactly();
        sampler.state(state).data(data).times(times(family)).run(stream);
        double seconds = (System.nanoTime() - begin) * 1e-9;
        float[] samples = state.toFloatArray();
        double alpha = family.flow().schedule().alpha(family.end());
        int[] counts = new int[CLASSES];
        int[] labels = new int[SAMPLES];
        for (int i = 0; i < SAMPLES; i++) {
            labels[i] = digits.labels()[nearest(samples, i, alpha)];
            counts[labels[i]]++;
        }
        double chiSquare = chiSquare(counts);
        out.println(String.format(
                Locale.ROOT, "%-20s %9s %7.2f  %s", name, Units.seconds(seconds), chiSquare, text(counts)));
        DigitGrid.write(folder.resolve(name.replaceAll("[^a-z0-9]+", "-") + ".png"), samples, SAMPLES);
        return chiSquare < CHI_SQUARE;
    }

    /** Equal ratios of sigma where noise explodes, equal steps otherwise, finer towards the data. */
    private static double[] times(Family family) {
        boolean exploding = family.flow().schedule() instanceof Schedule.Exploding;
        int steps = family.steps();
        double[] times = new double[steps + 1];
        for (int i = 0; i <= steps; i++) {
            double s = (double) i / steps;
            times[i] = exploding
                    ? family.start() * Math.pow(family.end() / family.start(), s)
                    : family.end() + (family.start() - family.end()) * (1 - s) * (1 - s);
        }
        return times;
    }

    private int nearest(float[] samples, int sample, double alpha) {
        int nearest = 0;
        double least = Double.MAX_VALUE;
        for (int j = 0; j < digits.size(); j++) {
            double square = 0;
            for (int k = 0; k < Digits.PIXELS; k++) {
                double difference = samples[sample * Digits.PIXELS + k] - alpha * digits.pixels()[j][k];
                square += difference * difference;
            }
            if (square < least) {
                least = square;
                nearest = j;
            }
        }
        return nearest;
    }

    private double chiSquare(int[] counts) {
        double[] share = new double[CLASSES];
        for (int label : digits.labels()) {
            share[label] += 1.0 / digits.size();
        }
        double sum = 0;
        for (int c = 0; c < CLASSES; c++) {
            double expected = SAMPLES * share[c];
            sum += (counts[c] - expected) * (counts[c] - expected) / expected;
        }
        return sum;
    }

    private static String text(int[] counts) {
        List<String> numbers = new ArrayList<>();
        for (int count : counts) {
            numbers.add(String.format(Locale.ROOT, "%2d", count));
        }
        return String.join(" ", numbers);
    }
}
