package io.quern.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.quern.Allocation;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is no case: threads, company, and memory of the CPU's kernels. */
class AttentionVectorTest {
    private static final int QUERIES = 96;
    private static final int KEYS = 260;

    /** Makes a forward pass over some batches. */
    private interface Problem {
        Forward.Roles roles(TensorArena arena, DType dtype, int batches);
    }

    /** Everything that a row could notice. */
    private static Forward.Roles everything(TensorArena arena, DType dtype, int batches) {
        Attention attention = Attention.causal(32)
                .withWindow(150, 2)
                .withSoftcap(20)
                .withTrainingLength(100)
                .withRandomness(new Randomness(0.1, 0.1, 5));
        DType wide = dtype.accumulator();
        int[] lengths = {KEYS, 200, 131};
        int[] mask = new int[QUERIES * KEYS];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = i % 5;
        }
        return attention
                .forward()
                .query(random(arena, dtype, batches, 4, QUERIES, 32))
                .keys(random(arena, dtype, batches, 2, KEYS, 32))
                .values(random(arena, dtype, batches, 2, KEYS, 32))
                .keyLengths(arena.allocate(DType.INT32, batches).copyFrom(Arrays.copyOf(lengths, batches)))
                .mask(arena.allocate(DType.INT32, 1, 1, QUERIES, KEYS).copyFrom(mask))
                .bias(random(arena, dtype, 1, 4, 1, KEYS))
                .slopes(random(arena, wide, 4))
                .sinks(random(arena, wide, 4))
                .out(arena.allocate(dtype, batches, 4, QUERIES, 32))
                .logSumExp(arena.allocate(wide, batches, 4, QUERIES))
                .entropy(arena.allocate(wide, batches, 4, QUERIES))
                .effectiveCount(arena.allocate(wide, batches, 4, QUERIES));
    }

    /** The same numbers at the same place, whatever the first axis: a batch more leaves the first ones as they are. */
    private static Tensor random(TensorArena arena, DType dtype, long... shape) {
        Tensor tensor = arena.allocate(dtype, shape);
        SplittableRandom random = new SplittableRandom(3);
        return tensor.copyFrom(LongStream.range(0, tensor.elementCount())
                .mapToDouble(_ -> random.nextDouble(-2, 2))
                .toArray());
    }

    /** One query or two over three stretches of keys, and all that their kernel can do. */
    private static Forward.Roles oneQuery(TensorArena arena, DType dtype, int batches) {
        return fewQueries(arena, dtype, batches, 1);
    }

    private static Forward.Roles twoQueries(TensorArena arena, DType dtype, int batches) {
        return fewQueries(arena, dtype, batches, 2);
    }

    private static Forward.Roles fewQueries(TensorArena arena, DType dtype, int batches, int queries) {
        int keys = 2 * DecodeVector.SPLIT + 100;
        int[] lengths = {keys, 77, 3000};
        DType wide = dtype.accumulator();
        return Attention.causal(40)
                .withValueDim(24)
                .withWindow(4000, 0)
                .forward()
                .query(random(arena, dtype, batches, 4, queries, 40))
                .keys(random(arena, dtype, batches, 1, keys, 40))
                .values(random(arena, dtype, batches, 1, keys, 24))
                .keyLengths(arena.allocate(DType.INT32, batches).copyFrom(Arrays.copyOf(lengths, batches)))
                .sinks(random(arena, wide, 4))
                .out(arena.allocate(dtype, batches, 4, queries, 24))
                .logSumExp(arena.allocate(wide, batches, 4, queries))
                .entropy(arena.allocate(wide, batches, 4, queries))
                .effectiveCount(arena.allocate(wide, batches, 4, queries));
    }

    private static double[] entropyAndOut(Problem problem, DType dtype, int batches, int threads) {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu(threads))) {
            Forward forward = problem.roles(arena, dtype, batches).arguments();
            Attention.FORWARD.bind(forward, stream).run();
            Tensor out = forward.out().slice(0, 0, 1);
            Tensor entropy = forward.statistics().entropy().slice(0, 0, 1);
            return LongStream.range(0, out.elementCount() + entropy.elementCount())
                    .mapToDouble(i -> i < out.elementCount()
                            ? out.dtype().get(out.segment(), i)
                            : entropy.dtype().get(entropy.segment(), i - out.elementCount()))
                    .toArray();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    void theSameBitsAtAnyThreadCountAndInAnyCompany(DType dtype) {
        for (Problem problem : List.<Problem>of(
                AttentionVectorTest::everything, AttentionVectorTest::oneQuery, AttentionVectorTest::twoQueries)) {
            double[] alone = entropyAndOut(problem, dtype, 1, 1);
            assertArrayEquals(alone, entropyAndOut(problem, dtype, 1, 3));
            assertArrayEquals(alone, entropyAndOut(problem, dtype, 3, 2));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    void aRunAllocatesNothing(DType dtype) {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu(1))) {
            Forward.Roles roles = Attention.causal(32)
                    .forward()
                    .query(random(arena, dtype, 1, 4, QUERIES, 32))
                    .keys(random(arena, dtype, 1, 2, KEYS, 32))
                    .values(random(arena, dtype, 1, 2, KEYS, 32))
                    .out(arena.allocate(dtype, 1, 4, QUERIES, 32));
            Allocation.assertNone("plain", roles.bind(stream)::run);
            Allocation.assertNone("everything", everything(arena, dtype, 2).bind(stream)::run);
            Allocation.assertNone("one query", oneQuery(arena, dtype, 2).bind(stream)::run);
            Allocation.assertNone("two queries", twoQueries(arena, dtype, 2).bind(stream)::run);
        }
    }
}
