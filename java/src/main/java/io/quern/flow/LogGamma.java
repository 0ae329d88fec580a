package io.quern.flow;

/** The logarithm of the gamma function, where both arguments of a ratio lie a multiple of 1/2 apart. */
final class LogGamma {
    /** From here on Stirling's series with its terms up to z^-9 is off by less than 1e-17. */
    private static final double STIRLING = 20;

    private LogGamma() {}

    /** {@return ln Gamma(z), z above 0: by Stirling's series, after z was raised until that converges} */
    static double of(double z) {
        double product = 1;
        double x = z;
        while (x < STIRLING) {
            product *= x;
            x++;
        }
        return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + rest(x) - Math.log(product);
    }

    /** {@return ln(Gamma(z + halves/2) / Gamma(z)), without the difference of two large numbers where z is large} */
    static double ratio(double z, int halves) {
        if (z < STIRLING || halves < 0) {
            return of(z + halves / 2.0) - of(z);
        }
        double step = halves / 2.0;
        double grown = z + step;
        return step * Math.log(grown) + (z - 0.5) * Math.log1p(step / z) - step + rest(grown) - rest(z);
    }

    private static double rest(double x) {
        double z = 1 / (x * x);
        return (1 / 12.0 + z * (-1 / 360.0 + z * (1 / 1260.0 + z * (-1 / 1680.0 + z / 1188.0)))) / x;
    }
}
