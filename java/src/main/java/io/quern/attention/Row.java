package io.quern.attention;

import io.quern.Tensor;

/** The scores and weights of one query of one head, as the formulae of {@link Attention} say, in FP64. */
final class Row {
    private final Inputs inputs;
    private final Sequence sequence;
    private final long batch;
    private final long head;
    private final long query;

    final long begin; // the keys within the band; mask and bias hide some of them
    final double scale; // of the dot products, all factors together
    final double[] score; // -infinity where hidden, from begin on
    final double[] slope; // of the score by the scaled dot product: 1 without a softcap
    final double[] weight;
    final double sinkWeight;
    final double maxLogit;
    final double logSumExp;
    final double entropy;
    final double effectiveCount;

    Row(Inputs inputs, Sequence sequence, long batch, long head, long query) {
        this.inputs = inputs;
        this.sequence = sequence;
        this.batch = batch;
        this.head = head;
        this.query = query;
        Band band = inputs.attention().band();
        begin = band.begin(query, sequence.queries(), sequence.keys());
        int count = Math.toIntExact(band.end(query, sequence.queries(), sequence.keys()) - begin);
        score = new double[count];
        slope = new double[count];
        weight = new double[count];
        scale = scale();
        scoreKeys();
        double sink = inputs.sinks() == null ? Double.NEGATIVE_INFINITY : at(inputs.sinks(), head);
        double largest = Double.NEGATIVE_INFINITY;
        for (double s : score) {
            largest = Math.max(largest, s);
        }
        maxLogit = largest;
        double m = Math.max(largest, sink);
        double sum = 0;
        for (double s : score) {
            sum += s == Double.NEGATIVE_INFINITY ? 0 : Math.exp(s - m);
        }
        double sinkPart = sink == Double.NEGATIVE_INFINITY ? 0 : Math.exp(sink - m);
        sum += sinkPart;
        logSumExp = m == Double.NEGATIVE_INFINITY ? m : m + Math.log(sum);
        sinkWeight = sum == 0 ? 0 : sinkPart / sum;
        double entropySum = term(sinkWeight, sink);
        double squares = sinkWeight * sinkWeight;
        for (int j = 0; j < count; j++) {
            weight[j] = score[j] == Double.NEGATIVE_INFINITY ? 0 : Math.exp(score[j] - m) / sum;
            entropySum += term(weight[j], score[j]);
            squares += weight[j] * weight[j];
        }
        entropy = entropySum;
        effectiveCount = squares == 0 ? 0 : 1 / squares;
    }

    /** -p ln p. */
    private double term(double p, double s) {
        return s == Double.NEGATIVE_INFINITY ? 0 : p * (logSumExp - s);
    }

    int count() {
        return score.length;
    }

    boolean hidden(int j) {
        return score[j] == Double.NEGATIVE_INFINITY;
    }

    private double scale() {
        double factor = inputs.attention().scale();
        if (inputs.headScale() != null) {
            factor *= at(inputs.headScale(), head);
        }
        if (inputs.attention().trainingLength() != 0) {
            long seen = 0;
            for (int j = 0; j < score.length; j++) {
                seen += visible(j) ? 1 : 0;
            }
            factor *=
                    seen == 0 ? 0 : Math.log(seen) / Math.log(inputs.attention().trainingLength());
        }
        return factor;
    }

    private void scoreKeys() {
        double softcap = inputs.attention().softcap();
        for (int j = 0; j < score.length; j++) {
            if (!visible(j)) {
                score[j] = Double.NEGATIVE_INFINITY;
                continue;
            }
            double x = scale * dot(j);
            double tanh = softcap == 0 ? 0 : Math.tanh(x / softcap);
            slope[j] = 1 - tanh * tanh;
            score[j] = (softcap == 0 ? x : softcap * tanh) + added(j);
        }
    }

    private double dot(int j) {
        long q = queryAt(inputs.query());
        long k = keyAt(inputs.keys(), j);
        double sum = 0;
        for (int c = 0; c < inputs.attention().headDim(); c++) {
            sum += at(inputs.query(), q + c) * at(inputs.keys(), k + c);
        }
        return sum;
    }

    /** By mask and infinite bias; the band has already chosen. */
    private boolean visible(int j) {
        boolean masked = inputs.mask() != null && at(inputs.mask(), dense(inputs.mask(), j)) == 0;
        return !masked && bias(j) != Double.NEGATIVE_INFINITY && keyBias(j) != Double.NEGATIVE_INFINITY;
    }

    private double added(int j) {
        long key = begin + j;
        double distance = Math.abs(
                query + inputs.attention().band().alignment().diagonal(sequence.queries(), sequence.keys()) - key);
        double alibi = inputs.slopes() == null ? 0 : at(inputs.slopes(), head) * distance;
        return bias(j) + keyBias(j) - alibi + inputs.attention().randomness().noise(drawn(), query, key);
    }

    /** By what dropout multiplies a weight. */
    double keep(int j) {
        return inputs.attention().randomness().keep(drawn(), query, begin + j);
    }

    private long drawn() {
        return batch * inputs.heads() + head;
    }

    private double bias(int j) {
        return inputs.bias() == null ? 0 : at(inputs.bias(), dense(inputs.bias(), j));
    }

    private double keyBias(int j) {
        return inputs.keyBias() == null ? 0 : at(inputs.keyBias(), ofKey(inputs.keyBias(), j));
    }

    /** Where this row begins in query, out or a gradient of theirs. */
    long queryAt(Tensor tensor) {
        return sequence.row() * tensor.stride(0)
                + head * tensor.stride(1)
                + (sequence.firstQuery() + query) * tensor.stride(2);
    }

    /** Where this row's number lies in a statistic. */
    long statisticAt(Tensor tensor) {
        return sequence.row() * tensor.stride(0) + head * tensor.stride(1) + sequence.firstQuery() + query;
    }

    /** Where a key begins in keys, values or a gradient of theirs. */
    long keyAt(Tensor tensor, int j) {
        return sequence.row() * tensor.stride(0)
                + inputs.keyHead(head) * tensor.stride(1)
                + (sequence.firstKey() + begin + j) * tensor.stride(2);
    }

    /** Where the pair lies in mask or bias. */
    long dense(Tensor tensor, int j) {
        return step(tensor, 0, batch) + step(tensor, 1, head) + step(tensor, 2, query) + begin + j;
    }

    /** Where the key lies in keyBias. */
    long ofKey(Tensor tensor, int j) {
        return step(tensor, 0, sequence.row()) + step(tensor, 1, head) + sequence.firstKey() + begin + j;
    }

    /** An axis of size 1 serves every index. */
    private static long step(Tensor tensor, int axis, long index) {
        return tensor.size(axis) == 1 ? 0 : index * tensor.stride(axis);
    }

    static double at(Tensor tensor, long index) {
        return tensor.dtype().get(tensor.segment(), index);
    }
}
