package io.quern.ode;

import io.quern.Check;
import io.quern.DType;
import java.util.List;

/**
 * The right-hand side f of dy/dt = f(t, y, p), written once and evaluated on every device.
 *
 * <pre>{@code
 * OdeField lorenz = OdeField.of(3, 3, (t, y, p) -> List.of(
 *         p.at(0).times(y.at(1).minus(y.at(0))),
 *         y.at(0).times(p.at(1).minus(y.at(2))).minus(y.at(1)),
 *         y.at(0).times(y.at(1)).minus(p.at(2).times(y.at(2)))));
 * }</pre>
 *
 * <p>The definition is called once, here, with {@link Expression}s: it writes the formulae down and sees no numbers, so that
 * an {@code if} in it chooses once and for all; {@link Expression.Condition#select} chooses anew in each evaluation. What
 * the formulae have in common is computed once.
 *
 * <p>Mistakes in a definition are {@link IllegalArgumentException}s that name the line: an index that does not exist, a
 * constant that is not finite, too many or too few components, an expression of another field; and a parameter that is never
 * used, at the line that calls {@link #of}.
 */
public final class OdeField {
    /** The most components of a state. */
    public static final int MOST_DIMENSIONS = 64;

    /** The most parameters: enough for a matrix of 16 x 16. */
    public static final int MOST_PARAMETERS = 256;

    private final int dimension;
    private final int parameters;
    private final Program program; // t, y, p -> f
    private final String place;
    private final StepKernels kernels = new StepKernels();

    private OdeField(int dimension, int parameters, Program program, String place) {
        this.dimension = dimension;
        this.parameters = parameters;
        this.program = program;
        this.place = place;
    }

    /** The formulae of a field. */
    @FunctionalInterface
    public interface Definition {
        /**
         * Writes the formulae down.
         *
         * @param t time
         * @param y the state
         * @param p the parameters
         * @return the derivative of each component of the state
         */
        List<Expression> of(Expression t, Variables y, Variables p);
    }

    /**
     * {@return the field that a definition writes down}
     *
     * @param dimension components of the state, 1 to {@value #MOST_DIMENSIONS}
     * @param parameters how many, 0 to {@value #MOST_PARAMETERS}
     * @throws IllegalArgumentException naming the mistake and its line
     */
    public static OdeField of(int dimension, int parameters, Definition definition) {
        return of(dimension, parameters, 0, definition);
    }

    /**
     * {@return the field that a definition writes down}
     *
     * @param dimension components of the state, 1 to {@value #MOST_DIMENSIONS}
     * @param parameters how many, 0 to {@value #MOST_PARAMETERS}
     * @param ofEvents how many of them, the last, are there for {@link OdeEvent}s and need not be used
     * @throws IllegalArgumentException naming the mistake and its line
     */
    public static OdeField of(int dimension, int parameters, int ofEvents, Definition definition) {
        Check.range("dimension", dimension, 1, MOST_DIMENSIONS);
        Check.range("parameters", parameters, 0, MOST_PARAMETERS);
        Check.range("ofEvents", ofEvents, 0, parameters);
        Check.present("definition", definition);
        Program program = Formulae.write(
                dimension,
                parameters,
                definition,
                dimension,
                "a field of dimension " + dimension + " must return as many derivatives",
                i -> "the derivative of y.at(" + i + ")");
        for (int i = 0; i < parameters - ofEvents; i++) {
            if (!program.uses(1 + dimension + i)) {
                throw Place.refusal("parameter p.at(" + i + ") of " + parameters + " is never used");
            }
        }
        return new OdeField(dimension, parameters, program, Place.ofUser());
    }

    /** {@return components of the state} */
    public int dimension() {
        return dimension;
    }

    /** {@return how many parameters it has} */
    public int parameters() {
        return parameters;
    }

    /** {@return t, y, p -> f, as it was written} */
    Program program() {
        return program;
    }

    /** {@return t, y, p -> f in primitive operations of a working type} */
    Program program(DType dtype) {
        return Formulae.lower(program, dtype);
    }

    /** {@return what was compiled of it} */
    StepKernels kernels() {
        return kernels;
    }

    /** Checks that the constants have values in a working type. */
    void checkConstants(DType dtype) {
        Formulae.checkConstants(program, dtype, this);
    }

    @Override
    public String toString() {
        return "field of dimension " + dimension + " with " + parameters + " parameters (" + place + ")";
    }
}
