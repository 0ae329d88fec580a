package io.quern.rope;

import static io.quern.rope.RopeCases.property;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Rotations of the most general kind against the exponential of their generators and the powers of their matrices. */
final class RopeGeneratorCases {
    private RopeGeneratorCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (int d : new int[] {2, 5, 8}) {
            cases.add(property("generator, one axis, d=" + d, DType.FP64, device -> oneAxis(device, d)));
        }
        cases.add(property("generator, two axes", DType.FP64, device -> twoAxes(device, 1.5, 0.3, 0.01)));
        // Planes that turn alike on one axis, or on both but for the sense.
        cases.add(property("generator, equal frequencies", DType.FP64, device -> twoAxes(device, 0.3, 0.3, 0.3)));
        cases.add(property("generator, opposite frequencies", DType.FP64, device -> twoAxes(device, 0.3, -0.3, 0)));
        cases.add(property("generator of zeros", DType.FP64, RopeGeneratorCases::zeros));
        cases.add(property("orthogonal of determinant 1", DType.FP64, device -> orthogonal(device, 0.7, -2.9)));
        cases.add(property("orthogonal with one -1", DType.FP64, device -> orthogonal(device, 0.7, 0.2, -1, 1)));
        cases.add(property("orthogonal with two -1", DType.FP64, device -> orthogonal(device, 0.7, -1, -1, 1)));
        cases.add(property("orthogonal with three -1", DType.FP64, device -> orthogonal(device, -1, -1, -1)));
        cases.add(property("orthogonal, the identity", DType.FP64, device -> orthogonal(device, 1, 1, 1)));
        cases.add(property("generator, relative positions", DType.FP64, RopeGeneratorCases::relative));
        cases.add(refused(
                "a generator that is not skew-symmetric",
                () -> Generator.skewSymmetric(new double[][] {{0, 1}, {-2, 0}}),
                "generators[0]",
                "|B + B^T| = 1.41421356")); // sqrt(2)
        cases.add(refused(
                "generators that do not commute",
                () -> Generator.skewSymmetric(
                        new double[][] {{0, -1, 0}, {1, 0, 0}, {0, 0, 0}},
                        new double[][] {{0, 0, -1}, {0, 0, 0}, {1, 0, 0}}),
                "generators[0] and generators[1]",
                "|[B1, B2]| = 1.41421356")); // a generator of rotations about the third axis: two entries of size 1
        cases.add(refused(
                "a matrix that is not orthogonal",
                () -> Generator.orthogonal(new double[][] {{1, 0}, {0, 2}}),
                "matrix",
                "|O^T O - 1| = 3.0"));
        cases.add(refused(
                "a matrix that is not square",
                () -> Generator.orthogonal(new double[][] {{1, 0}, {0, 1, 0}}),
                "matrix[1]",
                "2",
                "3"));
        cases.add(new Case(
                "rope",
                "refuses fractions of positions with one -1",
                Case.Kind.REFUSAL,
                DType.FP64,
                RopeGeneratorCases::fractions));
        return cases;
    }

    private static Case refused(String name, Outcome.Action action, String... parts) {
        return new Case(
                "rope",
                "refuses " + name,
                Case.Kind.REFUSAL,
                null,
                device -> Outcome.refusal(IllegalArgumentException.class, action, parts));
    }

    /** P L(n) P^T, whose i-th column is that of the i-th unit vector rotated on the device. */
    private static double[][] rotation(Device device, Generator generator, double... position) {
        double[][] p = generator.basis();
        int d = p.length;
        int width = generator.width();
        double[] turned = rotated(device, generator, join(p), position);
        double[][] result = new double[d][d];
        for (int i = 0; i < d; i++) {
            for (int j = 0; j < d; j++) {
                for (int k = 0; k < width; k++) {
                    result[i][j] += p[i][k] * turned[j * width + k];
                }
            }
        }
        return result;
    }

    /** Rows of P are P^T times unit vectors: as many heads of one token. */
    private static double[] rotated(Device device, Generator generator, double[] heads, double... position) {
        int width = generator.width();
        boolean whole = Arrays.stream(position).allMatch(x -> x == Math.rint(x));
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x =
                    arena.allocate(DType.FP64, 1, heads.length / width, width).copyFrom(heads);
            long[] shape = position.length == 1 ? new long[] {1} : new long[] {position.length, 1};
            Tensor positions = whole
                    ? arena.allocate(DType.INT64, shape)
                            .copyFrom(Arrays.stream(position)
                                    .mapToLong(n -> (long) n)
                                    .toArray())
                    : arena.allocate(DType.FP64, shape).copyFrom(position);
            generator.rope().apply(stream, x, positions, x);
            stream.synchronize();
            return x.toDoubleArray();
        }
    }

    private static Outcome oneAxis(Device device, int d) {
        double[] radians = new double[d / 2];
        Arrays.setAll(radians, k -> Math.pow(100, -2.0 * k / d));
        double[][] b = turning(d, randomBasis(d), radians);
        Generator generator = Generator.skewSymmetric(b);
        Outcome outcome = Outcome.passed("");
        for (double n : new double[] {0, 1, -3, 0.625, 1_000}) {
            double[][] expected = ExactMatrix.exponential(ExactMatrix.scaled(b, n));
            outcome = outcome.and(close(expected, rotation(device, generator, n), Math.abs(n) * norm(b), d));
        }
        return outcome;
    }

    /** Three planes of one basis, which the second generator turns by given frequencies, and one direction that stays. */
    private static Outcome twoAxes(Device device, double... second) {
        int d = 7;
        double[][] basis = randomBasis(d);
        double[][] b1 = turning(d, basis, 0.3, 0.3, 0.3);
        double[][] b2 = turning(d, basis, second);
        Generator generator = Generator.skewSymmetric(b1, b2);
        Outcome outcome = Outcome.passed("");
        for (double[] n : new double[][] {{0, 0}, {1, 0}, {0, 1}, {12, -7}, {0.5, 300.25}}) {
            BigDecimal[][] sum = ExactMatrix.sum(ExactMatrix.scaled(b1, n[0]), ExactMatrix.scaled(b2, n[1]));
            double size = Math.abs(n[0]) * norm(b1) + Math.abs(n[1]) * norm(b2);
            outcome = outcome.and(close(ExactMatrix.exponential(sum), rotation(device, generator, n), size, d));
        }
        return outcome;
    }

    private static Outcome zeros(Device device) {
        Generator generator = Generator.skewSymmetric(new double[3][3]);
        return close(identity(3), rotation(device, generator, 5), 0, 3);
    }

    /** Planes by their angles below 1 in size or otherwise not whole; single directions by 1 and -1; then O^n. */
    private static Outcome orthogonal(Device device, double... blocks) {
        List<double[]> rows = new ArrayList<>();
        int d = Arrays.stream(blocks).mapToInt(b -> b == 1 || b == -1 ? 1 : 2).sum();
        int at = 0;
        for (double block : blocks) {
            double[] first = new double[d];
            rows.add(first);
            if (block == 1 || block == -1) {
                first[at++] = block;
            } else {
                double[] second = new double[d];
                rows.add(second);
                first[at] = Math.cos(block);
                first[at + 1] = -Math.sin(block);
                second[at] = Math.sin(block);
                second[at + 1] = Math.cos(block);
                at += 2;
            }
        }
        double[][] q = randomBasis(d);
        double[][] o = multiply(multiply(q, rows.toArray(double[][]::new)), transpose(q));
        Generator generator = Generator.orthogonal(o);
        long reversed = Arrays.stream(blocks).filter(b -> b == -1).count();
        Outcome outcome = Outcome.that(generator.width() == d + reversed % 2, "a channel of zeros beside a single -1");
        for (int n : new int[] {0, 1, 2, 3, 64, 1001}) {
            double[][] expected = ExactMatrix.power(o, n);
            outcome = outcome.and(close(expected, rotation(device, generator, n), n * norm(o), d));
        }
        return outcome;
    }

    /** (R_m q)^T (R_n k) at one distance, near and far, as RopeProperties has it for the frequencies of a model. */
    private static Outcome relative(Device device) {
        int d = 8;
        double[][] b = turning(d, randomBasis(d), 1, 0.3, 0.1, 0.01);
        Generator generator = Generator.skewSymmetric(b);
        SplittableRandom random = new SplittableRandom(11);
        double[] q = random.doubles(d, -1, 1).toArray();
        double[] k = random.doubles(d, -1, 1).toArray();
        double first = Double.NaN;
        double worst = 0;
        for (double m : new double[] {17, 1_017, 9_000_017, -983}) {
            double product = dot(rotated(device, generator, q, m), rotated(device, generator, k, m - 12));
            first = Double.isNaN(first) ? product : first;
            worst = Math.max(worst, Math.abs(product - first));
        }
        double accuracy = RopeOracle.TRIG + 2 * 0x1p-53;
        // Both products have the errors of two heads, 2 sqrt(2) a of its norm each, and sums of d products.
        double bound = (8 * Math.sqrt(2) * accuracy + 2 * d * 0x1p-53) * Math.sqrt(dot(q, q) * dot(k, k));
        return Outcome.within(worst, bound, "change of the product");
    }

    private static Outcome fractions(Device device) {
        Generator generator = Generator.orthogonal(new double[][] {{-1, 0}, {0, 1}});
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = arena.allocate(DType.FP64, 1, 1, generator.width());
            Tensor positions = arena.allocate(DType.FP64, 1);
            return Outcome.refusal(
                    IllegalArgumentException.class,
                    () -> generator.rope().apply(stream, x, positions, x),
                    "positions",
                    "INT32 or INT64",
                    "FP64 [1]");
        }
    }

    /**
     * In the Frobenius norm. Angles: Generator's n |B| 2^-52, the decomposition's d^(1/2) in it; P twice, each orthogonal to
     * d 2^-53 a column, and products of d terms: 4 d 2^-52 a column, of d columns.
     */
    private static Outcome close(double[][] expected, double[][] actual, double turned, int d) {
        double bound = 0x1p-52 * (Math.sqrt(d) * turned + 4 * d * Math.sqrt(d));
        double squares = 0;
        for (int i = 0; i < d; i++) {
            for (int j = 0; j < d; j++) {
                squares += Math.pow(expected[i][j] - actual[i][j], 2);
            }
        }
        return Outcome.within(Math.sqrt(squares), bound, "distance from the matrix");
    }

    /** Q L Q^T with L turning the k-th plane by radians[k], made exactly skew-symmetric. */
    private static double[][] turning(int d, double[][] q, double... radians) {
        double[][] l = new double[d][d];
        for (int k = 0; k < radians.length; k++) {
            l[2 * k + 1][2 * k] = radians[k];
            l[2 * k][2 * k + 1] = -radians[k];
        }
        double[][] b = multiply(multiply(q, l), transpose(q));
        for (int i = 0; i < d; i++) {
            for (int j = 0; j <= i; j++) {
                b[i][j] = i == j ? 0 : (b[i][j] - b[j][i]) / 2;
                b[j][i] = -b[i][j];
            }
        }
        return b;
    }

    /** Gram-Schmidt, twice, of random rows. */
    private static double[][] randomBasis(int d) {
        SplittableRandom random = new SplittableRandom(d);
        double[][] q = new double[d][];
        for (int i = 0; i < d; i++) {
            q[i] = random.doubles(d, -1, 1).toArray();
            for (int pass = 0; pass < 2; pass++) {
                for (int j = 0; j < i; j++) {
                    double along = dot(q[i], q[j]);
                    for (int k = 0; k < d; k++) {
                        q[i][k] -= along * q[j][k];
                    }
                }
            }
            double length = Math.sqrt(dot(q[i], q[i]));
            for (int k = 0; k < d; k++) {
                q[i][k] /= length;
            }
        }
        return q;
    }

    private static double[][] identity(int d) {
        double[][] one = new double[d][d];
        for (int i = 0; i < d; i++) {
            one[i][i] = 1;
        }
        return one;
    }

    private static double[][] multiply(double[][] a, double[][] b) {
        double[][] product = new double[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < b[0].length; j++) {
                for (int k = 0; k < b.length; k++) {
                    product[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return product;
    }

    private static double[][] transpose(double[][] a) {
        double[][] turned = new double[a[0].length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                turned[j][i] = a[i][j];
            }
        }
        return turned;
    }

    private static double norm(double[][] a) {
        double[] all = join(a);
        return Math.sqrt(dot(all, all));
    }

    private static double[] join(double[]... rows) {
        return Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
