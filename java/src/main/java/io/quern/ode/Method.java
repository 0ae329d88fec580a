package io.quern.ode;

import java.util.List;

/**
 * An explicit Runge-Kutta method, as data: its Butcher tableau.
 *
 * <pre>
 *   k_i  = f(t + c_i h, y + h sum_j a_ij k_j),   j below i
 *   y'   = y + h sum_i b_i k_i                   the advancing solution, of order {@link #order}
 *   e    = h sum_i e_i k_i                       what it differs by from the embedded solution
 * </pre>
 *
 * <p>Between the ends of a step of length h the solution is, with s from 0 to 1,
 *
 * <pre>
 *   y(s) = the cubic Hermite interpolant of y, y', f(y), f(y')  +  s^2 (1 - s)^2 h sum_i d_i k_i
 * </pre>
 *
 * Hermite's alone, of order 3, where the method has no d. Dormand-Prince's d are Shampine's (1986), as in Hairer's DOPRI5;
 * Tsitouras' are of the paper named there, which gives a fourth-degree polynomial for each stage: d is its leading coefficient.
 * Both are of order 4 in the whole step, and use no evaluation that the steps do not do anyway.
 *
 * <p>The methods with an embedded solution evaluate f at the end of a step, which is the first stage of the next
 * (FSAL, first same as last): an accepted step costs one evaluation less than it has stages.
 */
public enum Method {
    /** Order 1. */
    EULER(1, row("0"), rows(), row("1"), row(), row()),

    /** The explicit midpoint rule, order 2. */
    MIDPOINT(2, row("0", "1/2"), rows(row("1/2")), row("0", "1"), row(), row()),

    /** Heun's method of order 2, the explicit trapezoidal rule. */
    HEUN(2, row("0", "1"), rows(row("1")), row("1/2", "1/2"), row(), row()),

    /** The classical method of order 4 (Kutta 1901). */
    RUNGE_KUTTA_4(
            4,
            row("0", "1/2", "1/2", "1"),
            rows(row("1/2"), row("0", "1/2"), row("0", "0", "1")),
            row("1/6", "1/3", "1/3", "1/6"),
            row(),
            row()),

    /** Bogacki and Shampine 1989, order 3 with an embedded solution of order 2. */
    BOGACKI_SHAMPINE_3_2(
            3,
            row("0", "1/2", "3/4", "1"),
            rows(row("1/2"), row("0", "3/4"), row("2/9", "1/3", "4/9")),
            row("2/9", "1/3", "4/9", "0"),
            row("-5/72", "1/12", "1/9", "-1/8"),
            row()),

    /** Dormand and Prince 1980, order 5 with an embedded solution of order 4. */
    DORMAND_PRINCE_5_4(
            5,
            row("0", "1/5", "3/10", "4/5", "8/9", "1", "1"),
            rows(
                    row("1/5"),
                    row("3/40", "9/40"),
                    row("44/45", "-56/15", "32/9"),
                    row("19372/6561", "-25360/2187", "64448/6561", "-212/729"),
                    row("9017/3168", "-355/33", "46732/5247", "49/176", "-5103/18656"),
                    row("35/384", "0", "500/1113", "125/192", "-2187/6784", "11/84")),
            row("35/384", "0", "500/1113", "125/192", "-2187/6784", "11/84", "0"),
            row("71/57600", "0", "-71/16695", "71/1920", "-17253/339200", "22/525", "-1/40"),
            row(
                    "-12715105075/11282082432",
                    "0",
                    "87487479700/32700410799",
                    "-10690763975/1880347072",
                    "701980252875/199316789632",
                    "-1453857185/822651844",
                    "69997945/29380423")),

