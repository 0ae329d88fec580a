package io.quern.bench.attention;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.attention.Attention;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.BoundWorkload;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Traffic;
import io.quern.bench.measure.Workload;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Attention of 8 heads over as many keys as queries; and of one query in each of 32 heads, four of which share a key head.
 * It does 4 FLOP for each pair of a query and a key that it sees and each channel, and moves each tensor once.
 */
public final class AttentionBench {
    private static final int HEADS = 8;
    private static final long WINDOW = 2; // queries

    private AttentionBench() {}

    private enum Sight {
        FULL,
        CAUSAL
    }

    /** What attends to what. */
    private record Setting(
            DType dtype, int batches, int heads, int keyHeads, int queries, int keys, int headDim, Sight sight) {
        static Setting prefill(DType dtype, int tokens, int headDim, Sight sight) {
            return new Setting(dtype, 1, HEADS, HEADS, tokens, tokens, headDim, sight);
        }

        static Setting decode(DType dtype, int batches, int keys) {
            return new Setting(dtype, batches, 32, 8, 1, keys, 128, Sight.FULL);
        }

        Attention attention() {
            return sight == Sight.FULL ? Attention.full(headDim) : Attention.causal(headDim);
        }

        String shape() {
            return queries == 1
                    ? batches + "x" + heads + "-" + keyHeads + "x" + keys + "x" + headDim
                    : heads + "x" + queries + "x" + headDim + "-" + sight.name().toLowerCase(Locale.ROOT);
        }

        long pairs() {
            long n = queries;
            return (long) batches * heads * (sight == Sight.FULL ? n * keys : n * (n + 1) / 2);
        }

        long bytes() {
            return 2L * batches * headDim * dtype.bytes() * ((long) heads * queries + (long) keyHeads * keys);
        }

        /** In the L2 norm, of unit-normal inputs: what the contract allows FP32, and half an ulp of the narrower types. */
        double tolerance() {
            return switch (dtype) {
                case FP64 -> 1e-14;
                case FP32 -> 1e-6;
                case FP16 -> 0x1p-11;
                default -> 0x1p-8;
            };
        }
    }

    /** {@return prefill at every size, whole and causal} */
    public static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (int headDim : new int[] {64, 128}) {
            for (Sight sight : Sight.values()) {
                for (int tokens : new int[] {512, 1024, 4096}) {
                    subjects.add(prefill(Setting.prefill(DType.FP32, tokens, headDim, sight)));
                }
                subjects.add(prefill(Setting.prefill(DType.BF16, 1024, headDim, sight)));
                subjects.add(prefill(Setting.prefill(DType.FP16, 1024, headDim, sight)));
                subjects.add(prefill(Setting.prefill(DType.FP64, 1024, headDim, sight)));
            }
        }
        for (DType dtype : List.of(DType.FP32, DType.BF16)) {
            for (int keys : new int[] {4096, 65536}) {
                subjects.add(subject("attention.decode", Setting.decode(dtype, 1, keys), keys == 4096));
            }
            subjects.add(subject("attention.decode", Setting.decode(dtype, 16, 4096), false));
        }
        return subjects;
    }

    private static Subject prefill(Setting setting) {
        boolean quick = setting.queries() == 1024 && setting.dtype() != DType.FP64;
        return subject("attention.forward", setting, quick);
    }

    private static Subject subject(String name, Setting setting, boolean quick) {
        return new Subject(
                name,
                setting.dtype().name().toLowerCase(Locale.ROOT),
                setting.shape(),
                new Subject.Work(
                        setting.queries() == 1 ? Traffic.READ : Traffic.COPY,
                        setting.bytes(),
                        4 * setting.pairs() * setting.headDim(),
                        setting.bytes()),
                quick,
                null,
                device -> open(device, setting));
    }

    private static Workload open(Device device, Setting setting) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Tensor query = data(arena, setting, setting.heads(), setting.queries(), 1);
        Tensor keys = data(arena, setting, setting.keyHeads(), setting.keys(), 2);
        Tensor values = data(arena, setting, setting.keyHeads(), setting.keys(), 3);
        Tensor out = arena.allocate(setting.dtype(), query.shape());
        BoundCall call = setting.attention()
                .forward()
                .query(query)
                .keys(keys)
                .values(values)
                .out(out)
                .bind(stream);
        return new BoundWorkload(arena, stream, call, () -> agree(call, setting, query, keys, values, out), null);
    }

    private static Tensor data(TensorArena arena, Setting setting, long heads, long rows, long seed) {
        long count = setting.batches() * heads * rows * setting.headDim();
        return Agreement.fill(arena.allocate(setting.dtype(), count), seed)
                .reshape(setting.batches(), heads, rows, setting.headDim());
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
                long seen = setting.sight() == Sight.FULL ? setting.keys() : to;
                Tensor expected =
                        arena.allocate(setting.dtype(), setting.batches(), setting.heads(), width, setting.headDim());
                setting.attention()
                        .forward()
                        .query(onHost(arena, query.slice(2, from, to)))
                        .keys(onHost(arena, keys.slice(2, 0, seen)))
                        .values(onHost(arena, values.slice(2, 0, seen)))
                        .out(expected)
                        .run(reference);
                Agreement.within("out from query " + from, expected, out.slice(2, from, to), setting.tolerance());
            }
        }
    }

    private static Tensor onHost(TensorArena arena, Tensor tensor) {
        return arena.allocate(tensor.dtype(), tensor.shape()).copyFrom(tensor);
    }
}
