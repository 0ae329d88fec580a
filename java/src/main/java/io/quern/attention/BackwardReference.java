package io.quern.attention;

import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;

/** The formulae of {@link Backward} as plain loops in FP64; the weights are computed anew, from the inputs alone. */
final class BackwardReference {
    private final Backward a;
    private final Inputs inputs;
    private final GradientSum query;
    private final GradientSum keys;
    private final GradientSum values;
    private final GradientSum bias;
    private final GradientSum keyBias;
    private final GradientSum sinks;

    private BackwardReference(Backward a) {
        this.a = a;
        this.inputs = a.inputs();
        query = new GradientSum(a.gradients().queryGradient());
        keys = new GradientSum(a.gradients().keysGradient());
        values = new GradientSum(a.gradients().valuesGradient());
        bias = new GradientSum(a.gradients().biasGradient());
        keyBias = new GradientSum(a.gradients().keyBiasGradient());
        sinks = new GradientSum(a.gradients().sinksGradient());
    }

    static Launch backward(Backward a, Stream stream, Workspace workspace) {
        return () -> new BackwardReference(a).run();
    }

    private void run() {
        for (long b = 0; b < inputs.sequences(); b++) {
            Sequence sequence = inputs.sequence(b);
            for (long h = 0; h < inputs.heads(); h++) {
                for (long i = 0; i < sequence.queries(); i++) {
                    add(sequence, h, i, new Row(inputs, sequence, b, h, i));
                }
            }
        }
        for (GradientSum sum : new GradientSum[] {query, keys, values, bias, keyBias, sinks}) {
            sum.write();
        }
    }

    private void add(Sequence sequence, long h, long i, Row row) {
        double[] dP = new double[row.count()];
        double mean = 0; // D, the mean of dP by p
        for (int j = 0; j < row.count(); j++) {
            if (!row.hidden(j)) {
                dP[j] = row.keep(j) * dotOfValue(row, j);
                mean += row.weight[j] * dP[j];
            }
        }
        double dLse = statistic(a.incoming().logSumExpGradient(), row);
        double dEntropy = statistic(a.incoming().entropyGradient(), row);
        for (int j = 0; j < row.count(); j++) {
            if (!row.hidden(j)) {
                double information = row.logSumExp - row.score[j] - row.entropy;
                addPair(sequence, h, i, row, j, row.weight[j] * (dP[j] - mean + dLse + dEntropy * information));
            }
        }
        if (row.sinkWeight > 0) {
            double information = row.logSumExp - Row.at(inputs.sinks(), h) - row.entropy;
            sinks.add(row.sinkWeight * (-mean + dLse + dEntropy * information), h);
        }
    }

    private void addPair(Sequence sequence, long h, long i, Row row, int j, double dS) {
        long b = sequence.row();
        long q = sequence.firstQuery() + i;
        long k = sequence.firstKey() + row.begin + j;
        long keyHead = inputs.keyHead(h);
        bias.add(dS, b, h, i, row.begin + j);
        keyBias.add(dS, b, h, k);
        double dDot = dS * row.slope[j] * row.scale;
        for (int c = 0; c < inputs.attention().headDim(); c++) {
            query.add(dDot * Row.at(inputs.keys(), row.keyAt(inputs.keys(), j) + c), b, h, q, c);
            keys.add(dDot * Row.at(inputs.query(), row.queryAt(inputs.query()) + c), b, keyHead, k, c);
        }
        double p = row.weight[j] * row.keep(j);
        for (int c = 0; c < inputs.attention().valueDim(); c++) {
            values.add(p * outGradient(row, c), b, keyHead, k, c);
        }
    }

    private double dotOfValue(Row row, int j) {
        double sum = 0;
        for (int c = 0; c < inputs.attention().valueDim(); c++) {
            sum += outGradient(row, c) * Row.at(inputs.values(), row.keyAt(inputs.values(), j) + c);
        }
        return sum;
    }

    private double outGradient(Row row, int c) {
        Tensor gradient = a.incoming().outGradient();
        return Row.at(gradient, row.queryAt(gradient) + c);
    }

    private static double statistic(Tensor tensor, Row row) {
        return tensor == null ? 0 : Row.at(tensor, row.statisticAt(tensor));
    }
}
