package io.quern.rope;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments of {@link Rope#rotate}.
 *
 * @param rope the settings
 * @param direction which way the pairs turn
 * @param x (tokens, heads, headDim) or (batch, tokens, heads, headDim), floating
 * @param table cosines and sines, FP64 for FP64 data and FP32 for all other; null: they are computed
 * @param positions INT32, INT64, FP32 or FP64, (tokens), (1, tokens) or (batch, tokens), with an axis of axes before these
 *     where frequencies have several; with a table its rows: INT32 or INT64, without that axis; null: consecutive from
 *     {@code start}, the same on each axis
 * @param sequenceStarts INT32 or INT64, (sequences) or more, ascending: at each of these tokens positions begin anew from
 *     {@code start}; null: they do not; none where there are positions
 * @param start the position of token 0, and of the first token of each sequence; 0 where there are positions
 * @param out of the type and shape of x, written; x itself, or apart from it
 */
public record Rotation(
        Rope rope,
        Direction direction,
        Tensor x,
        RopeTable table,
        Tensor positions,
        Tensor sequenceStarts,
        long start,
        Tensor out)
        implements Arguments {
    /** Checks everything but the device. */
    public Rotation {
        Check.present("rope", rope);
        Check.present("direction", direction);
        Check.dtype("x", x, DType.FP64, DType.FP32, DType.FP16, DType.BF16);
        Check.that(
                (x.rank() == 3 || x.rank() == 4) && x.size(-1) == rope.headDim(),
                "x",
                "[tokens x heads x " + rope.headDim() + "] or [batch x tokens x heads x " + rope.headDim() + "]",
                x);
        Check.sameElements("out", out, "x", x);
        Check.writable("out", out);
        Check.disjointOrSame("out", out, "x", x);
        HeadsLayout layout = HeadsLayout.of(x);
        if (positions == null) {
            Check.range("start", start, Long.MIN_VALUE, Long.MAX_VALUE - layout.tokens());
        } else {
            if (table == null) {
                PositionsLayout.check(
                        "positions",
                        positions,
                        rope.frequencies().axes(),
                        layout.batches(),
                        layout.tokens(),
                        rope.frequencies().positionTypes());
            } else {
                PositionsLayout.check(
                        "positions", positions, 1, layout.batches(), layout.tokens(), DType.INT32, DType.INT64);
            }
            Check.that(start == 0, "start", "0 where positions are given", start);
            Check.that(sequenceStarts == null, "sequenceStarts", "absent where positions are given", sequenceStarts);
            Check.disjoint("out", out, "positions", positions);
        }
        if (sequenceStarts != null) {
            PositionsLayout.checkStarts(sequenceStarts);
            Check.disjoint("out", out, "sequenceStarts", sequenceStarts);
        }
        if (table != null) {
            check(table, rope, x, layout.batches());
            Check.disjoint("out", out, "cosine", table.cosine());
            Check.disjoint("out", out, "sine", table.sine());
        }
    }

    private static void check(RopeTable table, Rope rope, Tensor x, long batches) {
        Check.that(
                table.dtype() == x.dtype().accumulator(),
                "cosine",
                x.dtype().accumulator() + " for x of " + x.dtype(),
                table.cosine());
        Check.that(
                table.pairs() == rope.pairs(),
                "cosine",
                rope.pairs() + " columns wide, a column for each pair of channels",
                table.cosine());
        Check.that(
                table.batches() == 1 || table.batches() == batches,
                "cosine",
                "the same for all batches or of as many as x, " + batches,
                table.cosine());
    }

    /** Whether x itself is rotated. */
    boolean inPlace() {
        return out.address() == x.address();
    }

    /** How x lies. */
    HeadsLayout xLayout() {
        return HeadsLayout.of(x);
    }

    /** How out lies. */
    HeadsLayout outLayout() {
        return HeadsLayout.of(out);
    }

    /** Positions, or where there is a table its rows. */
    PositionsLayout positionsLayout() {
        long shift = table == null ? start : start - table.start();
        if (positions != null) {
            return PositionsLayout.of(positionAxes(), positions, shift);
        }
        return sequenceStarts == null
                ? PositionsLayout.consecutive(shift)
                : PositionsLayout.ofSequences(sequenceStarts, shift);
    }

    /** The same by the rows of a table made for it, one a token. */
    Rotation byRowsOf(RopeTable rows) {
        return new Rotation(rope, direction, x, rows, null, null, start, out);
    }

    /** How many different rows of cosines and sines there are where they are computed, for each {@link #angleBatches}. */
    long angleBatches() {
        boolean batched = positions != null && positions.rank() == (positionAxes() > 1 ? 3 : 2);
        return batched ? positions.size(-2) : 1;
    }

    /** A position for each axis where angles are computed; a table has one row a token. */
    private int positionAxes() {
        return table == null ? rope.frequencies().axes() : 1;
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>();
        roles.add(Role.read("x", x));
        if (table != null) {
            roles.add(Role.read("cosine", table.cosine()));
            roles.add(Role.read("sine", table.sine()));
        }
        if (positions != null) {
            roles.add(Role.read("positions", positions));
        }
        if (sequenceStarts != null) {
            roles.add(Role.read("sequenceStarts", sequenceStarts));
        }
        roles.add(Role.written("out", out));
        return List.copyOf(roles);
    }

    /** x read and out written, the channels that turn (out of place: all); the table's rows and the positions once. */
    @Override
    public long bytes() {
        HeadsLayout layout = xLayout();
        long rows = layout.batches() * layout.tokens() * layout.heads();
        long channels = inPlace() ? rope.rotaryDim() : rope.headDim();
        long tableBytes = 0;
        if (table != null) {
            long used = Math.min(table.rows(), layout.tokens() * (positions == null ? 1 : angleBatches()));
            tableBytes =
                    2 * table.batches() * used * rope.pairs() * table.dtype().bytes();
        }
        Tensor read = positions == null ? sequenceStarts : positions;
        long positionBytes =
                read == null ? 0 : read.elementCount() * read.dtype().bytes();
        return 2 * rows * channels * x.dtype().bytes() + tableBytes + positionBytes;
    }

    /** Two multiplications and two fmas a pair; with the angles, where they are computed. */
    @Override
    public long flops() {
        HeadsLayout layout = xLayout();
        long angles = table == null ? angleBatches() * layout.tokens() * rope.pairs() : 0;
        return 6 * layout.batches() * layout.tokens() * layout.heads() * rope.pairs() + Tabulation.FLOPS * angles;
    }

    /**
     * Takes the tensors of a rotation by name. {@code x} and {@code out} must be named; what is not: no table (cosines and
     * sines are computed), positions 0, 1, 2 and so on, forward.
     */
    public static final class Roles {
        private final Rope rope;
        private Direction direction = Direction.FORWARD;
        private Tensor x;
        private RopeTable table;
        private Tensor positions;
        private Tensor sequenceStarts;
        private long start;
        private Tensor out;

        Roles(Rope rope) {
            this.rope = rope;
        }

        /** Which way the pairs turn. */
        public Roles direction(Direction direction) {
            this.direction = direction;
            return this;
        }

        /** The input, (tokens, heads, headDim) or (batch, tokens, heads, headDim). */
        public Roles x(Tensor x) {
            this.x = x;
            return this;
        }

        /** Takes cosines and sines from a table. A position that it lacks makes the token's rotated channels NaN. */
        public Roles table(RopeTable table) {
            this.table = table;
            return this;
        }

        /**
         * The position of each token, INT32, INT64, FP32 or FP64, (tokens), (1, tokens) or (batch, tokens), with an axis of
         * axes before these where frequencies have several. With a table, its row: a whole number, on one axis.
         */
        public Roles positions(Tensor positions) {
            this.positions = positions;
            return this;
        }

        /**
         * A ragged batch: sequences one after another, whose positions each begin anew at the token where it starts. The
         * total number of tokens may follow the starts, as {@code queryStarts} of attention have it.
         */
        public Roles sequenceStarts(Tensor sequenceStarts) {
            this.sequenceStarts = sequenceStarts;
            return this;
        }

        /** Consecutive positions from this one on, the same in each batch, and on each axis. */
        public Roles start(long start) {
            this.start = start;
            return this;
        }

        /** The output, written: x itself, or a tensor apart from it of its type and shape. */
        public Roles out(Tensor out) {
            this.out = out;
            return this;
        }

        /**
         * Checks everything and prepares the call.
         *
         * @throws IllegalArgumentException naming the tensor, what was expected and what it is
         */
        public BoundCall bind(Stream stream) {
            return Rope.ROTATION.bind(arguments(), stream);
        }

        /** Binds and runs once. On CUDA without a table it waits for the stream, since it frees what it computed. */
        public void run(Stream stream) {
            try (BoundCall call = bind(stream)) {
                call.run();
            }
        }

        /** {@return the arguments, checked} */
        public Rotation arguments() {
            return new Rotation(rope, direction, x, table, positions, sequenceStarts, start, out);
        }
    }
}
