package io.quern.bench.attention;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.attention.PagedCache;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.BoundWorkload;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Traffic;
import io.quern.bench.measure.Workload;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** One query in each of 32 heads, four of which share a key head, over keys and values in pages of 16 tokens, in no order. */
final class PagedBench {
    private static final int PAGE_TOKENS = 16;

    /** Has no divisor in common with any number of pages here. */
    private static final long STEP = 7919;

    /** Few of the keys differ: {@link Agreement#fill} repeats a block of numbers, and their roundings add up, not cancel. */
    private static final double REPEATED = 4;

    private PagedBench() {}

    static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (DType dtype : List.of(DType.FP32, DType.BF16)) {
            subjects.add(subject(Setting.decode(dtype, 1, 4096), dtype == DType.FP32));
            subjects.add(subject(Setting.decode(dtype, 16, 4096), false));
        }
        return subjects;
    }

    private static Subject subject(Setting setting, boolean quick) {
        long bytes = setting.bytes() + (pages(setting) + setting.batches()) * DType.INT32.bytes();
        return new Subject(
                "attention.paged",
                setting.type(),
                setting.shape(),
                new Subject.Work(Traffic.READ, bytes, 4 * setting.pairs() * setting.headDim(), bytes),
                quick,
                null,
                device -> open(device, setting));
    }

    private static long pages(Setting setting) {
        return (long) setting.batches() * setting.keys() / PAGE_TOKENS;
    }

    private static Workload open(Device device, Setting setting) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        PagedCache cache = cache(arena, setting);
        Tensor query = setting.data(arena, setting.heads(), 1, 1);
        Tensor out = arena.allocate(setting.dtype(), query.shape());
        BoundCall call =
                setting.attention().forward(cache).query(query).out(out).bind(stream);
        return new BoundWorkload(arena, stream, call, () -> agree(call, setting, cache, query, out), null);
    }

    private static PagedCache cache(TensorArena arena, Setting setting) {
        long pages = pages(setting);
        int[] numbers = new int[(int) pages];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (int) (i * STEP % pages);
        }
        int[] lengths = new int[setting.batches()];
        Arrays.fill(lengths, setting.keys());
        return new PagedCache(
                rows(arena, setting, pages, 2),
                rows(arena, setting, pages, 3),
                arena.allocate(DType.INT32, setting.batches(), pages / setting.batches())
                        .copyFrom(numbers),
                arena.allocate(DType.INT32, setting.batches()).copyFrom(lengths));
    }

    private static Tensor rows(TensorArena arena, Setting setting, long pages, long seed) {
        long count = pages * setting.keyHeads() * PAGE_TOKENS * setting.headDim();
        return Agreement.fill(arena.allocate(setting.dtype(), count), seed)
                .reshape(pages, setting.keyHeads(), PAGE_TOKENS, setting.headDim());
    }

    /** The last sequence. */
    private static void agree(BoundCall call, Setting setting, PagedCache cache, Tensor query, Tensor out) {
        call.run();
        call.stream().synchronize();
        int last = setting.batches() - 1;
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            PagedCache one = new PagedCache(
                    Agreement.copy(arena, cache.keys()),
                    Agreement.copy(arena, cache.values()),
                    Agreement.copy(arena, cache.pages().slice(0, last, last + 1)),
                    Agreement.copy(arena, cache.lengths().slice(0, last, last + 1)));
            Tensor expected = arena.allocate(setting.dtype(), 1, setting.heads(), 1, setting.headDim());
            setting.attention()
                    .forward(one)
                    .query(Agreement.copy(arena, query.slice(0, last, last + 1)))
                    .out(expected)
                    .run(reference);
            double tolerance = REPEATED * setting.tolerance();
            Agreement.within("out", expected, out.slice(0, last, last + 1), tolerance);
        }
    }
}
