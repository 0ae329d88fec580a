package io.quern.attention;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.List;
import java.util.SplittableRandom;

/** Identities of the forward pass: where its rows lie and what is beside them changes no bit. */
final class AttentionProperties {
    private static final int HEADS = 4;
    private static final int KEY_HEADS = 2;
    private static final int DIM = 24;
    private static final int VALUE_DIM = 18;

    private AttentionProperties() {}

    static void add(List<Case> cases, DType dtype) {
        cases.add(property("a ragged batch gives each sequence its own bits", dtype, AttentionProperties::ragged));
        cases.add(property("views of packed rows give the bits of dense tensors", dtype, AttentionProperties::views));
        cases.add(property("NaN in what the band hides goes nowhere", dtype, AttentionProperties::hiddenByBand));
        cases.add(property("NaN in what a mask hides goes nowhere", dtype, AttentionProperties::hiddenByMask));
    }

    /** One identity, on one device. */
    private interface Body {
        Outcome on(TensorArena arena, Stream stream, DType dtype);
    }

    private static Case property(String name, DType dtype, Body body) {
        return new Case("attention", "forward: " + name, Case.Kind.PROPERTY, dtype, device -> on(device, dtype, body));
    }

    private static Outcome on(Device device, DType dtype, Body body) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            return body.on(arena, stream, dtype);
        }
    }

    private static Tensor random(TensorArena arena, DType dtype, long... shape) {
        Tensor tensor = arena.allocate(dtype, shape);
        SplittableRandom random = new SplittableRandom(tensor.elementCount());
        double[] values = random.doubles(tensor.elementCount(), -2, 2).toArray();
        return tensor.copyFrom(values);
    }

    private static Attention causal() {
        return Attention.causal(DIM).withValueDim(VALUE_DIM);
    }

    private static Outcome ragged(TensorArena arena, Stream stream, DType dtype) {
        int[] queryStarts = {131, 136, 136, 191, 229
        }; // more tokens before the first sequence than a kernel's block has
        int[] keyStarts = {70, 79, 82, 215, 220};
        Tensor query = random(arena, dtype, 1, HEADS, 230, DIM);
        Tensor keys = random(arena, dtype, 1, KEY_HEADS, 220, DIM);
        Tensor values = random(arena, dtype, 1, KEY_HEADS, 220, VALUE_DIM);
        Tensor together = arena.allocate(dtype, 1, HEADS, 230, VALUE_DIM).fill(7);
        causal().forward()
                .query(query)
                .keys(keys)
                .values(values)
                .starts(
                        arena.allocate(DType.INT32, queryStarts.length).copyFrom(queryStarts),
                        arena.allocate(DType.INT32, keyStarts.length).copyFrom(keyStarts))
                .out(together)
                .run(stream);
        Tensor alone = arena.allocate(dtype, 1, HEADS, 230, VALUE_DIM).fill(7); // 7 stays where no sequence is
        for (int s = 0; s + 1 < queryStarts.length; s++) {
            causal().forward()
                    .query(query.slice(2, queryStarts[s], queryStarts[s + 1]))
                    .keys(keys.slice(2, keyStarts[s], keyStarts[s + 1]))
                    .values(values.slice(2, keyStarts[s], keyStarts[s + 1]))
                    .out(alone.slice(2, queryStarts[s], queryStarts[s + 1]))
                    .run(stream);
        }
        stream.synchronize();
        return Outcome.sameBits(alone, together);
    }

    private static Outcome views(TensorArena arena, Stream stream, DType dtype) {
        int tokens = 137;
        Tensor packed =
                random(arena, dtype, 1, tokens, HEADS + 2 * KEY_HEADS, DIM).transpose(1, 2);
        Tensor query = packed.slice(1, 0, HEADS);
        Tensor keys = packed.slice(1, HEADS, HEADS + KEY_HEADS);
        Tensor values =
                packed.slice(1, HEADS + KEY_HEADS, HEADS + 2 * KEY_HEADS).slice(3, 0, VALUE_DIM);
        Tensor out = arena.allocate(dtype, 1, tokens, HEADS, VALUE_DIM).transpose(1, 2);
        causal().forward().query(query).keys(keys).values(values).out(out).run(stream);
        Tensor dense = arena.allocate(dtype, 1, HEADS, tokens, VALUE_DIM);
        causal().forward()
                .query(arena.allocate(dtype, query.shape()).copyFrom(query))
                .keys(arena.allocate(dtype, keys.shape()).copyFrom(keys))
                .values(arena.allocate(dtype, values.shape()).copyFrom(values))
                .out(dense)
                .run(stream);
        stream.synchronize();
        return Outcome.sameBits(dense.toDoubleArray(), out.toDoubleArray());
    }

    private static Outcome hiddenByBand(TensorArena arena, Stream stream, DType dtype) {
        int tokens = 150;
        int poisoned = 101;
        Tensor query = random(arena, dtype, 1, HEADS, tokens, DIM);
        Tensor keys = random(arena, dtype, 1, KEY_HEADS, tokens, DIM);
        Tensor values = random(arena, dtype, 1, KEY_HEADS, tokens, VALUE_DIM);
        double[] before =
                out(arena, stream, causal().forward().query(query).keys(keys).values(values));
        Outcome outcome = Outcome.passed("");
        for (double x : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            values.slice(2, poisoned, poisoned + 1).fill(x);
            keys.slice(2, poisoned + 3, poisoned + 4).fill(x);
            double[] after = out(
                    arena, stream, causal().forward().query(query).keys(keys).values(values));
            outcome = outcome.and(rows(before, after, HEADS, tokens, poisoned, true));
        }
        return outcome;
    }

    /** Rows below the first that may change keep their bits; the others are not finite, or keep theirs too. */
    private static Outcome rows(double[] before, double[] after, int heads, int rows, int first, boolean changed) {
        for (int i = 0; i < before.length; i++) {
            int row = i / VALUE_DIM % rows;
            boolean holds = changed && row >= first
                    ? !Double.isFinite(after[i])
                    : Double.doubleToLongBits(before[i]) == Double.doubleToLongBits(after[i]);
            if (!holds) {
                return Outcome.failed("row " + row + " was " + before[i] + " and is " + after[i]);
            }
        }
        return Outcome.passed(heads * rows + " rows");
    }

    private static Outcome hiddenByMask(TensorArena arena, Stream stream, DType dtype) {
        int queries = 53;
        int tokens = 300;
        int[] mask = new int[queries * tokens];
        for (int i = 0; i < mask.length; i++) {
            int key = i % tokens;
            mask[i] = key % 7 == 3 || key / 128 == 1 ? 0 : 1; // a whole block too
        }
        Tensor query = random(arena, dtype, 1, HEADS, queries, DIM);
        Tensor keys = random(arena, dtype, 1, KEY_HEADS, tokens, DIM);
        Tensor values = random(arena, dtype, 1, KEY_HEADS, tokens, VALUE_DIM);
        Tensor masks = arena.allocate(DType.INT32, 1, 1, queries, tokens).copyFrom(mask);
        Attention full = Attention.full(DIM).withValueDim(VALUE_DIM);
        double[] before = out(
                arena,
                stream,
                full.forward().query(query).keys(keys).values(values).mask(masks));
        for (int key = 0; key < tokens; key++) {
            if (mask[key] == 0) {
                keys.slice(2, key, key + 1).fill(Double.NaN);
                values.slice(2, key, key + 1).fill(Double.NEGATIVE_INFINITY);
            }
        }
        double[] after = out(
                arena,
                stream,
                full.forward().query(query).keys(keys).values(values).mask(masks));
        return rows(before, after, HEADS, queries, queries, false);
    }

    private static double[] out(TensorArena arena, Stream stream, Forward.Roles roles) {
        Inputs inputs = roles.inputs();
        Tensor out = arena.allocate(
                inputs.query().dtype(), 1, inputs.heads(), inputs.query().size(2), VALUE_DIM);
        roles.out(out).run(stream);
        stream.synchronize();
        return out.toDoubleArray();
    }
}
