package io.quern.rope;

import static io.quern.rope.RopeCases.numeric;
import static io.quern.rope.RopeCases.rope;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.ArrayList;
import java.util.List;

/** Rotations of strided views: what is outside the view keeps its bits. */
final class RopeViews {
    private static final int BATCH = 2;
    private static final int TOKENS = 7;
    private static final int HEADS = 3;
    private static final int DIM = 80;

    private RopeViews() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16)) {
            for (Pairing pairing : Pairing.values()) {
                Rope whole = rope(pairing, DIM, DIM);
                Rope partial = rope(pairing, DIM, 48);
                for (Rope rope : List.of(whole, partial)) {
                    String name = " " + pairing + " rotary=" + rope.rotaryDim();
                    cases.add(numeric("packed qkv" + name, dtype, device -> packed(device, rope, dtype)));
                    cases.add(numeric("heads before tokens" + name, dtype, device -> transposed(device, rope, dtype)));
                    cases.add(numeric("unaligned rows" + name, dtype, device -> unaligned(device, rope, dtype)));
                }
            }
        }
        cases.add(numeric("shared and consecutive positions", DType.FP32, RopeViews::positions));
        return cases;
    }

    /** Queries and keys of (batch, tokens, 3 heads, dim), in place in one call; the values stay. */
    private static Outcome packed(Device device, Rope rope, DType dtype) {
        RopeCase given = RopeCase.of(rope, dtype, BATCH, TOKENS, 3 * HEADS);
        double[] x = given.inputs();
        double[] expected = given.on(Device.reference(), RopeCase.Way.COMPUTED);
        int row = 3 * HEADS * DIM;
        for (int i = 0; i < x.length; i++) {
            if (i % row >= 2 * HEADS * DIM) {
                expected[i] = x[i];
            }
        }
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor packed = arena.allocate(dtype, BATCH, TOKENS, 3 * HEADS, DIM).copyFrom(x);
            Tensor queriesAndKeys = packed.slice(2, 0, 2 * HEADS);
            rope.apply(stream, queriesAndKeys, positions(arena, given), queriesAndKeys);
            stream.synchronize();
            return Outcome.sameBits(expected, packed.toDoubleArray());
        }
    }

    /** (batch, heads, tokens, dim) through a transposed view, out of place into (batch, tokens, heads, dim). */
    private static Outcome transposed(Device device, Rope rope, DType dtype) {
        RopeCase given = RopeCase.of(rope, dtype, BATCH, TOKENS, HEADS);
        double[] expected = given.on(Device.reference(), RopeCase.Way.COMPUTED);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = arena.allocate(dtype, BATCH, HEADS, TOKENS, DIM).transpose(1, 2);
            x.copyFrom(given.inputs());
            Tensor out = arena.allocate(dtype, BATCH, TOKENS, HEADS, DIM);
            rope.apply(stream, x, positions(arena, given), out);
            stream.synchronize();
            return Outcome.sameBits(expected, out.toDoubleArray());
        }
    }

    /** Rows that begin one element beyond a pack's boundary and are one element apart: no wide access fits. */
    private static Outcome unaligned(Device device, Rope rope, DType dtype) {
        RopeCase given = RopeCase.of(rope, dtype, 1, TOKENS, HEADS);
        double[] expected = given.on(Device.reference(), RopeCase.Way.COMPUTED);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor around = arena.allocate(dtype, 1, TOKENS, HEADS, DIM + 1).fill(3);
            Tensor x = around.slice(-1, 1, DIM + 1);
            x.copyFrom(given.inputs());
            rope.apply(stream, x, positions(arena, given), x);
            stream.synchronize();
            double[] edge = around.slice(-1, 0, 1).toDoubleArray();
            for (double value : edge) {
                if (value != 3) {
                    return Outcome.failed("wrote " + value + " before a row");
                }
            }
            return Outcome.sameBits(expected, x.toDoubleArray());
        }
    }

    /** (tokens), (1, tokens), consecutive ones, and INT32 against INT64. */
    private static Outcome positions(Device device) {
        Rope rope = rope(Pairing.ADJACENT, 20, 16);
        long start = 123_456;
        long[] listed = new long[BATCH * TOKENS];
        int[] narrow = new int[TOKENS];
        for (int i = 0; i < listed.length; i++) {
            listed[i] = start + i % TOKENS;
            narrow[i % TOKENS] = (int) listed[i];
        }
        RopeCase given = RopeCase.of(rope, DType.FP32, BATCH, TOKENS, HEADS).at(listed);
        double[] expected = given.on(Device.reference(), RopeCase.Way.COMPUTED);
        Outcome outcome = Outcome.sameBits(expected, given.on(device, RopeCase.Way.COMPUTED));
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = arena.allocate(DType.FP32, BATCH, TOKENS, HEADS, 20).copyFrom(given.inputs());
            Tensor out = arena.allocate(DType.FP32, BATCH, TOKENS, HEADS, 20);
            Tensor shared = arena.allocate(DType.INT32, TOKENS).copyFrom(narrow);
            RopeTable table = rope.table(stream, arena, DType.FP32, start - 1, TOKENS + 2);
            List<Rotation.Roles> ways = List.of(
                    rope.rotate().positions(shared),
                    rope.rotate().positions(shared.reshape(1, TOKENS)),
                    rope.rotate().start(start),
                    rope.rotate().table(table).positions(shared),
                    rope.rotate().table(table).start(start));
            for (Rotation.Roles way : ways) {
                way.x(x).out(out.fill(Double.NaN)).run(stream);
                stream.synchronize();
                outcome = outcome.and(Outcome.sameBits(expected, out.toDoubleArray()));
            }
        }
        return outcome;
    }

    private static Tensor positions(TensorArena arena, RopeCase given) {
        return arena.allocate(DType.INT64, given.batch(), given.tokens()).copyFrom(given.positions());
    }
}
