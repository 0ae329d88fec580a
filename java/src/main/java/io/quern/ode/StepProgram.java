package io.quern.ode;

import io.quern.DType;
import java.util.List;

/**
 * What one trajectory does in a step, as a program: a field put into a method. Its inputs are the rows of a block of
 * trajectories ({@link StepCompiler}); the first of them are carried from one run to the next, and the outputs are their new
 * values, in their order.
 *
 * <p>The operations are those of {@link OdeReference} and {@link AdaptiveReference}, one by one.
 */
final class StepProgram {
    /** Rows of a fixed solve: number of the step, y; then the start, h, and parameters. */
    static final int NUMBER = 0;

    static final int FIXED_Y = 1;

    /** Rows of an adaptive solve that are carried, before y and f(t, y). */
    static final int T = 0;

    static final int H = 1;
    static final int PREVIOUS = 2;
    static final int MAY_GROW = 3;
    static final int ACCEPTED = 4;
    static final int REJECTED = 5;

    /** 0 under way; 1 + the ordinal of the {@link OdeStatus}; -1 where there is no trajectory. */
    static final int STATUS = 6;

    static final int LAST_STEP = 7;
    static final int Y = 8;

    private final ProgramBuilder to;
    private final Method method;
    private final Program field;
    private final boolean fp64;
    private final int dimension;
    private final int parameters;
    private final int shift; // of the rows that are not carried

    private StepProgram(Ode ode, DType dtype, int rows, FollowedRows followed) {
        this.shift = followed == null ? 0 : followed.count();
        this.to = new ProgramBuilder(followed == null ? rows : rows + shift + 1);
        this.method = ode.method();
        this.field = ode.field().program(dtype);
        this.fp64 = dtype == DType.FP64;
        this.dimension = ode.field().dimension();
        this.parameters = ode.field().parameters();
    }

    // Rows of a fixed solve that are not carried.

    static int fixedStart(OdeField field) {
        return FIXED_Y + field.dimension();
    }

    static int fixedStep(OdeField field) {
        return fixedStart(field) + 1;
    }

    static int fixedParameters(OdeField field) {
        return fixedStart(field) + 2;
    }

    static int fixedRows(OdeField field) {
        return fixedParameters(field) + field.parameters();
    }

    // Rows of an adaptive solve: f(t, y), and what is not carried.

    static int slope(OdeField field) {
        return Y + field.dimension();
    }

    static int end(OdeField field) {
        return Y + 2 * field.dimension();
    }

    static int least(OdeField field) {
        return end(field) + 1;
    }

    static int most(OdeField field) {
        return end(field) + 2;
    }

    static int budget(OdeField field) {
        return end(field) + 3;
    }

    static int first(OdeField field) {
        return end(field) + 4;
    }

    static int relative(OdeField field) {
        return end(field) + 5;
    }

    static int absolute(OdeField field) {
        return relative(field) + field.dimension();
    }

    static int adaptiveParameters(OdeField field) {
        return absolute(field) + field.dimension();
    }

    static int adaptiveRows(OdeField field) {
        return adaptiveParameters(field) + field.parameters();
    }

    /** {@return a step of a fixed solve} */
    static Program fixed(Ode ode, DType dtype) {
        OdeField field = ode.field();
        StepProgram step = new StepProgram(ode, dtype, fixedRows(field), null);
        ProgramBuilder to = step.to;
        int[] y = step.inputs(FIXED_Y, step.dimension);
        int[] p = step.inputs(fixedParameters(field), step.parameters);
        int h = to.input(fixedStep(field));
        int start = to.input(fixedStart(field));
        int next = to.add(to.input(NUMBER), to.constant(1));
        int t = to.fma(to.input(NUMBER), h, start);
        int end = to.fma(next, h, start);
        int stages = ode.method().adaptive()
                ? ode.method().stages() - 1
                : ode.method().stages();
        int[][] k = new int[ode.method().stages()][];
        k[0] = step.evaluate(t, y, p);
        step.evaluateStages(t, h, end, y, p, k, stages);
        int[] outputs = new int[FIXED_Y + step.dimension];
        outputs[NUMBER] = next;
        System.arraycopy(step.combine(ode.method().solution(), h, y, k), 0, outputs, FIXED_Y, step.dimension);
        return to.build(outputs);
    }

