package io.quern.attention;

import io.quern.DType;
import io.quern.Outcome;
import io.quern.cpu.Philox;

/**
 * Attention row by row over all pairs in FP64, sharing no code with the room but Philox's words, which have known answers;
 * and how far a device may be from it.
 *
 * <p>Let u be the unit roundoff of the type that accumulates, w that of the type that stores. A dot product of d terms is
 * off by (d + 3) u sum |q k| scale at the most, what is added to it by 4 u |s|: ds, taken twice because FP64 itself is held
 * to this. Weights are then off by a factor 1 + 2 ds (numerator and denominator), sums of n terms by n + 8 roundings, and
 * weights rounded to the storage type by w: |error of o| <= 2 (2 ds + (n + 8) u + w) sum p |v| + w |o|.
 */
final class AttentionOracle {
    private final AttentionProblem p;
    private double worst; // error in units of the bound

    private AttentionOracle(AttentionProblem problem) {
        this.p = problem;
    }

    static Outcome judge(AttentionProblem problem, AttentionProblem.Result result) {
        AttentionOracle oracle = new AttentionOracle(problem);
        for (int b = 0; b < problem.batches; b++) {
            for (int h = 0; h < problem.heads; h++) {
                for (int i = 0; i < problem.queries; i++) {
                    oracle.row(result, b, h, i);
                }
            }
        }
        return Outcome.within(oracle.worst, 1, "largest error in units of the bound");
    }

