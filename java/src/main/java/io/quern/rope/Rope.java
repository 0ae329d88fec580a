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
 * Channels are counted from rotaryOffset on; what lies before it and behind the last pair goes through unchanged. Su et al.,
 * "RoFormer: Enhanced Transformer with Rotary Position Embedding", arXiv 2104.09864, equations 14, 15 and 34.
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
 * <p>Positions may be fractions, and have several axes: then p w_k is a sum over these, which holds for images and videos
 * ({@link Frequencies#axial}), multimodal RoPE ({@link Frequencies#sections}) and anything between ({@link Frequencies#sum}).
 * Sequences of different lengths one after another are {@link Rotation.Roles#sequenceStarts ragged batches}. {@link Generator}
 * brings the most general rotations to this form.
 *
 * <p>Models that were made to reach beyond the length they were trained at have scaled frequencies, some with a factor f of
 * cosines and sines: {@link Scaling}. {@code Rope.of(128).frequencies(Frequencies.powers(5e5, 128, Scaling.llama3(8, 8192)))}
 * is Llama 3.1's.
 *
 * <p>What is rounded, and where, is said in the package's description.
 *
 * @param headDim channels of a head, at least 2
 * @param rotaryOffset the first channel that turns
 * @param pairing which two channels turn together
 * @param frequencies how fast each pair turns; as many as there are pairs, which fit between rotaryOffset and headDim
 * @param rounding what is rounded on the way to an angle
 */
public record Rope(int headDim, int rotaryOffset, Pairing pairing, Frequencies frequencies, AngleRounding rounding) {
    static final KernelSet<Rotation> ROTATION =
            new KernelSet<>("rope_apply", RopeReference::apply, RopeVector.APPLY, RopeCuda.APPLY);

    static final KernelSet<JointRotation> JOINT_ROTATION =
            new KernelSet<>("rope_joint", RopeReference::joint, RopeVector.JOINT, RopeCuda.JOINT);

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
        Check.range("rotaryOffset", rotaryOffset, 0, headDim - 2 * frequencies.count());
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
        return new Rope(headDim, 0, Pairing.HALVES, Frequencies.powers(base, rotaryDim), AngleRounding.EXACT);
    }

    /** {@return the same with the rotated channels from another one on, for heads that begin with channels that do not turn} */
    public Rope rotaryOffset(int other) {
        return new Rope(headDim, other, pairing, frequencies, rounding);
    }

    /** {@return the same with another pairing} */
    public Rope pairing(Pairing other) {
        return new Rope(headDim, rotaryOffset, other, frequencies, rounding);
    }

    /** {@return the same with other frequencies, and with them another rotary dimension if their number differs} */
    public Rope frequencies(Frequencies other) {
        return new Rope(headDim, rotaryOffset, pairing, other, rounding);
    }

    /** {@return the same with another rounding of angles} */
    public Rope rounding(AngleRounding other) {
        return new Rope(headDim, rotaryOffset, pairing, frequencies, other);
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

    /** {@return how many channels of each head turn} */
    public int rotaryDim() {
        return 2 * pairs();
    }

    /** {@return a rotation whose tensors are named one by one} */
    public Rotation.Roles rotate() {
        return new Rotation.Roles(this);
    }

    /**
     * {@return a rotation of queries and keys of the same tokens in one launch, whose tensors are named one by one} With slots,
     * the rotated keys go into a contiguous cache, and values are copied into one beside it:
     *
     * <pre>{@code
     * rope.rotateJointly().query(q).key(k, keyCache).value(v, valueCache).slots(s).table(table).positions(p).run(stream);
     * }</pre>
     *
     * Each head has the bits of {@link #rotate}.
     */
    public JointRotation.Roles rotateJointly() {
        return new JointRotation.Roles(this);
    }

    /**
     * Computes the gradient with respect to x of a rotation. With y = f R x, f the attention factor, it is f R^T times the
     * gradient with respect to y: the rotation the other way, {@link Direction#INVERSE}, which {@link #rotate} and {@link
     * #rotateJointly} take in all their forms.
     *
     * @param outGradient the gradient with respect to out, of its shape
     * @param positions those of the rotation
     * @param xGradient of the type and shape of outGradient, written; outGradient itself, or apart from it
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public void gradient(Stream stream, Tensor outGradient, Tensor positions, Tensor xGradient) {
        rotate().direction(Direction.INVERSE)
                .x(outGradient)
                .positions(positions)
                .out(xGradient)
                .run(stream);
    }

    /**
     * Rotates once, computing cosines and sines on the way.
     *
     * @param x (tokens, heads, headDim) or (batch, tokens, heads, headDim)
     * @param positions INT32, INT64, FP32 or FP64, (tokens), (1, tokens) or (batch, tokens), after an axis of axes where
     *     frequencies have several
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

    /** Prepares filling a table with the cosines and sines of consecutive positions from its start on, the same on each axis. */
    public BoundCall bindTable(Stream stream, RopeTable table) {
        return TABULATION.bind(new Tabulation(this, null, table), stream);
    }

    /**
     * Prepares filling a table with the cosines and sines of given positions, a row for each. Rotations that use it name no
     * positions: token i takes row i.
     *
     * @param positions INT32, INT64, FP32 or FP64, (rows) or, of a table with batches, (1, rows) or (batch, rows), after an axis
     *     of axes where frequencies have several
     * @param table written
     */
    public BoundCall bindTable(Stream stream, Tensor positions, RopeTable table) {
        Check.present("positions", positions);
        return TABULATION.bind(new Tabulation(this, positions, table), stream);
    }
}
