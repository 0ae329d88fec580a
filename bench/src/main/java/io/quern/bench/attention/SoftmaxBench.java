package io.quern.bench.attention;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.attention.RowSoftmax;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.BoundWorkload;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Traffic;
import io.quern.bench.measure.Workload;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Softmax of rows of 4,096 elements into other memory: 20 FLOP an element, which is read and written once. */
final class SoftmaxBench {
    private static final long LENGTH = 4096;
    private static final long FLOPS_OF_AN_ELEMENT = 20;
    private static final long WINDOW = 2; // rows

    private SoftmaxBench() {}

    static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (DType dtype : List.of(DType.FP32, DType.BF16, DType.FP64)) {
            subjects.add(subject(dtype, 16, dtype == DType.FP32));
            subjects.add(subject(dtype, 4096, dtype == DType.FP32));
        }
        return subjects;
    }

    private static Subject subject(DType dtype, long rows, boolean quick) {
        long elements = rows * LENGTH;
        long bytes = 2 * elements * dtype.bytes();
        return new Subject(
                "attention.softmax",
                dtype.name().toLowerCase(Locale.ROOT),
                rows + "x" + LENGTH,
                new Subject.Work(Traffic.COPY, bytes, FLOPS_OF_AN_ELEMENT * elements, bytes),
                quick,
                null,
                device -> open(device, dtype, rows));
    }

    private static Workload open(Device device, DType dtype, long rows) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Tensor x = Agreement.fill(arena.allocate(dtype, rows * LENGTH), 1).reshape(rows, LENGTH);
        Tensor out = arena.allocate(dtype, rows, LENGTH);
        BoundCall call = RowSoftmax.SOFTMAX.bind(stream, x, out);
        return new BoundWorkload(arena, stream, call, () -> agree(call, x, out), null);
    }

    private static void agree(BoundCall call, Tensor x, Tensor out) {
        call.run();
        call.stream().synchronize();
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            for (long from : Agreement.windows(x.size(0), WINDOW)) {
                Tensor rows = Agreement.copy(arena, x.slice(0, from, from + WINDOW));
                Tensor expected = arena.allocate(x.dtype(), rows.shape());
                RowSoftmax.SOFTMAX.run(reference, rows, expected);
                Agreement.within(
                        "rows from " + from,
                        expected,
                        Agreement.copy(arena, out.slice(0, from, from + WINDOW)),
                        Setting.tolerance(x.dtype()));
            }
        }
    }
}
