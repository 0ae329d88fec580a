package io.quern.attention;

import io.quern.DType;
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
 *   on a new maximum m', with a = 2^(m - m'):   u := a (u + l (m - m')),  w := a^2 w,  l := a l,  O := a O
 * </pre>
 *
 * What becomes of it in the end says {@link RowResult}.
 */
final class RowSums {
    private static final MemorySegment ALL = AddressSpace.ALL;

    private final RowResult result;
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

    RowSums(Forward forward, MicroKernel kernel, PanelMath math, int panels, long scratch) {
        this.result = new RowResult(forward);
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
    }

    static long scratchBytes(MicroKernel kernel, int panels) {
        return (4 * panels + 3) * HostMemory.lines(kernel.rowBytes());
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
        if (result.wantsEntropy()) {
            MemorySegment.copy(ALL, scores, ALL, logits, keys * row);
        }
        math.exponentials(keys, scores, max, sum);
        if (result.wantsEntropy()) {
            math.moments(keys, scores, logits, max, moments(panel));
        }
        if (result.wantsSquares()) {
            math.squares(keys, scores, squares(panel));
        }
    }

    private void follow(int panel) {
        long max = maxima + panel * numbers;
        if (result.wantsEntropy()) {
            math.moments(1, sums(panel), before, max, moments(panel));
        }
        MemorySegment.copy(ALL, before, ALL, factors, row);
        math.exponentials(1, factors, max, unused);
        math.scale(3, sums(panel), factors);
        if (result.wantsSquares()) {
            math.scale(1, squares(panel), factors);
        }
    }

    /** Writes a row's statistics and returns what its output is to be multiplied by. */
    double close(int panel, int column, int batch, int head, int query) {
        return result.write(
                batch,
                head,
                query,
                math.get(maxima + panel * numbers, column),
                math.get(sums(panel), column),
                math.get(moments(panel), column),
                math.get(squares(panel), column));
    }
}
