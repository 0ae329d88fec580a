package io.quern.rope;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.List;
import java.util.function.BiConsumer;

/** What a rotation refuses, naming the tensor, what it should be and what it is, with every output as it was. */
final class RopeRefusals {
    private static final Rope ROPE = Rope.of(8);
    private static final Rope ON_AXES = ROPE.frequencies(ROPE.frequencies().sections(1, 3));

    private RopeRefusals() {}

    /** Tensors of a rotation that is right but for what a refusal changes. */
    private record Right(TensorArena arena, Tensor x, Tensor positions, RopeTable table, Fenced fenced) {
        Tensor out() {
            return fenced.tensor();
        }

        Tensor tensor(DType dtype, long... shape) {
            return arena.allocate(dtype, shape);
        }

        Rotation.Roles roles() {
            return ROPE.rotate().x(x).positions(positions).out(out());
        }

        JointRotation.Roles joint() {
            return ROPE.rotateJointly().query(x, out()).positions(positions);
        }
    }

    /** A wrong rotation. */
    @FunctionalInterface
    private interface Wrong {
        Rotation.Roles from(Right right);
    }

    static List<Case> all() {
        return List.of(
                settings("odd rotary dimension", () -> Rope.of(8, 5, 1e4), "rotaryDim", "even", "5"),
                settings("rotary dimension 0", () -> Rope.of(8, 0, 1e4), "rotaryDim", "at least 2", "0"),
                settings(
                        "rotary dimension beyond the head",
                        () -> Rope.of(8, 10, 1e4),
                        "rotaryDim",
                        "at most",
                        "8",
                        "10"),
                settings("base below 1", () -> Rope.of(8, 8, 0.5), "base", "1.0", "0.5"),
                settings("base NaN", () -> Rope.of(8, 8, Double.NaN), "base", "NaN"),
                settings(
                        "frequency infinite",
                        () -> Frequencies.of(1, 1 / 0.0),
                        "radiansPerPosition[1]",
                        "finite",
                        "Infinity"),
                settings("a factor below 1", () -> Scaling.linear(0.5), "factor", "1.0", "0.5"),
                settings("no trained length", () -> Scaling.llama3(8, 0), "trainedLength", "1", "0"),
                settings(
                        "turns the wrong way round",
                        () -> Scaling.yarn(16, 4096).turns(1, 32),
                        "slowTurns",
                        "32.0"),
                settings(
                        "divisors too few",
                        () -> Frequencies.powers(1e4, 8, Scaling.longRope(1, 1, 2, 3)),
                        "divisors",
                        "as many as pairs, 4",
                        "3"),
                settings("a divisor of 0", () -> Scaling.longRope(1, 1, 0), "divisors[1]", "0.0"),
                settings(
                        "one pair for dynamic NTK",
                        () -> Frequencies.powers(1e4, 2, Scaling.dynamicNtk(2, 8, 9)),
                        "rotaryDim",
                        "at least 4",
                        "2"),
                settings("no frequencies", Frequencies::of, "radiansPerPosition", "at least one"),
                refused("x missing", r -> r.roles().x(null), "x", "null"),
                refused(
                        "x of integers",
                        r -> r.roles().x(r.tensor(DType.INT32, 3, 2, 8)),
                        "x",
                        "FP64",
                        "INT32 [3 x 2 x 8]"),
                refused(
                        "x of another width",
                        r -> r.roles().x(r.tensor(DType.FP32, 3, 2, 6)),
                        "x",
                        "heads x 8",
                        "[3 x 2 x 6]"),
                refused(
                        "x without heads",
                        r -> r.roles().x(r.tensor(DType.FP32, 3, 8)),
                        "x",
                        "tokens x heads",
                        "[3 x 8]"),
                refused(
                        "out of another shape",
                        r -> r.roles().x(r.tensor(DType.FP32, 4, 2, 8)),
                        "out",
                        "[4 x 2 x 8]",
                        "[3 x 2 x 8]"),
                refused("out of another type", r -> r.roles().x(r.tensor(DType.FP64, 3, 2, 8)), "out", "FP64", "FP32"),
                refused("out overlaps x in part", RopeRefusals::overlapping, "out", "x", "overlap"),
                refused("out is part of the table", RopeRefusals::outInTable, "out", "cosine", "overlap"),
                settings(
                        "an offset beyond the head",
                        () -> Rope.of(8, 6, 1e4).rotaryOffset(3),
                        "rotaryOffset",
                        "2",
                        "3"),
                settings(
                        "sections of another number of pairs",
                        () -> Frequencies.powers(1e4, 8).sections(1, 2),
                        "pairs",
                        "4",
                        "3"),
                settings(
                        "axes of different numbers of pairs",
                        () -> Frequencies.sum(Frequencies.of(1), Frequencies.of(1, 2)),
                        "ofAxis[1]",
                        "1",
                        "2"),
                settings(
                        "axes of different attention factors",
                        () -> Frequencies.axial(
                                Frequencies.of(1), Frequencies.of(1).attentionFactor(2)),
                        "ofAxis[1]",
                        "1.0",
                        "2.0"),
                settings(
                        "axes of axes",
                        () -> Frequencies.of(1, 2).sections(1, 1).sections(2),
                        "ofAxis[0]",
                        "one axis",
                        "2"),
                refused(
                        "positions of 16 bits",
                        r -> r.roles().positions(r.tensor(DType.BF16, 3)),
                        "positions",
                        "FP64",
                        "BF16 [3]"),
                refused(
                        "fractional rows of a table",
                        r -> r.roles().table(r.table()).positions(r.tensor(DType.FP32, 3)),
                        "positions",
                        "INT32 or INT64",
                        "FP32 [3]"),
                refused(
                        "positions without an axis of axes",
                        r -> ON_AXES.rotate().x(r.x()).positions(r.positions()).out(r.out()),
                        "positions",
                        "[2 x 3] or [2 x 1 x 3]",
                        "INT32 [3]"),
                refused(
                        "positions of another number of axes",
                        r -> ON_AXES.rotate()
                                .x(r.x())
                                .positions(r.tensor(DType.INT32, 3, 3))
                                .out(r.out()),
                        "positions",
                        "[2 x 3]",
                        "[3 x 3]"),
                refused(
                        "positions and starts of sequences",
                        r -> r.roles().sequenceStarts(r.positions()),
                        "sequenceStarts",
                        "absent",
                        "INT32 [3]"),
                refused(
                        "starts of sequences in floats",
                        r -> r.roles().positions(null).sequenceStarts(r.tensor(DType.FP32, 3)),
                        "sequenceStarts",
                        "INT64",
                        "FP32 [3]"),
                refused(
                        "positions too few",
                        r -> r.roles().positions(r.tensor(DType.INT32, 2)),
                        "positions",
                        "[3]",
                        "INT32 [2]"),
                refused(
                        "positions of another batch",
                        r -> r.roles().positions(r.tensor(DType.INT64, 2, 3)),
                        "positions",
                        "[1 x 3]",
                        "[2 x 3]"),
                refused("positions and a start", r -> r.roles().start(5), "start", "0", "5"),
                refused(
                        "start overflows",
                        r -> r.roles().positions(null).start(Long.MAX_VALUE),
                        "start",
                        "" + Long.MAX_VALUE),
                refused(
                        "table of another width",
                        r -> r.roles().table(table(r, DType.FP32, 4, 3)),
                        "cosine",
                        "4 columns",
                        "[4 x 3]"),
                refused(
                        "table of another type",
                        r -> r.roles().table(table(r, DType.FP64, 4, 4)),
                        "cosine",
                        "FP32",
                        "FP64"),
                refused(
                        "table of 16-bit floats",
                        r -> r.roles().table(table(r, DType.BF16, 4, 4)),
                        "cosine",
                        "FP64 or FP32",
                        "BF16"),
                refused(
                        "table of another batch",
                        r -> r.roles().table(table(r, DType.FP32, 2, 3, 4)),
                        "cosine",
                        "1",
                        "[2 x 3 x 4]"),
                refused("sine unlike cosine", r -> r.roles().table(unlike(r)), "sine", "[4 x 4]", "[5 x 4]"),
                joint(
                        "keys of other tokens",
                        r -> r.joint().key(r.tensor(DType.FP32, 4, 2, 8)),
                        "key",
                        "[3 x any x 8]",
                        "[4 x 2 x 8]"),
                joint("keys of another type", r -> r.joint().key(r.tensor(DType.FP64, 3, 2, 8)), "key", "FP32", "FP64"),
                joint("keys that are the queries", r -> r.joint().key(r.x()), "keyOut", "overlap"),
                joint(
                        "a cache without slots",
                        r -> r.joint().key(r.x(), r.tensor(DType.FP32, 9, 2, 8)),
                        "keyOut",
                        "[3 x 2 x 8]",
                        "[9 x 2 x 8]"),
                joint(
                        "values without slots",
                        r -> r.joint()
                                .key(r.tensor(DType.FP32, 3, 2, 8))
                                .value(r.tensor(DType.FP32, 3, 2, 8), r.tensor(DType.FP32, 3, 2, 8)),
                        "value",
                        "absent"),
                joint(
                        "a cache of other heads",
                        r -> r.joint()
                                .key(r.tensor(DType.FP32, 3, 2, 8), r.tensor(DType.FP32, 9, 3, 8))
                                .slots(r.positions()),
                        "keyOut",
                        "(slots, heads, width)",
                        "[9 x 3 x 8]"),
                joint(
                        "caches of different lengths",
                        r -> r.joint()
                                .key(r.tensor(DType.FP32, 3, 2, 8), r.tensor(DType.FP32, 9, 2, 8))
                                .value(r.tensor(DType.FP32, 3, 2, 8), r.tensor(DType.FP32, 8, 2, 8))
                                .slots(r.positions()),
                        "valueOut",
                        "9",
                        "[8 x 2 x 8]"),
                joint(
                        "slots in floats",
                        r -> r.joint()
                                .key(r.tensor(DType.FP32, 3, 2, 8), r.tensor(DType.FP32, 9, 2, 8))
                                .slots(r.tensor(DType.FP32, 3)),
                        "slots",
                        "INT64",
                        "FP32 [3]"),
                elsewhere(),
                closed());
    }

