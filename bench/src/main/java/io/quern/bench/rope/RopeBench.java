package io.quern.bench.rope;

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
import io.quern.rope.Pairing;
import io.quern.rope.Rope;
import io.quern.rope.RopeTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A rotation of (tokens, 32 heads, 128 channels) from a table. It moves x once each way and the table's rows once, and does
 * two products and two fma for each pair of channels. And the filling of that table: it writes a cosine and a sine for each
 * token and pair, computed in FP64.
 */
public final class RopeBench {
    private static final int HEADS = 32;
    private static final int HEAD_DIM = 128;
    private static final long FLOPS_OF_A_PAIR = 2 + 2 * 2;

    /** Of one cosine and sine: 9 to reduce the angle, 1 to square it, 29 for the polynomials. */
    private static final long FLOPS_OF_AN_ANGLE = 39;

    private static final long WINDOW = 4; // tokens

    /** In the second-level cache, in memory. */
    private static final long[] TOKENS = {16, 4096};

    private RopeBench() {}

    private enum Place {
        INPLACE,
        OUT
    }

    /** What is rotated, and how. */
    private record Setting(DType dtype, Pairing pairing, Place place, long tokens) {
        Rope rope() {
            return Rope.of(HEAD_DIM).pairing(pairing);
        }

        String shape() {
            return (tokens + "x" + HEADS + "x" + HEAD_DIM + "-" + pairing + "-" + place).toLowerCase(Locale.ROOT);
        }

        long elements() {
            return tokens * HEADS * HEAD_DIM;
        }

        long dataBytes() {
            return elements() * dtype.bytes();
        }

        /** A cosine and a sine for each token and pair of channels. */
        long tableBytes() {
            return tokens * HEAD_DIM * dtype.accumulator().bytes();
        }

        /** The row-by-row update of x is what the machine's in-place loop does too; others write elsewhere. */
        String peer() {
            if (dtype != DType.FP32) {
                return null;
            }
            return place == Place.INPLACE ? StreamPeer.UPDATE : OnnxPeer.NAME;
        }
    }