    /**
     * Tsitouras 2011, "Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption", table 1;
     * order 5 with an embedded solution of order 4.
     */
    TSITOURAS_5_4(
            5,
            row("0", "0.161", "0.327", "0.9", "0.9800255409045097", "1", "1"),
            rows(
                    row("0.161"),
                    row("-0.008480655492356989", "0.335480655492357"),
                    row("2.8971530571054935", "-6.359448489975075", "4.3622954328695815"),
                    row("5.325864828439257", "-11.748883564062828", "7.4955393428898365", "-0.09249506636175525"),
                    row(
                            "5.86145544294642",
                            "-12.92096931784711",
                            "8.159367898576159",
                            "-0.071584973281401",
                            "-0.028269050394068383"),
                    row(
                            "0.09646076681806523",
                            "0.01",
                            "0.4798896504144996",
                            "1.379008574103742",
                            "-3.290069515436081",
                            "2.324710524099774")),
            row(
                    "0.09646076681806523",
                    "0.01",
                    "0.4798896504144996",
                    "1.379008574103742",
                    "-3.290069515436081",
                    "2.324710524099774",
                    "0"),
            row(
                    "-0.00178001105222577714",
                    "-0.0008164344596567469",
                    "0.007880878010261995",
                    "-0.1447110071732629",
                    "0.5823571654525552",
                    "-0.45808210592918697",
                    "0.015151515151515152"),
            row(
                    "-1.0530884977290216",
                    "0.1017",
                    "2.490627285651252793",
                    "-16.54810288924490272",
                    "47.37952196281928122",
                    "-34.87065786149660974",
                    "2.5"));

    private final int order;
    private final double[][] a; // row i - 1 has the coefficients of stage i
    private final double[] b;
    private final double[] error;
    private final double[] c;
    private final double[] quartic;

    Method(int order, double[] c, List<double[]> a, double[] b, double[] error, double[] quartic) {
        this.order = order;
        this.c = c;
        this.a = a.toArray(double[][]::new);
        this.b = b;
        this.error = error;
        this.quartic = quartic;
    }

    private static List<double[]> rows(double[]... rows) {
        return List.of(rows);
    }

    /** Fractions and decimals, each rounded once to FP64. */
    private static double[] row(String... coefficients) {
        double[] row = new double[coefficients.length];
        for (int i = 0; i < row.length; i++) {
            String[] parts = coefficients[i].split("/");
            row[i] = Double.parseDouble(parts[0]) / (parts.length == 2 ? Double.parseDouble(parts[1]) : 1);
        }
        return row;
    }

    /** {@return the order of the advancing solution: its error falls with this power of the step} */
    public int order() {
        return order;
    }

    /** {@return evaluations of f in a step, of a method with FSAL the last one included} */
    public int stages() {
        return b.length;
    }

    /** {@return whether it estimates its error, so that {@link Ode#adaptive} can choose the steps} */
    public boolean adaptive() {
        return error.length > 0;
    }

    /** {@return the coefficient of stage j in the argument of stage i, both from 0} */
    public double a(int i, int j) {
        return i > 0 && j < a[i - 1].length ? a[i - 1][j] : 0;
    }

    /** {@return the weight of stage i in the advancing solution} */
    public double b(int i) {
        return b[i];
    }

    /** {@return where in the step stage i lies, 0 to 1} */
    public double c(int i) {
        return c[i];
    }

    /** {@return the weight of stage i in the error estimate: advancing less embedded; 0 for methods without one} */
    public double error(int i) {
        return adaptive() ? error[i] : 0;
    }

    /** {@return whether it has an interpolant of order 4 of its own; else it is the cubic one} */
    public boolean quartic() {
        return quartic.length > 0;
    }

    /** {@return the weight d of stage i in the interpolant; 0 for methods with the cubic one} */
    public double quartic(int i) {
        return quartic() ? quartic[i] : 0;
    }

    /** {@return the sum over stages that makes the cubic interpolant the method's own} */
    Combination quarticPart() {
        return Combination.of(quartic);
    }

    /** {@return the sum over stages that is the argument of stage i} */
    Combination argument(int i) {
        return Combination.of(a[i - 1]);
    }

    /** {@return the sum over stages that advances the solution} */
    Combination solution() {
        return Combination.of(b);
    }

    /** {@return the sum over stages that estimates the error} */
    Combination errorEstimate() {
        return Combination.of(error);
    }
}
