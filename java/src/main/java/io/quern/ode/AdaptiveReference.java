package io.quern.ode;

import java.util.function.IntToDoubleFunction;

/** How one trajectory's steps are chosen, for {@link OdeReference}; the rule is {@link StepControl}'s. */
final class AdaptiveReference {
    private static final double TO_INTEGER_FP64 = 0x1.8p52;
    private static final double TO_INTEGER_FP32 = 0x1.8p23;

    private final AdaptiveSolve solve;
    private final Arithmetic a;
    private final Method method;
    private final int dimension;
    private final double t1;
    private final double most;

    double t;
    double h;
    double tNext;
    double lastStep;
    int accepted;
    int rejected;
    OdeStatus status; // null: under way

    private double proposed;
    private boolean last;
    private double previous; // log2(errPrev)
    private boolean mayGrow = true;

    /** f(t, y). */
    interface Field {
        void evaluate(double t, double[] y, double[] derivatives);
    }

    AdaptiveReference(AdaptiveSolve solve, Arithmetic arithmetic, double t0, double t1) {
        this.solve = solve;
        this.a = arithmetic;
        this.method = solve.ode().method();
        this.dimension = solve.ode().field().dimension();
        this.t = t0;
        this.t1 = t1;
        this.most = a.round(solve.steps().most());
        this.previous = a.round(StepControl.LOG2_FIRST_ERROR);
    }

    /**
     * Chooses the first step.
     *
     * @param k f(t, y)
     */
    void begin(double[] y, double[] k, Field field) {
        double distance = Math.abs(a.subtract(t1, t));
        double length;
        if (solve.steps().first() > 0) {
            length = a.round(solve.steps().first());
        } else {
            length = firstStep(y, k, field, distance);
        }
        length = length < most ? length : most;
        length = length < distance ? length : distance;
        proposed = forward() ? length : -length;
    }

    /** Ends at an event. */
    void endAt(double time) {
        t = time;
        status = OdeStatus.EVENT;
    }

    /** Chooses the next step as the first one, after the state was set anew. */
    void restart(double time, double[] y, double[] k, Field field) {
        t = time;
        previous = a.round(StepControl.LOG2_FIRST_ERROR);
        mayGrow = true;
        boolean spent = accepted + rejected >= solve.steps().budget();
        status = t == t1 ? OdeStatus.DONE : spent ? OdeStatus.STEP_BUDGET : null;
        begin(y, k, field);
    }

    boolean forward() {
        return t <= t1;
    }

    private double firstStep(double[] y, double[] k, Field field, double distance) {
        double[] scale = new double[dimension];
        for (int i = 0; i < dimension; i++) {
            scale[i] = scale(i, Math.abs(y[i]));
        }
        double d0 = a.sqrt(meanSquare(i -> a.divide(y[i], scale[i])));
        double d1 = a.sqrt(meanSquare(i -> a.divide(k[i], scale[i])));
        double small = a.round(StepControl.SMALL_NORM);
        double h0 = a.divide(a.multiply(a.round(StepControl.FIRST_SHARE), d0), d1);
        h0 = d1 < small ? a.round(StepControl.SMALL_STEP) : h0;
        h0 = d0 < small ? a.round(StepControl.SMALL_STEP) : h0;
        h0 = h0 < distance ? h0 : distance;
        double step = forward() ? h0 : -h0;
        double[] tried = new double[dimension];
        double[] there = new double[dimension];
        for (int i = 0; i < dimension; i++) {
            tried[i] = a.fma(step, k[i], y[i]);
        }
        field.evaluate(a.add(t, step), tried, there);
        double difference = a.sqrt(meanSquare(i -> a.divide(a.subtract(there[i], k[i]), scale[i])));
        double d2 = a.divide(difference, h0);
        double steepest = d1 < d2 ? d2 : d1;
        double flat = a.multiply(h0, a.round(StepControl.FLAT_SHARE));
        flat = flat < a.round(StepControl.SMALL_STEP) ? a.round(StepControl.SMALL_STEP) : flat;
        double exponent = a.subtract(a.round(StepControl.LOG2_FIRST_SHARE), log2(bounded(steepest)));
        double curved = exp2(a.multiply(exponent, a.round(-StepControl.rejectedExponent(method))));
        double h1 = steepest <= a.round(StepControl.NO_CURVATURE) ? flat : curved;
        double grown = a.multiply(h0, StepControl.MOST_GROWTH);
        return h1 < grown ? h1 : grown;
    }

