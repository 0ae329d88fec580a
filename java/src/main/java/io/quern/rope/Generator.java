package io.quern.rope;

import io.quern.Check;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.MatrixUtils;
import org.hipparchus.linear.RealMatrix;
import org.hipparchus.linear.SchurTransformer;

/**
 * The most general rotary embedding, reduced to {@link Rope}. Orthogonal matrices R_n with R_m^T R_n = R_(n-m), which is what
 * makes the product of a rotated query and a rotated key depend on their distance only, are the powers O^n of one orthogonal
 * O; where det O = 1 they are exp(n B) of a skew-symmetric B, and with several axes exp(n_1 B_1 + n_2 B_2 + ...) of such that
 * commute. The real Schur form makes of them turning planes:
 *
 * <pre>
 *   exp(n B)  =  P L(n) P^T        P orthogonal, L(n) rotations of channels (2k, 2k+1) by n w_k: {@link Rope}, ADJACENT
 *
 *   (exp(m B) q)^T (exp(n B) k)  =  (L(m) P^T q)^T (L(n) P^T k)
 * </pre>
 *
 * so that P^T belongs into the projections that make queries and keys ({@link #basis}), once, and the rotation is the one
 * kernel's: block-diagonal frequencies lose nothing. Su, kexue.fm 8397 and 9403; RoFormer, arXiv 2104.09864, section 3.2.
 *
 * <pre>{@code
 * Generator g = Generator.skewSymmetric(b);           // or orthogonal(o), or several that commute
 * queryWeights = transpose(g.basis()) * queryWeights; // rows of P^T: once, by whatever multiplies matrices
 * g.rope().apply(stream, q, positions, q);            // q of g.width() channels a head
 * }</pre>
 *
 * <p>Eigenvalues -1 of O: two of them are a rotation by pi; a single one is (-1)^n, which no exp(n B) is. It gets a channel
 * of zeros beside it to turn with, so that {@link #width} is one more, and {@link #frequencies} take whole positions only.
 * In an odd dimension one channel, the last, stays as it is.
 *
 * <p><b>Accuracy.</b> L(n) has the exactness of {@link AngleRounding#EXACT} for the w_k found, so the relative-position
 * identity holds to that, at any distance. The w_k are off by some 2^-52 |B|, so against the true exp(n B) an angle is off by
 * some n |B| 2^-52.
 *
 * <p>Needs {@code org.hipparchus:hipparchus-core} (Apache License 2.0), an optional dependency of this library: whoever uses
 * this class adds it, nobody else needs it.
 */
public final class Generator {
    /** What matrices may lack of being skew-symmetric, orthogonal or commuting, in units of d |B|: 256 roundings. */
    private static final double TOLERANCE = 0x1p-44;

    private final Frequencies frequencies;
    private final double[][] basis;

    private Generator(Frequencies frequencies, double[][] basis) {
        this.frequencies = frequencies;
        this.basis = basis;
    }

    /**
     * {@return R_n = exp(n_1 B_1 + n_2 B_2 + ...)}
     *
     * @param generators (d, d) each, skew-symmetric and commuting; d at least 2
     * @throws IllegalArgumentException saying |B + B^T| or |[B_1, B_2]|, Frobenius norms, where these are not 0 to rounding
     */
    public static Generator skewSymmetric(double[][]... generators) {
        Check.present("generators", generators);
        Check.that(generators.length > 0, "generators", "at least one", 0);
        RealMatrix[] matrices = new RealMatrix[generators.length];
        for (int a = 0; a < generators.length; a++) {
            matrices[a] = matrix("generators[" + a + "]", generators[a]);
            Check.that(
                    matrices[a].getRowDimension() == matrices[0].getRowDimension(),
                    "generators[" + a + "]",
                    "as wide as the first, " + matrices[0].getRowDimension(),
                    matrices[a].getRowDimension());
            double symmetric = matrices[a].add(matrices[a].transpose()).getFrobeniusNorm();
            Check.that(
                    symmetric <= tolerance(matrices[a]),
                    "generators[" + a + "]",
                    "skew-symmetric",
                    "of |B + B^T| = " + symmetric);
        }
        checkCommuting(matrices);
        return new Planes(matrices).ofSkewSymmetric();
    }

