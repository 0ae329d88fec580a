package io.quern.rope;

import static io.quern.rope.RopeCases.numeric;

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
import java.util.List;

/** Queries and keys in one launch, keys and values into a cache, and the gradient: the bits of rotations one by one. */
final class RopeJointCases {
    private static final int BATCH = 2;
    private static final int TOKENS = 5;
    private static final int HEADS = 6;
    private static final int KEY_HEADS = 2;
    private static final int CAPACITY = 9;
    private static final double UNTOUCHED = 3;

    private RopeJointCases() {}

    /** How cosines and sines come about. */
    private enum Angles {
        COMPUTED,
        TABLE
    }

    /** How the cache lies. */
    private enum Cache {
        /** (batch, slots, heads, width). */
        BATCHED,
        /** (batch, heads, slots, width), through a transposed view. */
        HEADS_FIRST,
        /** (slots, heads, width), one for all batches. */
        SHARED
    }

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16)) {
            for (Pairing pairing : Pairing.values()) {
                List<Rope> ropes = List.of(
                        RopeCases.rope(pairing, 64, 64),
                        RopeCases.rope(pairing, 96, 32).rotaryOffset(64),
                        RopeCases.rope(pairing, 21, 18).rotaryOffset(1));
                for (Rope rope : ropes) {
                    String name = " " + pairing + " d=" + rope.headDim();
                    cases.add(numeric("joint in place" + name, dtype, device -> inPlace(device, rope, dtype)));
                    for (Cache cache : Cache.values()) {
                        cases.add(numeric(
                                "joint cache " + cache + name, dtype, device -> append(device, rope, dtype, cache)));
                    }
                }
            }
        }
        cases.add(numeric("joint without values", DType.FP32, RopeJointCases::withoutValues));
        for (DType dtype : List.of(DType.FP64, DType.FP32)) {
            for (Pairing pairing : Pairing.values()) {
                cases.add(numeric("gradient " + pairing, dtype, device -> gradient(device, pairing, dtype)));
            }
        }
        return cases;
    }

    private static RopeCase of(Rope rope, DType dtype, int heads) {
        return RopeCase.of(rope, dtype, BATCH, TOKENS, heads).below(997);
    }

    /** Queries and keys of packed rows (batch, tokens, heads + 2 keyHeads, dim); the values stay. */
    private static Outcome inPlace(Device device, Rope rope, DType dtype) {
        int heads = HEADS + 2 * KEY_HEADS;
        RopeCase given = of(rope, dtype, heads).inverse();
        double[] x = given.inputs();
        double[] expected = given.on(Device.reference(), RopeCase.Way.COMPUTED);
        int row = heads * rope.headDim();
        for (int i = 0; i < x.length; i++) {
            if (i % row >= (HEADS + KEY_HEADS) * rope.headDim()) {
                expected[i] = x[i];
            }
        }
        Outcome outcome = Outcome.passed("");
        for (Angles angles : Angles.values()) {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensor packed = arena.allocate(dtype, BATCH, TOKENS, heads, rope.headDim())
                        .copyFrom(x);
                joint(arena, stream, given, angles)
                        .direction(Direction.INVERSE)
                        .query(packed.slice(2, 0, HEADS))
                        .key(packed.slice(2, HEADS, HEADS + KEY_HEADS))
                        .run(stream);
                stream.synchronize();
                outcome = outcome.and(Outcome.sameBits(expected, packed.toDoubleArray()));
            }
        }
        return outcome;
    }

    /** Keys and values to slots, two tokens to none; what no token goes to keeps its bits. */
    private static Outcome append(Device device, Rope rope, DType dtype, Cache cache) {
        boolean shared = cache == Cache.SHARED;
        int capacity = shared ? BATCH * CAPACITY : CAPACITY;
        long[] slots = {4, -1, 0, 8, 5, 7, 3, 1L << 40, 2, 6}; // of two batches
        if (shared) {
            Arrays.setAll(slots, i -> i < TOKENS ? slots[i] : slots[i] + CAPACITY);
        }
        RopeCase queries = of(rope, dtype, HEADS);
        RopeCase keys = of(rope, dtype, KEY_HEADS);
        int dim = rope.headDim();
        int valueDim = dim == 64 ? 32 : dim - 3;
        double[] values = Arrays.copyOf(keys.inputs(), BATCH * TOKENS * KEY_HEADS * valueDim);
        double[] expectedQueries = queries.on(Device.reference(), RopeCase.Way.COMPUTED);
        double[] turned = keys.on(Device.reference(), RopeCase.Way.COMPUTED);
        double[] expectedKeys = placed(turned, slots, shared, KEY_HEADS * dim);
        double[] expectedValues = placed(values, slots, shared, KEY_HEADS * valueDim);
        Outcome outcome = Outcome.passed("");
        for (Angles angles : Angles.values()) {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensor keyCache = cache(arena, dtype, cache, capacity, dim);
                Tensor valueCache = cache(arena, dtype, cache, capacity, valueDim);
                Fenced out = Fenced.allocate(arena, dtype, BATCH, TOKENS, HEADS, dim);
                joint(arena, stream, queries, angles)
                        .query(
                                arena.allocate(dtype, BATCH, TOKENS, HEADS, dim).copyFrom(queries.inputs()),
                                out.tensor())
                        .key(
                                arena.allocate(dtype, BATCH, TOKENS, KEY_HEADS, dim)
                                        .copyFrom(keys.inputs()),
                                keyCache)
                        .value(
                                arena.allocate(dtype, BATCH, TOKENS, KEY_HEADS, valueDim)
                                        .copyFrom(values),
                                valueCache)
                        .slots(arena.allocate(DType.INT64, BATCH, TOKENS).copyFrom(slots))
                        .run(stream);
                stream.synchronize();
                outcome = outcome.and(out.fencesStand())
                        .and(Outcome.sameBits(expectedQueries, out.tensor().toDoubleArray()))
                        .and(Outcome.sameBits(expectedKeys, keyCache.toDoubleArray()))
                        .and(Outcome.sameBits(expectedValues, valueCache.toDoubleArray()));
            }
        }
        return outcome;
    }

    /** A cache of keys alone, with INT32 slots that all batches share, of a ragged batch of one. */
    private static Outcome withoutValues(Device device) {
        Rope rope = RopeCases.rope(Pairing.HALVES, 32, 32);
        RopeCase queries = RopeCase.of(rope, DType.FP32, 1, TOKENS, HEADS).at(0, 1, 0, 1, 2);
        RopeCase keys = RopeCase.of(rope, DType.FP32, 1, TOKENS, KEY_HEADS).at(queries.positions());
        long[] slots = {5, 6, 0, 1, 2};
        double[] turned = keys.on(Device.reference(), RopeCase.Way.COMPUTED);
        double[] expected = placed(turned, slots, true, KEY_HEADS * 32, CAPACITY);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor query = arena.allocate(DType.FP32, TOKENS, HEADS, 32).copyFrom(queries.inputs());
            Tensor keyCache =
                    arena.allocate(DType.FP32, CAPACITY, KEY_HEADS, 32).fill(UNTOUCHED);
            rope.rotateJointly()
                    .query(query)
                    .key(arena.allocate(DType.FP32, TOKENS, KEY_HEADS, 32).copyFrom(keys.inputs()), keyCache)
                    .slots(arena.allocate(DType.INT32, TOKENS).copyFrom(new int[] {5, 6, 0, 1, 2}))
                    .sequenceStarts(arena.allocate(DType.INT32, 2).copyFrom(new int[] {0, 2}))
                    .run(stream);
            stream.synchronize();
            double[] expectedQueries = queries.on(Device.reference(), RopeCase.Way.COMPUTED);
            return Outcome.sameBits(expectedQueries, query.toDoubleArray())
                    .and(Outcome.sameBits(expected, keyCache.toDoubleArray()));
        }
    }

    private static JointRotation.Roles joint(TensorArena arena, Stream stream, RopeCase given, Angles angles) {
        JointRotation.Roles roles = given.rope()
                .rotateJointly()
                .positions(arena.allocate(DType.INT64, BATCH, TOKENS).copyFrom(given.positions()));
        return angles == Angles.COMPUTED
                ? roles
                : roles.table(given.rope().table(stream, arena, given.dtype().accumulator(), 0, 997));
    }

    private static Tensor cache(TensorArena arena, DType dtype, Cache cache, int capacity, int width) {
        return switch (cache) {
            case BATCHED ->
                arena.allocate(dtype, BATCH, capacity, KEY_HEADS, width).fill(UNTOUCHED);
            case HEADS_FIRST ->
                arena.allocate(dtype, BATCH, KEY_HEADS, capacity, width)
                        .fill(UNTOUCHED)
                        .transpose(1, 2);
            case SHARED -> arena.allocate(dtype, capacity, KEY_HEADS, width).fill(UNTOUCHED);
        };
    }

    private static double[] placed(double[] tokens, long[] slots, boolean shared, int row) {
        return placed(tokens, slots, shared, row, BATCH * CAPACITY);
    }

    /** Token i's row at its slot, of its batch's part of the cache where that is not shared. */
    private static double[] placed(double[] tokens, long[] slots, boolean shared, int row, int rows) {
        double[] cache = new double[rows * row];
        Arrays.fill(cache, UNTOUCHED);
        for (int i = 0; i < slots.length; i++) {
            long slot = shared ? slots[i] : i / TOKENS * CAPACITY + slots[i];
            boolean there = shared ? slot >= 0 && slot < rows : slots[i] >= 0 && slots[i] < CAPACITY;
            if (there) {
                System.arraycopy(tokens, i * row, cache, (int) slot * row, row);
            }
        }
        return cache;
    }

    /**
     * The gradient of g . y with respect to x is that of a linear map: its i-th channel is g . (y of the i-th unit vector).
     * Such a y has the entries of the table, without error, and so has no sum but the test's; the gradient has two roundings,
     * of a product and a sum up to f (|g0| + |g1|) each.
     */
    private static Outcome gradient(Device device, Pairing pairing, DType dtype) {
        int dim = 10;
        Rope rope = RopeCases.rope(pairing, dim, 6)
                .rotaryOffset(2)
                .frequencies(Frequencies.powers(1e4, 6, Scaling.yarn(16, 4096)));
        double factor = 1.2772588722239781; // YaRN's for 16
        long[] positions = {123_456};
        RopeCase one = new RopeCase(rope, dtype, Direction.FORWARD, 1, 1, 1, positions);
        double[] g = one.inputs();
        double[] gradient;
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor both = arena.allocate(dtype, 1, 1, dim).copyFrom(g);
            rope.gradient(stream, both, arena.allocate(DType.INT64, 1).copyFrom(positions), both);
            stream.synchronize();
            gradient = both.toDoubleArray();
        }
        double worst = 0;
        for (int i = 0; i < dim; i++) {
            double[] unit = new double[dim];
            unit[i] = 1;
            double[] y = one.on(device, RopeCase.Way.COMPUTED, unit);
            double expected = 0;
            double size = 0;
            for (int j = 0; j < dim; j++) {
                expected += g[j] * y[j];
                size += y[j] == 0 ? 0 : Math.abs(g[j]);
            }
            double u = dtype == DType.FP64 ? 0x1p-53 : 0x1p-24;
            double bound = size * factor * (2 * u * (1 + u) + 0x1p-52);
            worst = Math.max(worst, Math.abs(gradient[i] - expected) / bound);
        }
        return Outcome.within(worst, 1, "largest error of a channel in units of what is derived for it");
    }
}
