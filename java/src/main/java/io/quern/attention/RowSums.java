package io.quern.attention;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import java.lang.foreign.MemorySegment;

/**
 * What one pass over the keys keeps of each column of each panel, with s in units of log2:
 *
 * <pre>
 *   m = max s,  l = sum 2^(s - m),  u = sum 2^(s - m) (s - m),  w = sum 2^(2 (s - m))
 *
 *   on a new maximum m', with a = 2^(m - m'):   u <- a (u + l (m - m')),  w <- a^2 w,  l <- a l,  O <- a O
 * </pre>
 *
 * and what becomes of it: the sink is added when all keys have been seen.
 */
final class RowSums {
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final double LN_2 = Math.log(2);

    private final Statistics statistics;
    private final Tensor sinks;
    private final MicroKernel kernel;
    private final PanelMath math;
    private final double lowest;
    private final long row;
    private final long numbers;

    private final long maxima;
    private final long sums; // l, u and w of a panel, one row each
    private final long before;
    private final long factors;
    private final long unused;
    private final long powers;

    RowSums(Forward forward, MicroKernel kernel, PanelMath math, int panels, long scratch) {
        this.statistics = forward.statistics();
        this.sinks = forward.inputs().sinks();
        this.kernel = kernel;
        this.math = math;
        // Finite, so that what is hidden is less than the maximum of no keys, and 2^(-infinity - m) is 0 and not NaN.
        this.lowest = forward.inputs().query().dtype() == DType.FP64 ? -Double.MAX_VALUE : -Float.MAX_VALUE;
        this.row = kernel.rowBytes();
        this.numbers = HostMemory.lines(row);
        maxima = scratch;
        sums = maxima + panels * numbers;
        before = sums + panels * 3 * numbers;
        factors = before + numbers;
        unused = factors + numbers;
        powers = unused + numbers;
    }

    static long scratchBytes(MicroKernel kernel, int panels) {
        return (4 * panels + 3) * HostMemory.lines(kernel.rowBytes()) + HostMemory.lines(PanelMath.scratchBytes());
    }

    private long sums(int panel) {
        return sums + panel * 3 * numbers;
    }

    private long moments(int panel) {
        return sums(panel) + row;
    }

    private long squares(int panel) {
        return moments(panel) + row;
    }

    /** Begins with no keys. */
    void open(int panel) {
        for (int j = 0; j < kernel.columns(); j++) {
            math.set(maxima + panel * numbers, j, lowest);
            math.set(sums(panel), j, 0);
            math.set(moments(panel), j, 0);
            math.set(squares(panel), j, 0);
        }
    }

    /**
     * Takes the scores of some keys.
     *
     * @param scores replaced by their weights
     * @param logits room for a copy of them, used where the entropy is asked for
     * @param outs what has been summed up with the weights so far; follows the maximum
     */
    void step(int panel, int keys, long scores, long logits, long outs, int outRows) {
        long max = maxima + panel * numbers;
        long sum = sums(panel);
        MemorySegment.copy(ALL, max, ALL, before, row);
        math.maxima(keys, scores, max);
        if (MemorySegment.mismatch(ALL, max, max + row, ALL, before, before + row) >= 0) {
            follow(panel);
            math.scale(outRows, outs, factors);
        }
        if (statistics.entropy() != null) {
            MemorySegment.copy(ALL, scores, ALL, logits, keys * row);
        }
        math.exponentials(keys, scores, max, sum, powers);
        if (statistics.entropy() != null) {
            math.moments(keys, scores, logits, max, moments(panel));
        }
        if (statistics.effectiveCount() != null) {
            math.squares(keys, scores, squares(panel));
        }
    }

    private void follow(int panel) {
        long max = maxima + panel * numbers;
        if (statistics.entropy() != null) {
            math.moments(1, sums(panel), before, max, moments(panel));
        }
        MemorySegment.copy(ALL, before, ALL, factors, row);
        math.exponentials(1, factors, max, unused, powers);
        math.scale(3, sums(panel), factors);
        if (statistics.effectiveCount() != null) {
            math.scale(1, squares(panel), factors);
        }
    }

    /** Writes a row's statistics and returns what its output is to be multiplied by. */
    double close(int panel, int column, int batch, int head, int query) {
        double l = math.get(sums(panel), column);
        double m = l == 0 ? Double.NEGATIVE_INFINITY : math.get(maxima + panel * numbers, column);
        double sink = sinks == null ? Double.NEGATIVE_INFINITY : ScoreTerms.at(sinks, head) * ScoreTerms.LOG2_E;
        double top = Math.max(m, sink);
        double ofKeys = l == 0 ? 0 : Math.exp((m - top) * LN_2);
        double ofSink = sink == Double.NEGATIVE_INFINITY ? 0 : Math.exp((sink - top) * LN_2);
        double total = ofKeys * l + ofSink;
        boolean nothing = total == 0;
        write(statistics.logSumExp(), batch, head, query, nothing ? top : top * LN_2 + Math.log(total));
        write(statistics.maxLogit(), batch, head, query, m * LN_2);
        if (statistics.entropy() != null) {
            double u = math.get(moments(panel), column);
            double above = ofKeys == 0 ? 0 : ofKeys * (u + l * (m - top));
            above += ofSink == 0 ? 0 : ofSink * (sink - top);
            write(statistics.entropy(), batch, head, query, nothing ? 0 : Math.log(total) - above * LN_2 / total);
        }
        if (statistics.effectiveCount() != null) {
            double w = math.get(squares(panel), column) * ofKeys * ofKeys + ofSink * ofSink;
            write(statistics.effectiveCount(), batch, head, query, nothing ? 0 : total * total / w);
        }
        return nothing ? 0 : ofKeys / total;
    }

    private void write(Tensor tensor, int batch, int head, int query, double value) {
        if (tensor != null) {
            long index = batch * tensor.stride(0) + head * tensor.stride(1) + query * tensor.stride(2);
            tensor.dtype().set(tensor.segment(), index, value);
        }
    }
}
