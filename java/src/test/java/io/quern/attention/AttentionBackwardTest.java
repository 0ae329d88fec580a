package io.quern.attention;

import static io.quern.attention.AttentionProblem.extras;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The backward pass on cpu and CUDA against the reference, in every type and with every setting. */
class AttentionBackwardTest {
    private static final List<DType> TYPES = List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16);

    @TestFactory
    List<DynamicTest> onEveryDevice() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (device instanceof Device.Reference) {
                continue;
            }
            Attention causal = Attention.causal(24).withValueDim(20);
            Attention all = causal.withWindow(60, 3)
                    .withTrainingLength(64)
                    .withSoftcap(5)
                    .withRandomness(new Randomness(0.25, 0.125, 9));
            for (DType dtype : TYPES) {
                add(tests, "causal", device, causal, dtype, 70, 83, extras());
                add(tests, "channels of 200", device, Attention.full(200), dtype, 5, 7, extras());
                add(tests, "lengths", device, Attention.full(16), dtype, 9, 40, extras(Extra.KEY_LENGTHS));
                add(tests, "everything", device, all, dtype, 67, 70, extras(Extra.values()));
                if (device instanceof Device.Cpu) {
                    // Chunks of keys, and blocks of queries that no multiple of a tile ends.
                    Attention window = causal.withWindow(700, 2);
                    tests.add(DynamicTest.dynamicTest(name("window over chunks", device, dtype), () -> {
                        // One group of heads: the reference takes a second for the pairs of each.
                        AttentionProblem problem = new AttentionProblem(window, dtype, 1, 2, 1, 135, 1700, extras());
                        assertGradients(problem, device, UnaryOperator.identity());
                    }));
                    add(tests, "all over chunks", device, all, dtype, 9, 900, extras(Extra.values()));
                    add(tests, "one channel", device, Attention.full(1), dtype, 3, 50, extras(Extra.SINKS));
                }
                tests.add(DynamicTest.dynamicTest(name("ragged", device, dtype), () -> ragged(device, dtype, true)));
                tests.add(DynamicTest.dynamicTest(name("hidden NaN", device, dtype), () -> hiddenNaN(device, dtype)));
                tests.add(DynamicTest.dynamicTest(name("masked NaN", device, dtype), () -> maskedNaN(device, dtype)));
                tests.add(DynamicTest.dynamicTest(name("no sink", device, dtype), () -> noSink(device, dtype)));
                if (!device.onHost() && dtype.bytes() == 2) {
                    addTensor(tests, device, dtype);
                }
            }
        }
        return tests;
    }

    private static String name(String what, Device device, DType dtype) {
        return device + ": " + what + " " + dtype;
    }

    /** What the kernels for tensor cores serve: 64 keys or more, whole units of channels, no gradient by the entropy. */
    private static void addTensor(List<DynamicTest> tests, Device device, DType dtype) {
        Attention window = Attention.causal(64).withWindow(40, 9);
        Attention wide = Attention.causal(128).withValueDim(72);
        Attention narrow = Attention.causal(40).withValueDim(64);
        UnaryOperator<AttentionProblem.Result> withoutEntropy = AttentionProblem.Result::withoutEntropy;
        add(tests, "tensor, full", device, Attention.full(64), dtype, 70, 150, extras(), withoutEntropy);
        add(tests, "tensor, wide", device, wide, dtype, 150, 150, extras(), withoutEntropy);
        add(tests, "tensor, more queries than keys", device, narrow, dtype, 260, 70, extras(), withoutEntropy);
        add(
                tests,
                "tensor, window",
                device,
                window,
                dtype,
                200,
                260,
                extras(Extra.KEY_LENGTHS, Extra.SINKS),
                withoutEntropy);
        tests.add(DynamicTest.dynamicTest(name("tensor, ragged", device, dtype), () -> ragged(device, dtype, false)));
        tests.add(DynamicTest.dynamicTest(name("tensor, NaN", device, dtype), () -> seenNaN(device, dtype)));
    }

    private static void add(
            List<DynamicTest> tests,
            String name,
            Device device,
            Attention attention,
            DType dtype,
            int queries,
            int keys,
            Set<Extra> extras) {
        add(tests, name, device, attention, dtype, queries, keys, extras, UnaryOperator.identity());
    }

    private static void add(
            List<DynamicTest> tests,
            String name,
            Device device,
            Attention attention,
            DType dtype,
            int queries,
            int keys,
            Set<Extra> extras,
            UnaryOperator<AttentionProblem.Result> of) {
        tests.add(DynamicTest.dynamicTest(name(name, device, dtype), () -> {
            AttentionProblem problem = new AttentionProblem(attention, dtype, 2, 4, 2, queries, keys, extras);
            assertGradients(problem, device, of);
        }));
    }

    static void assertGradients(AttentionProblem problem, Device device, UnaryOperator<AttentionProblem.Result> of) {
        Random random = new Random(5);
        AttentionProblem.Result weights =
                of.apply(problem.on(Device.reference()).with(() -> Math.rint(16 * random.nextGaussian()) / 16));
        Map<String, double[]> expected = problem.gradients(Device.reference(), weights);
        Map<String, double[]> actual = problem.gradients(device, weights);
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach((input, gradient) -> assertClose(input, gradient, actual.get(input), problem.dtype));
        Map<String, double[]> again = problem.gradients(device, weights);
        actual.forEach((input, gradient) -> {
            Outcome same = Outcome.sameBits(gradient, again.get(input));
            assertTrue(same.passed(), () -> input + ": " + same);
        });
    }

    /**
     * The relative error in the L2 norm: 5e-6 in FP32, as much in units of its roundoff in FP64. With 16 bits what the
     * forward pass saved is rounded, and so is the gradient: a few units of that roundoff.
     */
    private static double relativeError(DType dtype) {
        return switch (dtype) {
            case FP64 -> 5e-6 * 0x1p-29;
            case FP32 -> 5e-6;
            case FP16 -> 0x1p-9;
            default -> 0x1p-6;
        };
    }

    private static void assertClose(String input, double[] expected, double[] actual, DType dtype) {
        assertClose(input, expected, actual, dtype, 0);
    }

    /** As the gradients above, relative to the norm of what is expected or to {@code size}, whichever is larger. */
    static void assertClose(String input, double[] expected, double[] actual, DType dtype, double size) {
        double error = 0;
        for (int i = 0; i < expected.length; i++) {
            if (!(Double.isNaN(expected[i]) && Double.isNaN(actual[i]))) {
                error += (expected[i] - actual[i]) * (expected[i] - actual[i]);
            }
        }
        double share = error == 0 ? 0 : Math.sqrt(error) / (relativeError(dtype) * Math.max(size, norm(expected)));
        assertTrue(share <= 1, () -> input + ": off by " + share + " of the bound");
    }

    /** The L2 norm of the numbers among them. */
    static double norm(double[] values) {
        return Math.sqrt(Arrays.stream(values)
                .filter(value -> !Double.isNaN(value))
                .map(value -> value * value)
                .sum());
    }

    private static void ragged(Device device, DType dtype, boolean biased) {
        Map<String, double[]> expected = raggedOn(Device.reference(), dtype, biased);
        Map<String, double[]> actual = raggedOn(device, dtype, biased);
        expected.forEach((input, gradient) -> assertClose(input, gradient, actual.get(input), dtype));
    }

    private static Map<String, double[]> raggedOn(Device device, DType dtype, boolean biased) {
        // More tokens before the first sequence than a kernel's block has.
        long[] queryStarts = {132, 133, 133, 203, 236, 239};
        long[] keyStarts = {131, 137, 139, 209, 209, 307};
        int heads = 2;
        int dim = 16;
        int queries = 241;
        int keys = 310;
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Random random = new Random(21);
            Tensor query = normal(arena, dtype, random, 1, heads, queries, dim);
            Tensor key = normal(arena, dtype, random, 1, 1, keys, dim);
            Tensor value = normal(arena, dtype, random, 1, 1, keys, dim);
            Tensor keyBias = biased ? normal(arena, dtype, random, 1, 1, keys) : null;
            Tensor outGradient = normal(arena, dtype, random, 1, heads, queries, dim);
            Tensor out = arena.allocate(dtype, 1, heads, queries, dim);
            Tensor logSumExp = arena.allocate(dtype.accumulator(), 1, heads, queries);
            Tensor queryGradient = arena.allocate(dtype, 1, heads, queries, dim).fill(Double.NaN);
            Tensor keysGradient = arena.allocate(dtype, 1, 1, keys, dim).fill(Double.NaN);
            Tensor valuesGradient = arena.allocate(dtype, 1, 1, keys, dim).fill(Double.NaN);
            Tensor keyBiasGradient = biased ? arena.allocate(dtype, 1, 1, keys).fill(Double.NaN) : null;
            Tensor startsOfQueries =
                    arena.allocate(DType.INT64, queryStarts.length).copyFrom(queryStarts);
            Tensor startsOfKeys = arena.allocate(DType.INT64, keyStarts.length).copyFrom(keyStarts);
            Attention attention = Attention.causal(dim);
            attention
                    .forward()
                    .query(query)
                    .keys(key)
                    .values(value)
                    .keyBias(keyBias)
                    .starts(startsOfQueries, startsOfKeys)
                    .out(out)
                    .logSumExp(logSumExp)
                    .run(stream);
            attention
                    .backward()
                    .query(query)
                    .keys(key)
                    .values(value)
                    .keyBias(keyBias)
                    .starts(startsOfQueries, startsOfKeys)
                    .out(out)
                    .logSumExp(logSumExp)
                    .outGradient(outGradient)
                    .queryGradient(queryGradient)
                    .keysGradient(keysGradient)
                    .valuesGradient(valuesGradient)
                    .keyBiasGradient(keyBiasGradient)
                    .run(stream);
            stream.synchronize();
            Map<String, double[]> gradients = new LinkedHashMap<>();
            gradients.put("query", queryGradient.toDoubleArray());
            gradients.put("keys", keysGradient.toDoubleArray());
            gradients.put("values", valuesGradient.toDoubleArray());
            if (biased) {
                gradients.put("keyBias", keyBiasGradient.toDoubleArray());
            }
            return gradients;
        }
    }

    static Tensor normal(TensorArena arena, DType dtype, Random random, long... shape) {
        Tensor tensor = arena.allocate(dtype, shape);
        double[] values = new double[(int) tensor.elementCount()];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextGaussian();
        }
        return tensor.copyFrom(values);
    }

    /** Keys and values beyond the lengths reach no gradient, whatever they are. */
    private static void hiddenNaN(Device device, DType dtype) {
        AttentionProblem clean = problemWithLengths(dtype, 1);
        AttentionProblem spoilt = problemWithLengths(dtype, Double.NaN);
        Random random = new Random(6);
        AttentionProblem.Result weights = clean.on(device).with(random::nextGaussian);
        Map<String, double[]> expected = clean.gradients(device, weights);
        spoilt.gradients(device, weights).forEach((input, gradient) -> {
            Outcome same = Outcome.sameBits(expected.get(input), gradient);
            assertTrue(same.passed(), () -> input + ": " + same);
        });
    }

    /** Keys and values that mask and biases hide from all queries reach no gradient, whatever they are. */
    private static void maskedNaN(Device device, DType dtype) {
        AttentionProblem problem = maskedProblem(dtype);
        Random random = new Random(8);
        AttentionProblem.Result weights = problem.on(device).with(random::nextGaussian);
        Map<String, double[]> expected = problem.gradients(device, weights);
        AttentionProblem spoilt = maskedProblem(dtype);
        for (int row : new int[] {3, 17}) {
            Arrays.fill(spoilt.keys, row * 8, (row + 1) * 8, Double.NaN);
            Arrays.fill(spoilt.values, row * 8, (row + 1) * 8, Double.NEGATIVE_INFINITY);
        }
        spoilt.gradients(device, weights).forEach((input, gradient) -> {
            Outcome same = Outcome.sameBits(expected.get(input), gradient);
            assertTrue(same.passed(), () -> input + ": " + same);
        });
    }

    /** Key 3 is hidden by the mask, key 17 by the bias. */
    private static AttentionProblem maskedProblem(DType dtype) {
        Attention attention = Attention.full(8).withSoftcap(3);
        AttentionProblem problem =
                new AttentionProblem(attention, dtype, 1, 2, 1, 6, 20, extras(Extra.MASK, Extra.BIAS, Extra.SLOPES));
        for (int pair = 3; pair < problem.mask.length; pair += 20) {
            problem.mask[pair] = 0;
        }
        for (int key = 17; key < problem.bias.length; key += 20) {
            problem.bias[key] = Double.NEGATIVE_INFINITY;
        }
        return problem;
    }

    /** A head whose sink is -infinity has none; its query that sees nothing adds nothing to the gradient. */
    private static void noSink(Device device, DType dtype) {
        AttentionProblem problem =
                new AttentionProblem(Attention.full(8), dtype, 1, 2, 1, 5, 9, extras(Extra.MASK, Extra.SINKS));
        Arrays.fill(problem.mask, 5 * 9, 6 * 9, 0);
        problem.sinks[1] = Double.NEGATIVE_INFINITY;
        assertGradients(problem, device, UnaryOperator.identity());
    }

    /** A key that is not a number reaches the gradients of those that share a query with it, and no others. */
    private static void seenNaN(Device device, DType dtype) {
        AttentionProblem problem =
                new AttentionProblem(Attention.causal(64).withWindow(3, 0), dtype, 1, 2, 1, 140, 140, extras());
        Arrays.fill(problem.keys, 100 * 64, 101 * 64, Double.NaN);
        Random random = new Random(6);
        AttentionProblem.Result weights =
                problem.on(Device.reference()).with(random::nextGaussian).withoutEntropy();
        Map<String, double[]> expected = problem.gradients(Device.reference(), weights);
        Map<String, double[]> actual = problem.gradients(device, weights);
        for (int row = 0; row < 140; row++) {
            boolean spoilt = row >= 97 && row <= 103;
            assertEquals(spoilt, Double.isNaN(actual.get("values")[row * 64]), "values " + row);
        }
        expected.forEach((input, gradient) -> assertClose(input, gradient, actual.get(input), dtype));
    }

    private static AttentionProblem problemWithLengths(DType dtype, double hidden) {
        AttentionProblem problem =
                new AttentionProblem(Attention.causal(16), dtype, 2, 4, 2, 20, 60, extras(Extra.KEY_LENGTHS));
        for (int row = 0; row < 2 * 2 * 60; row++) {
            if (row % 60 >= problem.keyLengths[row / 120]) {
                Arrays.fill(problem.keys, row * 16, (row + 1) * 16, hidden);
                Arrays.fill(problem.values, row * 16, (row + 1) * 16, hidden);
            }
        }
        return problem;
    }
}
