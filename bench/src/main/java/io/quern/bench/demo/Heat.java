package io.quern.bench.demo;

import io.quern.Device;
import io.quern.Stream;
import io.quern.bench.demo.HeatMaps.Route;
import io.quern.bench.report.Units;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.RealMatrix;

/**
 * Extrapolates feature maps of handwritten digits from their upper left quarters, as QB-Heat does (Chen et al.,
 * "Self-Supervised Learning based on Heat Equation", arXiv 2211.13228), and says up to where that is better than knowing
 * nothing of the digit. There the features are learned together with A and B; here they are a random filter bank, and only A, B
 * and a linear readout of pixels are fitted.
 */
public final class Heat {
    private static final int EPOCHS = 30;
    private static final int TEST = 357; // a fifth, and the others are whole batches
    private static final int BATCH = 32;
    private static final int DRAWN = 6;
    private static final long SEED = 1;

    private static final int SIDE = FeatureMap.SIDE;
    private static final int HALF = SIDE / 2;
    private static final int CHANNELS = FeatureMap.CHANNELS;
    private static final int FARTHEST = 2 * HALF; // steps to the last corner

    private static final String EXTRAPOLATED = "extrapolated";
    private static final String MEAN = "mean image";

    private final Device device;
    private final int epochs;
    private final FeatureMap features = new FeatureMap();
    private final Digits train;
    private final Digits test;

    /** On a device. */
    public Heat(Device device) {
        this(device, EPOCHS, Integer.MAX_VALUE);
    }

    /** The same with at most so many training and so many unseen digits; whole batches. */
    Heat(Device device, int epochs, int most) {
        this.device = device;
        this.epochs = epochs;
        Digits all = Digits.load().shuffled(SEED);
        test = all.slice(0, Math.min(most, TEST));
        train = all.slice(TEST, TEST + Math.min(most, all.size() - TEST));
    }

    /** Fits, extrapolates, says how good that is, and draws it. */
    public void run(Path file, PrintWriter out) throws IOException {
        try (Stream stream = Stream.open(device)) {
            HeatMaps maps = new HeatMaps(stream, SIDE, CHANNELS);
            out.println("feature maps    8 x 8 positions, " + CHANNELS
                    + " channels: random cosines of 3 x 3 pixels, none further right or down, and of the place");
            long begin = System.nanoTime();
            float[] a = maps.fit(batches(maps, true), epochs);
            float[] b = maps.fit(batches(maps, false), epochs);
            out.println("A, B            fitted to neighbours in " + Units.count(train.size()) + " digits by Lion on "
                    + device.name() + ", " + epochs + " epochs, " + Units.seconds((System.nanoTime() - begin) * 1e-9));
            float[] known = features.of(train.pixels());
            float[] unseen = features.of(test.pixels());
            oneStep(maps, "(I + A) z, right", a, maps.transposed(known), maps.transposed(unseen), out);
            oneStep(maps, "(I + B) z, below", b, known, unseen, out);
            farther(maps, a, b, known, unseen, file, out);
        }
        out.println(
                "data            UCI \"Optical Recognition of Handwritten Digits\", E. Alpaydin, C. Kaynak; CC BY 4.0");
        out.flush();
    }

    /** Maps of some training digits at a time, (y, x, digit, channel), or x first. */
    private List<float[]> batches(HeatMaps maps, boolean transposed) {
        List<float[]> batches = new ArrayList<>();
        for (int from = 0; from < train.size(); from += BATCH) {
            float[] batch = features.of(train.slice(from, from + BATCH).pixels());
            batches.add(transposed ? maps.transposed(batch) : batch);
        }
        return batches;
    }

    private static void oneStep(
            HeatMaps maps, String name, float[] generator, float[] known, float[] unseen, PrintWriter out) {
        float[] exact = leastSquares(known);
        float[] none = new float[exact.length];
        out.println();
        out.println(
                String.format(Locale.ROOT, "%-22s %10s %14s %15s", name, "Lion", "least squares", "standing still"));
        for (float[] of : List.of(known, unseen)) {
            out.println(String.format(
                    Locale.ROOT,
                    "  error, %-13s %10s %14s %15s",
                    of == known ? "training" : "unseen",
                    Units.percent(oneStepError(maps, of, generator)),
                    Units.percent(oneStepError(maps, of, exact)),
                    Units.percent(oneStepError(maps, of, none))));
        }
    }

    /** The generator whose steps along the first axis are best. */
    private static float[] leastSquares(float[] planes) {
        double[][] step = LeastSquares.solve(before(planes), CHANNELS, next(planes), CHANNELS);
        float[] generator = new float[CHANNELS * CHANNELS];
        for (int i = 0; i < CHANNELS; i++) {
            for (int j = 0; j < CHANNELS; j++) {
                generator[i * CHANNELS + j] = (float) (step[j][i] - (i == j ? 1 : 0));
            }
        }
        return generator;
    }

