package io.quern.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.quern.Allocation;
import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is no case: threads, company, and memory of the CPU's backward pass. */
class AttentionBackwardVectorTest {
    private static final int QUERIES = 70;
    private static final int DIM = 24;

    /** The same numbers at the same place, whatever the first axis: a batch more leaves the first ones as they are. */
    private static Tensor random(TensorArena arena, DType dtype, long... shape) {
        Tensor tensor = arena.allocate(dtype, shape);
        SplittableRandom random = new SplittableRandom(shape[1]);
        return tensor.copyFrom(LongStream.range(0, tensor.elementCount())
                .mapToDouble(_ -> random.nextDouble(-2, 2))
                .toArray());
    }

    /** A backward pass over some batches, plain or with all that a row or a key could notice. */
    private static Backward.Roles roles(
            TensorArena arena, Stream stream, DType dtype, int batches, int keys, boolean everything) {
        DType wide = dtype.accumulator();
        Attention attention = everything
                ? Attention.causal(DIM)
                        .withWindow(600, 2)
                        .withSoftcap(20)
                        .withTrainingLength(100)
                        .withRandomness(new Randomness(0.1, 0.1, 5))
                : Attention.causal(DIM);
        Tensor query = random(arena, dtype, batches, 4, QUERIES, DIM);
        Tensor key = random(arena, dtype, batches, 2, keys, DIM);
        Tensor value = random(arena, dtype, batches, 2, keys, DIM);
        Tensor out = arena.allocate(dtype, batches, 4, QUERIES, DIM);
        Tensor logSumExp = arena.allocate(wide, batches, 4, QUERIES);
        Tensor entropy = arena.allocate(wide, batches, 4, QUERIES);
        Tensor bias = everything ? random(arena, dtype, batches, 4, 1, keys) : null;
        Tensor sinks = everything ? arena.allocate(wide, 4).fill(0.5) : null;
        attention
                .forward()
                .query(query)
                .keys(key)
                .values(value)
                .bias(bias)
                .sinks(sinks)
                .out(out)
                .logSumExp(logSumExp)
                .entropy(entropy)
                .run(stream);
        Backward.Roles roles = attention
                .backward()
                .query(query)
                .keys(key)
                .values(value)
                .bias(bias)
                .sinks(sinks)
                .out(out)
                .logSumExp(logSumExp)
                .outGradient(random(arena, dtype, batches, 4, QUERIES, DIM))
                .queryGradient(arena.allocate(dtype, batches, 4, QUERIES, DIM))
                .keysGradient(arena.allocate(dtype, batches, 2, keys, DIM))
                .valuesGradient(arena.allocate(dtype, batches, 2, keys, DIM));
        return everything
                ? roles.entropy(entropy)
                        .entropyGradient(random(arena, wide, batches, 4, QUERIES))
                        .biasGradient(arena.allocate(dtype, batches, 4, 1, keys))
                        .sinksGradient(arena.allocate(wide, 4))
                : roles;
    }

    /** The gradients of the first batch. */
    private static double[] gradients(DType dtype, int batches, int keys, boolean everything, int threads) {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu(threads))) {
            Backward backward =
                    roles(arena, stream, dtype, batches, keys, everything).arguments();
            try (BoundCall call = Attention.BACKWARD.bind(backward, stream)) {
                call.run();
            }
            Backward.Gradients g = backward.gradients();
            return List.of(g.queryGradient(), g.keysGradient(), g.valuesGradient()).stream()
                    .flatMapToDouble(
                            tensor -> DoubleStream.of(tensor.slice(0, 0, 1).toDoubleArray()))
                    .toArray();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    void theSameBitsAtAnyThreadCountAndInAnyCompany(DType dtype) {
        for (boolean everything : new boolean[] {false, true}) {
            // Alone chunks are parts, in company key heads are.
            double[] alone = gradients(dtype, 1, 1000, everything, 1);
            assertArrayEquals(alone, gradients(dtype, 1, 1000, everything, 3));
            assertArrayEquals(alone, gradients(dtype, 9, 1000, everything, 2));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    void aRunAllocatesNothing(DType dtype) {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu(1))) {
            Allocation.assertNone(
                    "plain", roles(arena, stream, dtype, 1, 100, false).bind(stream)::run);
            Allocation.assertNone(
                    "everything", roles(arena, stream, dtype, 1, 60, true).bind(stream)::run);
        }
    }
}