    /**
     * {@return R_n = O^n}
     *
     * @param matrix O, (d, d), orthogonal; d at least 2
     * @throws IllegalArgumentException saying |O^T O - 1|, the Frobenius norm, where that is not 0 to rounding
     */
    public static Generator orthogonal(double[][] matrix) {
        RealMatrix o = matrix("matrix", matrix);
        double norm = o.transposeMultiply(o).subtract(identity(o)).getFrobeniusNorm();
        Check.that(norm <= tolerance(o), "matrix", "orthogonal", "of |O^T O - 1| = " + norm);
        return new Planes(o).ofOrthogonal(o);
    }

    /** {@return the frequencies w_k of the planes, in radians, on as many axes as there are generators} */
    public Frequencies frequencies() {
        return frequencies;
    }

    /** {@return P, (d, width): rotate P^T x} */
    public double[][] basis() {
        return Arrays.stream(basis).map(double[]::clone).toArray(double[][]::new);
    }

    /** {@return how many channels P^T x has: d, or with a single eigenvalue -1 one more} */
    public int width() {
        return basis[0].length;
    }

    /** {@return what rotates P^T x} */
    public Rope rope() {
        return new Rope(width(), 0, Pairing.ADJACENT, frequencies, AngleRounding.EXACT);
    }

    private static RealMatrix matrix(String name, double[][] rows) {
        Check.present(name, rows);
        int d = rows.length;
        Check.that(d >= 2, name, "at least 2 rows", d);
        for (int i = 0; i < d; i++) {
            Check.present(name + "[" + i + "]", rows[i]);
            Check.that(rows[i].length == d, name + "[" + i + "]", "square, of " + d + " numbers a row", rows[i].length);
            for (double entry : rows[i]) {
                Check.that(Double.isFinite(entry), name + "[" + i + "]", "finite", entry);
            }
        }
        return new Array2DRowRealMatrix(rows, true);
    }

    private static void checkCommuting(RealMatrix... matrices) {
        for (int a = 0; a < matrices.length; a++) {
            for (int b = 0; b < a; b++) {
                double commutator = matrices[b]
                        .multiply(matrices[a])
                        .subtract(matrices[a].multiply(matrices[b]))
                        .getFrobeniusNorm();
                double most = tolerance(matrices[a]) * matrices[b].getFrobeniusNorm();
                Check.that(
                        commutator <= most,
                        "generators[" + b + "] and generators[" + a + "]",
                        "commuting, else positions on two axes are no rotation by a sum",
                        "of |[B" + (b + 1) + ", B" + (a + 1) + "]| = " + commutator);
            }
        }
    }

    private static RealMatrix identity(RealMatrix like) {
        return MatrixUtils.createRealIdentityMatrix(like.getRowDimension());
    }

    private static double tolerance(RealMatrix matrix) {
        return TOLERANCE * matrix.getRowDimension() * matrix.getFrobeniusNorm();
    }

    /** The planes and single directions that matrices leave as they are, all the same ones. */
    private static final class Planes {
        private final RealMatrix[] matrices;
        private final int d;
        private final RealMatrix schur;
        private final RealMatrix directions; // columns: orthonormal, a plane's two next to each other

        Planes(RealMatrix... matrices) {
            this.matrices = matrices;
            this.d = matrices[0].getRowDimension();
            SchurTransformer transformer = new SchurTransformer(mixture(matrices));
            this.schur = transformer.getT();
            this.directions = transformer.getP();
        }

        /**
         * A sum with weights whose ratios are irrational, of matrices made equally long: planes that all the matrices share
         * turn differently in it, unless they turn alike, up to the sense, in each matrix, and then any planes will do.
         */
        private static RealMatrix mixture(RealMatrix... matrices) {
            RealMatrix sum =
                    identity(matrices[0]); // leaves the planes, and gives the QR steps a diagonal to compare with
            for (int a = 0; a < matrices.length; a++) {
                double norm = matrices[a].getFrobeniusNorm();
                sum = norm == 0 ? sum : sum.add(matrices[a].scalarMultiply(Math.exp(-a / Math.E) / norm));
            }
            return sum;
        }