    /** {@return a step of a fixed solve with what is needed to look into it; f(t, y) is carried, behind y} */
    static Program fixedFollowed(Ode ode, DType dtype) {
        OdeField field = ode.field();
        FollowedRows followed = FollowedRows.fixed(ode);
        StepProgram step = new StepProgram(ode, dtype, fixedRows(field) + field.dimension(), followed);
        ProgramBuilder to = step.to;
        int shift = followed.carried() - fixedStart(field);
        int[] y = step.inputs(FIXED_Y, step.dimension);
        int[] p = step.inputs(shift + fixedParameters(field), step.parameters);
        int h = to.input(shift + fixedStep(field));
        int start = to.input(shift + fixedStart(field));
        int number = to.add(to.input(NUMBER), to.constant(1));
        int t = to.fma(to.input(NUMBER), h, start);
        int end = to.fma(number, h, start);
        int[][] k = new int[ode.method().stages()][];
        k[0] = step.inputs(fixedStart(field), step.dimension);
        int stages = ode.method().adaptive() ? k.length - 1 : k.length;
        step.evaluateStages(t, h, end, y, p, k, stages);
        int[] next = step.combine(ode.method().solution(), h, y, k);
        int[] slope = step.evaluate(end, next, p);
        if (ode.method().adaptive()) {
            k[stages] = slope;
        }
        int[] outputs = new int[followed.carried()];
        outputs[NUMBER] = number;
        System.arraycopy(next, 0, outputs, FIXED_Y, step.dimension);
        System.arraycopy(slope, 0, outputs, fixedStart(field), step.dimension);
        step.describe(followed, t, y, k, outputs);
        int zero = to.constant(0);
        int one = to.constant(1);
        int nextSave = to.input(shift + fixedRows(field));
        outputs[followed.pause()] =
                to.less(h, zero, to.atMost(end, nextSave, one, zero), to.atMost(nextSave, end, one, zero));
        return to.build(outputs);
    }

    /** {@return what is carried into the first step of an adaptive solve, from time and state} */
    static Program start(Ode ode, DType dtype, boolean firstGiven) {
        OdeField field = ode.field();
        StepProgram step = new StepProgram(ode, dtype, adaptiveRows(field), null);
        ProgramBuilder to = step.to;
        int[] y = step.inputs(Y, step.dimension);
        int[] p = step.inputs(adaptiveParameters(field), step.parameters);
        int t = to.input(T);
        int t1 = to.input(end(field));
        int[] k = step.evaluate(t, y, p);
        int distance = to.abs(to.subtract(t1, t));
        int length = firstGiven ? to.input(first(field)) : step.firstStep(field, t, t1, y, p, k, distance);
        int most = to.input(most(field));
        length = to.less(length, most, length, most);
        length = to.less(length, distance, length, distance);
        int zero = to.constant(0);
        int[] outputs = new int[Y + 2 * step.dimension];
        outputs[T] = t;
        outputs[H] = to.atMost(t, t1, length, step.negate(length));
        outputs[PREVIOUS] = to.constant(StepControl.LOG2_FIRST_ERROR);
        outputs[MAY_GROW] = to.constant(1);
        outputs[ACCEPTED] = zero;
        outputs[REJECTED] = zero;
        outputs[STATUS] = zero;
        outputs[LAST_STEP] = zero;
        System.arraycopy(y, 0, outputs, Y, step.dimension);
        System.arraycopy(k, 0, outputs, slope(field), step.dimension);
        return to.build(outputs);
    }

