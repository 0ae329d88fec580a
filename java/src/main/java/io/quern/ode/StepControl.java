package io.quern.ode;

import io.quern.cpu.Exp2;

/**
 * The numbers by which steps are chosen. With err the root mean square over the components of
 * e_i / (atol_i + rtol_i max(|y_i|, |y_i'|)) and p the order of the method, a step is accepted where err is at most 1, and
 * the next one is longer by
 *
 * <pre>
 *   accepted   0.9 err^(-7/(10 p)) errPrev^(2/(5 p)), within 0.2..10; at most 1 after a rejected step
 *   rejected   0.9 err^(-1/p), at least 0.2
 * </pre>
 *
 * errPrev, the error of the last accepted step, starts at 10^-4 and is at least that: a PI controller (Gustafsson 1991;
 * Hairer, Norsett and Wanner, "Solving Ordinary Differential Equations I", II.4).
 *
 * <p>Devices keep log2(err) and add exponents. Logarithm and power need not be exact here, but the same everywhere: they are
 * short polynomials, right to 10^-6, in primitive operations.
 */
final class StepControl {
    static final double FIRST_ERROR = 1e-4;
    static final double SAFETY = 0.9;
    static final double LEAST_FACTOR = 0.2;
    static final double MOST_FACTOR = 10;

    /** The last step may be this much longer, so that none is left over. */
    static final double STRETCH = 1.01;

    /** Squared errors are taken to lie between the inverse of this and this; NaN is this. */
    static final double MOST_SQUARE = 0x1p100;

    /** log2(1.5 + u) for u within -1/2..1/2, from the lowest power on; interpolated at Chebyshev's nodes, off by 4e-7. */
    static final double[] LOG2 = {
        0x1.2b803ep-1,
        0x1.ec7098p-1,
        -0x1.4853bap-2,
        0x1.23db4p-3,
        -0x1.2127c2p-4,
        0x1.341adcp-5,
        -0x1.9b679p-6,
        0x1.d92e74p-7
    };

    /** 2^f for f within -1/2..1/2: the polynomial of FP32, in both types. */
    static final double[] EXP2 = Exp2.floatCoefficients();

    static final double LOG2_FIRST_ERROR = log2(FIRST_ERROR);
    static final double LOG2_SAFETY = log2(SAFETY);
    static final double LOG2_LEAST_FACTOR = log2(LEAST_FACTOR);
    static final double LOG2_MOST_FACTOR = log2(MOST_FACTOR);

    // The first step (Hairer, Norsett and Wanner, II.4): a hundredth of |y| / |f|, or this where one of them is small,
    // ...
    static final double SMALL_NORM = 1e-5;
    static final double SMALL_STEP = 1e-6;
    static final double FIRST_SHARE = 0.01;
    // ... is tried with Euler's method; then the step whose error by the second derivative found would be a hundredth.
    static final double NO_CURVATURE = 1e-15;
    static final double MOST_GROWTH = 100;
    static final double FLAT_SHARE = 1e-3;
    static final double LOG2_FIRST_SHARE = log2(FIRST_SHARE);

    private StepControl() {}

    static double errorExponent(Method method) {
        return -7.0 / (10 * method.order());
    }

    static double previousExponent(Method method) {
        return 2.0 / (5 * method.order());
    }

    static double rejectedExponent(Method method) {
        return -1.0 / method.order();
    }

    private static double log2(double x) {
        return StrictMath.log(x) / StrictMath.log(2);
    }
}