    private static double oneStepError(HeatMaps maps, float[] planes, float[] generator) {
        return relative(maps.step(before(planes), generator), next(planes));
    }

    /** The planes along the first axis that have a next one. */
    private static float[] before(float[] planes) {
        return Arrays.copyOfRange(planes, 0, planes.length / SIDE * (SIDE - 1));
    }

    private static float[] next(float[] planes) {
        return Arrays.copyOfRange(planes, planes.length / SIDE, planes.length);
    }

    private void farther(HeatMaps maps, float[] a, float[] b, float[] known, float[] unseen, Path file, PrintWriter out)
            throws IOException {
        float[] rightFirst = maps.extrapolate(unseen, a, b, Route.RIGHT_THEN_DOWN);
        float[] downFirst = maps.extrapolate(unseen, a, b, Route.DOWN_THEN_RIGHT);
        float[] onUnseen = mean(rightFirst, downFirst);
        float[] onKnown = mean(
                maps.extrapolate(known, a, b, Route.RIGHT_THEN_DOWN),
                maps.extrapolate(known, a, b, Route.DOWN_THEN_RIGHT));
        float[] truth = positionsFirst(test);
        double[][] readout = LeastSquares.solve(known, CHANNELS, positionsFirst(train), 1);
        Map<String, float[]> guesses = new LinkedHashMap<>();
        guesses.put(EXTRAPOLATED, decoded(onUnseen, readout));
        guesses.put("border repeated", atBorder(truth));
        guesses.put(MEAN, means(_ -> 0));
        guesses.put("mean of its class", means(label -> label));

        table(known, unseen, onKnown, onUnseen, truth, guesses, out);
        out.println();
        out.println("verdict         " + verdict(truth, guesses));
        out.println("readout         off by "
                + Units.significant(rootMeanSquare(decoded(unseen, readout), truth))
                + " where the map is known: what is worse above is the extrapolation's");
        out.println("integrability   ||[A, B]|| / (||A|| ||B||) = " + Units.significant(commutator(a, b))
                + "; the two ways to the lower right quarter differ by "
                + Units.percent(relative(across(rightFirst), across(downFirst))));
        List<Integer> drawn = ofDifferentClasses();
        HeatPicture picture = new HeatPicture(SIDE, images(truth, drawn));
        guesses.forEach((name, guess) -> picture.guess(name, images(guess, drawn)));
        picture.write(file);
        out.println("picture         " + file);
    }

    private static void table(
            float[] known,
            float[] unseen,
            float[] onKnown,
            float[] onUnseen,
            float[] truth,
            Map<String, float[]> guesses,
            PrintWriter out) {
        float[] still = atBorder(unseen);
        out.println();
        out.println("given the upper left quarter, k steps to the right, down, or both (then the mean of both ways)");
        out.println("     error of z, relative                     error of unseen pixels, root mean square; ink is 1");
        out.println("k    training   unseen   standing still       " + String.join("   ", guesses.keySet()));
        for (int k = 1; k <= FARTHEST; k++) {
            StringBuilder line = new StringBuilder(String.format(
                    Locale.ROOT,
                    "%d %11s %8s %16s      ",
                    k,
                    Units.percent(relative(at(k, onKnown), at(k, known))),
                    Units.percent(relative(at(k, onUnseen), at(k, unseen))),
                    Units.percent(relative(at(k, still), at(k, unseen)))));
            for (Map.Entry<String, float[]> guess : guesses.entrySet()) {
                line.append(String.format(
                        Locale.ROOT,
                        " %" + (guess.getKey().length() + 2) + ".3f",
                        rootMeanSquare(at(k, guess.getValue()), at(k, truth))));
            }
            out.println(line);
        }
    }

    private static String verdict(float[] truth, Map<String, float[]> guesses) {
        int better = 0;
        while (better < FARTHEST
                && error(better + 1, truth, guesses, EXTRAPOLATED) < error(better + 1, truth, guesses, MEAN)) {
            better++;
        }
        String mean = " better than the mean image, which knows nothing of the digit";
        return switch (better) {
            case 0 -> "nowhere" + mean + ": the extrapolation is poor";
            case FARTHEST -> "everywhere" + mean;
            default ->
                "up to " + better + (better == 1 ? " step" : " steps") + " away" + mean
                        + "; from there on the extrapolation is poor";
        };
    }

    private static double error(int k, float[] truth, Map<String, float[]> guesses, String name) {
        return rootMeanSquare(at(k, guesses.get(name)), at(k, truth));
    }

