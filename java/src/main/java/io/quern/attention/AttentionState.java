package io.quern.attention;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.BoundCall;
import io.quern.Check;
import io.quern.KernelSet;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What attention gave of each query, enough to join it with what attention to other keys gave. With output o_a, logSumExp L_a
 * and entropy H_a of part a of the keys:
 *
 * <pre>{@code
 * L = ln sum_a e^{L_a}        w_a = e^{L_a - L}
 * o = sum_a w_a o_a           H = sum_a w_a (H_a + L - L_a)
 *
 * do_a = w_a do               dH_a = w_a dH
 * dL_a = w_a (do . (o_a - o) + dL + dH (H_a + L - L_a - H))
 * }</pre>
 *
 * <p>Merging is associative: parts may be merged in any grouping, on several machines. A part that saw no key (L_a =
 * -infinity) changes nothing, whatever its output; where all saw none, output and entropy are 0 and L is -infinity. A key
 * belongs to one part, and so do sinks. Noise and dropout go by a key's place, which a part that counts from 0 does not know.
 *
 * <pre>{@code
 * AttentionState parts = new AttentionState(outs, logSumExps, null);       // (parts, batch, heads, queries[, valueDim])
 * AttentionState.merge(stream, parts, new AttentionState(out, logSumExp, null));
 * }</pre>
 *
 * @param out (..., valueDim), floating
 * @param logSumExp natural, (...), FP64 where out is FP64, else FP32
 * @param entropy in nats, as logSumExp; null where nobody asks
 */
public record AttentionState(Tensor out, Tensor logSumExp, Tensor entropy) {
    static final KernelSet<Merge> MERGE =
            new KernelSet<>("attention_merge", MergeReference::forward, MergeVector.FORWARD, MergeCuda.FORWARD);

    static final KernelSet<MergeBackward> MERGE_BACKWARD = new KernelSet<>(
            "attention_merge_backward", MergeReference::backward, MergeVector.BACKWARD, MergeCuda.BACKWARD);

    /** Checks types and shapes. */
    public AttentionState {
        Check.dtype("out", out, FP64, FP32, FP16, BF16);
        Check.that(out.rank() >= 2, "out", "a tensor of two axes or more", out);
        long[] rows = Arrays.copyOf(out.shape(), out.rank() - 1);
        check("logSumExp", logSumExp, out, rows);
        if (entropy != null) {
            check("entropy", entropy, out, rows);
        }
    }

    private static void check(String name, Tensor statistic, Tensor out, long[] rows) {
        Check.dtype(name, statistic, out.dtype().accumulator());
        Check.shape(name, statistic, rows);
    }

    /**
     * Merges once.
     *
     * @param parts with one axis more than the whole, the first: which part
     * @param whole of the same types; written; with an entropy only if the parts have one
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public static void merge(Stream stream, AttentionState parts, AttentionState whole) {
        try (BoundCall call = bindMerge(stream, parts, whole)) {
            call.run();
        }
    }

    /** Prepares {@link #merge}, to be run as often as one likes. */
    public static BoundCall bindMerge(Stream stream, AttentionState parts, AttentionState whole) {
        return MERGE.bind(new Merge(parts, whole), stream);
    }

    /**
     * Prepares the gradient of {@link #merge}.
     *
     * @param parts as they were merged
     * @param whole what that gave
     * @param wholeGradient shaped as the whole
     * @param partsGradient shaped as the parts; written
     */
    public static BoundCall bindMergeBackward(
            Stream stream,
            AttentionState parts,
            AttentionState whole,
            AttentionState wholeGradient,
            AttentionState partsGradient) {
        return MERGE_BACKWARD.bind(new MergeBackward(parts, whole, wholeGradient, partsGradient), stream);
    }

    AttentionState map(UnaryOperator<Tensor> to) {
        return new AttentionState(to.apply(out), to.apply(logSumExp), to.apply(entropy));
    }

    List<Role> roles(String of, Role.Use use) {
        List<Role> roles = new ArrayList<>();
        roles.add(new Role(of + ".out", out, use));
        roles.add(new Role(of + ".logSumExp", logSumExp, use));
        if (entropy != null) {
            roles.add(new Role(of + ".entropy", entropy, use));
        }
        return roles;
    }

    /** Checks that another state has the same tensors, of the same types and shapes. */
    void checkAlike(String name, AttentionState other) {
        Check.present(name, other);
        Check.sameElements(name + ".out", other.out, "out", out);
        Check.that(
                (other.entropy == null) == (entropy == null),
                name + ".entropy",
                entropy == null ? "null" : "given",
                other.entropy);
    }
}
