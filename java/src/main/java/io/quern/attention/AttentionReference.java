package io.quern.attention;

import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;

/** The formulae of {@link Attention} as plain loops, summed in FP64 and rounded once; every device is held to them. */
final class AttentionReference {
    private AttentionReference() {}

    static Launch forward(Forward a, Stream stream, Workspace workspace) {
        return () -> forward(a);
    }

    private static void forward(Forward a) {
        for (long b = 0; b < a.inputs().sequences(); b++) {
            Sequence sequence = a.inputs().sequence(b);
            for (long h = 0; h < a.inputs().heads(); h++) {
                for (long i = 0; i < sequence.queries(); i++) {
                    Row row = new Row(a.inputs(), sequence, b, h, i);
                    writeOut(a, row);
                    writeStatistics(a.statistics(), row);
                }
            }
        }
    }

    private static void writeOut(Forward a, Row row) {
        int valueDim = a.inputs().attention().valueDim();
        double[] sum = new double[valueDim];
        for (int j = 0; j < row.count(); j++) {
            double p = row.hidden(j) ? 0 : row.weight[j] * row.keep(j);
            long v = row.keyAt(a.inputs().values(), j);
            for (int c = 0; c < valueDim && !row.hidden(j); c++) {
                sum[c] += p * Row.at(a.inputs().values(), v + c);
            }
        }
        long out = row.queryAt(a.out());
        for (int c = 0; c < valueDim; c++) {
            set(a.out(), out + c, sum[c]);
        }
    }

    private static void writeStatistics(Statistics s, Row row) {
        writeStatistic(s.logSumExp(), row, row.logSumExp);
        writeStatistic(s.maxLogit(), row, row.maxLogit);
        writeStatistic(s.entropy(), row, row.entropy);
        writeStatistic(s.effectiveCount(), row, row.effectiveCount);
    }

    private static void writeStatistic(Tensor tensor, Row row, double value) {
        if (tensor != null) {
            set(tensor, row.statisticAt(tensor), value);
        }
    }

    private static void set(Tensor tensor, long index, double value) {
        tensor.dtype().set(tensor.segment(), index, value);
    }
}