    private void row(AttentionProblem.Result result, int b, int h, int i) {
        int d = p.attention.headDim();
        int dv = p.attention.valueDim();
        int row = (b * p.heads + h) * p.queries + i;
        int kv = b * p.keyHeads + h * p.keyHeads / p.heads;
        boolean[] seen = new boolean[p.keyCount];
        int count = 0;
        for (int j = 0; j < p.keyCount; j++) {
            seen[j] = sees(b, h, i, j);
            count += seen[j] ? 1 : 0;
        }
        double factor = p.attention.scale() * (p.headScale == null ? 1 : p.headScale[h]);
        if (p.attention.trainingLength() > 0) {
            factor *= Math.log(Math.max(1, count)) / Math.log(p.attention.trainingLength());
        }
        double u = p.dtype == DType.FP64 ? 0x1p-53 : 0x1p-24;
        double w = switch (p.dtype) {
            case FP64 -> 0x1p-53;
            case FP32 -> 0x1p-24;
            case FP16 -> 0x1p-11;
            default -> 0x1p-8;
        };
        double least =
                p.dtype == DType.FP16 ? 0x1p-25 : 0x1p-24 * w; // half of the smallest number, of FP16 alone not tiny
        double[] s = new double[p.keyCount];
        double ds = 0;
        double m = p.sinks == null ? Double.NEGATIVE_INFINITY : p.sinks[h];
        double most = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < p.keyCount; j++) {
            if (seen[j]) {
                double dot = 0;
                double size = 0;
                for (int c = 0; c < d; c++) {
                    double term = p.query[row * d + c] * p.keys[(kv * p.keyCount + j) * d + c];
                    dot += term;
                    size += Math.abs(term);
                }
                s[j] = score(dot * factor, b, h, i, j);
                ds = Math.max(ds, 2 * ((d + 3) * u * size * Math.abs(factor) + 4 * u * (Math.abs(s[j]) + extent(j))));
                m = Math.max(m, s[j]);
                most = Math.max(most, s[j]);
            }
        }
        double total = p.sinks == null ? 0 : Math.exp(p.sinks[h] - m);
        for (int j = 0; j < p.keyCount; j++) {
            total += seen[j] ? Math.exp(s[j] - m) : 0;
        }
        double lse = total == 0 ? Double.NEGATIVE_INFINITY : m + Math.log(total);
        double relative = 2 * (2 * ds + (count + 8) * u);
        statistic(result.maxLogit()[row], most, ds + u * Math.abs(most));
        statistic(result.logSumExp()[row], lse, relative + 2 * u * Math.abs(lse));
        double[] weights = new double[p.keyCount];
        double entropy = 0;
        double squares = 0;
        double spread = 0;
        for (int j = -1; j < p.keyCount; j++) {
            boolean there = j < 0 ? p.sinks != null : seen[j];
            if (there) {
                double x = (j < 0 ? p.sinks[h] : s[j]) - m;
                double weight = Math.exp(x) / total;
                if (j >= 0) {
                    weights[j] = weight * keep(b, h, i, j);
                }
                entropy -= weight == 0 ? 0 : weight * (x - Math.log(total));
                squares += weight * weight;
                spread += weight * Math.abs(x - Math.log(total));
            }
        }
        statistic(result.entropy()[row], entropy, relative * (1 + spread) + 2 * ds + u * (1 + Math.abs(lse)) * 4);
        double n = squares == 0 ? 0 : 1 / squares;
        statistic(result.effectiveCount()[row], n, 2 * relative * n + u * n);
        for (int c = 0; c < dv; c++) {
            double o = 0;
            double size = 0;
            for (int j = 0; j < p.keyCount; j++) {
                if (seen[j]) {
                    double v = p.values[(kv * p.keyCount + j) * dv + c];
                    o += weights[j] * v;
                    size += weights[j] * Math.abs(v);
                }
            }
            statistic(result.out()[row * dv + c], o, (relative + 2 * w) * size + w * Math.abs(o) + least);
        }
    }

    /** The largest number among those that make up a score. */
    private double extent(int j) {
        return 4
                + (p.slopes == null ? 0 : 1.25 * (p.queries + p.keyCount + j))
                + 8 * p.attention.randomness().sigma();
    }

    private void statistic(double actual, double expected, double bound) {
        double error = actual == expected ? 0 : Math.abs(actual - expected) / bound;
        worst = Double.isNaN(error) || Double.isNaN(worst) ? Double.NaN : Math.max(worst, error);
    }

    private long length(int b) {
        return p.keyLengths == null ? p.keyCount : (long) p.keyLengths[b];
    }

    private long diagonal(int b) {
        return p.attention.band().alignment() == Alignment.TOP_LEFT ? 0 : length(b) - p.queries;
    }

    private boolean sees(int b, int h, int i, int j) {
        long ahead = j - (i + diagonal(b));
        return j < length(b)
                && ahead <= p.attention.band().right()
                && -ahead <= p.attention.band().left()
                && (p.mask == null || p.mask[((b * p.heads + h) * p.queries + i) * p.keyCount + j] != 0)
                && (p.bias == null || p.bias[h * p.keyCount + j] != Double.NEGATIVE_INFINITY);
    }

    private double score(double x, int b, int h, int i, int j) {
        double c = p.attention.softcap();
        double s = c == 0 ? x : c * Math.tanh(x / c);
        s += p.bias == null ? 0 : p.bias[h * p.keyCount + j];
        s += p.keyBias == null ? 0 : p.keyBias[b * p.keyCount + j];
        s -= p.slopes == null ? 0 : p.slopes[h] * Math.abs(i + diagonal(b) - j);
        Randomness r = p.attention.randomness();
        if (r.sigma() > 0) {
            int word = j % 4 / 2 * 2;
            double radius = Math.sqrt(-2 * Math.log(uniform(b, h, i, j / 4, 1, word)));
            double angle = 2 * Math.PI * uniform(b, h, i, j / 4, 1, word + 1);
            s += r.sigma() * radius * (j % 2 == 0 ? Math.cos(angle) : Math.sin(angle));
        }
        return s;
    }

    private double keep(int b, int h, int i, int j) {
        double dropout = p.attention.randomness().dropout();
        boolean dropped = dropout > 0 && uniform(b, h, i, j / 4, 0, j % 4) < dropout;
        return dropped ? 0 : 1 / (1 - dropout);
    }

    private double uniform(int b, int h, int i, int block, int stream, int word) {
        int bits = Philox.word(p.attention.randomness().seed(), block, i, b * p.heads + h, stream, word);
        return (Integer.toUnsignedLong(bits) / 256 + 0.5) / (1 << 24);
    }
}
