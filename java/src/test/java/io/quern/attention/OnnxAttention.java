package io.quern.attention;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Npy;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream.Builder;

/**
 * ONNX's own vectors for Attention: cases that nobody here wrote. Query 0 stands beside the key after the past, or is
 * aligned to the last of the given lengths, or else stands beside key 0.
 *
 * @param name of the case
 * @param heads of 3-D queries; 0 for 4-D
 * @param keyHeads of 3-D keys
 */
record OnnxAttention(
        String name,
        int heads,
        int keyHeads,
        double scaleOrNaN,
        double cap,
        long before,
        long after,
        boolean withPast,
        boolean masked,
        boolean lengthsGiven) {
    private static final double RELATIVE = 1e-3;
    private static final double ABSOLUTE = 1e-7;
    private static final double BF16_ULP = 0x1p-7; // relative, at the most

    static List<Case> all() {
        return List.of(
                        of("attention_4d"),
                        of("attention_4d_fp16"),
                        of("attention_4d_gqa"),
                        of("attention_4d_scaled").scale(0.01f),
                        of("attention_4d_gqa_causal").causal(),
                        of("attention_4d_attn_mask").mask(),
                        of("attention_4d_attn_mask_4d").mask(),
                        of("attention_4d_attn_mask_bool").mask(),
                        of("attention_4d_attn_mask_bool_4d").mask(),
                        of("attention_4d_gqa_attn_mask").mask(),
                        of("attention_4d_diff_heads_sizes_attn_mask").mask(),
                        of("attention_4d_with_past_and_present").past().mask(),
                        of("attention_4d_gqa_with_past_and_present_fp16").past().mask(),
                        of("attention_4d_diff_heads_with_past_and_present_mask4d")
                                .past()
                                .mask(),
                        of("attention_4d_gqa_softcap").softcap(2),
                        of("attention_4d_diff_heads_sizes_softcap").softcap(2),
                        of("attention_4d_with_qk_matmul"),
                        of("attention_4d_with_qk_matmul_bias").mask(),
                        of("attention_4d_with_qk_matmul_softmax").mask(),
                        of("attention_4d_with_past_and_present_qk_matmul_bias")
                                .past()
                                .mask(),
                        of("attention_4d_with_past_and_present_qk_matmul_bias_3d_mask")
                                .past()
                                .mask(),
                        of("attention_4d_with_past_and_present_qk_matmul_bias_3d_mask_causal")
                                .causal()
                                .past()
                                .mask(),
                        of("attention_3d").heads(3, 3),
                        of("attention_3d_gqa").heads(9, 3),
                        of("attention_3d_gqa_scaled").scale(0.01f).heads(9, 3),
                        of("attention_3d_causal").causal().heads(3, 3),
                        of("attention_3d_gqa_causal").causal().heads(9, 3),
                        of("attention_3d_attn_mask").heads(3, 3).mask(),
                        of("attention_3d_softcap").softcap(3).heads(3, 3),
                        of("attention_3d_diff_heads_sizes_softcap").softcap(3).heads(3, 3),
                        of("attention_3d_with_past_and_present")
                                .heads(3, 3)
                                .past()
                                .mask(),
                        of("attention_3d_diff_heads_with_past_and_present")
                                .heads(3, 3)
                                .past()
                                .mask(),
                        of("attention_3d_with_past_and_present_qk_matmul")
                                .heads(3, 3)
                                .past()
                                .mask(),
                        of("attention_3d_with_past_and_present_qk_matmul_bias")
                                .heads(3, 3)
                                .past()
                                .mask(),
                        of("attention_3d_with_past_and_present_qk_matmul_softcap")
                                .softcap(2)
                                .heads(3, 3)
                                .past()
                                .mask(),
                        of("attention_4d_causal_bf16").causal(),
                        of("attention_4d_padded_kv_bf16").mask().lengths(),
                        of("attention_4d_causal_padded_kv_bf16").causal().mask().lengths(),
                        of("attention_4d_attn_mask_causal_bf16").causal().mask(),
                        of("attention_3d_causal_bf16").causal().heads(3, 3),
                        of("attention_4d_softcap_neginf_mask").softcap(0.5).mask(),
                        of("attention_4d_gqa_causal_nonpad_decode").causal().lengths(),
                        of("attention_4d_causal_nonpad_continued_prefill")
                                .causal()
                                .lengths(),
                        of("attention_causal_boolmask_nan_robustness").causal().mask(),
                        of("attention_4d_causal_nonpad_negative_offset_structural_empty")
                                .causal()
                                .lengths(),
                        of("attention_24_fullymasked_qk_matmul_output_mode3_zero")
                                .mask(),
                        of("attention_24_qk_matmul_output_mode3_softmax_precision")
                                .mask(),
                        of("attention_4d_causal_nonpad_attn_mask_composition")
                                .causal()
                                .mask()
                                .lengths(),
                        of("attention_4d_causal_nonpad_batch_prefill").causal().lengths(),
                        of("attention_local_window").causal().left(2),
                        of("attention_local_window_default"),
                        of("attention_local_window_with_past").causal().left(2).past(),
                        of("attention_local_window_ext_cache_rank3_head_mask")
                                .causal()
                                .left(2)
                                .mask()
                                .lengths(),
                        of("attention_local_window_ext_cache_rank4_batch_mask")
                                .causal()
                                .left(2)
                                .mask()
                                .lengths(),
                        of("attention_local_window_ext_cache_float16_mask")
                                .causal()
                                .left(2)
                                .mask()
                                .lengths(),
                        of("attention_3d_local_window").causal().left(2).heads(4, 1),
                        of("attention_local_window_gqa_rank4_mask")
                                .causal()
                                .softcap(2)
                                .left(2)
                                .mask())
                .stream()
                .map(OnnxAttention::toCase)
                .toList();
    }

    private static OnnxAttention of(String name) {
        return new OnnxAttention(name, 0, 0, Double.NaN, 0, Band.ALL, Band.ALL, false, false, false);
    }

    private OnnxAttention causal() {
        return right(0);
    }

    private OnnxAttention scale(double value) {
        return new OnnxAttention(name, heads, keyHeads, value, cap, before, after, withPast, masked, lengthsGiven);
    }

    private OnnxAttention softcap(double value) {
        return new OnnxAttention(
                name, heads, keyHeads, scaleOrNaN, value, before, after, withPast, masked, lengthsGiven);
    }

    private OnnxAttention left(long value) {
        return new OnnxAttention(name, heads, keyHeads, scaleOrNaN, cap, value, after, withPast, masked, lengthsGiven);
    }

    private OnnxAttention right(long value) {
        return new OnnxAttention(name, heads, keyHeads, scaleOrNaN, cap, before, value, withPast, masked, lengthsGiven);
    }

    private OnnxAttention heads(int ofQuery, int ofKeys) {
        return new OnnxAttention(name, ofQuery, ofKeys, scaleOrNaN, cap, before, after, withPast, masked, lengthsGiven);
    }

    private OnnxAttention past() {
        return new OnnxAttention(name, heads, keyHeads, scaleOrNaN, cap, before, after, true, masked, lengthsGiven);
    }

    private OnnxAttention mask() {
        return new OnnxAttention(name, heads, keyHeads, scaleOrNaN, cap, before, after, withPast, true, lengthsGiven);
    }

    private OnnxAttention lengths() {
        return new OnnxAttention(name, heads, keyHeads, scaleOrNaN, cap, before, after, withPast, masked, true);
    }

    private Case toCase() {
        return new Case("attention", "onnx " + name, Case.Kind.NUMERIC, null, this::run);
    }

    private Outcome run(Device device) throws IOException {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor query = perHead(read("in.Q").in(arena), heads);
            Tensor keys = perHead(read("in.K").in(arena), keyHeads);
            Tensor values = perHead(read("in.V").in(arena), keyHeads);
            Npy expected = read("out.Y");
            Tensor out = arena.allocate(query.dtype(), expected.shape()).fill(Double.NaN);
            long pastLength = 0;
            if (withPast) {
                Tensor pastKeys = read("in.past_key").in(arena);
                pastLength = pastKeys.size(2);
                keys = after(arena, pastKeys, keys);
                values = after(arena, read("in.past_value").in(arena), values);
            }
            boolean bounded = before != Band.ALL || after != Band.ALL;
            long count = keys.size(2);
            if (withPast && bounded) { // bottom-right once the keys that no query can see are gone
                count = Math.min(count, pastLength + query.size(2));
            }
            Npy attnMask = masked ? read("in.attn_mask") : null;
            if (masked) {
                count = Math.min(count, attnMask.shape()[attnMask.shape().length - 1]);
            }
            // Query 0 stands beside the key after the past, even where that and those behind it are not there.
            long ahead = withPast && bounded ? pastLength + query.size(2) - count : 0;
            Band band = new Band(
                    withPast || lengthsGiven ? Alignment.BOTTOM_RIGHT : Alignment.TOP_LEFT,
                    before == Band.ALL ? Band.ALL : before - ahead,
                    after == Band.ALL ? Band.ALL : after + ahead);
            Attention attention = Attention.full((int) query.size(3))
                    .withValueDim((int) values.size(3))
                    .withSoftcap(cap)
                    .withBand(band);
            Forward.Roles roles = (Double.isNaN(scaleOrNaN) ? attention : attention.withScale(scaleOrNaN))
                    .forward()
                    .query(query)
                    .keys(keys.slice(2, 0, count))
                    .values(values.slice(2, 0, count))
                    .out(perHead(out, heads));
            if (lengthsGiven) {
                roles.keyLengths(read("in.nonpad_kv_seqlen").in(arena));
            }
            if (masked) {
                Tensor mask = fourAxes(attnMask.in(arena)).slice(3, 0, count);
                if (mask.dtype() == DType.INT32) {
                    roles.mask(mask);
                } else {
                    roles.bias(mask);
                }
            }
            roles.run(stream);
            stream.synchronize();
            return compare(query.dtype(), expected.values(), out.toDoubleArray());
        }
    }

    /** (batch, tokens, heads * dim) as (batch, heads, tokens, dim). */
    private static Tensor perHead(Tensor x, int heads) {
        return x.rank() == 4
                ? x
                : x.reshape(x.size(0), x.size(1), heads, x.size(2) / heads).transpose(1, 2);
    }

    private static Tensor fourAxes(Tensor mask) {
        Builder<Long> sizes = java.util.stream.Stream.builder();
        for (int axis = mask.rank(); axis < 4; axis++) {
            sizes.add(1L);
        }
        for (long size : mask.shape()) {
            sizes.add(size);
        }
        return mask.reshape(sizes.build().mapToLong(Long::longValue).toArray());
    }

    private static Tensor after(TensorArena arena, Tensor past, Tensor now) {
        long split = past.size(2);
        Tensor both = arena.allocate(now.dtype(), now.size(0), now.size(1), split + now.size(2), now.size(3));
        both.slice(2, 0, split).copyFrom(past);
        both.slice(2, split, both.size(2)).copyFrom(now);
        return both;
    }

    static Outcome compare(DType dtype, double[] expected, double[] actual) {
        double relative = dtype == DType.BF16 ? 2 * BF16_ULP : RELATIVE;
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            double share = Math.abs(actual[i] - expected[i]) / (ABSOLUTE + relative * Math.abs(expected[i]));
            worst = Double.isNaN(share) || Double.isNaN(worst) ? Double.NaN : Math.max(worst, share);
        }
        return Outcome.within(worst, 1, "largest error in units of ONNX's tolerance");
    }

    private Npy read(String array) throws IOException {
        return Npy.read("/io/quern/attention/onnx/" + name + "." + array + ".npy");
    }
}
