package io.quern.linear;

/**
 * exp of a matrix by scaling, a Pade approximant and squaring (Higham, "The Scaling and Squaring Method for the Matrix
 * Exponential Revisited", SIAM J. Matrix Anal. Appl. 26, 2005, algorithm 2.3, of degree 13 alone), and its derivative.
 */
final class MatrixExponential {
    /** Up to this norm the approximant is exact to FP64; the paper's table 2.3. */
    private static final double LARGEST_NORM = 5.371920351148152;

    /** Of the numerator of r13, ascending: (26 - j)! / ((13 - j)! j!). */
    private static final double[] B = {
        64764752532480000.0,
        32382376266240000.0,
        7771770303897600.0,
        1187353796428800.0,
        129060195264000.0,
        10559470521600.0,
        670442572800.0,
        33522128640.0,
        1323241920.0,
        40840800.0,
        960960.0,
        16380.0,
        182.0,
        1.0
    };

    private MatrixExponential() {}

    /** {@return exp(a); not finite where a is not} */
    static HostMatrix of(HostMatrix a) {
        double norm = a.norm1();
        int squarings = norm > LARGEST_NORM && norm < Double.POSITIVE_INFINITY
                ? Math.max(0, Math.getExponent(norm / LARGEST_NORM) + 1)
                : 0;
        HostMatrix power = pade(a.times(Math.scalb(1, -squarings)));
        for (int i = 0; i < squarings; i++) {
            power = power.times(power);
        }
        return power;
    }

    /**
     * {@return the derivative of exp at a along e: the upper right block of exp [[a, e], [0, a]]} (Higham,
     * "Functions of Matrices", 2008, chapter 3).
     */
    static HostMatrix derivative(HostMatrix a, HostMatrix e) {
        int size = a.rows();
        double[] block = new double[4 * size * size];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                double element = a.elements()[i * size + j];
                block[i * 2 * size + j] = element;
                block[(size + i) * 2 * size + size + j] = element;
                block[i * 2 * size + size + j] = e.elements()[i * size + j];
            }
        }
        HostMatrix power = of(new HostMatrix(2 * size, 2 * size, block));
        double[] upperRight = new double[size * size];
        for (int i = 0; i < size; i++) {
            System.arraycopy(power.elements(), i * 2 * size + size, upperRight, i * size, size);
        }
        return new HostMatrix(size, size, upperRight);
    }

    private static HostMatrix pade(HostMatrix a) {
        HostMatrix one = HostMatrix.identity(a.rows());
        HostMatrix a2 = a.times(a);
        HostMatrix a4 = a2.times(a2);
        HostMatrix a6 = a4.times(a2);
        HostMatrix odd = a.times(a6.times(a6.times(B[13]).plus(B[11], a4).plus(B[9], a2))
                .plus(B[7], a6)
                .plus(B[5], a4)
                .plus(B[3], a2)
                .plus(B[1], one));
        HostMatrix even = a6.times(a6.times(B[12]).plus(B[10], a4).plus(B[8], a2))
                .plus(B[6], a6)
                .plus(B[4], a4)
                .plus(B[2], a2)
                .plus(B[0], one);
        return even.minus(odd).solve(even.plus(odd));
    }
}
