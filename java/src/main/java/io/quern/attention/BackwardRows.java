package io.quern.attention;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.MicroKernel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What a backward pass has to know of each row of queries before it meets keys, and the gradient by the sinks. With scores s
 * in units of log2:
 *
 * <pre>
 *   p_j = 2^(s_j - shift)            shift = LSE log2 e
 *   dS_j = p_j (dP_j + base - dH s_j ln 2)         base = -D + dLSE + dH (LSE - H),   D = dO . o
 * </pre>
 *
 * <p>D is what the formula calls the mean of dP: o is the mean of values, with dropout and sinks as it was. A row that sees
 * nothing has a shift so large that every p is 0.
 */
final class BackwardRows {
    /** shift, base, dH and what dot products are multiplied by, in FP64. */
    static final long BYTES = 4 * Double.BYTES;

    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final ValueLayout.OfDouble NUMBER = ValueLayout.JAVA_DOUBLE_UNALIGNED;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private final BackwardLayout layout;
    private final Sequences sequences;
    private final ScoreTerms terms;
    private final Band band;
    private final HeadRows out;
    private final HeadRows outGradient;
    private final Tensor logSumExp;
    private final Tensor entropy;
    private final Tensor logSumExpGradient;
    private final Tensor entropyGradient;
    private final Tensor sinks;
    private final double most;
    private final long rows;
    private final long sinkSums;

    BackwardRows(BackwardLayout layout, Sequences sequences, long scratch) {
        Backward backward = layout.backward;
        this.layout = layout;
        this.sequences = sequences;
        this.terms = new ScoreTerms(layout.inputs, layout.kernel, layout.math, 0);
        this.band = layout.inputs.attention().band();
        this.out = HeadRows.of(backward.saved().out());
        this.outGradient = HeadRows.of(backward.incoming().outGradient());
        this.logSumExp = backward.saved().logSumExp();
        this.entropy = backward.saved().entropy();
        this.logSumExpGradient = backward.incoming().logSumExpGradient();
        this.entropyGradient = backward.incoming().entropyGradient();
        this.sinks = layout.inputs.sinks();
        this.most = layout.dtype == DType.FP64 ? Double.MAX_VALUE : Float.MAX_VALUE;
        this.rows = scratch;
        this.sinkSums = rows + count(layout) * BYTES;
    }

    private static long count(BackwardLayout layout) {
        return (long) layout.batches * layout.heads * layout.rowsPerHead;
    }

    static long scratchBytes(BackwardLayout layout) {
        return count(layout) * BYTES + (long) layout.sequenceCount * layout.heads * Double.BYTES;
    }

    /** {@return the number of a sequence's row among those of a head} */
    int place(int sequence, int query) {
        return sequences.firstQuery[sequence] + (layout.ragged ? sequence * MicroKernel.ROWS : 0) + query;
    }

    /** {@return where a row's numbers lie} */
    long at(int sequence, int head, int query) {
        long ofHead = (long) sequences.row[sequence] * layout.heads + head;
        return rows + (ofHead * layout.rowsPerHead + place(sequence, query)) * BYTES;
    }

    static double shift(long at) {
        return ALL.get(NUMBER, at);
    }

    static double base(long at) {
        return ALL.get(NUMBER, at + 8);
    }

    static double entropyGradient(long at) {
        return ALL.get(NUMBER, at + 16);
    }

    static double scale(long at) {
        return ALL.get(NUMBER, at + 24);
    }

    /** {@return whether a row sees nothing} */
    boolean blind(long at) {
        return shift(at) == most;
    }

    /** Makes the numbers of all rows of a sequence and a head. */
    void run(int sequence, int head) {
        int batch = sequences.row[sequence];
        int queries = sequences.queries[sequence];
        int keys = sequences.keys[sequence];
        terms.sequence(sequence, batch, sequences.firstKey[sequence], queries, keys);
        double sinkSum = 0;
        for (int i = 0; i < queries; i++) {
            int query = sequences.firstQuery[sequence] + i;
            double lse = statistic(logSumExp, batch, head, query);
            boolean blind = lse == Double.NEGATIVE_INFINITY;
            double dH = blind ? 0 : statistic(entropyGradient, batch, head, query);
            double base = blind ? 0 : -mean(batch, head, query) + statistic(logSumExpGradient, batch, head, query);
            if (dH != 0) {
                base += dH * (lse - statistic(entropy, batch, head, query));
            }
            double sink = sinks == null ? Double.NEGATIVE_INFINITY : ScoreTerms.at(sinks, head);
            if (sink != Double.NEGATIVE_INFINITY) {
                sinkSum += Math.exp(sink - lse) * (base - dH * sink);
            }
            long to = at(sequence, head, i);
            ALL.set(NUMBER, to, blind ? most : lse * ScoreTerms.LOG2_E);
            ALL.set(NUMBER, to + 8, base);
            ALL.set(NUMBER, to + 16, dH);
            int begin = (int) band.begin(i, queries, keys);
            ALL.set(NUMBER, to + 24, terms.scale(head, i, begin, (int) band.end(i, queries, keys)));
        }
        ALL.set(NUMBER, sinkSums + ((long) sequence * layout.heads + head) * Double.BYTES, sinkSum);
    }

    private static double statistic(Tensor tensor, int batch, int head, int query) {
        return tensor == null
                ? 0
                : ScoreTerms.at(tensor, batch * tensor.stride(0) + head * tensor.stride(1) + query * tensor.stride(2));
    }

    private double mean(int batch, int head, int query) {
        long o = out.at(batch, head, query);
        long g = outGradient.at(batch, head, query);
        if (layout.dtype == DType.FP64) {
            return dotOfFp64(o, g, layout.valueDim);
        }
        if (layout.narrow) {
            Fp32Blocks blocks = Fp32Blocks.ofThread();
            o = blocks.load(0, layout.dtype, ALL, o, layout.valueDim).address();
            g = blocks.load(1, layout.dtype, ALL, g, layout.valueDim).address();
        }
        return dotOfFp32(o, g, layout.valueDim);
    }

    /** Two sums, so that one addition need not wait for the one before. */
    private static double dotOfFp32(long a, long b, int length) {
        double even = 0;
        double odd = 0;
        int c = 0;
        for (; c + 1 < length; c += 2) {
            even += (double) ALL.get(FLOAT, a + c * 4L) * ALL.get(FLOAT, b + c * 4L);
            odd += (double) ALL.get(FLOAT, a + c * 4L + 4) * ALL.get(FLOAT, b + c * 4L + 4);
        }
        return c < length ? even + odd + (double) ALL.get(FLOAT, a + c * 4L) * ALL.get(FLOAT, b + c * 4L) : even + odd;
    }

    private static double dotOfFp64(long a, long b, int length) {
        double sum = 0;
        for (int c = 0; c < length; c++) {
            sum = Math.fma(ALL.get(NUMBER, a + c * 8L), ALL.get(NUMBER, b + c * 8L), sum);
        }
        return sum;
    }

    /** Writes a head's gradient by its sink. */
    void writeSink(Tensor gradient, int head) {
        double sum = 0;
        for (int s = 0; s < layout.sequenceCount; s++) {
            sum += ALL.get(NUMBER, sinkSums + ((long) s * layout.heads + head) * Double.BYTES);
        }
        gradient.dtype().set(gradient.segment(), head * gradient.stride(0), sum);
    }
}
