package io.quern.ode;

/**
 * A number that is known when a field is evaluated: time, a component of the state, a parameter, or what was computed from
 * them. The methods compute nothing; they write down what will be computed, each operation rounded once to the working type
 * (FP64 or FP32), to nearest even. Nothing is reordered or contracted: {@link #fma} is where the user says so. What is
 * written twice is computed once.
 *
 * <p>{@link #exp}, {@link #log}, {@link #sin}, {@link #cos} and {@link #pow} are polynomials of our own, the same on every
 * device; their errors are said at each.
 */
public final class Expression {
    final Operation operation;
    final Expression[] operands;
    final double constant; // of CONSTANT
    final int index; // of INPUT
    final Object definition; // of INPUT: the field whose variable it is

    private Expression(Operation operation, double constant, int index, Object definition, Expression... operands) {
        this.operation = operation;
        this.operands = operands;
        this.constant = constant;
        this.index = index;
        this.definition = definition;
    }

    /**
     * {@return a constant, rounded to the working type}
     *
     * @param value finite
     */
    public static Expression of(double value) {
        if (!Double.isFinite(value)) {
            throw Place.refusal("a constant must be finite, but is " + value);
        }
        return new Expression(Operation.CONSTANT, value, 0, null);
    }

    static Expression input(Object definition, int index) {
        return new Expression(Operation.INPUT, 0, index, definition);
    }

    /** {@return this + other} */
    public Expression plus(Expression other) {
        return apply(Operation.ADD, other);
    }

    /** {@return this + other} */
    public Expression plus(double other) {
        return plus(of(other));
    }

    /** {@return this - other} */
    public Expression minus(Expression other) {
        return apply(Operation.SUBTRACT, other);
    }

    /** {@return this - other} */
    public Expression minus(double other) {
        return minus(of(other));
    }

    /** {@return this * other} */
    public Expression times(Expression other) {
        return apply(Operation.MULTIPLY, other);
    }

    /** {@return this * other} */
    public Expression times(double other) {
        return times(of(other));
    }

    /** {@return this / other} */
    public Expression over(Expression other) {
        return apply(Operation.DIVIDE, other);
    }

    /** {@return this / other} */
    public Expression over(double other) {
        return over(of(other));
    }

    /** {@return this * factor + summand, rounded once} */
    public Expression fma(Expression factor, Expression summand) {
        return apply(Operation.FMA, factor, summand);
    }

    /** {@return this * factor + summand, rounded once} */
    public Expression fma(double factor, Expression summand) {
        return fma(of(factor), summand);
    }

    /** {@return -this} */
    public Expression negate() {
        return apply(Operation.NEGATE);
    }

    /** {@return its absolute value} */
    public Expression abs() {
        return apply(Operation.ABS);
    }

    /** {@return its square root, correctly rounded; NaN below zero} */
    public Expression sqrt() {
        return apply(Operation.SQRT);
    }

    /** {@return this where it is less than other, else other, also where this is NaN} */
    public Expression min(Expression other) {
        return lessThan(other).select(this, other);
    }

    /** {@return this where it is less than other, else other, also where this is NaN} */
    public Expression min(double other) {
        return min(of(other));
    }

    /** {@return this where it is greater than other, else other, also where this is NaN} */
    public Expression max(Expression other) {
        return present(other).lessThan(this).select(this, other);
    }

    /** {@return this where it is greater than other, else other, also where this is NaN} */
    public Expression max(double other) {
        return max(of(other));
    }

    /**
     * {@return e^this}. Within 2 units in the last place while the result is normal; zero below the least normal number
     * (in part already up to twice that), infinite above the largest.
     */
    public Expression exp() {
        return apply(Operation.EXP);
    }

    /** {@return its natural logarithm} Within 3 units in the last place; -infinity of zeros, NaN below zero. */
    public Expression log() {
        return apply(Operation.LOG);
    }

    /**
     * {@return its sine; it is in radians} FP64: within 4e-16 of the sine; FP32: within 1.5e-7 and 2^-45 of it; NaN from
     * 2^44 on (FP32: 2^20).
     */
    public Expression sin() {
        return apply(Operation.SIN);
    }

    /** {@return its cosine; it is in radians} As {@link #sin}. */
    public Expression cos() {
        return apply(Operation.COS);
    }

    /**
     * {@return this to a power} Whole and half exponents up to 32 are products and square roots: each rounded, so up to one
     * unit in the last place for each of some 2 log2(exponent) of them.
     */
    public Expression pow(double exponent) {
        return pow(of(exponent));
    }

    /**
     * {@return this, which is positive, to a power: exp(exponent log(this))} The relative error grows with that product:
     * 4 (1 + |exponent log(this)|) units in the last place. NaN where this is negative; of zero, 0 for a positive exponent.
     */
    public Expression pow(Expression exponent) {
        return apply(Operation.POW, exponent);
    }

    /** {@return whether this is less than other; never where one of them is NaN} */
    public Condition lessThan(Expression other) {
        return new Condition(Operation.SELECT_LESS, this, present(other));
    }

    /** {@return whether this is less than other; never where it is NaN} */
    public Condition lessThan(double other) {
        return lessThan(of(other));
    }

    /** {@return whether this is at most other; never where one of them is NaN} */
    public Condition atMost(Expression other) {
        return new Condition(Operation.SELECT_AT_MOST, this, present(other));
    }

    /** {@return whether this is at most other; never where it is NaN} */
    public Condition atMost(double other) {
        return atMost(of(other));
    }

    /** {@return whether this equals other; zeros of both signs are equal, NaN equals nothing} */
    public Condition equalTo(Expression other) {
        return new Condition(Operation.SELECT_EQUAL, this, present(other));
    }

    /** {@return whether this equals other; zeros of both signs are equal} */
    public Condition equalTo(double other) {
        return equalTo(of(other));
    }

    private Expression apply(Operation applied, Expression... others) {
        Expression[] all = new Expression[1 + others.length];
        all[0] = this;
        for (int i = 0; i < others.length; i++) {
            all[i + 1] = present(others[i]);
        }
        return new Expression(applied, 0, 0, null, all);
    }

    private static Expression present(Expression operand) {
        if (operand == null) {
            throw Place.refusal("an operand must not be null");
        }
        return operand;
    }

    /** A comparison, which chooses between two numbers. Both are computed, whatever comes of it. */
    public static final class Condition {
        private final Operation selection;
        private final Expression left;
        private final Expression right;

        private Condition(Operation selection, Expression left, Expression right) {
            this.selection = selection;
            this.left = left;
            this.right = right;
        }

        /** {@return the first number where this holds, else the second} */
        public Expression select(Expression holds, Expression otherwise) {
            return new Expression(selection, 0, 0, null, left, right, present(holds), present(otherwise));
        }

        /** {@return the first number where this holds, else the second} */
        public Expression select(double holds, double otherwise) {
            return select(of(holds), of(otherwise));
        }
    }
}