    private int firstStep(OdeField of, int t, int t1, int[] y, int[] p, int[] k, int distance) {
        int[] scale = new int[dimension];
        int[] y0 = new int[dimension];
        int[] k0 = new int[dimension];
        for (int i = 0; i < dimension; i++) {
            scale[i] = scale(of, i, to.abs(y[i]));
            y0[i] = to.divide(y[i], scale[i]);
            k0[i] = to.divide(k[i], scale[i]);
        }
        int d0 = to.apply(Operation.SQRT, meanSquare(y0));
        int d1 = to.apply(Operation.SQRT, meanSquare(k0));
        int small = to.constant(StepControl.SMALL_NORM);
        int smallStep = to.constant(StepControl.SMALL_STEP);
        int h0 = to.divide(to.multiply(to.constant(StepControl.FIRST_SHARE), d0), d1);
        h0 = to.less(d1, small, smallStep, h0);
        h0 = to.less(d0, small, smallStep, h0);
        h0 = to.less(h0, distance, h0, distance);
        int signed = to.atMost(t, t1, h0, negate(h0));
        int[] tried = new int[dimension];
        for (int i = 0; i < dimension; i++) {
            tried[i] = to.fma(signed, k[i], y[i]);
        }
        int[] there = evaluate(to.add(t, signed), tried, p);
        int[] change = new int[dimension];
        for (int i = 0; i < dimension; i++) {
            change[i] = to.divide(to.subtract(there[i], k[i]), scale[i]);
        }
        int d2 = to.divide(to.apply(Operation.SQRT, meanSquare(change)), h0);
        int steepest = to.less(d1, d2, d2, d1);
        int flat = to.multiply(h0, to.constant(StepControl.FLAT_SHARE));
        flat = to.less(flat, smallStep, smallStep, flat);
        int exponent = to.subtract(to.constant(StepControl.LOG2_FIRST_SHARE), log2(bounded(steepest)));
        int curved = exp2(to.multiply(exponent, to.constant(-StepControl.rejectedExponent(method))));
        int h1 = to.atMost(steepest, to.constant(StepControl.NO_CURVATURE), flat, curved);
        int grown = to.multiply(h0, to.constant(StepControl.MOST_GROWTH));
        return to.less(h1, grown, h1, grown);
    }

    /** {@return a step that is tried, judged, and taken or not} */
    static Program attempt(Ode ode, DType dtype) {
        return new StepProgram(ode, dtype, adaptiveRows(ode.field()), null).attempt(ode.field(), null, List.of());
    }

    /** {@return such a step with what is needed to look into it; it says when that is to be done} */
    static Program attempt(Ode ode, DType dtype, List<Watched> events) {
        FollowedRows followed = FollowedRows.adaptive(ode, events.size());
        return new StepProgram(ode, dtype, adaptiveRows(ode.field()), followed).attempt(ode.field(), followed, events);
    }

    /**
     * What a step must know of an event.
     *
     * @param crossing in which direction
     * @param function t, y, p -> g, in primitive operations
     */
    record Watched(Crossing crossing, Program function) {}

