package io.quern.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import io.quern.attention.AttentionProblem.Extra;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Settings drawn at random, forward and backward, for what no list of cases thought of. Seeds are fixed: every run tests the
 * same.
 */
class AttentionRandomTest {
    private static final List<DType> TYPES = List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16);
    private static final int SEEDS = 20;

    /** Multiplications of a product, so that the reference and the emulator take little time. */
    private static final int MOST_WORK = 300_000;

    @TestFactory
    List<DynamicTest> onEveryDevice() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (device instanceof Device.Reference) {
                continue;
            }
            for (int seed = 0; seed < SEEDS; seed++) {
                int of = seed;
                tests.add(DynamicTest.dynamicTest(device + ": settings " + of, () -> settings(device, of)));
                tests.add(DynamicTest.dynamicTest(device + ": ragged " + of, () -> ragged(device, of)));
            }
        }
        return tests;
    }

    private static int pick(Random random, int... of) {
        return of[random.nextInt(of.length)];
    }

    private static boolean chance(Random random, double probability) {
        return random.nextDouble() < probability;
    }

    private static DType dtype(int seed) {
        return TYPES.get(seed % TYPES.size());
    }

    /** The forward pass against the oracle, the backward pass against the reference, and that what is hidden reaches neither. */
    private static void settings(Device device, int seed) {
        AttentionProblem problem = problem(seed);
        AttentionProblem.Result result = problem.on(device);
        Outcome outcome = AttentionOracle.judge(problem, result);
        assertTrue(outcome.passed(), () -> problem.attention + ": " + outcome);
        Random random = new Random(seed);
        AttentionProblem.Result weights = result.with(() -> Math.rint(16 * random.nextGaussian()) / 16);
        Map<String, double[]> gradients = problem.gradients(device, weights);
        assertGradients(problem.gradients(Device.reference(), weights), gradients, weights.out(), problem.dtype);

        spoilHidden(problem);
        Outcome same = result.sameBits(problem.on(device));
        assertTrue(same.passed(), () -> problem.attention + ": " + same);
        problem.gradients(device, weights).forEach((input, gradient) -> {
            Outcome sameGradient = Outcome.sameBits(gradients.get(input), gradient);
            assertTrue(sameGradient.passed(), () -> problem.attention + ", " + input + ": " + sameGradient);
        });
    }

    /**
     * Relative to the gradient by the output where one is smaller: all are sums of terms as large as that is, which nearly
     * cancel where heads that share keys disagree, or a query sees one key, or one that outweighs all others.
     */
    private static void assertGradients(
            Map<String, double[]> expected, Map<String, double[]> actual, double[] outGradient, DType dtype) {
        assertEquals(expected.keySet(), actual.keySet());
        double size = AttentionBackwardTest.norm(outGradient);
        expected.forEach((input, gradient) ->
                AttentionBackwardTest.assertClose(input, gradient, actual.get(input), dtype, size));
    }

    private static AttentionProblem problem(int seed) {
        Random random = new Random(1000 + seed);
        int headDim = pick(random, 1, 3, 7, 8, 31, 33, 64, 96, 127, 129, 256);
        int valueDim = chance(random, 0.5) ? headDim : pick(random, 1, 5, 8, 40, 65, 200);
        Attention attention = Attention.full(headDim).withValueDim(valueDim);
        if (chance(random, 0.7)) {
            Alignment alignment = Alignment.values()[random.nextInt(Alignment.values().length)];
            attention = attention.withBand(new Band(alignment, width(random), width(random)));
        }
        if (chance(random, 0.3)) {
            attention = attention.withSoftcap(pick(random, 1, 5, 40));
        }
        if (chance(random, 0.3)) {
            attention = attention.withTrainingLength(pick(random, 2, 64, 4096));
        }
        if (chance(random, 0.3)) {
            double sigma = chance(random, 0.5) ? 0.25 : 0;
            attention = attention.withRandomness(new Randomness(sigma, random.nextInt(3) * 0.25, random.nextLong()));
        }
        Set<Extra> extras = EnumSet.noneOf(Extra.class);
        for (Extra extra : Extra.values()) {
            if (chance(random, 0.3)) {
                extras.add(extra);
            }
        }
        int batches = pick(random, 1, 1, 2, 3);
        int keyHeads = pick(random, 1, 1, 2, 3);
        int group = pick(random, 1, 2, 3, 5);
        int queries;
        int keys;
        do {
            queries = pick(random, 1, 1, 2, 3, 9, 17, 33, 65, 130);
            keys = pick(random, 1, 2, 5, 31, 64, 65, 97, 129, 260, 600);
        } while ((long) batches * keyHeads * group * queries * keys * (headDim + valueDim) > MOST_WORK
                && (queries > 1 || keys > 65));
        return new AttentionProblem(attention, dtype(seed), batches, keyHeads * group, keyHeads, queries, keys, extras);
    }

    private static long width(Random random) {
        return chance(random, 0.4) ? Band.ALL : pick(random, 0, 1, 5, 40, 100);
    }

    /** Makes NaN and infinities of keys and values that lengths, mask or bias hide from all queries of all their heads. */
    private static void spoilHidden(AttentionProblem p) {
        for (int row = 0; row < p.batches * p.keyHeads * p.keyCount; row++) {
            if (!seen(p, row / p.keyCount / p.keyHeads, row / p.keyCount % p.keyHeads, row % p.keyCount)) {
                int headDim = p.attention.headDim();
                int valueDim = p.attention.valueDim();
                double infinity = row % 2 == 0 ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
                Arrays.fill(p.keys, row * headDim, (row + 1) * headDim, row % 3 == 0 ? infinity : Double.NaN);
                Arrays.fill(p.values, row * valueDim, (row + 1) * valueDim, row % 3 == 1 ? infinity : Double.NaN);
            }
        }
    }

    private static boolean seen(AttentionProblem p, int batch, int keyHead, int key) {
        if (p.keyLengths != null && key >= p.keyLengths[batch]) {
            return false;
        }
        int group = p.heads / p.keyHeads;
        for (int head = keyHead * group; head < (keyHead + 1) * group; head++) {
            boolean biased = p.bias == null || p.bias[head * p.keyCount + key] != Double.NEGATIVE_INFINITY;
            for (int i = 0; i < p.queries && biased; i++) {
                int pair = ((batch * p.heads + head) * p.queries + i) * p.keyCount + key;
                if (p.mask == null || p.mask[pair] != 0) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Sequences of random lengths from a random token on, with NaN in tokens of none, against the reference. */
    private static void ragged(Device device, int seed) {
        DType dtype = dtype(seed);
        Map<String, double[]> expected = raggedOn(Device.reference(), seed);
        Map<String, double[]> actual = raggedOn(device, seed);
        for (String written : List.of("out", "logSumExp")) {
            AttentionBackwardTest.assertClose(written, expected.remove(written), actual.remove(written), dtype, 0);
        }
        assertGradients(expected, actual, expected.get("outGradient"), dtype);
    }

    private static Map<String, double[]> raggedOn(Device device, int seed) {
        Random random = new Random(2000 + seed);
        DType dtype = dtype(seed);
        DType wide = dtype.accumulator();
        int sequences = pick(random, 1, 2, 3, 5);
        int[] queryStarts = starts(random, sequences);
        int[] keyStarts = starts(random, sequences);
        int queries = queryStarts[sequences] + random.nextInt(20);
        int keys = keyStarts[sequences] + random.nextInt(20);
        int keyHeads = pick(random, 1, 2);
        int heads = keyHeads * pick(random, 1, 3);
        int headDim = pick(random, 5, 8, 16, 64);
        int valueDim = chance(random, 0.5) ? headDim : pick(random, 8, 11);
        Attention attention = Attention.full(headDim).withValueDim(valueDim);
        if (chance(random, 0.7)) {
            attention = attention.withBand(new Band(Alignment.BOTTOM_RIGHT, width(random), width(random)));
        }
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor query = spoilt(arena, dtype, random, queryStarts, heads, queries, headDim);
            Tensor key = spoilt(arena, dtype, random, keyStarts, keyHeads, keys, headDim);
            Tensor value = spoilt(arena, dtype, random, keyStarts, keyHeads, keys, valueDim);
            Tensor outGradient = spoilt(arena, dtype, random, queryStarts, heads, queries, valueDim);
            Tensor sinks = chance(random, 0.5) ? AttentionBackwardTest.normal(arena, wide, random, heads) : null;
            Tensor ofQueries = arena.allocate(DType.INT32, queryStarts.length).copyFrom(queryStarts);
            Tensor ofKeys = arena.allocate(DType.INT32, keyStarts.length).copyFrom(keyStarts);
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put(
                    "out", arena.allocate(dtype, 1, heads, queries, valueDim).fill(0.5)); // stays where no sequence is
            written.put("logSumExp", arena.allocate(wide, 1, heads, queries).fill(0.5));
            written.put("query", arena.allocate(dtype, query.shape()).fill(0.5));
            written.put("keys", arena.allocate(dtype, key.shape()).fill(0.5));
            written.put("values", arena.allocate(dtype, value.shape()).fill(0.5));
            if (sinks != null) {
                written.put("sinks", arena.allocate(wide, heads).fill(0.5));
            }
            attention
                    .forward()
                    .query(query)
                    .keys(key)
                    .values(value)
                    .sinks(sinks)
                    .starts(ofQueries, ofKeys)
                    .out(written.get("out"))
                    .logSumExp(written.get("logSumExp"))
                    .run(stream);
            attention
                    .backward()
                    .query(query)
                    .keys(key)
                    .values(value)
                    .sinks(sinks)
                    .starts(ofQueries, ofKeys)
                    .out(written.get("out"))
                    .logSumExp(written.get("logSumExp"))
                    .outGradient(outGradient)
                    .queryGradient(written.get("query"))
                    .keysGradient(written.get("keys"))
                    .valuesGradient(written.get("values"))
                    .sinksGradient(written.get("sinks"))
                    .run(stream);
            stream.synchronize();
            Map<String, double[]> arrays = new LinkedHashMap<>();
            arrays.put("outGradient", outGradient.toDoubleArray());
            written.forEach((name, tensor) -> arrays.put(name, comparable(tensor.toDoubleArray())));
            return arrays;
        }
    }

    /** As NaN what is -infinity, the logSumExp of a query that sees nothing: of both there is no difference. */
    private static double[] comparable(double[] values) {
        return Arrays.stream(values)
                .map(value -> value == Double.NEGATIVE_INFINITY ? Double.NaN : value)
                .toArray();
    }

    private static int[] starts(Random random, int sequences) {
        int[] starts = new int[sequences + 1];
        starts[0] = pick(random, 0, 1, 40, 150);
        for (int s = 1; s <= sequences; s++) {
            starts[s] = starts[s - 1] + pick(random, 0, 1, 9, 33, 70);
        }
        return starts;
    }

    private static Tensor spoilt(
            TensorArena arena, DType dtype, Random random, int[] starts, int heads, int tokens, int dim) {
        Tensor tensor = AttentionBackwardTest.normal(arena, dtype, random, 1, heads, tokens, dim);
        tensor.slice(2, 0, starts[0]).fill(Double.NaN);
        tensor.slice(2, starts[starts.length - 1], tokens).fill(Double.NaN);
        return tensor;
    }
}
