package io.quern.linear;

import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.Random;

/**
 * Products with random operands, and what they should be: sums of exact products in twice the precision of FP64.
 *
 * @param gemm which
 * @param dtype of A and B
 * @param out of C
 * @param batch how many
 * @param outlier what some elements are multiplied by
 */
record GemmProblem(Gemm gemm, DType dtype, DType out, int batch, int m, int n, int k, double outlier) {
    static GemmProblem of(Gemm gemm, DType dtype, int m, int n, int k) {
        return new GemmProblem(gemm, dtype, dtype, 1, m, n, k, 1);
    }

    GemmProblem out(DType other) {
        return new GemmProblem(gemm, dtype, other, batch, m, n, k, outlier);
    }

    GemmProblem batch(int other) {
        return new GemmProblem(gemm, dtype, out, other, m, n, k, outlier);
    }

    GemmProblem outlier(double other) {
        return new GemmProblem(gemm, dtype, out, batch, m, n, k, other);
    }

    long[] shapeOfA() {
        return gemm.a() == Gemm.Op.PLAIN ? new long[] {batch, m, k} : new long[] {batch, k, m};
    }

    long[] shapeOfB() {
        return gemm.b() == Gemm.Op.PLAIN ? new long[] {batch, k, n} : new long[] {batch, n, k};
    }

    long[] shapeOfC() {
        return new long[] {batch, m, n};
    }

    Outcome on(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor a = random(arena, dtype, 1, shapeOfA());
            Tensor b = random(arena, dtype, 2, shapeOfB());
            Fenced c = Fenced.allocate(arena, out, shapeOfC());
            double[] before = new double[batch * m * n];
            if (gemm.beta() != 0) {
                before = random(arena, out, 3, shapeOfC()).toDoubleArray();
                c.tensor().copyFrom(before);
            }
            gemm.run(stream, a, b, c.tensor());
            stream.synchronize();
            return c.fencesStand()
                    .and(check(
                            a.toDoubleArray(),
                            b.toDoubleArray(),
                            before,
                            c.tensor().toDoubleArray()));
        }
    }

    /** Unit-normal, every seventh element an outlier. */
    Tensor random(TensorArena arena, DType type, int seed, long... shape) {
        Random random = new Random(seed);
        Tensor tensor = arena.allocate(type, shape);
        double[] values = new double[Math.toIntExact(tensor.elementCount())];
        Arrays.setAll(values, i -> random.nextGaussian() * (i % 7 == 0 ? outlier : 1));
        return tensor.copyFrom(values);
    }

    /** The bound of the package's description for each element, and on unit-normal FP32 the relative error of all. */
    Outcome check(double[] a, double[] b, double[] before, double[] actual) {
        double unit = dtype == FP64 ? 0x1p-53 : 0x1p-24;
        double alpha = dtype == FP64 ? gemm.alpha() : (float) gemm.alpha();
        double beta = dtype == FP64 ? gemm.beta() : (float) gemm.beta();
        double worst = 0;
        double error = 0;
        double size = 0;
        for (int at = 0; at < actual.length; at++) {
            int matrix = at / (m * n);
            int i = at / n % m;
            int j = at % n;
            TwoSum sum = new TwoSum();
            double terms = 0;
            for (int l = 0; l < k; l++) {
                double x = a[matrix * m * k + (gemm.a() == Gemm.Op.PLAIN ? i * k + l : l * m + i)];
                double y = b[matrix * k * n + (gemm.b() == Gemm.Op.PLAIN ? l * n + j : j * k + l)];
                sum.addProduct(x, y);
                terms += Math.abs(x * y);
            }
            sum.scale(alpha);
            if (beta != 0) {
                sum.addProduct(beta, before[at]);
            }
            double expected = sum.value();
            double bound = (k + 3) * unit * Math.abs(alpha) * terms
                    + (beta == 0 ? 0 : 2 * unit * Math.abs(beta * before[at]))
                    + halfUlp(expected);
            double off = Math.abs(sum.minus(actual[at]));
            worst = Math.max(worst, off == 0 ? 0 : Double.isNaN(off) ? Double.POSITIVE_INFINITY : off / bound);
            error += off * off;
            size += expected * expected;
        }
        Outcome each = Outcome.within(worst, 1, "largest error in units of its bound");
        return dtype == FP32 && outlier == 1 && size > 0
                ? each.and(Outcome.within(Math.sqrt(error / size), 1e-6, "relative error in the L2 norm"))
                : each;
    }

    private double halfUlp(double x) {
        return switch (out) {
            case FP64 -> 0x1p-53 * Math.abs(x) + Double.MIN_VALUE;
            case FP32 -> 0x1p-24 * Math.abs(x) + 0x1p-150;
            case FP16 -> 0x1p-11 * Math.abs(x) + 0x1p-25;
            default -> 0x1p-8 * Math.abs(x) + 0x1p-134;
        };
    }

    /** A sum kept in two numbers (Ogita, Rump and Oishi, "Accurate Sum and Dot Product", SIAM J. Sci. Comput. 26, 2005). */
    private static final class TwoSum {
        private double high;
        private double low;

        void addProduct(double x, double y) {
            double product = x * y;
            low += Math.fma(x, y, -product);
            add(product);
        }

        private void add(double x) {
            double sum = high + x;
            double rest = sum - high;
            low += high - (sum - rest) + (x - rest);
            high = sum;
        }

        void scale(double by) {
            double product = high * by;
            low = low * by + Math.fma(high, by, -product);
            high = product;
        }

        double value() {
            return high + low;
        }

        double minus(double x) {
            return high - x + low;
        }
    }
}
