package io.quern.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.quern.DType;
import io.quern.cpu.HostMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The kernel against plain sums in FP64. */
class PrefillVectorTest {
    private static final Duration WARM_UP = Duration.ofSeconds(60);

    /** Sizes of a problem; its memory is random. */
    private record Sizes(int batches, int heads, int keyHeads, int queries, int keys, int headDim, int valueDim) {}

    private static final List<Sizes> SIZES = List.of(
            new Sizes(1, 1, 1, 1, 1, 1, 1),
            new Sizes(1, 1, 1, 3, 2, 5, 3),
            new Sizes(2, 2, 1, 7, 17, 17, 7),
            new Sizes(1, 3, 3, 17, 7, 64, 64),
            new Sizes(2, 4, 2, 30, 131, 33, 66),
            new Sizes(1, 1, 1, 101, 259, 64, 65),
            new Sizes(1, 2, 1, 31, 130, 8, 256));

    private static List<Visibility> visibilities(Sizes sizes) {
        long diagonal = sizes.keys() - sizes.queries();
        return List.of(
                Visibility.full(),
                Visibility.causal(diagonal),
                Visibility.causal(0),
                new Visibility(diagonal, 5, 0),
                new Visibility(diagonal, 40, 3),
                new Visibility(diagonal - 9, 2, 1));
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    void agreesWithPlainSums(DType dtype) {
        double worst = 0;
        for (Sizes sizes : SIZES) {
            for (Visibility visibility : visibilities(sizes)) {
                for (Layout layout : Layout.values()) {
                    try (Arena arena = Arena.ofShared()) {
                        Given given = new Given(arena, dtype, sizes, layout);
                        worst = Math.max(worst, given.error(visibility, 2));
                    }
                }
            }
        }
        assertTrue(worst <= 1, "error " + worst + " of the bound");
    }

    /** Outliers, and logits of several thousands. */
    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    void largeScores(DType dtype) {
        try (Arena arena = Arena.ofShared()) {
            Given given = new Given(arena, dtype, new Sizes(1, 2, 1, 60, 200, 64, 32), Layout.BATCH_HEAD_ROW);
            for (int i = 0; i < 60; i += 7) {
                given.scale(given.query, 0, i, 64, 100);
            }
            for (int i = 0; i < 200; i += 11) {
                given.scale(given.keys, 0, i, 64, 20);
            }
            double error = given.error(Visibility.causal(140), 1);
            assertTrue(error <= 1, "error " + error + " of the bound");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    void whatIsMaskedMayBeAnything(DType dtype) {
        for (double x : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
            try (Arena arena = Arena.ofShared()) {
                int keys = 150;
                Given given = new Given(arena, dtype, new Sizes(1, 2, 1, keys, keys, 16, 18), Layout.BATCH_HEAD_ROW);
                Visibility causal = Visibility.causal(0);
                given.run(causal, 1);
                double[] before = given.outs();
                int poisoned = 101;
                for (int c = 0; c < 18; c++) {
                    dtype.set(given.values.segment(), given.values.at(0, 0, poisoned) / dtype.bytes() + c, x);
                }
                dtype.set(given.keys.segment(), given.keys.at(0, 0, poisoned + 3) / dtype.bytes(), x);
                given.run(causal, 1);
                double[] after = given.outs();
                for (int h = 0; h < 2; h++) {
                    for (int i = 0; i < keys; i++) {
                        for (int c = 0; c < 18; c++) {
                            int at = (h * keys + i) * 18 + c;
                            if (i < poisoned) {
                                assertEquals(before[at], after[at], "query " + i + " sees nothing of key " + poisoned);
                            } else {
                                assertTrue(!Double.isFinite(after[at]), "query " + i + " sees key " + poisoned);
                            }
                        }
                    }
                }
            }
        }
    }

    @Test
    void theSameBitsAtAnyThreadCountAndInAnyCompany() {
        try (Arena arena = Arena.ofShared()) {
            Sizes all = new Sizes(3, 4, 2, 70, 300, 32, 32);
            Given given = new Given(arena, DType.FP32, all, Layout.BATCH_ROW_HEAD);
            Visibility causal = Visibility.causal(230);
            given.run(causal, 1);
            double[] alone = given.outs();
            given.run(causal, 3);
            assertArrayEquals(alone, given.outs());
            Prefill whole = given.problem(causal);
            Prefill first = new Prefill(
                    whole.query(),
                    whole.keys(),
                    whole.values(),
                    whole.out(),
                    null,
                    1,
                    4,
                    2,
                    40,
                    300,
                    32,
                    32,
                    whole.scale(),
                    causal);
            given.clearOut();
            given.run(first, 1);
            double[] part = given.outs();
            for (int h = 0; h < 4; h++) {
                for (int i = 0; i < 40 * 32; i++) {
                    assertEquals(alone[h * 70 * 32 + i], part[h * 70 * 32 + i]);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    void aRunAllocatesNothing(DType dtype) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Arena arena = Arena.ofShared()) {
            Given given = new Given(arena, dtype, new Sizes(1, 2, 2, 96, 160, 32, 32), Layout.BATCH_HEAD_ROW);
            Prefill problem = given.problem(Visibility.causal(64));
            PrefillVector call = new PrefillVector(problem, 1, given.workspace(problem, 1));
            long deadline = System.nanoTime() + WARM_UP.toNanos();
            long bytes;
            do {
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 100; i++) {
                    call.run();
                }
                bytes = threads.getCurrentThreadAllocatedBytes() - before;
            } while (bytes > 0 && System.nanoTime() < deadline);
            assertEquals(0, bytes);
        }
    }

    private enum Layout {
        BATCH_HEAD_ROW,
        BATCH_ROW_HEAD;

        HeadRows rows(Arena arena, DType dtype, int batches, int heads, int rows, int length) {
            long wide = length + 3; // a gap, as in packed tensors
            long count = batches * heads * rows * wide + 2 * Given.FENCE;
            MemorySegment memory = arena.allocate(count * dtype.bytes(), HostMemory.ALIGNMENT);
            long batch = heads * rows * wide;
            return this == BATCH_HEAD_ROW
                    ? new HeadRows(memory, dtype, Given.FENCE, batch, rows * wide, wide)
                    : new HeadRows(memory, dtype, Given.FENCE, batch, wide, heads * wide);
        }
    }

    /** Random operands and NaN-filled, fenced outputs. */
    private static final class Given {
        static final int FENCE = 64;

        private static final double SENTINEL = -1234.5; // BF16 rounds it; compared as it was stored

        final Arena arena;
        final DType dtype;
        final Sizes sizes;
        final HeadRows query;
        final HeadRows keys;
        final HeadRows values;
        final HeadRows out;
        final HeadRows logSumExp;

        Given(Arena arena, DType dtype, Sizes sizes, Layout layout) {
            this.arena = arena;
            this.dtype = dtype;
            this.sizes = sizes;
            query = layout.rows(arena, dtype, sizes.batches, sizes.heads, sizes.queries, sizes.headDim);
            keys = layout.rows(arena, dtype, sizes.batches, sizes.keyHeads, sizes.keys, sizes.headDim);
            values = layout.rows(arena, dtype, sizes.batches, sizes.keyHeads, sizes.keys, sizes.valueDim);
            out = layout.rows(arena, dtype, sizes.batches, sizes.heads, sizes.queries, sizes.valueDim);
            logSumExp = layout.rows(arena, dtype.accumulator(), sizes.batches, sizes.heads, sizes.queries, 1);
            SplittableRandom random = new SplittableRandom(sizes.hashCode());
            fill(query, random);
            fill(keys, random);
            fill(values, random);
            clearOut();
        }

        private static long elements(HeadRows rows) {
            return rows.segment().byteSize() / rows.dtype().bytes();
        }

        private void fill(HeadRows rows, SplittableRandom random) {
            for (long i = 0; i < elements(rows); i++) {
                rows.dtype().set(rows.segment(), i, random.nextGaussian());
            }
        }

        void scale(HeadRows rows, int head, int row, int length, double factor) {
            for (int c = 0; c < length; c++) {
                long at = rows.at(0, head, row) / dtype.bytes() + c;
                dtype.set(rows.segment(), at, dtype.get(rows.segment(), at) * factor);
            }
        }

        void clearOut() {
            for (HeadRows rows : List.of(out, logSumExp)) {
                for (long i = 0; i < elements(rows); i++) {
                    rows.dtype().set(rows.segment(), i, SENTINEL);
                }
            }
        }

        Prefill problem(Visibility visibility) {
            return new Prefill(
                    query,
                    keys,
                    values,
                    out,
                    logSumExp,
                    sizes.batches,
                    sizes.heads,
                    sizes.keyHeads,
                    sizes.queries,
                    sizes.keys,
                    sizes.headDim,
                    sizes.valueDim,
                    1 / Math.sqrt(sizes.headDim),
                    visibility);
        }

        MemorySegment workspace(Prefill problem, int threads) {
            long bytes = PrefillVector.workspaceBytes(problem, threads);
            MemorySegment workspace = arena.allocate(bytes, HostMemory.ALIGNMENT);
            workspace.fill((byte) 0xff); // NaN in every type
            return workspace;
        }

        void run(Visibility visibility, int threads) {
            run(problem(visibility), threads);
        }

        void run(Prefill problem, int threads) {
            new PrefillVector(problem, threads, workspace(problem, threads)).run();
        }

        double[] outs() {
            List<Double> all = new ArrayList<>();
            for (int b = 0; b < sizes.batches; b++) {
                for (int h = 0; h < sizes.heads; h++) {
                    for (int i = 0; i < sizes.queries; i++) {
                        for (int c = 0; c < sizes.valueDim; c++) {
                            all.add(element(out, b, h, i, c));
                        }
                    }
                }
            }
            return all.stream().mapToDouble(Double::doubleValue).toArray();
        }

        private static double element(HeadRows rows, int b, int h, int i, int c) {
            return rows.dtype()
                    .get(rows.segment(), rows.at(b, h, i) / rows.dtype().bytes() + c);
        }

        /** {@return the largest error of out and LSE as a share of its bound; also checks what must stay} */
        double error(Visibility visibility, int threads) {
            clearOut();
            run(visibility, threads);
            double worst = 0;
            for (int b = 0; b < sizes.batches; b++) {
                for (int h = 0; h < sizes.heads; h++) {
                    for (int i = 0; i < sizes.queries; i++) {
                        worst = Math.max(worst, rowError(visibility, b, h, i));
                    }
                }
            }
            assertFenced(out, sizes.valueDim);
            assertFenced(logSumExp, 1);
            return worst;
        }

        /**
         * A score is off by at most (headDim + 3) roundings of sum |q k|, a weight relatively by that and by a few roundings
         * of its own, a sum over the keys by one rounding a key; then out is rounded to its type.
         */
        private double rowError(Visibility visibility, int b, int h, int i) {
            int keyHead = h / (sizes.heads / sizes.keyHeads);
            double scale = 1 / Math.sqrt(sizes.headDim);
            int begin = visibility.begin(i, sizes.keys);
            int end = visibility.end(i, sizes.keys);
            double[] scores = new double[sizes.keys];
            double max = Double.NEGATIVE_INFINITY;
            double magnitude = 0;
            for (int j = begin; j < end; j++) {
                double product = 0;
                double sum = 0;
                for (int c = 0; c < sizes.headDim; c++) {
                    double x = element(query, b, h, i, c) * element(keys, b, keyHead, j, c) * scale;
                    product += x;
                    sum += Math.abs(x);
                }
                scores[j] = product;
                max = Math.max(max, product);
                magnitude = Math.max(magnitude, sum);
            }
            double total = 0;
            for (int j = begin; j < end; j++) {
                total += Math.exp(scores[j] - max);
            }
            double roundoff = dtype == DType.FP64 ? 0x1p-53 : 0x1p-24;
            double scoreError = (sizes.headDim + 3) * roundoff * 2 * magnitude;
            double weightError = 2 * scoreError + (end - begin + 12) * roundoff;
            double logSumExpError = scoreError + (end - begin + 12) * roundoff + 2 * roundoff * Math.abs(max);
            double worst = 0;
            for (int c = 0; c < sizes.valueDim; c++) {
                double expected = 0;
                double absolute = 0;
                for (int j = begin; j < end; j++) {
                    double term = Math.exp(scores[j] - max) / total * element(values, b, keyHead, j, c);
                    expected += term;
                    absolute += Math.abs(term);
                }
                double rounding = switch (dtype) {
                    case FP16 -> 0x1p-11 * Math.abs(expected) + 0x1p-25;
                    case BF16 -> 0x1p-8 * Math.abs(expected);
                    default -> roundoff * Math.abs(expected);
                };
                double bound = weightError * absolute + rounding;
                double error = Math.abs(expected - element(out, b, h, i, c));
                worst = Math.max(worst, error == 0 ? 0 : error / bound);
            }
            double expected = begin == end ? Double.NEGATIVE_INFINITY : max + Math.log(total);
            double actual = element(logSumExp, b, h, i, 0);
            double error = expected == actual ? 0 : Math.abs(expected - actual) / (logSumExpError + roundoff);
            assertTrue(!Double.isNaN(error) && !Double.isNaN(worst), "row " + i + " of " + sizes + ": NaN");
            return Math.max(worst, error);
        }

        private void assertFenced(HeadRows rows, int length) {
            boolean[] written = new boolean[(int) elements(rows)];
            for (int b = 0; b < sizes.batches; b++) {
                for (int h = 0; h < sizes.heads; h++) {
                    for (int i = 0; i < sizes.queries; i++) {
                        for (int c = 0; c < length; c++) {
                            written[(int) rows.at(b, h, i) / rows.dtype().bytes() + c] = true;
                        }
                    }
                }
            }
            MemorySegment sentinel = arena.allocate(8);
            rows.dtype().set(sentinel, 0, SENTINEL);
            for (int i = 0; i < written.length; i++) {
                assertTrue(
                        written[i]
                                || rows.dtype().get(rows.segment(), i)
                                        == rows.dtype().get(sentinel, 0),
                        "wrote beside its output, at element " + i);
            }
        }
    }
}
