package io.quern.attention;

import io.quern.Launch;
import io.quern.Stream;
import io.quern.Workspace;

/** The formulae of {@link RowSoftmax} as plain loops, in FP64, rounded once. */
final class SoftmaxReference {
    private SoftmaxReference() {}

    static Launch forward(SoftmaxForward a, Stream stream, Workspace workspace) {
        TensorRows x = new TensorRows(a.x());
        TensorRows out = new TensorRows(a.out());
        return () -> {
            for (long row = 0; row < x.count(); row++) {
                forward(a.kind(), x, x.at(row), out, out.at(row));
            }
        };
    }

    static Launch backward(SoftmaxBackward a, Stream stream, Workspace workspace) {
        TensorRows out = new TensorRows(a.out());
        TensorRows outGradient = new TensorRows(a.outGradient());
        TensorRows xGradient = new TensorRows(a.xGradient());
        return () -> {
            for (long row = 0; row < out.count(); row++) {
                backward(a.kind(), out, out.at(row), outGradient, outGradient.at(row), xGradient, xGradient.at(row));
            }
        };
    }

    static void forward(RowSoftmax kind, TensorRows x, long xAt, TensorRows out, long outAt) {
        double max = Double.NEGATIVE_INFINITY;
        for (long i = 0; i < x.length(); i++) {
            max = Math.max(max, x.get(xAt + i)); // NaN if one is
        }
        boolean none = max == Double.NEGATIVE_INFINITY;
        double sum = 0;
        for (long i = 0; i < x.length() && !none; i++) {
            sum += Math.exp(x.get(xAt + i) - max);
        }
        double logarithm = Math.log(sum);
        for (long i = 0; i < x.length(); i++) {
            double shifted = x.get(xAt + i) - max;
            double y = kind == RowSoftmax.SOFTMAX ? Math.exp(shifted) / sum : shifted - logarithm;
            double ofNone = kind == RowSoftmax.SOFTMAX ? 0 : Double.NEGATIVE_INFINITY;
            out.set(outAt + i, none ? ofNone : y);
        }
    }

    static void backward(
            RowSoftmax kind,
            TensorRows out,
            long outAt,
            TensorRows outGradient,
            long outGradientAt,
            TensorRows xGradient,
            long xGradientAt) {
        double sum = 0;
        for (long i = 0; i < out.length(); i++) {
            double dy = outGradient.get(outGradientAt + i);
            sum += kind == RowSoftmax.SOFTMAX ? dy * out.get(outAt + i) : dy;
        }
        for (long i = 0; i < out.length(); i++) {
            double y = out.get(outAt + i);
            double dy = outGradient.get(outGradientAt + i);
            xGradient.set(xGradientAt + i, kind == RowSoftmax.SOFTMAX ? y * (dy - sum) : dy - Math.exp(y) * sum);
        }
    }
}
