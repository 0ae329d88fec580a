package io.quern.attention;

import io.quern.Tensor;

/** Makes statistics of a row's sums ({@link RowSums}); here the sink is added. */
final class RowResult {
    static final double LN_2 = Math.log(2);

    private final Statistics statistics;
    private final Tensor sinks;

    RowResult(Forward forward) {
        statistics = forward.statistics();
        sinks = forward.inputs().sinks();
    }

    boolean wantsEntropy() {
        return statistics.entropy() != null;
    }

    boolean wantsSquares() {
        return statistics.effectiveCount() != null;
    }

    /**
     * Writes a row's statistics.
     *
     * @param m the largest score in units of log2
     * @param l sum 2^(s - m); 0 where no key was seen
     * @param u sum 2^(s - m) (s - m)
     * @param w sum 2^(2 (s - m))
     * @return what sum 2^(s - m) v is to be multiplied by
     */
    double write(int batch, int head, int query, double m, double l, double u, double w) {
        double most = l == 0 ? Double.NEGATIVE_INFINITY : m;
        double sink = sinks == null ? Double.NEGATIVE_INFINITY : ScoreTerms.at(sinks, head) * ScoreTerms.LOG2_E;
        double top = Math.max(most, sink);
        double ofKeys = l == 0 ? 0 : Math.exp((most - top) * LN_2);
        double ofSink = sink == Double.NEGATIVE_INFINITY ? 0 : Math.exp((sink - top) * LN_2);
        double total = ofKeys * l + ofSink;
        boolean nothing = total == 0;
        set(statistics.logSumExp(), batch, head, query, nothing ? top : top * LN_2 + Math.log(total));
        set(statistics.maxLogit(), batch, head, query, most * LN_2);
        if (wantsEntropy()) {
            double above = ofKeys == 0 ? 0 : ofKeys * (u + l * (most - top));
            above += ofSink == 0 ? 0 : ofSink * (sink - top);
            set(statistics.entropy(), batch, head, query, nothing ? 0 : Math.log(total) - above * LN_2 / total);
        }
        if (wantsSquares()) {
            double squares = w * ofKeys * ofKeys + ofSink * ofSink;
            set(statistics.effectiveCount(), batch, head, query, nothing ? 0 : total * total / squares);
        }
        return nothing ? 0 : ofKeys / total;
    }

    private static void set(Tensor tensor, int batch, int head, int query, double value) {
        if (tensor != null) {
            long index = batch * tensor.stride(0) + head * tensor.stride(1) + query * tensor.stride(2);
            tensor.dtype().set(tensor.segment(), index, value);
        }
    }
}
