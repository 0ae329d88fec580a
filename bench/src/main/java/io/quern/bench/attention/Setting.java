package io.quern.bench.attention;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.attention.Attention;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.OnnxPeer;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.StreamPeer;
import java.util.List;
import java.util.Locale;

/**
 * What attends to what.
 *
 * @param keyHeads divides heads
 * @param headDim channels of queries, keys and values
 */
record Setting(DType dtype, int batches, int heads, int keyHeads, int queries, int keys, int headDim, Sight sight) {
    private static final int HEADS = 8;

    /** Which keys a query sees. */
    enum Sight {
        FULL,
        CAUSAL
    }

    static Setting prefill(DType dtype, int tokens, int headDim, Sight sight) {
        return new Setting(dtype, 1, HEADS, HEADS, tokens, tokens, headDim, sight);
    }

    static Setting decode(DType dtype, int batches, int keys) {
        return new Setting(dtype, batches, 32, 8, 1, keys, 128, Sight.FULL);
    }

    Attention attention() {
        return sight == Sight.FULL ? Attention.full(headDim) : Attention.causal(headDim);
    }

    String type() {
        return dtype.name().toLowerCase(Locale.ROOT);
    }

    String shape() {
        return queries == 1
                ? batches + "x" + heads + "-" + keyHeads + "x" + keys + "x" + headDim
                : heads + "x" + queries + "x" + headDim + "-" + sight.name().toLowerCase(Locale.ROOT);
    }

    /** {@return what it is run in turn with} */
    List<String> peers() {
        return switch (dtype) {
            case FP32 -> List.of(queries == 1 ? StreamPeer.DECODE : OnnxPeer.NAME, Peer.PYTORCH);
            case FP16, BF16 -> List.of(Peer.PYTORCH);
            default -> List.of();
        };
    }

    /** {@return of a query and a key that it sees} */
    long pairs() {
        long n = queries;
        return (long) batches * heads * (sight == Sight.FULL ? n * keys : n * (n + 1) / 2);
    }

    /** {@return those of queries, keys, values and outputs} */
    long bytes() {
        return 2L * batches * headDim * dtype.bytes() * ((long) heads * queries + (long) keyHeads * keys);
    }

    /** In the L2 norm, of unit-normal inputs: what the contract allows FP32, and half an ulp of the narrower types. */
    static double tolerance(DType dtype) {
        return switch (dtype) {
            case FP64 -> 1e-14;
            case FP32 -> 1e-6;
            case FP16 -> 0x1p-11;
            default -> 0x1p-8;
        };
    }

    double tolerance() {
        return tolerance(dtype);
    }

    /** {@return normal numbers, (batches, heads, rows, headDim)} */
    Tensor data(TensorArena arena, long ofHeads, long rows, long seed) {
        long count = batches * ofHeads * rows * headDim;
        return Agreement.fill(arena.allocate(dtype, count), seed).reshape(batches, ofHeads, rows, headDim);
    }
}
