package io.quern.attention;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;
import static io.quern.attention.AttentionProblem.extras;

import io.quern.Case;
import io.quern.DType;
import io.quern.attention.AttentionProblem.Extra;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** What must hold of attention on every device. */
public final class AttentionCases {
    private static final List<DType> TYPES = List.of(FP64, FP32, FP16, BF16);

    private static final int MANY_PAIRS = 10_000;

    private AttentionCases() {}

    /** {@return every case of the room} */
    public static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        againstTheOracle(cases);
        cases.addAll(AttentionGradients.all());
        cases.addAll(OnnxAttention.all());
        cases.addAll(SoftmaxCases.all());
        cases.addAll(MergeCases.all());
        cases.addAll(PagedCases.all());
        return List.copyOf(cases);
    }

    private static void againstTheOracle(List<Case> cases) {
        Attention full = Attention.full(16);
        Attention causal = Attention.causal(16);
        for (DType dtype : TYPES) {
            oracle(cases, "full", full, dtype, 17, 17, extras());
            oracle(cases, "one", Attention.full(1), dtype, 1, 1, extras());
            oracle(cases, "headDim 256, valueDim 7", Attention.full(256).withValueDim(7), dtype, 7, 65, extras());
            oracle(cases, "causal", causal, dtype, 17, 17, extras());
            oracle(cases, "causal, more keys", causal, dtype, 7, 33, extras());
            oracle(cases, "causal, fewer keys", causal, dtype, 33, 7, extras());
            Band topLeft = Band.causal(Alignment.TOP_LEFT);
            oracle(cases, "causal, top-left", full.withBand(topLeft), dtype, 9, 17, extras());
            oracle(cases, "window", full.withWindow(3, 2), dtype, 17, 21, extras());
            oracle(cases, "causal window", causal.withWindow(5, 0), dtype, 17, 17, extras());
            oracle(cases, "entropy-invariant", causal.withTrainingLength(512), dtype, 17, 17, extras());
            oracle(cases, "softcap", full.withSoftcap(2), dtype, 7, 17, extras());
            oracle(cases, "scores beyond 1e4", full.withScale(2000), dtype, 7, 17, extras());
            Randomness noise = new Randomness(0.5, 0, 11);
            Randomness dropout = new Randomness(0, 0.25, -12);
            oracle(cases, "noise", full.withRandomness(noise), dtype, 7, 18, extras());
            oracle(cases, "dropout", full.withRandomness(dropout), dtype, 7, 18, extras());
            for (Extra extra : Extra.values()) {
                oracle(cases, "causal with " + extra, causal, dtype, 9, 17, extras(extra));
            }
            Attention all = causal.withWindow(11, 1)
                    .withTrainingLength(64)
                    .withSoftcap(5)
                    .withRandomness(new Randomness(0.25, 0.125, 1L << 40));
            oracle(cases, "everything", all, dtype, 17, 21, extras(Extra.values()));
            oracle(cases, "few queries, many keys", causal, dtype, 2, 700, extras(Extra.KEY_LENGTHS));
            oracle(cases, "few queries, everything", all, dtype, 1, 700, extras(Extra.values()));
            oracle(cases, "207 tokens", causal, dtype, 207, 207, extras(Extra.SINKS));
            oracle(cases, "headDim 64, valueDim 65", Attention.full(64).withValueDim(65), dtype, 70, 259, extras());
            oracle(cases, "causal window", causal.withWindow(140, 3), dtype, 71, 300, extras(Extra.KEY_LENGTHS));
            oracle(cases, "softcap", causal.withSoftcap(3), dtype, 90, 131, extras(Extra.BIAS, Extra.SLOPES));
            oracle(cases, "entropy-invariant", causal.withTrainingLength(64), dtype, 50, 260, extras(Extra.MASK));
            oracle(cases, "one query", causal, dtype, 1, 300, extras());
            Attention odd = Attention.full(33).withValueDim(20);
            oracle(cases, "one query, odd sizes", odd, dtype, 1, 4500, extras(Extra.KEY_LENGTHS, Extra.SINKS));
            Attention window = causal.withWindow(2100, 0).withTrainingLength(512);
            oracle(cases, "one query, window", window, dtype, 1, 2500, extras(Extra.KEY_LENGTHS, Extra.HEAD_SCALE));
            oracle(cases, "few queries, window", window, dtype, 3, 2500, extras(Extra.KEY_LENGTHS, Extra.SINKS));
            AttentionProperties.add(cases, dtype);
        }
    }

    private static void oracle(
            List<Case> cases, String name, Attention attention, DType dtype, int queries, int keys, Set<Extra> extras) {
        String sizes = " queries=" + queries + " keys=" + keys;
        cases.add(new Case("attention", "forward " + name + sizes, Case.Kind.NUMERIC, dtype, device -> {
            // Of many pairs one group of heads is enough: what heads and batches add is in all the small cases.
            boolean small = queries * keys < MANY_PAIRS;
            AttentionProblem problem = small
                    ? new AttentionProblem(attention, dtype, 2, 6, 2, queries, keys, extras)
                    : new AttentionProblem(attention, dtype, 1, 3, 1, queries, keys, extras);
            return AttentionOracle.judge(problem, problem.on(device));
        }));
    }
}
