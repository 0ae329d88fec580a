package io.quern.bench.attention;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.attention.Backward;
import io.quern.attention.Forward;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.BoundWorkload;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Traffic;
import io.quern.bench.measure.Workload;
import java.util.ArrayList;
import java.util.List;

/**
 * The backward pass of 8 heads, by itself and after the forward pass. It does 10 FLOP for each pair of a query and a key that
 * it sees and each channel, five products, and reads what the forward pass read and wrote.
 */
final class BackwardBench {
    private BackwardBench() {}

    static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (int headDim : new int[] {64, 128}) {
            for (int tokens : new int[] {1024, 2048}) {
                for (Setting.Sight sight : Setting.Sight.values()) {
                    boolean quick = tokens == 1024 && headDim == 64 && sight == Setting.Sight.FULL;
                    Setting setting = Setting.prefill(DType.FP32, tokens, headDim, sight);
                    subjects.add(subject(setting, false, quick));
                    subjects.add(subject(setting, true, false));
                }
            }
            subjects.add(subject(Setting.prefill(DType.BF16, 1024, headDim, Setting.Sight.FULL), false, false));
            subjects.add(subject(Setting.prefill(DType.BF16, 1024, headDim, Setting.Sight.FULL), true, false));
        }
        return subjects;
    }

    private static Subject subject(Setting setting, boolean both, boolean quick) {
        long products = both ? 2 + 5 : 5;
        long logSumExp = (long) setting.batches()
                * setting.heads()
                * setting.queries()
                * setting.dtype().accumulator().bytes();
        // Queries, keys, values and outputs; the same and their gradients.
        long bytes = (both ? 3 : 2) * setting.bytes() + (both ? 2 : 1) * logSumExp;
        return new Subject(
                both ? "attention.training" : "attention.backward",
                setting.type(),
                setting.shape(),
                new Subject.Work(
                        Traffic.COPY,
                        bytes,
                        2 * products * setting.pairs() * setting.headDim(),
                        2 * setting.bytes() + logSumExp),
                quick,
                both && setting.dtype() == DType.FP32 ? List.of(Peer.PYTORCH) : List.of(),
                null,
                device -> open(device, setting, both));
    }

    private static Workload open(Device device, Setting setting, boolean both) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Pass pass = Pass.of(arena, setting);
        List<BoundCall> calls = new ArrayList<>();
        if (both) {
            calls.add(pass.forward(setting).bind(stream));
        } else {
            pass.forward(setting).run(stream);
        }
        calls.add(pass.backward(setting).bind(stream));
        List<Peer> peers = device instanceof Device.Cpu cpu && both && Peer.available(Peer.PYTORCH)
                ? List.of(PyTorch.here().training(setting, pass, cpu.threads()))
                : List.of();
        return new BoundWorkload(arena, stream, calls, () -> agree(calls, setting, pass), peers);
    }

    /** The tensors of both passes. */
    record Pass(
            Tensor query,
            Tensor keys,
            Tensor values,
            Tensor out,
            Tensor logSumExp,
            Tensor outGradient,
            Tensor queryGradient,
            Tensor keysGradient,
            Tensor valuesGradient) {
        static Pass of(TensorArena arena, Setting setting) {
            Tensor query = setting.data(arena, setting.heads(), setting.queries(), 1);
            Tensor keys = setting.data(arena, setting.keyHeads(), setting.keys(), 2);
            Tensor values = setting.data(arena, setting.keyHeads(), setting.keys(), 3);
            Tensor outGradient = setting.data(arena, setting.heads(), setting.queries(), 4);
            return of(arena, query, keys, values, outGradient);
        }

        /** What the passes write is allocated. */
        static Pass of(TensorArena arena, Tensor query, Tensor keys, Tensor values, Tensor outGradient) {
            DType dtype = query.dtype();
            return new Pass(
                    query,
                    keys,
                    values,
                    arena.allocate(dtype, query.shape()),
                    arena.allocate(dtype.accumulator(), query.size(0), query.size(1), query.size(2)),
                    outGradient,
                    arena.allocate(dtype, query.shape()),
                    arena.allocate(dtype, keys.shape()),
                    arena.allocate(dtype, values.shape()));
        }

        Forward.Roles forward(Setting setting) {
            return setting.attention()
                    .forward()
                    .query(query)
                    .keys(keys)
                    .values(values)
                    .out(out)
                    .logSumExp(logSumExp);
        }

        Backward.Roles backward(Setting setting) {
            return setting.attention()
                    .backward()
                    .query(query)
                    .keys(keys)
                    .values(values)
                    .out(out)
                    .logSumExp(logSumExp)
                    .outGradient(outGradient)
                    .queryGradient(queryGradient)
                    .keysGradient(keysGradient)
                    .valuesGradient(valuesGradient);
        }
    }

    /** All of the last head: every gradient of keys and values is a sum over all queries. */
    private static void agree(List<BoundCall> calls, Setting setting, Pass pass) {
        calls.forEach(BoundCall::run);
        calls.getLast().stream().synchronize();
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            Pass expected = Pass.of(
                    arena,
                    last(arena, pass.query()),
                    last(arena, pass.keys()),
                    last(arena, pass.values()),
                    last(arena, pass.outGradient()));
            expected.forward(setting).run(reference);
            expected.backward(setting).run(reference);
            double tolerance = tolerance(setting);
            Agreement.within("queryGradient", expected.queryGradient(), last(arena, pass.queryGradient()), tolerance);
            Agreement.within("keysGradient", expected.keysGradient(), last(arena, pass.keysGradient()), tolerance);
            Agreement.within(
                    "valuesGradient", expected.valuesGradient(), last(arena, pass.valuesGradient()), tolerance);
        }
    }

    /** {@return that of gradients, which are held to five times what outputs are} */
    static double tolerance(Setting setting) {
        return 5 * setting.tolerance();
    }

    private static Tensor last(TensorArena arena, Tensor tensor) {
        return Agreement.copy(arena, tensor.slice(1, tensor.size(1) - 1, tensor.size(1)));
    }
}
