package io.quern.bench.linear;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.BoundWorkload;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Traffic;
import io.quern.bench.measure.Workload;
import io.quern.linear.Gemm;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Products of square matrices, C = A B: 2 n^3 FLOP, and each of three matrices moved once. */
public final class LinearBench {
    private static final long WINDOW = 2; // rows

    private LinearBench() {}

    /** {@return products of every size and type} */
    public static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (int n : new int[] {512, 1024, 2048}) {
            subjects.add(gemm(DType.FP32, n, n == 1024));
        }
        subjects.add(gemm(DType.FP64, 1024, false));
        subjects.add(gemm(DType.BF16, 1024, false));
        return subjects;
    }

    private static Subject gemm(DType dtype, long n, boolean quick) {
        long bytes = 3 * n * n * dtype.bytes();
        return new Subject(
                "linear.gemm",
                dtype.name().toLowerCase(Locale.ROOT),
                "n=" + n,
                new Subject.Work(Traffic.READ, bytes, 2 * n * n * n, bytes),
                quick,
                peers(dtype),
                null,
                device -> open(device, dtype, n));
    }

    private static List<String> peers(DType dtype) {
        return dtype == DType.FP32 || dtype == DType.FP64 ? List.of(Peer.OPENBLAS) : List.of();
    }

    private static Workload open(Device device, DType dtype, long n) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Tensor a = Agreement.fill(arena.allocate(dtype, n * n), 1).reshape(n, n);
        Tensor b = Agreement.fill(arena.allocate(dtype, n * n), 2).reshape(n, n);
        Tensor c = arena.allocate(dtype, n, n);
        BoundCall call = Gemm.PRODUCT.bind(stream, a, b, c);
        List<Peer> peers = new ArrayList<>();
        if (device instanceof Device.Cpu cpu && peers(dtype).stream().anyMatch(Peer::available)) {
            peers.add(OpenBlas.here().product(a, b, c, arena.allocate(dtype, n, n), cpu.threads()));
        }
        return new BoundWorkload(arena, stream, List.of(call), () -> agree(call, a, b, c), peers);
    }

    private static void agree(BoundCall call, Tensor a, Tensor b, Tensor c) {
        call.run();
        call.stream().synchronize();
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            Tensor all = Agreement.copy(arena, b);
            for (long from : Agreement.windows(c.size(0), WINDOW)) {
                Tensor expected = arena.allocate(c.dtype(), WINDOW, c.size(1));
                Gemm.PRODUCT.run(reference, Agreement.copy(arena, a.slice(0, from, from + WINDOW)), all, expected);
                Agreement.within(
                        "rows from " + from,
                        expected,
                        Agreement.copy(arena, c.slice(0, from, from + WINDOW)),
                        tolerance(c.dtype()));
            }
        }
    }

    /** Of the room's contract: 1e-6 for FP32, the rounding of the result for 16 bits. */
    static double tolerance(DType dtype) {
        return switch (dtype) {
            case FP64 -> 1e-14;
            case FP32 -> 1e-6;
            case FP16 -> 0x1p-11;
            default -> 0x1p-8;
        };
    }
}