    private static RopeTable table(Right right, DType dtype, long... shape) {
        return new RopeTable(right.tensor(dtype, shape), right.tensor(dtype, shape));
    }

    private static RopeTable unlike(Right right) {
        return new RopeTable(right.tensor(DType.FP32, 4, 4), right.tensor(DType.FP32, 5, 4));
    }

    /** x begins one token after out. */
    private static Rotation.Roles overlapping(Right right) {
        Tensor longer = right.tensor(DType.FP32, 4, 2, 8);
        return right.roles().x(longer.slice(0, 1, 4)).out(longer.slice(0, 0, 3));
    }

    private static Rotation.Roles outInTable(Right right) {
        Tensor out = right.out();
        RopeTable table = new RopeTable(out.reshape(12, 4), right.tensor(DType.FP32, 12, 4));
        return right.roles().table(table);
    }

    private static Case settings(String name, Outcome.Action action, String... parts) {
        return new Case(
                "rope",
                "refuses " + name,
                Case.Kind.REFUSAL,
                null,
                device -> Outcome.refusal(IllegalArgumentException.class, action, parts));
    }

    private static Case refused(String name, Wrong wrong, String... parts) {
        return refusal(name, (right, stream) -> wrong.from(right).run(stream), parts);
    }

    private static Case refusal(String name, BiConsumer<Right, Stream> wrong, String... parts) {
        return new Case("rope", "refuses " + name, Case.Kind.REFUSAL, DType.FP32, device -> {
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Right right = right(arena, stream);
                return Outcome.refusal(IllegalArgumentException.class, () -> wrong.accept(right, stream), parts)
                        .and(untouched(right));
            }
        });
    }

    /** A wrong joint rotation. */
    @FunctionalInterface
    private interface WrongJoint {
        JointRotation.Roles from(Right right);
    }

    private static Case joint(String name, WrongJoint wrong, String... parts) {
        return refusal(name, (right, stream) -> wrong.from(right).run(stream), parts);
    }

    private static Case elsewhere() {
        return new Case("rope", "refuses a tensor out of reach", Case.Kind.REFUSAL, DType.FP32, device -> {
            // Only a CUDA stream has memory out of its reach where there is one device.
            Device other = device.onHost() ? null : Device.reference();
            if (other == null) {
                return Outcome.passed("all of the host's memory is in reach");
            }
            try (TensorArena arena = TensorArena.open(device);
                    TensorArena away = TensorArena.open(other);
                    Stream stream = Stream.open(device)) {
                Right right = right(arena, stream);
                Tensor far = away.allocate(DType.FP32, 3, 2, 8);
                return Outcome.refusal(
                                IllegalArgumentException.class,
                                () -> right.roles().x(far).run(stream),
                                "x",
                                device.name())
                        .and(untouched(right));
            }
        });
    }

    private static Case closed() {
        return new Case("rope", "refuses a run after the arena was closed", Case.Kind.REFUSAL, DType.FP32, device -> {
            try (Stream stream = Stream.open(device)) {
                TensorArena arena = TensorArena.open(device);
                Right right = right(arena, stream);
                try (var call = right.roles().bind(stream)) {
                    arena.close();
                    return Outcome.refusal(IllegalStateException.class, call::run, "arena", "closed");
                }
            }
        });
    }

    private static Right right(TensorArena arena, Stream stream) {
        return new Right(
                arena,
                arena.allocate(DType.FP32, 3, 2, 8).fill(1),
                arena.allocate(DType.INT32, 3),
                ROPE.table(stream, arena, DType.FP32, 0, 4),
                Fenced.allocate(arena, DType.FP32, 3, 2, 8));
    }

    private static Outcome untouched(Right right) {
        for (double value : right.out().toDoubleArray()) {
            if (!Double.isNaN(value)) {
                return Outcome.failed("the output was touched");
            }
        }
        return right.fenced().fencesStand();
    }
}