        Generator ofSkewSymmetric() {
            double[][] basis = new double[d][d];
            double[][] radians = new double[matrices.length][d / 2];
            int planes = 0;
            int singles = d; // filled from the end
            for (int i = 0; i < d; i++) {
                if (startsPlane(i)) {
                    place(basis, i, 2 * planes);
                    place(basis, i + 1, 2 * planes + 1);
                    for (int a = 0; a < matrices.length; a++) {
                        radians[a][planes] = form(matrices[a], i + 1, i);
                    }
                    planes++;
                    i++;
                } else {
                    place(basis, i, --singles);
                }
            }
            Frequencies[] ofAxis = new Frequencies[matrices.length];
            Arrays.setAll(ofAxis, a -> Frequencies.of(radians[a])); // pairs of single directions do not turn: 0
            checkResidual(basis, radians);
            return new Generator(ofAxis.length == 1 ? ofAxis[0] : Frequencies.sum(ofAxis), basis);
        }

        Generator ofOrthogonal(RealMatrix o) {
            List<Integer> planes = new ArrayList<>(); // the first of a plane's two directions
            List<Integer> reversed = new ArrayList<>(); // eigenvalue -1
            List<Integer> kept = new ArrayList<>(); // eigenvalue 1
            for (int i = 0; i < d; i++) {
                if (startsPlane(i)) {
                    planes.add(i++);
                } else {
                    (form(o, i, i) > 0 ? kept : reversed).add(i);
                }
            }
            boolean single = reversed.size() % 2 == 1;
            double[][] basis = new double[d][single ? d + 1 : d];
            double[] angles = new double[planes.size()];
            int column = 0;
            for (int p : planes) {
                double cosine = (form(o, p, p) + form(o, p + 1, p + 1)) / 2;
                double sine = (form(o, p + 1, p) - form(o, p, p + 1)) / 2;
                angles[column / 2] = Math.atan2(sine, cosine);
                place(basis, p, column++);
                place(basis, p + 1, column++);
            }
            for (int direction : reversed) {
                place(basis, direction, column++);
            }
            column += single ? 1 : 0; // the channel of zeros
            for (int direction : kept) {
                place(basis, direction, column++);
            }
            return new Generator(Frequencies.ofAngles(angles, (reversed.size() + 1) / 2, single), basis);
        }

        /** Whether columns i and i + 1 span a plane that turns, and not two directions. */
        private boolean startsPlane(int i) {
            return i + 1 < d && Math.abs(schur.getEntry(i + 1, i)) > TOLERANCE * schur.getFrobeniusNorm();
        }

        private void place(double[][] basis, int from, int to) {
            for (int row = 0; row < d; row++) {
                basis[row][to] = directions.getEntry(row, from);
            }
        }

        /** Column i of the directions, transposed, times a matrix times column j. */
        private double form(RealMatrix matrix, int i, int j) {
            return directions.getColumnVector(i).dotProduct(matrix.operate(directions.getColumnVector(j)));
        }

        /** Checks that the planes are those of every generator, and not of their mixture alone. */
        private void checkResidual(double[][] basis, double[][] radians) {
            RealMatrix p = new Array2DRowRealMatrix(basis, false);
            for (int a = 0; a < matrices.length; a++) {
                RealMatrix turning = new Array2DRowRealMatrix(d, d);
                for (int k = 0; k < d / 2; k++) {
                    turning.setEntry(2 * k + 1, 2 * k, radians[a][k]);
                    turning.setEntry(2 * k, 2 * k + 1, -radians[a][k]);
                }
                double residual = matrices[a]
                        .subtract(p.multiply(turning).multiplyTransposed(p))
                        .getFrobeniusNorm();
                if (!(residual <= tolerance(matrices[a]))) {
                    throw new ArithmeticException(
                            "generators[" + a + "] was not brought to block-diagonal form: |B - P L P^T| = " + residual
                                    + " of " + matrices[a].getFrobeniusNorm());
                }
            }
        }
    }
}