    /** Pixels, (y, x, digit). */
    private static float[] positionsFirst(Digits digits) {
        float[] pixels = new float[digits.size() * Digits.PIXELS];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = digits.pixels()[i % digits.size()][i / digits.size()];
        }
        return pixels;
    }

    /** Images of some digits, of all that are (y, x, digit). */
    private List<float[]> images(float[] all, List<Integer> which) {
        List<float[]> images = new ArrayList<>();
        for (int digit : which) {
            float[] image = new float[Digits.PIXELS];
            for (int i = 0; i < image.length; i++) {
                image[i] = all[i * test.size() + digit];
            }
            images.add(image);
        }
        return images;
    }

    /** The first ones of the unseen digits that are different. */
    private List<Integer> ofDifferentClasses() {
        List<Integer> chosen = new ArrayList<>();
        Set<Integer> labels = new HashSet<>();
        for (int i = 0; i < test.size() && chosen.size() < DRAWN; i++) {
            if (labels.add(test.labels()[i])) {
                chosen.add(i);
            }
        }
        return chosen;
    }

    /** For each unseen digit the mean of the training digits of its group. */
    private float[] means(IntUnaryOperator groupOfLabel) {
        float[] means = new float[test.size() * Digits.PIXELS];
        for (int i = 0; i < test.size(); i++) {
            int group = groupOfLabel.applyAsInt(test.labels()[i]);
            int count = 0;
            double[] sum = new double[Digits.PIXELS];
            for (int j = 0; j < train.size(); j++) {
                if (groupOfLabel.applyAsInt(train.labels()[j]) == group) {
                    count++;
                    for (int k = 0; k < sum.length; k++) {
                        sum[k] += train.pixels()[j][k];
                    }
                }
            }
            for (int k = 0; k < sum.length; k++) {
                means[k * test.size() + i] = (float) (sum[k] / count);
            }
        }
        return means;
    }

    /** Each position as the nearest one of the quarter is; pixels or maps. */
    private static float[] atBorder(float[] positions) {
        int size = positions.length / SIDE / SIDE;
        float[] repeated = new float[positions.length];
        for (int y = 0; y < SIDE; y++) {
            for (int x = 0; x < SIDE; x++) {
                int nearest = Math.min(y, HALF - 1) * SIDE + Math.min(x, HALF - 1);
                System.arraycopy(positions, nearest * size, repeated, (y * SIDE + x) * size, size);
            }
        }
        return repeated;
    }

    private static float[] decoded(float[] maps, double[][] readout) {
        float[] pixels = new float[maps.length / CHANNELS];
        for (int i = 0; i < pixels.length; i++) {
            double sum = 0;
            for (int channel = 0; channel < CHANNELS; channel++) {
                sum += maps[i * CHANNELS + channel] * readout[channel][0];
            }
            pixels[i] = (float) sum;
        }
        return pixels;
    }

    /** The positions that are k steps away from the quarter. */
    private static float[] at(int k, float[] positions) {
        return where((y, x) -> Math.max(0, y - HALF + 1) + Math.max(0, x - HALF + 1) == k, positions);
    }

    /** The quarter across. */
    private static float[] across(float[] positions) {
        return where((y, x) -> y >= HALF && x >= HALF, positions);
    }

    private interface Place {
        boolean is(int y, int x);
    }

    private static float[] where(Place place, float[] positions) {
        int size = positions.length / SIDE / SIDE;
        float[] chosen = new float[positions.length];
        int at = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            if (place.is(i / SIDE, i % SIDE)) {
                System.arraycopy(positions, i * size, chosen, at, size);
                at += size;
            }
        }
        return Arrays.copyOf(chosen, at);
    }

    private static float[] mean(float[] first, float[] second) {
        float[] mean = new float[first.length];
        for (int i = 0; i < mean.length; i++) {
            mean[i] = (first[i] + second[i]) / 2;
        }
        return mean;
    }

    private static double commutator(float[] a, float[] b) {
        RealMatrix first = matrix(a);
        RealMatrix second = matrix(b);
        return first.multiply(second).subtract(second.multiply(first)).getFrobeniusNorm()
                / (first.getFrobeniusNorm() * second.getFrobeniusNorm());
    }

    private static RealMatrix matrix(float[] elements) {
        RealMatrix matrix = new Array2DRowRealMatrix(CHANNELS, CHANNELS);
        for (int i = 0; i < elements.length; i++) {
            matrix.setEntry(i / CHANNELS, i % CHANNELS, elements[i]);
        }
        return matrix;
    }

    /** ||guess - truth|| / ||truth||. */
    private static double relative(float[] guess, float[] truth) {
        double size = 0;
        for (float value : truth) {
            size += (double) value * value;
        }
        return rootMeanSquare(guess, truth) * Math.sqrt(truth.length / size);
    }

    private static double rootMeanSquare(float[] guess, float[] truth) {
        double squares = 0;
        for (int i = 0; i < truth.length; i++) {
            double difference = (double) guess[i] - truth[i];
            squares += difference * difference;
        }
        return Math.sqrt(squares / truth.length);
    }
}
