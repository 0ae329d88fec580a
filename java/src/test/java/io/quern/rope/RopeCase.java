package io.quern.rope;

import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * One rotation to be made on any device in any of the ways that must give the same bits.
 *
 * @param rope the settings
 * @param dtype of x and out
 * @param direction which way
 * @param batch how many
 * @param tokens in each batch
 * @param heads of each token
 * @param positions (batch, tokens)
 */
record RopeCase(Rope rope, DType dtype, Direction direction, int batch, int tokens, int heads, long[] positions) {
    /** How the rotation is asked for. */
    enum Way {
        COMPUTED,
        COMPUTED_IN_PLACE,
        TABLE,
        TABLE_IN_PLACE
    }

    /** {@return a rotation of tokens at random positions from 0 to 10^7} */
    static RopeCase of(Rope rope, DType dtype, int batch, int tokens, int heads) {
        SplittableRandom random = new SplittableRandom(5);
        long[] positions = random.longs((long) batch * tokens, 0, 10_000_001).toArray();
        return new RopeCase(rope, dtype, Direction.FORWARD, batch, tokens, heads, positions);
    }

    /** {@return the same with positions that a small table holds} */
    RopeCase below(int limit) {
        return at(Arrays.stream(positions).map(position -> position % limit).toArray());
    }

    /** {@return the same at other positions} */
    RopeCase at(long... others) {
        return new RopeCase(rope, dtype, direction, batch, tokens, heads, others);
    }

    /** {@return the same the other way round} */
    RopeCase inverse() {
        return new RopeCase(rope, dtype, Direction.INVERSE, batch, tokens, heads, positions);
    }

    /** {@return normally distributed inputs with outliers and zeros of both signs, exact in the case's type} */
    double[] inputs() {
        SplittableRandom random = new SplittableRandom(7);
        double[] inputs = new double[batch * tokens * heads * rope.headDim()];
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = switch (i % 97) {
                case 13 -> 20 * random.nextGaussian();
                case 31 -> 0.0;
                case 32 -> -0.0;
                case 57 -> 1e-6 * random.nextGaussian();
                default -> random.nextGaussian();
            };
        }
        try (TensorArena arena = TensorArena.open(Device.reference())) {
            return arena.allocate(dtype, inputs.length).copyFrom(inputs).toDoubleArray();
        }
    }

    /** {@return the output for {@link #inputs}} */
    double[] on(Device device, Way way) {
        return on(device, way, inputs());
    }

    /** {@return the output for given inputs; fails if anything outside the output was written, or an input changed} */
    double[] on(Device device, Way way, double[] inputs) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            boolean inPlace = way == Way.COMPUTED_IN_PLACE || way == Way.TABLE_IN_PLACE;
            Fenced x = Fenced.of(arena, dtype, inputs, batch, tokens, heads, rope.headDim());
            Fenced out = inPlace ? x : Fenced.allocate(arena, dtype, batch, tokens, heads, rope.headDim());
            Rotation.Roles rotation = rope.rotate()
                    .direction(direction)
                    .x(x.tensor())
                    .positions(arena.allocate(DType.INT64, batch, tokens).copyFrom(positions))
                    .out(out.tensor());
            if (way == Way.TABLE || way == Way.TABLE_IN_PLACE) {
                rotation.table(table(stream, arena));
            }
            rotation.run(stream);
            stream.synchronize();
            require(out.fencesStand());
            require(x.fencesStand());
            if (!inPlace) {
                require(Outcome.sameBits(inputs, x.tensor().toDoubleArray()));
            }
            return out.tensor().toDoubleArray();
        }
    }

    private RopeTable table(Stream stream, TensorArena arena) {
        long first = Arrays.stream(positions).min().orElse(0);
        long last = Arrays.stream(positions).max().orElse(0);
        return rope.table(stream, arena, dtype.accumulator(), first, last - first + 1);
    }

    private static void require(Outcome outcome) {
        if (!outcome.passed()) {
            throw new AssertionError(outcome.message());
        }
    }

    @Override
    public String toString() {
        return rope.pairing() + " d=" + rope.headDim()
                + (rope.rotaryDim() < rope.headDim() ? " rotary=" + rope.rotaryDim() : "")
                + " n=" + batch + "x" + tokens + "x" + heads
                + (rope.rounding() == AngleRounding.FP32 ? " rounded angles" : "")
                + (direction == Direction.INVERSE ? " inverse" : "");
    }
}
