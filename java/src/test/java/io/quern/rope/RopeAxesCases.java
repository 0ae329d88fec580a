package io.quern.rope;

import static io.quern.rope.RopeCases.numeric;
import static io.quern.rope.RopeCases.property;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.cpu.Exact;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Positions on several axes, fractional positions, ragged batches, and rotated channels that do not come first. */
final class RopeAxesCases {
    private static final List<DType> TYPES = List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16);
    private static final int BATCH = 2;
    private static final int TOKENS = 7;
    private static final int HEADS = 3;

    private RopeAxesCases() {}

    /**
     * Settings, and what the oracle takes an angle from: for each axis and pair the number of the frequency 10000^(-2j/d), or
     * -1 for none.
     */
    private record Setting(String name, Rope rope, int powersDim, int[][] power) {
        BigDecimal angle(double[] position, int k) {
            BigDecimal sum = BigDecimal.ZERO;
            float rounded = 0;
            for (int a = 0; a < power.length; a++) {
                if (power[a][k] >= 0) {
                    BigDecimal w = RopeOracle.frequency(1e4, powersDim, power[a][k]);
                    sum = sum.add(w.multiply(new BigDecimal(position[a])));
                    rounded += w.floatValue() * (float) position[a];
                }
            }
            return rope.rounding() == AngleRounding.EXACT ? sum : new BigDecimal(rounded);
        }

        int axes() {
            return power.length;
        }

        Setting rounded() {
            return new Setting(name + " rounded angles", rope.rounding(AngleRounding.FP32), powersDim, power);
        }
    }

    private static List<Setting> settings() {
        Frequencies powers = Frequencies.powers(1e4, 34); // 17 pairs: a vector and a tail at every width
        Frequencies few = Frequencies.powers(1e4, 18);
        Frequencies more = Frequencies.powers(1e4, 18);
        Rope rope = Rope.of(40);
        return List.of(
                new Setting("sum of two axes", rope.frequencies(Frequencies.sum(powers, powers)), 34, new int[][] {
                    range(0, 17), range(0, 17)
                }),
                new Setting("axial", rope.frequencies(Frequencies.axial(few, more)), 18, new int[][] {
                    join(range(0, 9), none(9)), join(none(9), range(0, 9))
                }),
                new Setting("M-RoPE sections", rope.frequencies(powers.sections(4, 6, 7)), 34, new int[][] {
                    join(range(0, 4), none(13)), join(none(4), range(4, 10), none(7)), join(none(10), range(10, 17))
                }),
                new Setting(
                        "M-RoPE interleaved",
                        rope.frequencies(powers.onAxes(3, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 0, 0, 0, 0)),
                        34,
                        new int[][] {
                            {0, -1, -1, 3, -1, -1, 6, -1, -1, 9, -1, -1, 12, 13, 14, 15, 16},
                            {-1, 1, -1, -1, 4, -1, -1, 7, -1, -1, 10, -1, -1, -1, -1, -1, -1},
                            {-1, -1, 2, -1, -1, 5, -1, -1, 8, -1, -1, 11, -1, -1, -1, -1, -1}
                        }),
                new Setting("one axis", rope.frequencies(powers), 34, new int[][] {range(0, 17)}));
    }

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (Setting exact : settings()) {
            for (Setting setting : List.of(exact, exact.rounded())) {
                for (DType dtype : List.of(DType.FP64, DType.FP32)) {
                    for (DType positions : List.of(DType.INT32, DType.INT64, DType.FP32, DType.FP64)) {
                        String name = "axes table " + setting.name() + ", positions " + positions;
                        cases.add(numeric(name, dtype, device -> table(device, setting, dtype, positions)));
                    }
                }
            }
            for (DType dtype : TYPES) {
                cases.add(numeric("axes rotation " + exact.name(), dtype, device -> rotation(device, exact, dtype)));
            }
        }
        for (DType dtype : List.of(DType.FP64, DType.FP32)) {
            cases.add(property("axes agree where positions do", dtype, device -> agreeing(device, dtype)));
        }
        for (DType starts : List.of(DType.INT32, DType.INT64)) {
            cases.add(numeric("ragged batch", starts, device -> ragged(device, starts)));
        }
        for (DType dtype : TYPES) {
            for (Pairing pairing : Pairing.values()) {
                // Packs of 16 bytes, and rows and parts at no multiple of them.
                cases.add(
                        numeric("offset 64 " + pairing, dtype, device -> offset(device, dtype, pairing, 192, 64, 96)));
                cases.add(
                        numeric("offset last " + pairing, dtype, device -> offset(device, dtype, pairing, 96, 64, 32)));
                cases.add(numeric("offset 3 " + pairing, dtype, device -> offset(device, dtype, pairing, 43, 3, 34)));
            }
        }
        return cases;
    }

    /** (axes, rows): zeros, ordinary and far ones, negative ones; fractions where the type has them. */
    private static double[] positions(int axes, DType type) {
        double[] row = {0, 1, -1, 7, 1_000, 32_768, 9_999_991, -10_000_000, 16_777_216};
        double[] all = new double[axes * row.length];
        for (int a = 0; a < axes; a++) {
            for (int i = 0; i < row.length; i++) {
                double position = row[(i * (a + 1) + 2 * a) % row.length];
                boolean fractional = type == DType.FP32 || type == DType.FP64;
                all[a * row.length + i] = fractional ? (float) (position * 0.73) : position;
            }
        }
        return all;
    }

    private static Outcome table(Device device, Setting setting, DType dtype, DType positionType) {
        double[] positions = positions(setting.axes(), positionType);
        int rows = positions.length / setting.axes();
        double[] both = tabulate(device, setting, dtype, positionType, positions, rows);
        int pairs = setting.rope().pairs();
        double worst = 0;
        for (int row = 0; row < rows; row++) {
            double[] position = new double[setting.axes()];
            for (int a = 0; a < position.length; a++) {
                position[a] = positions[a * rows + row];
            }
            for (int k = 0; k < pairs; k++) {
                BigDecimal angle = setting.angle(position, k);
                worst = Math.max(worst, Math.abs(both[row * pairs + k] - Exact.cos(angle)));
                worst = Math.max(worst, Math.abs(both[(rows + row) * pairs + k] - Exact.sin(angle)));
            }
        }
        double bound = RopeOracle.tableBound(dtype) + axesBound(setting.axes());
        return Outcome.that(bound < RopeTableCases.PROMISED, "the bound keeps the promise")
                .and(Outcome.within(worst, bound, "largest error of a cosine or sine"))
                .and(Outcome.sameBits(
                        tabulate(Device.reference(), setting, dtype, positionType, positions, rows), both));
    }

    /** The package's: A rests, each within 2^-53 quarter turns, and their sums of up to a/2 for a = 2 .. A. */
    private static double axesBound(int axes) {
        return axes == 1 ? 0 : Math.PI / 2 * 0x1p-53 * axes * (axes + 5) / 4;
    }

    private static double[] tabulate(
            Device device, Setting setting, DType dtype, DType positionType, double[] positions, int rows) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            int pairs = setting.rope().pairs();
            Fenced cosine = Fenced.allocate(arena, dtype, rows, pairs);
            Fenced sine = Fenced.allocate(arena, dtype, rows, pairs);
            long[] shape = setting.axes() == 1 ? new long[] {rows} : new long[] {setting.axes(), rows};
            Tensor listed = tensor(arena, positionType, positions, shape);
            try (var call = setting.rope().bindTable(stream, listed, new RopeTable(cosine.tensor(), sine.tensor()))) {
                call.run();
                stream.synchronize();
            }
            Outcome fences = cosine.fencesStand().and(sine.fencesStand());
            if (!fences.passed()) {
                throw new AssertionError(fences.message());
            }
            double[] both = Arrays.copyOf(cosine.tensor().toDoubleArray(), 2 * rows * pairs);
            System.arraycopy(sine.tensor().toDoubleArray(), 0, both, rows * pairs, rows * pairs);
            return both;
        }
    }

    /** The bits of the reference, of positions (axes, batch, tokens), computed on the way and by a table of them. */
    private static Outcome rotation(Device device, Setting setting, DType dtype) {
        double[] expected = rotated(Device.reference(), setting, dtype, false);
        return Outcome.sameBits(expected, rotated(device, setting, dtype, false))
                .and(Outcome.sameBits(expected, rotated(device, setting, dtype, true)));
    }

    private static double[] rotated(Device device, Setting setting, DType dtype, boolean byTable) {
        Rope rope = setting.rope();
        long[] shape = setting.axes() == 1 ? new long[] {BATCH, TOKENS} : new long[] {setting.axes(), BATCH, TOKENS};
        double[] positions = new SplittableRandom(3)
                .doubles((long) setting.axes() * BATCH * TOKENS, -1e6, 1e6)
                .toArray();
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = arena.allocate(dtype, BATCH, TOKENS, HEADS, rope.headDim())
                    .copyFrom(RopeCase.of(rope, dtype, BATCH, TOKENS, HEADS).inputs());
            Fenced out = Fenced.allocate(arena, dtype, BATCH, TOKENS, HEADS, rope.headDim());
            Tensor listed = tensor(arena, DType.FP64, positions, shape);
            if (byTable) {
                Tensor both = arena.allocate(dtype.accumulator(), 2, BATCH, TOKENS, rope.pairs());
                RopeTable table = new RopeTable(both.select(0, 0), both.select(0, 1));
                try (var fill = rope.bindTable(stream, listed, table)) {
                    fill.run();
                    rope.rotate().x(x).table(table).out(out.tensor()).run(stream);
                    stream.synchronize();
                }
            } else {
                rope.rotate().x(x).positions(listed).out(out.tensor()).run(stream);
                stream.synchronize();
            }
            if (!out.fencesStand().passed()) {
                throw new AssertionError(out.fencesStand().message());
            }
            return out.tensor().toDoubleArray();
        }
    }

    /** Where all axes have the same position, as text has, sections turn as one axis does, and a sum by twice that. */
    private static Outcome agreeing(Device device, DType dtype) {
        Frequencies powers = Frequencies.powers(1e4, 34);
        Frequencies halves = Frequencies.sum(powers, powers);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            double[] plain = entries(Rope.of(34).frequencies(powers).table(stream, arena, dtype, 9_999_000, 50));
            double[] sections = entries(
                    Rope.of(34).frequencies(powers.sections(4, 6, 7)).table(stream, arena, dtype, 9_999_000, 50));
            double[] sum = entries(Rope.of(34).frequencies(halves).table(stream, arena, dtype, 9_999_000, 50));
            double worst = 0;
            for (int i = 0; i < plain.length / 2; i++) {
                double c = plain[i];
                double s = plain[plain.length / 2 + i];
                worst = Math.max(worst, Math.abs(sections[i] - c));
                worst = Math.max(worst, Math.abs(sections[plain.length / 2 + i] - s));
                worst = Math.max(worst, Math.abs(sum[i] - (c * c - s * s)) / 5);
                worst = Math.max(worst, Math.abs(sum[plain.length / 2 + i] - 2 * c * s) / 5);
            }
            // An entry is off by e, the two of a doubled angle by 2 (|c| + |s|) e, less than 3 e, and a rounding of
            // this test.
            double e = RopeOracle.tableBound(dtype) + axesBound(3) + 0x1p-52;
            return Outcome.within(worst, 2 * e, "largest difference of a cosine or sine");
        }
    }

    private static double[] entries(RopeTable table) {
        double[] cosine = table.cosine().toDoubleArray();
        double[] both = Arrays.copyOf(cosine, 2 * cosine.length);
        System.arraycopy(table.sine().toDoubleArray(), 0, both, cosine.length, cosine.length);
        return both;
    }

    /** Sequences of 3, 0, 1 and 9 tokens, after 2 tokens that belong to none, by computed angles and by a table. */
    private static Outcome ragged(Device device, DType startsType) {
        long[] starts = {2, 5, 5, 6, 15};
        long start = 1_000;
        long[] positions = {0, 1, 0, 1, 2, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1};
        Arrays.setAll(positions, i -> positions[i] + start);
        Rope rope = Rope.of(20, 16, 1e4);
        RopeCase given =
                RopeCase.of(rope, DType.FP32, 1, positions.length, HEADS).at(positions);
        double[] expected = given.on(Device.reference(), RopeCase.Way.COMPUTED);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = arena.allocate(DType.FP32, positions.length, HEADS, 20).copyFrom(given.inputs());
            Tensor out = arena.allocate(DType.FP32, positions.length, HEADS, 20);
            Tensor where = tensor(
                    arena, startsType, Arrays.stream(starts).asDoubleStream().toArray(), starts.length);
            RopeTable table = rope.table(stream, arena, DType.FP32, start - 1, 12);
            Outcome outcome = Outcome.passed("");
            for (Rotation.Roles way : List.of(rope.rotate(), rope.rotate().table(table))) {
                way.x(x)
                        .sequenceStarts(where)
                        .start(start)
                        .out(out.fill(Double.NaN))
                        .run(stream);
                stream.synchronize();
                outcome = outcome.and(Outcome.sameBits(expected, out.toDoubleArray()));
            }
            return outcome;
        }
    }

    /** Only channels offset .. offset + rotaryDim turn, as a head of them alone would; in place and apart. */
    private static Outcome offset(Device device, DType dtype, Pairing pairing, int headDim, int offset, int rotaryDim) {
        Rope alone = RopeCases.rope(pairing, rotaryDim, rotaryDim);
        Rope rope = RopeCases.rope(pairing, headDim, rotaryDim).rotaryOffset(offset);
        RopeCase given = RopeCase.of(rope, dtype, BATCH, TOKENS, HEADS);
        double[] x = given.inputs();
        double[] turning = new double[x.length / headDim * rotaryDim];
        for (int row = 0; row < x.length / headDim; row++) {
            System.arraycopy(x, row * headDim + offset, turning, row * rotaryDim, rotaryDim);
        }
        double[] turned =
                RopeCase.of(alone, dtype, BATCH, TOKENS, HEADS).on(Device.reference(), RopeCase.Way.COMPUTED, turning);
        double[] expected = x.clone();
        for (int row = 0; row < x.length / headDim; row++) {
            System.arraycopy(turned, row * rotaryDim, expected, row * headDim + offset, rotaryDim);
        }
        return Outcome.sameBits(expected, given.on(device, RopeCase.Way.COMPUTED, x))
                .and(Outcome.sameBits(expected, given.on(device, RopeCase.Way.COMPUTED_IN_PLACE, x)));
    }

    private static Tensor tensor(TensorArena arena, DType type, double[] values, long... shape) {
        Tensor tensor = arena.allocate(type, shape);
        return switch (type) {
            case INT32 ->
                tensor.copyFrom(Arrays.stream(values).mapToInt(v -> (int) v).toArray());
            case INT64 ->
                tensor.copyFrom(Arrays.stream(values).mapToLong(v -> (long) v).toArray());
            default -> tensor.copyFrom(values);
        };
    }

    private static int[] range(int from, int to) {
        int[] range = new int[to - from];
        Arrays.setAll(range, i -> from + i);
        return range;
    }

    private static int[] none(int count) {
        int[] none = new int[count];
        Arrays.fill(none, -1);
        return none;
    }

    private static int[] join(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }
}