    /** {@return every type, pairing and place at every size} */
    public static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (DType dtype : List.of(DType.FP32, DType.BF16, DType.FP16, DType.FP64)) {
            for (long tokens : TOKENS) {
                subjects.add(subject(new Setting(dtype, Pairing.HALVES, Place.INPLACE, tokens)));
                subjects.add(subject(new Setting(dtype, Pairing.ADJACENT, Place.INPLACE, tokens)));
                subjects.add(subject(new Setting(dtype, Pairing.HALVES, Place.OUT, tokens)));
            }
        }
        for (long tokens : TOKENS) {
            subjects.add(table(DType.FP32, tokens));
            subjects.add(table(DType.FP64, tokens));
        }
        return subjects;
    }

    private static Subject table(DType dtype, long rows) {
        long entries = rows * HEAD_DIM / 2;
        long bytes = 2 * entries * dtype.bytes();
        return new Subject(
                "rope.table",
                dtype == DType.FP64 ? "fp64" : "fp64+fp32out", // computed in FP64 in either case
                rows + "x" + HEAD_DIM / 2,
                // There is no ceiling for writing alone; a line is fetched before it is written, as in a copy.
                new Subject.Work(Traffic.COPY, bytes, entries * FLOPS_OF_AN_ANGLE, bytes),
                dtype == DType.FP32 && rows == 4096,
                null,
                device -> openTable(device, dtype, rows));
    }

    private static Workload openTable(Device device, DType dtype, long rows) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Rope rope = Rope.of(HEAD_DIM);
        RopeTable table = RopeTable.allocate(arena, dtype, 0, rows, rope.pairs());
        BoundCall call = rope.bindTable(stream, table);
        return new BoundWorkload(arena, stream, call, () -> agree(call, rope, table), null);
    }

    private static void agree(BoundCall call, Rope rope, RopeTable table) {
        call.run();
        call.stream().synchronize();
        long width = Math.min(WINDOW, table.rows());
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            for (long from : Agreement.windows(table.rows(), width)) {
                RopeTable expected = rope.table(reference, arena, table.dtype(), from, width);
                Tensor cosine = table.cosine().slice(0, from, from + width);
                Tensor sine = table.sine().slice(0, from, from + width);
                Agreement.sameBits("cosine from row " + from, expected.cosine(), cosine);
                Agreement.sameBits("sine from row " + from, expected.sine(), sine);
            }
        }
    }

    private static Subject subject(Setting setting) {
        boolean inPlace = setting.place() == Place.INPLACE;
        boolean quick =
                inPlace && (setting.dtype() == DType.FP32 || setting.dtype() == DType.BF16 && setting.tokens() == 4096);
        return new Subject(
                "rope.apply",
                setting.dtype().name().toLowerCase(Locale.ROOT),
                setting.shape(),
                new Subject.Work(
                        inPlace ? Traffic.IN_PLACE : Traffic.COPY,
                        2 * setting.dataBytes() + setting.tableBytes(),
                        setting.elements() / 2 * FLOPS_OF_A_PAIR,
                        (inPlace ? 1 : 2) * setting.dataBytes() + setting.tableBytes()),
                quick,
                setting.peer(),
                device -> open(device, setting));
    }

    private static Workload open(Device device, Setting setting) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Tensor x = data(arena, setting);
        Tensor out = setting.place() == Place.INPLACE ? x : arena.allocate(setting.dtype(), x.shape());
        RopeTable table = setting.rope().table(stream, arena, setting.dtype().accumulator(), 0, setting.tokens());
        BoundCall call = setting.rope().rotate().x(x).table(table).out(out).bind(stream);
        Peer peer = device instanceof Device.Cpu cpu && setting.peer() != null
                ? peer(setting, arena, x, table, cpu.threads())
                : null;
        return new BoundWorkload(arena, stream, call, () -> agree(call, setting, x, out), peer);
    }

    private static Peer peer(Setting setting, TensorArena arena, Tensor x, RopeTable table, int threads) {
        if (setting.place() == Place.INPLACE) {
            return StreamPeer.update(x.address(), setting.elements(), threads);
        }
        long tokens = setting.tokens();
        long[] shape = {1, tokens, HEADS * HEAD_DIM};
        return new OnnxPeer("RotaryEmbedding")
                .input("x", x, shape)
                .input("start", arena.allocate(DType.INT64, 1), 1)
                .input("cosine", table.cosine(), tokens, HEAD_DIM / 2)
                .input("sine", table.sine(), tokens, HEAD_DIM / 2)
                .attribute("interleaved", setting.pairing() == Pairing.ADJACENT ? 1 : 0)
                .output("out", arena.allocate(setting.dtype(), x.shape()), shape)
                .peer(threads);
    }

    private static Tensor data(TensorArena arena, Setting setting) {
        Tensor flat = Agreement.fill(arena.allocate(setting.dtype(), setting.elements()), 1);
        return flat.reshape(setting.tokens(), HEADS, HEAD_DIM);
    }

    private static void agree(BoundCall call, Setting setting, Tensor x, Tensor out) {
        long width = Math.min(WINDOW, setting.tokens());
        long[] windows = Agreement.windows(setting.tokens(), width);
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            List<Tensor> expected = new ArrayList<>();
            for (long from : windows) {
                Tensor window = arena.allocate(setting.dtype(), width, HEADS, HEAD_DIM);
                window.copyFrom(x.slice(0, from, from + width));
                RopeTable table =
                        setting.rope().table(reference, arena, setting.dtype().accumulator(), from, width);
                setting.rope()
                        .rotate()
                        .x(window)
                        .table(table)
                        .start(from)
                        .out(window)
                        .run(reference);
                expected.add(window);
            }
            call.run();
            call.stream().synchronize();
            for (int i = 0; i < windows.length; i++) {
                Agreement.sameBits(
                        "out from token " + windows[i], expected.get(i), out.slice(0, windows[i], windows[i] + width));
            }
        }
    }
}
