package io.quern.bench.attention;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.BoundWorkload;
import io.quern.bench.measure.OnnxPeer;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.StreamPeer;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Traffic;
import io.quern.bench.measure.Workload;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention of 8 heads over as many keys as queries; and of one query in each of 32 heads, four of which share a key head.
 * It does 4 FLOP for each pair of a query and a key that it sees and each channel, and moves each tensor once.
 */
public final class AttentionBench {
    private static final long WINDOW = 2; // queries

    private AttentionBench() {}

    /** {@return prefill and its gradients at every size, whole and causal; decoding; softmax of rows} */
    public static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (int headDim : new int[] {64, 128}) {
            for (Setting.Sight sight : Setting.Sight.values()) {
                for (int tokens : new int[] {512, 1024, 2048, 4096}) {
                    subjects.add(prefill(Setting.prefill(DType.FP32, tokens, headDim, sight)));
                }
                subjects.add(prefill(Setting.prefill(DType.BF16, 1024, headDim, sight)));
                subjects.add(prefill(Setting.prefill(DType.FP16, 1024, headDim, sight)));
                subjects.add(prefill(Setting.prefill(DType.FP64, 1024, headDim, sight)));
            }
        }
        for (DType dtype : List.of(DType.FP32, DType.BF16)) {
            for (int keys : new int[] {4096, 16384, 65536}) {
                subjects.add(subject("attention.decode", Setting.decode(dtype, 1, keys), keys == 4096));
            }
            subjects.add(subject("attention.decode", Setting.decode(dtype, 16, 4096), false));
            subjects.add(subject("attention.decode", Setting.decode(dtype, 16, 16384), false));
        }
        subjects.addAll(BackwardBench.subjects());
        subjects.addAll(PagedBench.subjects());
        subjects.addAll(SoftmaxBench.subjects());
        return subjects;
    }

    private static Subject prefill(Setting setting) {
        boolean quick = setting.queries() == 1024 && setting.dtype() != DType.FP64;
        return subject("attention.forward", setting, quick);
    }

    private static Subject subject(String name, Setting setting, boolean quick) {
        return new Subject(
                name,
                setting.type(),
                setting.shape(),
                new Subject.Work(
                        setting.queries() == 1 ? Traffic.READ : Traffic.COPY,
                        setting.bytes(),
                        4 * setting.pairs() * setting.headDim(),
                        setting.bytes()),
                quick,
                setting.peers(),
                null,
                device -> open(device, setting));
    }

    private static Workload open(Device device, Setting setting) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Tensor query = setting.data(arena, setting.heads(), setting.queries(), 1);
        Tensor keys = setting.data(arena, setting.keyHeads(), setting.keys(), 2);
        Tensor values = setting.data(arena, setting.keyHeads(), setting.keys(), 3);
        Tensor out = arena.allocate(setting.dtype(), query.shape());
        BoundCall call = setting.attention()
                .forward()
                .query(query)
                .keys(keys)
                .values(values)
                .out(out)
                .bind(stream);
        List<Peer> peers = new ArrayList<>();
        if (device instanceof Device.Cpu cpu) {
            for (String name : setting.peers().stream().filter(Peer::available).toList()) {
                peers.add(peer(name, setting, arena, query, keys, values, out, cpu.threads()));
            }
        }
        Runnable agreement = () -> agree(call, setting, query, keys, values, out);
        return new BoundWorkload(arena, stream, List.of(call), agreement, peers);
    }

    /** Given our own result, {@code out}. */
    private static Peer peer(
            String name,
            Setting setting,
            TensorArena arena,
            Tensor query,
            Tensor keys,
            Tensor values,
            Tensor out,
            int threads) {
        if (name.equals(Peer.PYTORCH)) {
            return PyTorch.here().forward(setting, query, keys, values, out, threads);
        }
        Tensor theirs = arena.allocate(setting.dtype(), query.shape());
        return name.equals(StreamPeer.DECODE)
                ? StreamPeer.decode(
                        query.address(),
                        keys.address(),
                        values.address(),
                        theirs.address(),
                        (long) setting.batches() * setting.keyHeads(),
                        setting.keys(),
                        threads)
                : onnx(setting, query, keys, values, theirs).peer(threads);
    }

    /**
     * Its MultiHeadAttention, (batch, tokens, heads * headDim), a flash kernel where nothing is masked. It reads our rows as if
     * the tokens came before the heads; that costs the same.
     */
    private static OnnxPeer onnx(Setting setting, Tensor query, Tensor keys, Tensor values, Tensor out) {
        long[] shape = {1, setting.queries(), (long) setting.heads() * setting.headDim()};
        return new OnnxPeer("MultiHeadAttention")
                .input("query", query, shape)
                .input("key", keys, shape)
                .input("value", values, shape)
                .attribute("num_heads", setting.heads())
                .attribute("unidirectional", setting.sight() == Setting.Sight.CAUSAL ? 1 : 0)
                .output("out", out, shape);
    }

    /** Some queries, of all heads. A causal one sees the keys up to the last query of its window, bottom-right aligned. */
    private static void agree(BoundCall call, Setting setting, Tensor query, Tensor keys, Tensor values, Tensor out) {
        call.run();
        call.stream().synchronize();
        long width = Math.min(WINDOW, setting.queries());
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            for (long from : Agreement.windows(setting.queries(), width)) {
                long to = from + width;
                long seen = setting.sight() == Setting.Sight.FULL ? setting.keys() : to;
                Tensor expected =
                        arena.allocate(setting.dtype(), setting.batches(), setting.heads(), width, setting.headDim());
                setting.attention()
                        .forward()
                        .query(Agreement.copy(arena, query.slice(2, from, to)))
                        .keys(Agreement.copy(arena, keys.slice(2, 0, seen)))
                        .values(Agreement.copy(arena, values.slice(2, 0, seen)))
                        .out(expected)
                        .run(reference);
                Agreement.within("out from query " + from, expected, out.slice(2, from, to), setting.tolerance());
            }
        }
    }
}
