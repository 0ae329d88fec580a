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
import io.quern.cpu.Exact;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Tables of cosines and sines. */
final class RopeTableCases {
    private static final double BASE = 10_000;
    private static final int DIM = 34; // 17 pairs: a vector and a tail at every width
    private static final long[] POSITIONS = {
        0, 1, -1, 7, 1_000, 32_768, 131_071, 9_999_991, 10_000_000, -10_000_000, 1L << 24, (1L << 24) + 1, 1L << 44
    };

    /** The contract: |dcos|, |dsin| of an FP32 table up to position 10^7. */
    static final double PROMISED = 1e-7;

    private RopeTableCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : List.of(DType.FP64, DType.FP32)) {
            for (AngleRounding rounding : AngleRounding.values()) {
                Rope rope = Rope.of(DIM, DIM, BASE).rounding(rounding);
                cases.add(numeric("table oracle " + rounding, dtype, device -> oracle(device, rope, dtype)));
                cases.add(numeric("table bits " + rounding, dtype, device -> bits(device, rope, dtype)));
            }
            cases.add(numeric("table of a range", dtype, device -> range(device, dtype)));
            cases.add(numeric("table given frequencies", dtype, device -> given(device, dtype)));
            cases.add(numeric("table angles too large", dtype, device -> tooLarge(device, dtype)));
            cases.add(numeric("table a row a token", dtype, device -> rowPerToken(device, dtype)));
        }
        for (DType positions : List.of(DType.INT32, DType.INT64)) {
            cases.add(numeric("positions outside a table", positions, device -> outside(device, positions)));
        }
        return cases;
    }

    private static Outcome oracle(Device device, Rope rope, DType dtype) {
        double[] both = tabulate(device, rope, dtype, POSITIONS);
        int pairs = rope.pairs();
        double worst = 0;
        for (int row = 0; row < POSITIONS.length; row++) {
            for (int k = 0; k < pairs; k++) {
                BigDecimal angle =
                        RopeOracle.angle(RopeOracle.frequency(BASE, DIM, k), rope.rounding(), POSITIONS[row]);
                double c = both[row * pairs + k];
                double s = both[(POSITIONS.length + row) * pairs + k];
                worst = Math.max(worst, Math.abs(c - Exact.cos(angle)));
                worst = Math.max(worst, Math.abs(s - Exact.sin(angle)));
            }
        }
        double bound = RopeOracle.tableBound(dtype);
        return Outcome.that(bound < PROMISED, "the bound keeps the promise")
                .and(Outcome.within(worst, bound, "largest error of a cosine or sine"));
    }

    private static Outcome bits(Device device, Rope rope, DType dtype) {
        return Outcome.sameBits(
                tabulate(Device.reference(), rope, dtype, POSITIONS), tabulate(device, rope, dtype, POSITIONS));
    }

    /** Consecutive positions and the same ones listed; 300 pairs: more than a block has threads. */
    private static Outcome range(Device device, DType dtype) {
        Rope rope = Rope.of(600, 600, 5e5);
        long start = 9_999_990;
        long[] listed = new long[23];
        for (int i = 0; i < listed.length; i++) {
            listed[i] = start + i;
        }
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            RopeTable table = rope.table(stream, arena, dtype, start, listed.length);
            double[] expected = tabulate(Device.reference(), rope, dtype, listed);
            double[] actual = join(table.cosine().toDoubleArray(), table.sine().toDoubleArray());
            return Outcome.sameBits(expected, actual);
        }
    }

    /** A frequency of zero, negative ones, one above 1, and the exactness of doubles that are no round decimals. */
    private static Outcome given(Device device, DType dtype) {
        double[] radians = {0, 1, -0.1, 3.7, 1e-9};
        Rope rope = Rope.of(10).frequencies(Frequencies.of(radians));
        long[] positions = {0, 3, 1_000_003};
        double[] both = tabulate(device, rope, dtype, positions);
        double worst = 0;
        for (int row = 0; row < positions.length; row++) {
            for (int k = 0; k < radians.length; k++) {
                BigDecimal angle = new BigDecimal(radians[k]).multiply(BigDecimal.valueOf(positions[row]));
                worst = Math.max(worst, Math.abs(both[row * 5 + k] - Exact.cos(angle)));
                worst = Math.max(worst, Math.abs(both[(3 + row) * 5 + k] - Exact.sin(angle)));
            }
        }
        return Outcome.within(worst, RopeOracle.tableBound(dtype), "largest error of a cosine or sine");
    }

    /** Frequencies 1, 1/100: angles of 2^47 radians are refused, of 2^47/100 they are not. */
    private static Outcome tooLarge(Device device, DType dtype) {
        double[] both = tabulate(device, Rope.of(4), dtype, new long[] {1L << 47, Long.MIN_VALUE, 5});
        boolean holds = Double.isNaN(both[0])
                && Double.isFinite(both[1])
                && Double.isNaN(both[2])
                && Double.isNaN(both[3])
                && Double.isFinite(both[4])
                && Double.isNaN(both[6])
                && Double.isFinite(both[7]);
        return Outcome.that(holds, "NaN from 2^45 quarter turns on: " + Arrays.toString(both));
    }

    /** A table of given positions, (batch, tokens), each row used by its own token. */
    private static Outcome rowPerToken(Device device, DType dtype) {
        RopeCase given = RopeCase.of(RopeCases.rope(Pairing.ADJACENT, 12, 8), dtype, 2, 5, 3);
        double[] expected = given.on(Device.reference(), RopeCase.Way.COMPUTED);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor both = arena.allocate(dtype, 2, 2, 5, 4);
            RopeTable table = new RopeTable(both.select(0, 0), both.select(0, 1));
            Tensor positions = arena.allocate(DType.INT64, 2, 5).copyFrom(given.positions());
            Tensor x = arena.allocate(dtype, 2, 5, 3, 12).copyFrom(given.inputs());
            try (var fill = given.rope().bindTable(stream, positions, table);
                    var rotate = given.rope().rotate().x(x).table(table).out(x).bind(stream)) {
                fill.run();
                rotate.run();
                stream.synchronize();
            }
            return Outcome.sameBits(expected, x.toDoubleArray());
        }
    }

    /** A token whose position the table lacks becomes NaN where it would turn; its other channels and tokens do not. */
    private static Outcome outside(Device device, DType positionType) {
        long[] positions = {
            10,
            19,
            9,
            20,
            -1,
            positionType == DType.INT32 ? Integer.MIN_VALUE : Long.MIN_VALUE,
            15,
            positionType == DType.INT32 ? Integer.MAX_VALUE : Long.MAX_VALUE
        };
        Rope rope = RopeCases.rope(Pairing.HALVES, 24, 16);
        double[] x = RopeCase.of(rope, DType.FP32, 1, positions.length, 2).inputs();
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            RopeTable table = rope.table(stream, arena, DType.FP32, 10, 10);
            Tensor where = arena.allocate(positionType, positions.length);
            if (positionType == DType.INT32) {
                where.copyFrom(Arrays.stream(positions).mapToInt(p -> (int) p).toArray());
            } else {
                where.copyFrom(positions);
            }
            Tensor input = arena.allocate(DType.FP32, positions.length, 2, 24).copyFrom(x);
            Fenced out = Fenced.allocate(arena, DType.FP32, positions.length, 2, 24);
            rope.rotate()
                    .x(input)
                    .table(table)
                    .positions(where)
                    .out(out.tensor())
                    .run(stream);
            stream.synchronize();
            double[] y = out.tensor().toDoubleArray();
            for (int i = 0; i < y.length; i++) {
                long position = positions[i / 48];
                boolean turns = i % 24 < 16;
                boolean listed = position >= 10 && position < 20;
                boolean right = turns ? Double.isNaN(y[i]) != listed : y[i] == x[i];
                if (!right) {
                    return Outcome.failed("position " + position + ", channel " + i % 24 + ": " + y[i]);
                }
            }
            return out.fencesStand();
        }
    }

    /** {@return cosines, then sines, of listed positions} */
    static double[] tabulate(Device device, Rope rope, DType dtype, long[] positions) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Fenced cosine = Fenced.allocate(arena, dtype, positions.length, rope.pairs());
            Fenced sine = Fenced.allocate(arena, dtype, positions.length, rope.pairs());
            Tensor listed = arena.allocate(DType.INT64, positions.length).copyFrom(positions);
            try (var call = rope.bindTable(stream, listed, new RopeTable(cosine.tensor(), sine.tensor()))) {
                call.run();
                stream.synchronize();
            }
            Outcome fences = cosine.fencesStand().and(sine.fencesStand());
            if (!fences.passed()) {
                throw new AssertionError(fences.message());
            }
            return join(cosine.tensor().toDoubleArray(), sine.tensor().toDoubleArray());
        }
    }

    private static double[] join(double[] a, double[] b) {
        double[] both = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, both, a.length, b.length);
        return both;
    }
}
