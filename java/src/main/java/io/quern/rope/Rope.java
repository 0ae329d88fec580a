package io.quern.rope;

import io.quern.BoundCall;
import io.quern.Check;
import io.quern.DType;
import io.quern.KernelSet;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;

/**
 * Rotary position embedding: each pair of channels of a head turns by an angle that grows with the token's position, so
 * that the product of a query and a key depends on the distance of their tokens only.
 *
 * <pre>
 *   y[i]  =  x[i] cos(p w_k) - x[j] sin(p w_k)        p    the token's position
 *   y[j]  =  x[j] cos(p w_k) + x[i] sin(p w_k)        w_k  the frequency of pair k, base^(-2k/rotaryDim)
 *
 *   (i, j)  =  (2k, 2k+1)  ADJACENT   |   (k, k + rotaryDim/2)  HALVES        k = 0 .. rotaryDim/2 - 1
 * </pre>
 *
 * Channels from rotaryDim on go through unchanged. Su et al., "RoFormer: Enhanced Transformer with Rotary Position
 * Embedding", arXiv 2104.09864, equations 14, 15 and 34.
 *
 * <p>x is (tokens, heads, headDim) or (batch, tokens, heads, headDim), any view of it whose last axis is contiguous. Data
 * laid out as (batch, heads, tokens, headDim) is rotated through {@code x.transpose(1, 2)}. Queries and keys of packed rows
 * (batch, tokens, 3 * heads, headDim) are rotated in place, in one call, through {@code packed.slice(2, 0, 2 * heads)}.
 *
 * <pre>{@code
 * Rope rope = Rope.of(128);
 * rope.apply(stream, x, positions, out);                                     // cosines and sines computed on the way
 *
 * RopeTable table = rope.table(stream, arena, DType.FP32, 0, 131_072);      // or computed once
 * BoundCall call = rope.rotate().x(q).table(table).positions(p).out(q).bind(stream);
 * call.run();                                                                // as often as one likes
 * }</pre>
 *
 * <p>Models that were made to reach beyond the length they were trained at have scaled frequencies, some with a factor f of
 * cosines and sines: {@link Scaling}. {@code Rope.of(128).frequencies(Frequencies.powers(5e5, 128, Scaling.llama3(8, 8192)))}
 * is Llama 3.1's.
 *
 * <p>What is rounded, and where, is said in the package's description.
 *
 * @param headDim channels of a head, at least 2
 * @param pairing which two channels turn together
 * @param frequencies how fast each pair turns; as many as there are pairs, at most headDim/2
 * @param rounding what is rounded on the way to an angle
 */
public record Rope(int headDim, Pairing pairing, Frequencies frequencies, AngleRounding rounding) {
    static final KernelSet<Rotation> ROTATION =
            new KernelSet<>("rope_apply", RopeReference::apply, RopeVector.APPLY, RopeCuda.APPLY);

    static final KernelSet<Tabulation> TABULATION =
            new KernelSet<>("rope_angles", RopeReference::angles, RopeVector.ANGLES, RopeCuda.ANGLES);

    /** The paper's base of the frequencies. */
    private static final double BASE = 10_000;

    /** Checks that the pairs fit into a head. */
    public Rope {
        Check.that(headDim >= 2, "headDim", "at least 2", headDim);
        Check.present("pairing", pairing);
        Check.present("frequencies", frequencies);
        Check.present("rounding", rounding);
        Check.that(
                2L * frequencies.count() <= headDim,
                "rotaryDim (twice the number of frequencies)",
                "at most headDim, " + headDim,
                2L * frequencies.count());
    }

    /** {@return all channels turning, paired as HALVES, base 10,000, exact angles} */
    public static Rope of(int headDim) {
        return of(headDim, headDim, BASE);
    }

    /**
     * {@return the first channels turning, paired as HALVES, exact angles}
     *
     * @param headDim channels of a head
     * @param rotaryDim channels that turn, even, at most headDim
     * @param base of the frequencies base^(-2k/rotaryDim), at least 1
     */
    public static Rope of(int headDim, int rotaryDim, double base) {
        return new Rope(headDim, Pairing.HALVES, Frequencies.powers(base, rotaryDim), AngleRounding.EXACT);
    }

    /** {@return the same with another pairing} */
    public Rope pairing(Pairing other) {
        return new Rope(headDim, other, frequencies, rounding);
    }

    /** {@return the same with other frequencies, and with them another rotary dimension if their number differs} */
    public Rope frequencies(Frequencies other) {
        return new Rope(headDim, pairing, other, rounding);
    }

    /** {@return the same with another rounding of angles} */
    public Rope rounding(AngleRounding other) {
        return new Rope(headDim, pairing, frequencies, other);
    }

    /** What cosines and sines are multiplied by, as rounded as angles are. */
    double attentionFactor() {
        double factor = frequencies.attentionFactor();
        return rounding == AngleRounding.FP32 ? (float) factor : factor;
    }

    /** {@return how many pairs of channels turn} */
    public int pairs() {
        return frequencies.count();
    }

    /** {@return how many channels turn, the first of each head} */
    public int rotaryDim() {
        return 2 * pairs();
    }

    /** {@return a rotation whose tensors are named one by one} */
    public Rotation.Roles rotate() {
        return new Rotation.Roles(this);
    }

    /**
     * Rotates once, computing cosines and sines on the way.
     *
     * @param x (tokens, heads, headDim) or (batch, tokens, heads, headDim)
     * @param positions INT32 or INT64, (tokens), (1, tokens) or (batch, tokens)
     * @param out of the type and shape of x, written; x itself, or apart from it
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public void apply(Stream stream, Tensor x, Tensor positions, Tensor out) {
        rotate().x(x).positions(positions).out(out).run(stream);
    }

    /** Prepares {@link #apply}, to be run as often as one likes; positions are read anew by each run. */
    public BoundCall bind(Stream stream, Tensor x, Tensor positions, Tensor out) {
        return rotate().x(x).positions(positions).out(out).bind(stream);
    }

    /**
     * Computes the table of a range of positions. It is there when this returns.
     *
     * @param arena of the stream's device; owns the table
     * @param dtype FP64 for FP64 data, FP32 for all other
     * @param start the first position
     * @param rows how many
     */
    public RopeTable table(Stream stream, TensorArena arena, DType dtype, long start, long rows) {
        RopeTable table = RopeTable.allocate(arena, dtype, start, rows, pairs());
        try (BoundCall call = bindTable(stream, table)) {
            call.run();
            stream.synchronize();
        }
        return table;
    }

    /** Prepares filling a table with the cosines and sines of consecutive positions from its start on. */
    public BoundCall bindTable(Stream stream, RopeTable table) {
        return TABULATION.bind(new Tabulation(this, null, table), stream);
    }

    /**
     * Prepares filling a table with the cosines and sines of given positions, a row for each. Rotations that use it name no
     * positions: token i takes row i.
     *
     * @param positions INT32 or INT64, (rows) or, of a table with batches, (1, rows) or (batch, rows)
     * @param table written
     */
    public BoundCall bindTable(Stream stream, Tensor positions, RopeTable table) {
        Check.present("positions", positions);
        return TABULATION.bind(new Tabulation(this, positions, table), stream);
    }
}
