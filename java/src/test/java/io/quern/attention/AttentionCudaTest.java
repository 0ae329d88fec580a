package io.quern.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import io.quern.Graph;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import io.quern.cuda.CudaContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What concerns the CUDA kernels alone: strides, alignment, ragged batches, hidden NaN, graphs. */
class AttentionCudaTest {
    private static final List<DType> TYPES = List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16);

    @TestFactory
    List<DynamicTest> onCuda() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (!(device instanceof Device.Cuda cuda)) {
                continue;
            }
            for (DType dtype : TYPES) {
                for (int headDim : new int[] {12, 64, 72, 128, 200}) {
                    tests.add(test("packed rows of " + headDim, dtype, () -> packedRows(cuda, dtype, headDim, 0)));
                }
                tests.add(test("scores that grow", dtype, () -> growing(cuda, dtype)));
                tests.add(test("window and sinks", dtype, () -> windowAndSinks(cuda, dtype)));
                tests.add(test("scales of heads", dtype, () -> headScales(cuda, dtype)));
                tests.add(test("misaligned rows", dtype, () -> packedRows(cuda, dtype, 64, 1)));
                tests.add(test("ragged", dtype, () -> ragged(cuda, dtype)));
                tests.add(test("hidden NaN", dtype, () -> hiddenNaN(cuda, dtype)));
                tests.add(test("seen infinity", dtype, () -> seenInfinity(cuda, dtype)));
                tests.add(test("graph", dtype, () -> graph(cuda, dtype)));
                tests.add(test("splits of pages", dtype, () -> splitsOfPages(cuda, dtype)));
            }
            tests.add(test("beyond 2^32", DType.FP16, () -> beyond2To32(cuda)));
        }
        return tests;
    }

    private static DynamicTest test(String name, DType dtype, Runnable body) {
        return DynamicTest.dynamicTest(name + " " + dtype, body::run);
    }

    /** Random numbers that the devices share. */
    private static double[] rows(int count, long seed) {
        return new Random(seed).doubles(count, -2, 2).toArray();
    }

    /**
     * Inputs are at most 2: a weight rounded to the storage type, and an output, are off by its unit roundoff w each; sums of up
     * to 300 terms in the accumulating type, and scores of up to 4 headDim scale, are far within 2048 u.
     */
    private static void assertClose(double[] expected, double[] actual, DType dtype) {
        double w = switch (dtype) {
            case FP64 -> 0x1p-53;
            case FP32 -> 0x1p-24;
            case FP16 -> 0x1p-11;
            default -> 0x1p-8;
        };
        double bound = 2 * (2 * w + 2048 * (dtype == DType.FP64 ? 0x1p-53 : 0x1p-24));
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], bound, "element " + i);
        }
    }

    /** Queries, keys and values in one tensor, (batch, tokens, 3 heads, headDim + 8), from a column on. */
    static void packedRows(Device.Cuda cuda, DType dtype, int headDim, int column) {
        double[] expected = packedRowsOn(Device.reference(), dtype, headDim, column);
        assertClose(expected, packedRowsOn(cuda, dtype, headDim, column), dtype);
    }

    private static double[] packedRowsOn(Device device, DType dtype, int headDim, int column) {
        int batches = 2;
        int tokens = 75;
        int heads = 3;
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor all = arena.allocate(dtype, batches, tokens, 3 * heads, headDim + 8)
                    .copyFrom(rows(batches * tokens * 3 * heads * (headDim + 8), 3));
            Tensor packed = all.slice(3, column, column + headDim).transpose(1, 2);
            Tensor out = arena.allocate(dtype, batches, tokens, heads, headDim).fill(Double.NaN);
            Attention.causal(headDim)
                    .forward()
                    .query(packed.slice(1, 0, heads))
                    .keys(packed.slice(1, heads, 2 * heads))
                    .values(packed.slice(1, 2 * heads, 3 * heads))
                    .out(out.transpose(1, 2))
                    .run(stream);
            stream.synchronize();
            return out.toDoubleArray();
        }
    }

    /** One of them 0, which makes the output a mean, and one negative. */
    private static void headScales(Device.Cuda cuda, DType dtype) {
        assertClose(headScalesOn(Device.reference(), dtype), headScalesOn(cuda, dtype), dtype);
    }

    private static double[] headScalesOn(Device device, DType dtype) {
        int tokens = 140;
        int headDim = 64;
        double[] scales = {0, -0.5, 1.5};
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = arena.allocate(dtype, 1, 3, tokens, headDim).copyFrom(rows(3 * tokens * headDim, 23));
            Tensor out = arena.allocate(dtype, 1, 3, tokens, headDim).fill(Double.NaN);
            Attention.causal(headDim)
                    .forward()
                    .query(x)
                    .keys(x)
                    .values(x)
                    .headScale(arena.allocate(dtype.accumulator(), 3).copyFrom(scales))
                    .out(out)
                    .run(stream);
            stream.synchronize();
            return out.toDoubleArray();
        }
    }

    /** Scores that rise from tile to tile by far more than FP16 or FP32 could bear unscaled, and one that falls. */
    private static void growing(Device.Cuda cuda, DType dtype) {
        double[][] expected = growingOn(Device.reference(), dtype);
        double[][] actual = growingOn(cuda, dtype);
        assertClose(expected[0], actual[0], dtype);
        // Scores up to 150 are rounded, and so are their logarithms.
        for (int i = 0; i < expected[1].length; i++) {
            assertEquals(expected[1][i], actual[1][i], 0x1p-24 * 4096, "logSumExp " + i);
        }
    }

    private static double[][] growingOn(Device device, DType dtype) {
        int tokens = 300;
        int headDim = 64;
        double[] query = rows(2 * tokens * headDim, 15);
        double[] keys = rows(tokens * headDim, 16);
        for (int i = 0; i < keys.length; i++) { // channel 0 alone decides, by the place of the key: scores up to 150
            boolean first = i % headDim == 0;
            keys[i] = first ? i / headDim / 4 : keys[i] / 16;
        }
        for (int i = 0; i < query.length; i++) { // of every other query downwards
            query[i] = i % headDim == 0 ? (i / headDim % 2 == 0 ? 16 : -16) : query[i] / 4;
        }
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor out = arena.allocate(dtype, 1, 2, tokens, headDim).fill(Double.NaN);
            Tensor logSumExp = arena.allocate(dtype.accumulator(), 1, 2, tokens).fill(Double.NaN);
            Attention.full(headDim)
                    .forward()
                    .query(arena.allocate(dtype, 1, 2, tokens, headDim).copyFrom(query))
                    .keys(arena.allocate(dtype, 1, 1, tokens, headDim).copyFrom(keys))
                    .values(arena.allocate(dtype, 1, 1, tokens, headDim).copyFrom(rows(tokens * headDim, 17)))
                    .out(out)
                    .logSumExp(logSumExp)
                    .run(stream);
            stream.synchronize();
            return new double[][] {out.toDoubleArray(), logSumExp.toDoubleArray()};
        }
    }

    /** A window whose tiles begin and end inside, a scale below 0, more queries than keys, sinks. */
    private static void windowAndSinks(Device.Cuda cuda, DType dtype) {
        for (int headDim : new int[] {64, 104}) {
            double[][] expected = windowAndSinksOn(Device.reference(), dtype, headDim);
            double[][] actual = windowAndSinksOn(cuda, dtype, headDim);
            assertClose(expected[0], actual[0], dtype);
            assertClose(expected[1], actual[1], dtype.accumulator());
        }
    }

    private static double[][] windowAndSinksOn(Device device, DType dtype, int headDim) {
        int queries = 230;
        int keys = 200;
        int heads = 3;
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor out = arena.allocate(dtype, 1, heads, queries, 40).fill(Double.NaN);
            Tensor logSumExp =
                    arena.allocate(dtype.accumulator(), 1, heads, queries).fill(Double.NaN);
            Attention.full(headDim)
                    .withValueDim(40)
                    .withWindow(70, 9)
                    .withScale(-0.125)
                    .forward()
                    .query(arena.allocate(dtype, 1, heads, queries, headDim)
                            .copyFrom(rows(heads * queries * headDim, 18)))
                    .keys(arena.allocate(dtype, 1, heads, keys, headDim).copyFrom(rows(heads * keys * headDim, 19)))
                    .values(arena.allocate(dtype, 1, heads, keys, 40).copyFrom(rows(heads * keys * 40, 20)))
                    .sinks(arena.allocate(dtype.accumulator(), heads).copyFrom(new double[] {0.5, -1, 30}))
                    .out(out)
                    .logSumExp(logSumExp)
                    .run(stream);
            stream.synchronize();
            return new double[][] {out.toDoubleArray(), logSumExp.toDoubleArray()};
        }
    }

    /** Sequences of 0 to 70 queries, one of them without keys. */
    private static void ragged(Device.Cuda cuda, DType dtype) {
        double[][] expected = raggedOn(Device.reference(), dtype);
        double[][] actual = raggedOn(cuda, dtype);
        assertClose(expected[0], actual[0], dtype);
        assertClose(expected[1], actual[1], dtype.accumulator());
    }

    private static double[][] raggedOn(Device device, DType dtype) {
        long[] queryStarts = {130, 131, 131, 201, 234, 239}; // begins behind the first block of queries
        long[] keyStarts = {70, 77, 79, 149, 149, 250};
        int heads = 2;
        int headDim = 64;
        int queries = 241; // those of no sequence stay as they are
        int keys = 250;
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor out = arena.allocate(dtype, 1, heads, queries, headDim).fill(1);
            Tensor logSumExp =
                    arena.allocate(dtype.accumulator(), 1, heads, queries).fill(1);
            Attention.causal(headDim)
                    .forward()
                    .query(arena.allocate(dtype, 1, heads, queries, headDim)
                            .copyFrom(rows(heads * queries * headDim, 5)))
                    .keys(arena.allocate(dtype, 1, 1, keys, headDim).copyFrom(rows(keys * headDim, 6)))
                    .values(arena.allocate(dtype, 1, 1, keys, headDim).copyFrom(rows(keys * headDim, 7)))
                    .starts(
                            arena.allocate(DType.INT64, queryStarts.length).copyFrom(queryStarts),
                            arena.allocate(DType.INT64, keyStarts.length).copyFrom(keyStarts))
                    .out(out)
                    .logSumExp(logSumExp)
                    .run(stream);
            stream.synchronize();
            return new double[][] {out.toDoubleArray(), logSumExp.toDoubleArray()};
        }
    }

    /** NaN and infinity in keys and values after the causal edge and after the lengths: as if they were numbers. */
    private static void hiddenNaN(Device.Cuda cuda, DType dtype) {
        double[] clean = causalOn(cuda, dtype, 1, 1);
        assertClose(causalOn(Device.reference(), dtype, 1, 1), clean, dtype);
        for (double spoilt : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            double[] withSpoilt = causalOn(cuda, dtype, spoilt, 1);
            // What is hidden from all but the last query, and what is beyond the length.
            int last = clean.length - 64;
            assertClose(Arrays.copyOf(clean, last), Arrays.copyOf(withSpoilt, last), dtype);
            assertTrue(Double.isNaN(withSpoilt[last]), "the last query sees it");
        }
    }

    /** What is seen is multiplied and added as numbers are. */
    private static void seenInfinity(Device.Cuda cuda, DType dtype) {
        double[] expected = causalOn(Device.reference(), dtype, 1, Double.POSITIVE_INFINITY);
        double[] actual = causalOn(cuda, dtype, 1, Double.POSITIVE_INFINITY);
        for (int i = 0; i < expected.length; i++) {
            assertEquals(Double.isFinite(expected[i]), Double.isFinite(actual[i]), "element " + i);
        }
    }

    private static double[] causalOn(Device device, DType dtype, double lastOfKeysAndValues, double midValue) {
        int tokens = 100;
        int length = 90;
        int headDim = 64;
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            double[] keys = rows(tokens * headDim, 9);
            double[] values = rows(tokens * headDim, 10);
            Arrays.fill(keys, (length - 1) * headDim, keys.length, lastOfKeysAndValues);
            Arrays.fill(values, (length - 1) * headDim, values.length, lastOfKeysAndValues);
            values[70 * headDim] = midValue;
            Tensor out = arena.allocate(dtype, 1, 1, length, headDim).fill(Double.NaN);
            Attention.causal(headDim)
                    .forward()
                    .query(arena.allocate(dtype, 1, 1, length, headDim).copyFrom(rows(length * headDim, 8)))
                    .keys(arena.allocate(dtype, 1, 1, tokens, headDim).copyFrom(keys))
                    .values(arena.allocate(dtype, 1, 1, tokens, headDim).copyFrom(values))
                    .keyLengths(arena.allocate(DType.INT32, 1).copyFrom(new double[] {length}))
                    .out(out)
                    .run(stream);
            stream.synchronize();
            return out.toDoubleArray();
        }
    }

    /** A graph runs with the lengths as they are when it is replayed. */
    private static void graph(Device.Cuda cuda, DType dtype) {
        int headDim = 64;
        try (TensorArena arena = TensorArena.open(cuda);
                Stream stream = Stream.open(cuda)) {
            Tensor out = arena.allocate(dtype, 1, 1, 5, headDim);
            Tensor lengths = arena.allocate(DType.INT64, 1).copyFrom(new long[] {40});
            Forward.Roles roles = Attention.full(headDim)
                    .forward()
                    .query(arena.allocate(dtype, 1, 1, 5, headDim).copyFrom(rows(5 * headDim, 11)))
                    .keys(arena.allocate(dtype, 1, 1, 70, headDim).copyFrom(rows(70 * headDim, 12)))
                    .values(arena.allocate(dtype, 1, 1, 70, headDim).copyFrom(rows(70 * headDim, 13)))
                    .keyLengths(lengths)
                    .out(out);
            try (var call = roles.bind(stream)) {
                try (Graph graph = stream.capture(call::run)) {
                    lengths.copyFrom(new long[] {3});
                    graph.launch();
                    stream.synchronize();
                    double[] replayed = out.toDoubleArray();
                    out.fill(Double.NaN);
                    call.run();
                    stream.synchronize();
                    Outcome same = Outcome.sameBits(replayed, out.toDoubleArray());
                    assertTrue(same.passed(), same::toString);
                }
            }
        }
    }

    /** Few queries of many keys in pages give the bits that they give of the same keys in a row. */
    private static void splitsOfPages(Device.Cuda cuda, DType dtype) {
        int sequences = 2;
        int keyHeads = 2;
        int pageTokens = 48;
        int pagesOfSequence = 15;
        int headDim = 40;
        int pages = sequences * pagesOfSequence;
        double[] inPages = rows(pages * keyHeads * pageTokens * headDim, 31);
        double[] inRow = new double[inPages.length];
        double[] table = new double[pages];
        int row = pageTokens * headDim;
        for (int i = 0; i < pages; i++) {
            int page = i * 7 % pages;
            table[i] = page;
            for (int h = 0; h < keyHeads; h++) {
                int to = (i / pagesOfSequence * keyHeads + h) * pagesOfSequence + i % pagesOfSequence;
                System.arraycopy(inPages, (page * keyHeads + h) * row, inRow, to * row, row);
            }
        }
        try (TensorArena arena = TensorArena.open(cuda);
                Stream stream = Stream.open(cuda)) {
            Tensor cached =
                    arena.allocate(dtype, pages, keyHeads, pageTokens, headDim).copyFrom(inPages);
            Tensor keys = arena.allocate(dtype, sequences, keyHeads, pagesOfSequence * pageTokens, headDim)
                    .copyFrom(inRow);
            Tensor lengths = arena.allocate(DType.INT32, sequences).copyFrom(new double[] {700, 530});
            Tensor query = arena.allocate(dtype, sequences, 4 * keyHeads, 1, headDim)
                    .copyFrom(rows(sequences * 4 * keyHeads * headDim, 32));
            Tensor expected = arena.allocate(dtype, query.shape());
            Tensor actual = arena.allocate(dtype, query.shape()).fill(Double.NaN);
            PagedCache cache = new PagedCache(
                    cached,
                    cached,
                    arena.allocate(DType.INT32, sequences, pagesOfSequence).copyFrom(table),
                    lengths);
            Attention attention = Attention.causal(headDim);
            attention
                    .forward()
                    .query(query)
                    .keys(keys)
                    .values(keys)
                    .keyLengths(lengths)
                    .out(expected)
                    .run(stream);
            attention.forward(cache).query(query).out(actual).run(stream);
            stream.synchronize();
            Outcome same = Outcome.sameBits(expected, actual);
            assertTrue(same.passed(), same::toString);
        }
    }

    /** Two heads more than 2^32 elements apart: the emulator's memory is there once it is touched. */
    private static void beyond2To32(Device.Cuda cuda) {
        int headDim = 64;
        int tokens = 33;
        long rowsApart = (1L << 32) / headDim + 1;
        CudaContext context = CudaContext.of(cuda.ordinal());
        // Of the second head only what is used: a device of 16 GiB has no room for all of it.
        long memory = context.allocate((rowsApart + tokens) * headDim * DType.FP16.bytes());
        try (TensorArena arena = TensorArena.open(cuda);
                Stream stream = Stream.open(cuda)) {
            Tensor far = Tensor.borrow(cuda, memory, DType.FP16, 1, 2, rowsApart, headDim)
                    .slice(2, 0, tokens);
            assertTrue(far.stride(1) > 1L << 32);
            far.copyFrom(rows(2 * tokens * headDim, 14));
            Tensor near = arena.allocate(DType.FP16, 1, 2, tokens, headDim).copyFrom(rows(2 * tokens * headDim, 14));
            double[][] outs = new double[2][];
            for (int i = 0; i < 2; i++) {
                Tensor x = i == 0 ? far : near;
                Tensor out = arena.allocate(DType.FP16, 1, 2, tokens, headDim);
                Attention.causal(headDim)
                        .forward()
                        .query(x)
                        .keys(x)
                        .values(x)
                        .out(out)
                        .run(stream);
                stream.synchronize();
                outs[i] = out.toDoubleArray();
            }
            Outcome same = Outcome.sameBits(outs[1], outs[0]);
            assertTrue(same.passed(), same::toString);
        } finally {
            context.free(memory);
        }
    }
}
