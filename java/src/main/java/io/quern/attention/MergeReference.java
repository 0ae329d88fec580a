package io.quern.attention;

import io.quern.Launch;
import io.quern.Stream;
import io.quern.Workspace;
import java.util.Arrays;

/** The formulae of {@link AttentionState} as plain loops, in FP64, rounded once. */
final class MergeReference {
    private MergeReference() {}

    /** Where the tensors of a state lie. */
    record Rows(TensorRows out, TensorRows logSumExp, TensorRows entropy) {
        static Rows of(AttentionState state) {
            return new Rows(
                    new TensorRows(state.out()),
                    new TensorRows(state.logSumExp()),
                    state.entropy() == null ? null : new TensorRows(state.entropy()));
        }

        /** {@return how many rows there are, those without channels included} */
        long count() {
            return logSumExp.count() * logSumExp.length();
        }

        /** {@return a row's statistic; 0 where there is none} */
        static double get(TensorRows statistic, long row) {
            return statistic == null ? 0 : statistic.get(index(statistic, row));
        }

        static void set(TensorRows statistic, long row, double value) {
            if (statistic != null) {
                statistic.set(index(statistic, row), value);
            }
        }

        private static long index(TensorRows statistic, long row) {
            return statistic.at(row / statistic.length()) + row % statistic.length();
        }
    }

    static Launch forward(Merge a, Stream stream, Workspace workspace) {
        Rows parts = Rows.of(a.parts());
        Rows whole = Rows.of(a.whole());
        int count = Math.toIntExact(a.parts().out().size(0));
        double[] sum = new double[Math.toIntExact(a.whole().out().size(-1))];
        return () -> {
            for (long row = 0; row < whole.count(); row++) {
                forward(parts, count, whole, row, sum);
            }
        };
    }

    static void forward(Rows parts, int count, Rows whole, long row, double[] sum) {
        double logSumExp = logSumExp(parts, count, whole.count(), row);
        Arrays.fill(sum, 0);
        for (int a = 0; a < count; a++) {
            long part = a * whole.count() + row;
            double own = Rows.get(parts.logSumExp, part);
            if (own == Double.NEGATIVE_INFINITY) {
                continue; // its output may be anything
            }
            double weight = Math.exp(own - logSumExp);
            long out = parts.out.at(part);
            for (int c = 0; c < sum.length; c++) {
                sum[c] += weight * parts.out.get(out + c);
            }
        }
        long out = whole.out.at(row);
        for (int c = 0; c < sum.length; c++) {
            whole.out.set(out + c, sum[c]);
        }
        Rows.set(whole.logSumExp, row, logSumExp);
        if (whole.entropy != null) {
            Rows.set(whole.entropy, row, entropy(parts, count, whole.count(), row, logSumExp));
        }
    }

    static double entropy(Rows parts, int count, long rows, long row, double logSumExp) {
        double entropy = 0;
        for (int a = 0; a < count; a++) {
            double own = Rows.get(parts.logSumExp, a * rows + row);
            if (own != Double.NEGATIVE_INFINITY) {
                entropy += Math.exp(own - logSumExp) * (Rows.get(parts.entropy, a * rows + row) + logSumExp - own);
            }
        }
        return entropy;
    }

    static double logSumExp(Rows parts, int count, long rows, long row) {
        double max = Double.NEGATIVE_INFINITY;
        for (int a = 0; a < count; a++) {
            max = Math.max(max, Rows.get(parts.logSumExp, a * rows + row));
        }
        double sum = 0;
        for (int a = 0; a < count && max != Double.NEGATIVE_INFINITY; a++) {
            sum += Math.exp(Rows.get(parts.logSumExp, a * rows + row) - max);
        }
        return max == Double.NEGATIVE_INFINITY ? max : max + Math.log(sum);
    }

    static Launch backward(MergeBackward a, Stream stream, Workspace workspace) {
        Rows parts = Rows.of(a.parts());
        Rows whole = Rows.of(a.whole());
        Rows wholeGradient = Rows.of(a.wholeGradient());
        Rows partsGradient = Rows.of(a.partsGradient());
        long count = a.parts().out().size(0);
        return () -> {
            for (long row = 0; row < count * whole.count(); row++) {
                backward(parts, whole, wholeGradient, partsGradient, row, row % whole.count());
            }
        };
    }

    static void backward(Rows parts, Rows whole, Rows wholeGradient, Rows partsGradient, long part, long row) {
        double own = Rows.get(parts.logSumExp, part);
        boolean none = own == Double.NEGATIVE_INFINITY;
        double weight = none ? 0 : Math.exp(own - Rows.get(whole.logSumExp, row));
        long partOut = parts.out.at(part);
        long wholeOut = whole.out.at(row);
        long wholeOutGradient = wholeGradient.out.at(row);
        long partOutGradient = partsGradient.out.at(part);
        double dot = 0;
        for (long c = 0; c < parts.out.length(); c++) {
            double ofOut = wholeGradient.out.get(wholeOutGradient + c);
            if (!none) {
                dot += ofOut * (parts.out.get(partOut + c) - whole.out.get(wholeOut + c));
            }
            partsGradient.out.set(partOutGradient + c, none ? 0 : weight * ofOut);
        }
        statistics(parts, whole, wholeGradient, partsGradient, part, row, weight, dot);
    }

    /**
     * Writes a part's gradients by logSumExp and entropy.
     *
     * @param weight of the part
     * @param dot of the output's gradient and what the part's output is beyond the whole's
     */
    static void statistics(
            Rows parts,
            Rows whole,
            Rows wholeGradient,
            Rows partsGradient,
            long part,
            long row,
            double weight,
            double dot) {
        double own = Rows.get(parts.logSumExp, part);
        boolean none = own == Double.NEGATIVE_INFINITY;
        double entropyGradient = Rows.get(wholeGradient.entropy, row);
        double surplus = none
                ? 0
                : Rows.get(parts.entropy, part) + Rows.get(whole.logSumExp, row) - own - Rows.get(whole.entropy, row);
        double gradient = dot + Rows.get(wholeGradient.logSumExp, row) + entropyGradient * surplus;
        Rows.set(partsGradient.logSumExp, part, none ? 0 : weight * gradient);
        Rows.set(partsGradient.entropy, part, none ? 0 : weight * entropyGradient);
    }
}
