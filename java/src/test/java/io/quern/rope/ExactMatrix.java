package io.quern.rope;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** Functions of matrices to some 40 digits, by their definitions. */
final class ExactMatrix {
    private static final MathContext DIGITS = new MathContext(60);

    /** Decimal places that products keep: entries are at most some thousands, and squaring doubles digits. */
    private static final int PLACES = 60;

    private ExactMatrix() {}

    /** {@return exp(A), rounded: the series of A / 2^24, squared 24 times} */
    static double[][] exponential(BigDecimal[][] a) {
        int halvings = 24;
        int d = a.length;
        BigDecimal scale = BigDecimal.ONE.divide(BigDecimal.TWO.pow(halvings), DIGITS);
        BigDecimal[][] sum = identity(d);
        BigDecimal[][] term = identity(d);
        for (int i = 1; i < 16; i++) { // terms fall by 2^-14 each for |A| up to 2^10
            term = times(multiply(term, a), scale.divide(BigDecimal.valueOf(i), DIGITS));
            sum = sum(sum, term);
        }
        for (int i = 0; i < halvings; i++) {
            sum = multiply(sum, sum);
        }
        return rounded(sum);
    }

    /** {@return A^n, rounded} */
    static double[][] power(double[][] a, int n) {
        BigDecimal[][] power = identity(a.length);
        BigDecimal[][] base = scaled(a, 1);
        for (int i = 0; i < n; i++) {
            power = multiply(power, base);
        }
        return rounded(power);
    }

    /** {@return x A, exactly} */
    static BigDecimal[][] scaled(double[][] a, double x) {
        BigDecimal[][] scaled = new BigDecimal[a.length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a.length; j++) {
                scaled[i][j] = new BigDecimal(a[i][j]).multiply(new BigDecimal(x));
            }
        }
        return scaled;
    }

    static BigDecimal[][] sum(BigDecimal[][] a, BigDecimal[][] b) {
        BigDecimal[][] sum = new BigDecimal[a.length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a.length; j++) {
                sum[i][j] = a[i][j].add(b[i][j]);
            }
        }
        return sum;
    }

    private static BigDecimal[][] times(BigDecimal[][] a, BigDecimal x) {
        BigDecimal[][] product = new BigDecimal[a.length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a.length; j++) {
                product[i][j] = a[i][j].multiply(x).setScale(PLACES, RoundingMode.HALF_EVEN);
            }
        }
        return product;
    }

    private static BigDecimal[][] multiply(BigDecimal[][] a, BigDecimal[][] b) {
        int d = a.length;
        BigDecimal[][] product = new BigDecimal[d][d];
        for (int i = 0; i < d; i++) {
            for (int j = 0; j < d; j++) {
                BigDecimal sum = BigDecimal.ZERO;
                for (int k = 0; k < d; k++) {
                    sum = sum.add(a[i][k].multiply(b[k][j]));
                }
                product[i][j] = sum.setScale(PLACES, RoundingMode.HALF_EVEN);
            }
        }
        return product;
    }

    private static BigDecimal[][] identity(int d) {
        BigDecimal[][] identity = new BigDecimal[d][d];
        for (int i = 0; i < d; i++) {
            for (int j = 0; j < d; j++) {
                identity[i][j] = i == j ? BigDecimal.ONE : BigDecimal.ZERO;
            }
        }
        return identity;
    }

    private static double[][] rounded(BigDecimal[][] a) {
        double[][] rounded = new double[a.length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a.length; j++) {
                rounded[i][j] = a[i][j].doubleValue();
            }
        }
        return rounded;
    }
}