    private Program attempt(OdeField of, FollowedRows followed, List<Watched> events) {
        int[] y = inputs(Y, dimension);
        int[] p = inputs(shift + adaptiveParameters(of), parameters);
        int t = to.input(T);
        int t1 = to.input(shift + end(of));
        int zero = to.constant(0);
        int one = to.constant(1);
        int proposed = to.input(H);
        int rest = to.subtract(t1, t);
        int reach = to.multiply(to.abs(proposed), to.constant(StepControl.STRETCH));
        int distance = to.abs(rest);
        int h = to.atMost(distance, reach, rest, proposed);
        int tNext = to.atMost(distance, reach, t1, to.add(t, h));

        int[][] k = new int[method.stages()][];
        k[0] = inputs(slope(of), dimension);
        evaluateStages(t, h, tNext, y, p, k, method.stages() - 1);
        int[] next = combine(method.solution(), h, y, k);
        k[method.stages() - 1] = evaluate(tNext, next, p);

        int[] ratios = new int[dimension];
        for (int i = 0; i < dimension; i++) {
            int before = to.abs(y[i]);
            int after = to.abs(next[i]);
            int larger = to.less(before, after, after, before);
            ratios[i] = to.divide(sum(method.errorEstimate(), k, i), scale(of, i, larger));
        }
        int scaled = to.multiply(h, to.constant(method.errorEstimate().scale()));
        int square = to.multiply(meanSquare(ratios), to.multiply(scaled, scaled));
        int log = to.multiply(to.constant(0.5), log2(bounded(square)));
        int factor = exp2(to.atMost(square, one, exponentAccepted(log), exponentRejected(log)));
        int longer = to.multiply(h, factor);

        int length = to.abs(longer);
        int least = to.input(shift + least(of));
        int most = to.input(shift + most(of));
        int bounded = to.less(most, length, to.less(h, zero, negate(most), most), longer);
        bounded = to.less(length, least, to.less(h, zero, negate(least), least), bounded);
        int floor = to.constant(StepControl.LOG2_FIRST_ERROR);

        int done = to.constant(1 + OdeStatus.DONE.ordinal());
        int accepted = to.add(to.input(ACCEPTED), one);
        int rejected = to.add(to.input(REJECTED), one);
        int tried = to.add(accepted, to.input(REJECTED));
        int spent =
                to.atMost(to.input(shift + budget(of)), tried, to.constant(1 + OdeStatus.STEP_BUDGET.ordinal()), zero);
        int failed = to.equal(
                to.subtract(square, square),
                zero,
                to.constant(1 + OdeStatus.STEP_TOO_SMALL.ordinal()),
                to.constant(1 + OdeStatus.NOT_FINITE.ordinal()));
        int refused = to.equal(to.add(t, longer), t, failed, spent);
        refused = to.less(length, least, failed, refused);
        int ended = to.atMost(distance, reach, done, spent);
        int status = to.atMost(square, one, ended, refused);
        int was = to.input(STATUS);

        int[] outputs = new int[followed == null ? end(of) : followed.carried()];
        outputs[T] = to.atMost(square, one, tNext, t);
        outputs[H] = to.atMost(square, one, bounded, longer);
        outputs[PREVIOUS] = to.atMost(square, one, to.less(log, floor, floor, log), to.input(PREVIOUS));
        outputs[MAY_GROW] = to.atMost(square, one, one, zero);
        outputs[ACCEPTED] = to.atMost(square, one, accepted, to.input(ACCEPTED));
        outputs[REJECTED] = to.atMost(square, one, to.input(REJECTED), rejected);
        outputs[STATUS] = to.less(was, zero, was, status);
        outputs[LAST_STEP] = to.atMost(square, one, h, to.input(LAST_STEP));
        int[] last = k[method.stages() - 1];
        for (int i = 0; i < dimension; i++) {
            outputs[Y + i] = to.atMost(square, one, next[i], y[i]);
            outputs[slope(of) + i] = to.atMost(square, one, last[i], k[0][i]);
        }
        if (followed != null) {
            describe(followed, t, y, k, outputs);
            int[] given = given(tNext, next, p);
            int[] sides = new int[events.size()];
            int nextSave = to.input(shift + adaptiveRows(of));
            int calls = to.less(h, zero, to.atMost(tNext, nextSave, one, zero), to.atMost(nextSave, tNext, one, zero));
            for (int e = 0; e < sides.length; e++) {
                int g = to.inline(events.get(e).function(), given)[0];
                int side = to.input(followed.side() + e);
                sides[e] = to.less(g, zero, to.constant(-1), to.less(zero, g, one, side));
                calls = to.add(calls, calls(events.get(e).crossing(), side, g));
            }
            int paused = to.atMost(square, one, to.less(zero, calls, one, zero), zero);
            paused = to.less(was, zero, zero, to.less(zero, status, one, paused));
            outputs[followed.pause()] = paused;
            for (int e = 0; e < sides.length; e++) {
                int side = to.input(followed.side() + e);
                outputs[followed.side() + e] = to.less(zero, paused, side, to.atMost(square, one, sides[e], side));
            }
        }
        return to.build(outputs);
    }

    /** What the interpolant needs. */
    private void describe(FollowedRows followed, int t, int[] y, int[][] k, int[] outputs) {
        outputs[followed.from()] = t;
        for (int i = 0; i < dimension; i++) {
            outputs[followed.state() + i] = y[i];
            outputs[followed.slope() + i] = k[0][i];
            if (method.quartic()) {
                outputs[followed.sum() + i] = sum(method.quarticPart(), k, i);
            }
        }
    }

    /** Above 0 where an event's function has crossed zero, or where it is not known on which side it is. */
    private int calls(Crossing crossing, int side, int g) {
        int zero = to.constant(0);
        int one = to.constant(1);
        int result = to.equal(side, zero, one, zero);
        if (crossing != Crossing.FALLING) {
            result = to.add(result, to.less(side, zero, to.atMost(zero, g, one, zero), zero));
        }
        if (crossing != Crossing.RISING) {
            result = to.add(result, to.less(zero, side, to.atMost(g, zero, one, zero), zero));
        }
        return result;
    }

