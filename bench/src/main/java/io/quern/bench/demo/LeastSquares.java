package io.quern.bench.demo;

import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.CholeskyDecomposition;
import org.hipparchus.linear.RealMatrix;

/** W that makes ||X W - Y|| least, by the normal equations in FP64. */
final class LeastSquares {
    private LeastSquares() {}

    /**
     * Solves.
     *
     * @param x (rows, in), of rank in
     * @param in columns of x
     * @param y (rows, out)
     * @param out columns of y
     * @return W (in, out)
     */
    static double[][] solve(float[] x, int in, float[] y, int out) {
        double[][] gram = new double[in][in];
        double[][] cross = new double[in][out];
        for (int row = 0; row < x.length / in; row++) {
            for (int i = 0; i < in; i++) {
                double factor = x[row * in + i];
                for (int j = 0; j <= i; j++) {
                    gram[i][j] += factor * x[row * in + j];
                }
                for (int j = 0; j < out; j++) {
                    cross[i][j] += factor * y[row * out + j];
                }
            }
        }
        for (int i = 0; i < in; i++) {
            for (int j = 0; j < i; j++) {
                gram[j][i] = gram[i][j];
            }
        }
        RealMatrix left = new Array2DRowRealMatrix(gram, false);
        return new CholeskyDecomposition(left)
                .getSolver()
                .solve(new Array2DRowRealMatrix(cross, false))
                .getData();
    }
}
