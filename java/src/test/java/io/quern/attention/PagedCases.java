package io.quern.attention;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** What must hold of a paged cache, on every device. */
final class PagedCases {
    private static final int SEQUENCES = 3;
    private static final int HEADS = 6;
    private static final int KEY_HEADS = 2;
    private static final int DIM = 24;
    private static final int VALUE_DIM = 20;
    private static final int[] LENGTHS = {0, 5, 131};

    private PagedCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : List.of(FP64, FP32, FP16, BF16)) {
            for (int pageTokens : new int[] {1, 7, 64}) {
                for (int queries : new int[] {1, 3}) {
                    String name = "pages of " + pageTokens + ", queries=" + queries;
                    cases.add(numeric(name, dtype, device -> forward(device, dtype, dtype, pageTokens, queries)));
                }
            }
            cases.add(property("tokens appended", dtype, device -> append(device, dtype, dtype)));
        }
        for (DType dtype : List.of(FP16, BF16)) {
            for (int queries : new int[] {1, 3}) {
                String name = "FP32 over " + dtype + ", queries=" + queries;
                cases.add(numeric(name, dtype, device -> forward(device, FP32, dtype, 16, queries)));
            }
            cases.add(property("FP32 tokens appended", dtype, device -> append(device, FP32, dtype)));
        }
        refusals(cases);
        return cases;
    }

    private static Case numeric(String name, DType dtype, Case.Body body) {
        return new Case("attention", "paged: " + name, Case.Kind.NUMERIC, dtype, body);
    }

    private static Case property(String name, DType dtype, Case.Body body) {
        return new Case("attention", "paged: " + name, Case.Kind.PROPERTY, dtype, body);
    }

    /** Pages in any order, with as many again that no sequence has; those are NaN, as is what follows a sequence. */
    private static PagedCache cache(TensorArena arena, DType dtype, int pageTokens) {
        int most = Math.ceilDiv(LENGTHS[SEQUENCES - 1], pageTokens);
        int count = 2 * SEQUENCES * most;
        List<Integer> order = new ArrayList<>();
        for (int p = 0; p < count; p++) {
            order.add(p);
        }
        Collections.shuffle(order, new Random(pageTokens));
        int[] pages = new int[SEQUENCES * most];
        Arrays.setAll(pages, order::get);
        return new PagedCache(
                // Pages of tokens of heads, as they are often kept.
                arena.allocate(dtype, count, pageTokens, KEY_HEADS, DIM)
                        .fill(Double.NaN)
                        .transpose(1, 2),
                arena.allocate(dtype, count, KEY_HEADS, pageTokens, VALUE_DIM).fill(Double.NaN),
                arena.allocate(DType.INT32, SEQUENCES, most).copyFrom(pages),
                arena.allocate(DType.INT32, SEQUENCES).copyFrom(LENGTHS));
    }

    private static Tensor gaussian(TensorArena arena, Random random, DType dtype, long... shape) {
        Tensor tensor = arena.allocate(dtype, shape);
        double[] values = new double[Math.toIntExact(tensor.elementCount())];
        Arrays.setAll(values, i -> random.nextGaussian());
        return tensor.copyFrom(values);
    }

    /** Rows of keys or values, one sequence's behind the other, where each of them lies in its page. */
    private static void fill(Tensor pages, PagedCache cache, double[] rows, int tokens) {
        double[] all = pages.toDoubleArray();
        int dim = (int) pages.size(3);
        int pageTokens = (int) pages.size(2);
        long[] table = cache.pages().toLongArray();
        int most = (int) cache.pages().size(1);
        for (int s = 0; s < SEQUENCES; s++) {
            for (int t = 0; t < LENGTHS[s]; t++) {
                for (int h = 0; h < KEY_HEADS; h++) {
                    int page = (int) table[s * most + t / pageTokens];
                    int to = ((page * KEY_HEADS + h) * pageTokens + t % pageTokens) * dim;
                    System.arraycopy(rows, ((s * KEY_HEADS + h) * tokens + t) * dim, all, to, dim);
                }
            }
        }
        pages.copyFrom(all);
    }

    private static Outcome forward(Device device, DType dtype, DType cacheType, int pageTokens, int queries) {
        int tokens = LENGTHS[SEQUENCES - 1];
        Attention attention = Attention.causal(DIM).withValueDim(VALUE_DIM).withWindow(100, 0);
        double[] expected = new double[0];
        double[] actual = new double[0];
        double most = 0;
        for (Device where : new Device[] {Device.reference(), device}) {
            try (TensorArena arena = TensorArena.open(where);
                    Stream stream = Stream.open(where)) {
                Random random = new Random(17);
                Tensor query = gaussian(arena, random, dtype, SEQUENCES, HEADS, queries, DIM);
                Tensor sinks = gaussian(arena, random, dtype.accumulator(), HEADS);
                // Numbers of the cache's type, in tensors of the query's.
                double[] keys = gaussian(arena, random, cacheType, SEQUENCES, KEY_HEADS, tokens, DIM)
                        .toDoubleArray();
                double[] values = gaussian(arena, random, cacheType, SEQUENCES, KEY_HEADS, tokens, VALUE_DIM)
                        .toDoubleArray();
                Fenced out = Fenced.allocate(arena, dtype, SEQUENCES, HEADS, queries, VALUE_DIM);
                Fenced lse = Fenced.allocate(arena, dtype.accumulator(), SEQUENCES, HEADS, queries);
                if (expected.length == 0) {
                    attention
                            .forward()
                            .query(query)
                            .keys(arena.allocate(dtype, SEQUENCES, KEY_HEADS, tokens, DIM)
                                    .copyFrom(keys))
                            .values(arena.allocate(dtype, SEQUENCES, KEY_HEADS, tokens, VALUE_DIM)
                                    .copyFrom(values))
                            .keyLengths(arena.allocate(DType.INT32, SEQUENCES).copyFrom(LENGTHS))
                            .sinks(sinks)
                            .out(out.tensor())
                            .logSumExp(lse.tensor())
                            .run(stream);
                    expected = both(out, lse);
                    most = Arrays.stream(values).map(Math::abs).max().orElse(0);
                    continue;
                }
                PagedCache cache = cache(arena, cacheType, pageTokens);
                fill(cache.keys(), cache, keys, tokens);
                fill(cache.values(), cache, values, tokens);
                attention
                        .forward(cache)
                        .query(query)
                        .sinks(sinks)
                        .out(out.tensor())
                        .logSumExp(lse.tensor())
                        .run(stream);
                stream.synchronize();
                Outcome fences = out.fencesStand().and(lse.fencesStand());
                if (!fences.passed()) {
                    return fences;
                }
                actual = both(out, lse);
            }
        }
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            double error = Math.abs(actual[i] - expected[i]);
            worst = error <= worst ? worst : error; // a NaN is the worst
        }
        // A score, of 6 at the most, is off by roundoff, and with it its weight; the output is rounded, the reference's
        // too.
        double roundoff = dtype == FP64 ? 0x1p-53 : 0x1p-24;
        double bound =
                most * (8 * roundoff * (1 + 6) + 2 * (dtype == FP16 ? 0x1p-11 : dtype == BF16 ? 0x1p-8 : roundoff));
        return Outcome.within(worst, bound, "largest error");
    }

    private static double[] both(Fenced out, Fenced logSumExp) {
        double[] a = out.tensor().toDoubleArray();
        double[] b = logSumExp.tensor().toDoubleArray();
        double[] both = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, both, a.length, b.length);
        return both;
    }

    /** Two tokens in each sequence, of which the shortest has none and so gets none; a page that is none gets none. */
    private static Outcome append(Device device, DType given, DType dtype) {
        int pageTokens = 7;
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            PagedCache cache = cache(arena, dtype, pageTokens);
            int most = (int) cache.pages().size(1);
            cache.lengths().copyFrom(new int[] {0, 1, LENGTHS[2]});
            Random random = new Random(4);
            Tensor keys = gaussian(arena, random, given, SEQUENCES, KEY_HEADS, 2, DIM);
            Tensor values = gaussian(arena, random, given, SEQUENCES, KEY_HEADS, 2, VALUE_DIM);
            double[] expectedKeys = cache.keys().toDoubleArray();
            double[] expectedValues = cache.values().toDoubleArray();
            int[] table = Arrays.stream(cache.pages().toLongArray())
                    .mapToInt(p -> (int) p)
                    .toArray();
            int place = (LENGTHS[2] - 1) % pageTokens;
            place(expectedKeys, table[most], 0, keys, 1, 1, pageTokens, dtype);
            place(expectedKeys, table[3 * most - 1], place - 1, keys, 2, 0, pageTokens, dtype);
            place(expectedKeys, table[3 * most - 1], place, keys, 2, 1, pageTokens, dtype);
            place(expectedValues, table[most], 0, values, 1, 1, pageTokens, dtype);
            place(expectedValues, table[3 * most - 1], place - 1, values, 2, 0, pageTokens, dtype);
            place(expectedValues, table[3 * most - 1], place, values, 2, 1, pageTokens, dtype);
            cache.append(stream, keys, values);
            // Nowhere to go:
            table[most] = (int) cache.keys().size(0);
            table[3 * most - 1] = -1;
            cache.pages().copyFrom(table);
            cache.append(stream, values(arena, keys), values(arena, values));
            stream.synchronize();
            return Outcome.sameBits(expectedKeys, cache.keys().toDoubleArray())
                    .and(Outcome.sameBits(expectedValues, cache.values().toDoubleArray()));
        }
    }

    /** Other numbers in the same shape. */
    private static Tensor values(TensorArena arena, Tensor like) {
        return arena.allocate(like.dtype(), like.shape()).fill(3);
    }

    private static void place(
            double[] pages, int page, int row, Tensor from, int sequence, int token, int pageTokens, DType dtype) {
        double[] all = from.toDoubleArray();
        int dim = (int) from.size(3);
        for (int h = 0; h < KEY_HEADS; h++) {
            for (int c = 0; c < dim; c++) {
                double value = all[((sequence * KEY_HEADS + h) * 2 + token) * dim + c];
                double rounded = dtype == FP16
                        ? Float.float16ToFloat(Float.floatToFloat16((float) value))
                        : dtype == BF16 ? DType.bf16ToFloat(DType.floatToBf16((float) value)) : value;
                pages[((page * KEY_HEADS + h) * pageTokens + row) * dim + c] = rounded;
            }
        }
    }

    private static void refusals(List<Case> cases) {
        refusal(cases, "values of another type", "values", (s, a) -> {
            PagedCache c = cache(a, FP32, 7);
            return new PagedCache(c.keys(), cache(a, FP16, 7).values(), c.pages(), c.lengths());
        });
        refusal(cases, "lengths of fewer sequences", "lengths", (s, a) -> {
            PagedCache c = cache(a, FP32, 7);
            return new PagedCache(c.keys(), c.values(), c.pages(), c.lengths().slice(0, 0, 2));
        });
        refusal(cases, "pages of another type", "pages", (s, a) -> {
            PagedCache c = cache(a, FP32, 7);
            return new PagedCache(c.keys(), c.values(), a.allocate(FP32, SEQUENCES, 3), c.lengths());
        });
        refusal(
                cases,
                "an FP32 query over FP64",
                "query",
                (s, a) -> Attention.full(DIM)
                        .withValueDim(VALUE_DIM)
                        .forward(cache(a, FP64, 7))
                        .query(a.allocate(FP32, SEQUENCES, HEADS, 1, DIM))
                        .out(a.allocate(FP32, SEQUENCES, HEADS, 1, VALUE_DIM))
                        .arguments());
        refusal(
                cases,
                "heads that key heads do not divide",
                "keys",
                (s, a) -> Attention.full(DIM)
                        .withValueDim(VALUE_DIM)
                        .forward(cache(a, FP32, 7))
                        .query(a.allocate(FP32, SEQUENCES, 3, 1, DIM))
                        .out(a.allocate(FP32, SEQUENCES, 3, 1, VALUE_DIM))
                        .arguments());
        refusal(
                cases,
                "keys of another width",
                "keys",
                (s, a) -> Attention.full(DIM + 1)
                        .withValueDim(VALUE_DIM)
                        .forward(cache(a, FP32, 7))
                        .query(a.allocate(FP32, SEQUENCES, HEADS, 1, DIM + 1))
                        .out(a.allocate(FP32, SEQUENCES, HEADS, 1, VALUE_DIM))
                        .arguments());
        refusal(
                cases,
                "new keys of fewer heads",
                "newKeys",
                (s, a) -> cache(a, FP32, 7)
                        .bindAppend(
                                s,
                                a.allocate(FP32, SEQUENCES, 1, 1, DIM),
                                a.allocate(FP32, SEQUENCES, 1, 1, VALUE_DIM)));
        refusal(cases, "out in the cache", "overlap", (s, a) -> {
            PagedCache c = cache(a, FP32, 1);
            return Attention.full(DIM)
                    .withValueDim(VALUE_DIM)
                    .forward(c)
                    .query(a.allocate(FP32, SEQUENCES, KEY_HEADS, 1, DIM))
                    .out(c.values().slice(0, 0, SEQUENCES))
                    .arguments();
        });
    }

    /** What is to be refused. */
    private interface Attempt {
        Object on(Stream stream, TensorArena arena);
    }

    private static void refusal(List<Case> cases, String name, String part, Attempt attempt) {
        cases.add(new Case("attention", "paged: " + name, Case.Kind.REFUSAL, null, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                return Outcome.refusal(IllegalArgumentException.class, () -> attempt.on(stream, arena), part);
            }
        }));
    }
}