    /** Chooses the step to try: h, and the time that it leads to. */
    void propose() {
        double rest = a.subtract(t1, t);
        last = Math.abs(rest) <= a.multiply(Math.abs(proposed), a.round(StepControl.STRETCH));
        h = last ? rest : proposed;
        tNext = last ? t1 : a.add(t, h);
    }

    /**
     * Judges the step that was tried and chooses the next.
     *
     * @param error s of the error estimate of a component
     * @return whether the step is accepted
     */
    boolean judge(double[] y, double[] next, IntToDoubleFunction error) {
        double square = meanSquare(i -> {
            double before = Math.abs(y[i]);
            double after = Math.abs(next[i]);
            return a.divide(error.applyAsDouble(i), scale(i, before < after ? after : before));
        });
        double scaled = a.multiply(h, a.round(method.errorEstimate().scale()));
        square = a.multiply(square, a.multiply(scaled, scaled));
        double log = a.multiply(0.5, log2(bounded(square)));
        boolean accept = square <= 1;
        double factor = exp2(accept ? exponentAccepted(log) : exponentRejected(log));
        double longer = a.multiply(h, factor);
        double least = a.round(solve.steps().least());
        double length = Math.abs(longer);
        if (accept) {
            accepted++;
            lastStep = h;
            proposed = most < length ? (h < 0 ? -most : most) : longer;
            proposed = length < least ? (h < 0 ? -least : least) : proposed;
            double floor = a.round(StepControl.LOG2_FIRST_ERROR);
            previous = log < floor ? floor : log;
            mayGrow = true;
            t = tNext;
            status = last ? OdeStatus.DONE : null;
        } else {
            rejected++;
            proposed = longer;
            mayGrow = false;
            if (length < least || a.add(t, longer) == t) {
                status = a.subtract(square, square) == 0 ? OdeStatus.STEP_TOO_SMALL : OdeStatus.NOT_FINITE;
            }
        }
        if (status == null && accepted + rejected >= solve.steps().budget()) {
            status = OdeStatus.STEP_BUDGET;
        }
        return accept;
    }

    private double exponentAccepted(double log) {
        double least = a.round(StepControl.LOG2_LEAST_FACTOR);
        double most = mayGrow ? a.round(StepControl.LOG2_MOST_FACTOR) : 0;
        double exponent =
                a.fma(a.round(StepControl.previousExponent(method)), previous, a.round(StepControl.LOG2_SAFETY));
        exponent = a.fma(a.round(StepControl.errorExponent(method)), log, exponent);
        exponent = exponent < least ? least : exponent;
        return most < exponent ? most : exponent;
    }

    private double exponentRejected(double log) {
        double least = a.round(StepControl.LOG2_LEAST_FACTOR);
        double exponent = a.fma(a.round(StepControl.rejectedExponent(method)), log, a.round(StepControl.LOG2_SAFETY));
        return exponent < least ? least : exponent;
    }

    /** atol + rtol |y|. */
    private double scale(int component, double size) {
        return a.fma(a.round(solve.relative(component)), size, a.round(solve.absolute(component)));
    }

    private double meanSquare(IntToDoubleFunction of) {
        double sum = 0;
        for (int i = 0; i < dimension; i++) {
            double x = of.applyAsDouble(i);
            sum = i == 0 ? a.multiply(x, x) : a.fma(x, x, sum);
        }
        return a.multiply(sum, a.round(1.0 / dimension));
    }

    /** Within the squares that are told apart; NaN is the most. */
    static double bounded(double x) {
        double most = x < StepControl.MOST_SQUARE ? x : StepControl.MOST_SQUARE;
        return most < 1 / StepControl.MOST_SQUARE ? 1 / StepControl.MOST_SQUARE : most;
    }

    private double log2(double x) {
        double bias = a == Arithmetic.FP64 ? 0x1p52 + 1023 : 0x1p23 + 127;
        double exponent = a.subtract(a.exponent(x), bias);
        return a.add(exponent, polynomial(StepControl.LOG2, a.subtract(a.significand(x), 1.5)));
    }

    private double exp2(double x) {
        double toInteger = a == Arithmetic.FP64 ? TO_INTEGER_FP64 : TO_INTEGER_FP32;
        double shifted = a.add(x, toInteger);
        double f = a.subtract(x, a.subtract(shifted, toInteger));
        double p = a.fma(polynomial(StepControl.EXP2, f), f, 1);
        return a.multiply(p, a.powerOfTwo(shifted));
    }

    private double polynomial(double[] coefficients, double x) {
        double p = coefficients[coefficients.length - 1];
        for (int i = coefficients.length - 2; i >= 0; i--) {
            p = a.fma(p, x, coefficients[i]);
        }
        return p;
    }
}