    private int exponentAccepted(int log) {
        int most = to.multiply(to.input(MAY_GROW), to.constant(StepControl.LOG2_MOST_FACTOR));
        int exponent = to.fma(
                to.constant(StepControl.previousExponent(method)),
                to.input(PREVIOUS),
                to.constant(StepControl.LOG2_SAFETY));
        exponent = atLeast(to.fma(to.constant(StepControl.errorExponent(method)), log, exponent));
        return to.less(most, exponent, most, exponent);
    }

    private int exponentRejected(int log) {
        return atLeast(
                to.fma(to.constant(StepControl.rejectedExponent(method)), log, to.constant(StepControl.LOG2_SAFETY)));
    }

    private int atLeast(int exponent) {
        int least = to.constant(StepControl.LOG2_LEAST_FACTOR);
        return to.less(exponent, least, least, exponent);
    }

    private int scale(OdeField of, int component, int size) {
        return to.fma(to.input(shift + relative(of) + component), size, to.input(shift + absolute(of) + component));
    }

    private int meanSquare(int[] x) {
        int sum = to.multiply(x[0], x[0]);
        for (int i = 1; i < x.length; i++) {
            sum = to.fma(x[i], x[i], sum);
        }
        return to.multiply(sum, to.constant(1.0 / dimension));
    }

    private int bounded(int x) {
        int most = to.constant(StepControl.MOST_SQUARE);
        int least = to.constant(1 / StepControl.MOST_SQUARE);
        int below = to.less(x, most, x, most);
        return to.less(below, least, least, below);
    }

    private int log2(int x) {
        int exponent = to.subtract(to.apply(Operation.EXPONENT, x), to.constant(fp64 ? 0x1p52 + 1023 : 0x1p23 + 127));
        int significand = to.subtract(to.apply(Operation.SIGNIFICAND, x), to.constant(1.5));
        return to.add(exponent, polynomial(StepControl.LOG2, significand));
    }

    private int exp2(int x) {
        int toInteger = to.constant(fp64 ? 0x1.8p52 : 0x1.8p23);
        int shifted = to.add(x, toInteger);
        int f = to.subtract(x, to.subtract(shifted, toInteger));
        int p = to.fma(polynomial(StepControl.EXP2, f), f, to.constant(1));
        return to.multiply(p, to.apply(Operation.POWER_OF_TWO, shifted));
    }

    private int polynomial(double[] coefficients, int x) {
        int p = to.constant(coefficients[coefficients.length - 1]);
        for (int i = coefficients.length - 2; i >= 0; i--) {
            p = to.fma(p, x, to.constant(coefficients[i]));
        }
        return p;
    }

    private void evaluateStages(int t, int h, int end, int[] y, int[] p, int[][] k, int count) {
        for (int i = 1; i < count; i++) {
            double c = method.c(i);
            int at = c == 0 ? t : c == 1 ? end : to.fma(to.constant(c), h, t);
            k[i] = evaluate(at, combine(method.argument(i), h, y, k), p);
        }
    }

    private int[] evaluate(int t, int[] y, int[] p) {
        return to.inline(field, given(t, y, p));
    }

    private int[] given(int t, int[] y, int[] p) {
        int[] given = new int[1 + dimension + parameters];
        given[0] = t;
        System.arraycopy(y, 0, given, 1, dimension);
        System.arraycopy(p, 0, given, 1 + dimension, parameters);
        return given;
    }

    private int[] combine(Combination weights, int h, int[] y, int[][] k) {
        int scaled = to.multiply(h, to.constant(weights.scale()));
        int[] result = new int[dimension];
        for (int i = 0; i < dimension; i++) {
            result[i] = to.fma(scaled, sum(weights, k, i), y[i]);
        }
        return result;
    }

    private int sum(Combination weights, int[][] k, int component) {
        int sum = -1;
        for (Combination.Group group : weights.groups()) {
            int plain = k[group.stages().getFirst()][component];
            for (int stage : group.stages().subList(1, group.stages().size())) {
                plain = to.add(plain, k[stage][component]);
            }
            sum = sum < 0 ? plain : to.fma(to.constant(group.ratio()), plain, sum);
        }
        return sum;
    }

    private int negate(int x) {
        return to.apply(Operation.NEGATE, x);
    }

    private int[] inputs(int first, int count) {
        int[] all = new int[count];
        for (int i = 0; i < count; i++) {
            all[i] = to.input(first + i);
        }
        return all;
    }
}
