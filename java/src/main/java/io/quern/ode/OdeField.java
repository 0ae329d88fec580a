package io.quern.ode;

import io.quern.Check;
import io.quern.DType;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

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
        Check.range("dimension", dimension, 1, MOST_DIMENSIONS);
        Check.range("parameters", parameters, 0, MOST_PARAMETERS);
        Check.present("definition", definition);
        Object identity = new Object();
        Expression t = Expression.input(identity, 0);
        Variables y = new Variables("y", "component", inputs(identity, 1, dimension));
        Variables p = new Variables("p", "parameter", inputs(identity, 1 + dimension, parameters));
        List<Expression> derivatives = definition.of(t, y, p);
        if (derivatives == null || derivatives.size() != dimension) {
            throw Place.refusal("a field of dimension " + dimension + " must return as many derivatives, but returns "
                    + (derivatives == null ? "null" : String.valueOf(derivatives.size())));
        }
        Program program = write(derivatives, identity, 1 + dimension + parameters);
        for (int i = 0; i < parameters; i++) {
            if (!program.uses(1 + dimension + i)) {
                throw Place.refusal("parameter p.at(" + i + ") of " + parameters + " is never used");
            }
        }
        return new OdeField(dimension, parameters, program, Place.ofUser());
    }

    private static Expression[] inputs(Object identity, int first, int count) {
        Expression[] all = new Expression[count];
        for (int i = 0; i < count; i++) {
            all[i] = Expression.input(identity, first + i);
        }
        return all;
    }

    /** Operands first, each expression once; with a stack of its own, because sums may be long. */
    private static Program write(List<Expression> derivatives, Object identity, int inputs) {
        ProgramBuilder builder = new ProgramBuilder(inputs);
        Map<Expression, Integer> numbers = new IdentityHashMap<>();
        int[] outputs = new int[derivatives.size()];
        for (int i = 0; i < outputs.length; i++) {
            if (derivatives.get(i) == null) {
                throw Place.refusal("the derivative of y.at(" + i + ") must not be null");
            }
            Deque<Expression> open = new ArrayDeque<>(List.of(derivatives.get(i)));
            while (!open.isEmpty()) {
                Expression next = open.peek();
                List<Expression> missing = Arrays.stream(next.operands)
                        .filter(operand -> !numbers.containsKey(operand))
                        .toList();
                if (missing.isEmpty()) {
                    numbers.computeIfAbsent(open.pop(), ready -> write(builder, ready, numbers, identity));
                } else {
                    missing.forEach(open::push);
                }
            }
            outputs[i] = numbers.get(derivatives.get(i));
        }
        return builder.build(outputs);
    }

    private static int write(
            ProgramBuilder builder, Expression expression, Map<Expression, Integer> numbers, Object identity) {
        return switch (expression.operation) {
            case INPUT -> {
                if (expression.definition != identity) {
                    throw Place.refusal("an expression of one field cannot be used in another");
                }
                yield builder.input(expression.index);
            }
            case CONSTANT -> builder.constant(expression.constant);
            default -> {
                int[] operands = new int[expression.operands.length];
                for (int i = 0; i < operands.length; i++) {
                    operands[i] = numbers.get(expression.operands[i]);
                }
                yield builder.apply(expression.operation, operands);
            }
        };
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
        ProgramBuilder builder = new ProgramBuilder(program.inputs());
        int[] given = new int[program.inputs()];
        for (int i = 0; i < given.length; i++) {
            given[i] = builder.input(i);
        }
        return builder.build(builder.lower(program, dtype, given));
    }

    /** {@return what was compiled of it} */
    StepKernels kernels() {
        return kernels;
    }

    /** Checks that the constants have values in a working type. */
    void checkConstants(DType dtype) {
        for (Instruction instruction : program.instructions()) {
            if (instruction.operation() == Operation.CONSTANT
                    && !Double.isFinite(Arithmetic.of(dtype).round(instruction.value()))) {
                throw new IllegalArgumentException("constant " + instruction.value() + " of " + this
                        + " must be finite in " + dtype + ": solve in FP64");
            }
        }
    }

    @Override
    public String toString() {
        return "field of dimension " + dimension + " with " + parameters + " parameters (" + place + ")";
    }
}
