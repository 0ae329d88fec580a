package io.quern.ode;

import io.quern.DType;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/** Writes what a user's definition says of time, state and parameters down as a program of them: t, y, p. */
final class Formulae {
    private final Object identity = new Object();
    private final int dimension;
    private final int parameters;

    private Formulae(int dimension, int parameters) {
        this.dimension = dimension;
        this.parameters = parameters;
    }

    /**
     * {@return what a definition writes down}
     *
     * @param what of how many formulae is expected, for messages: "a field of dimension 3 must return as many derivatives"
     * @param count of the formulae
     * @param name of each, for messages
     */
    static Program write(
            int dimension,
            int parameters,
            OdeField.Definition definition,
            int count,
            String what,
            IntFunction<String> name) {
        Formulae formulae = new Formulae(dimension, parameters);
        Expression t = Expression.input(formulae.identity, 0);
        Variables y = new Variables("y", "component", formulae.inputs(1, dimension));
        Variables p = new Variables("p", "parameter", formulae.inputs(1 + dimension, parameters));
        List<Expression> results = definition.of(t, y, p);
        if (results == null || results.size() != count) {
            throw Place.refusal(what + ", but returns " + (results == null ? "null" : String.valueOf(results.size())));
        }
        return formulae.write(results, name);
    }

    /** {@return a program in primitive operations of a working type} */
    static Program lower(Program program, DType dtype) {
        ProgramBuilder builder = new ProgramBuilder(program.inputs());
        int[] given = new int[program.inputs()];
        for (int i = 0; i < given.length; i++) {
            given[i] = builder.input(i);
        }
        return builder.build(builder.lower(program, dtype, given));
    }

    /** Checks that the constants have values in a working type. */
    static void checkConstants(Program program, DType dtype, Object of) {
        for (Instruction instruction : program.instructions()) {
            if (instruction.operation() == Operation.CONSTANT
                    && !Double.isFinite(Arithmetic.of(dtype).round(instruction.value()))) {
                throw new IllegalArgumentException("constant " + instruction.value() + " of " + of
                        + " must be finite in " + dtype + ": solve in FP64");
            }
        }
    }

    private Expression[] inputs(int first, int count) {
        Expression[] all = new Expression[count];
        for (int i = 0; i < count; i++) {
            all[i] = Expression.input(identity, first + i);
        }
        return all;
    }

    /** Operands first, each expression once; with a stack of its own, because sums may be long. */
    private Program write(List<Expression> results, IntFunction<String> name) {
        ProgramBuilder builder = new ProgramBuilder(1 + dimension + parameters);
        Map<Expression, Integer> numbers = new IdentityHashMap<>();
        int[] outputs = new int[results.size()];
        for (int i = 0; i < outputs.length; i++) {
            if (results.get(i) == null) {
                throw Place.refusal(name.apply(i) + " must not be null");
            }
            Deque<Expression> open = new ArrayDeque<>(List.of(results.get(i)));
            while (!open.isEmpty()) {
                Expression next = open.peek();
                List<Expression> missing = Arrays.stream(next.operands)
                        .filter(operand -> !numbers.containsKey(operand))
                        .toList();
                if (missing.isEmpty()) {
                    numbers.computeIfAbsent(open.pop(), ready -> write(builder, ready, numbers));
                } else {
                    missing.forEach(open::push);
                }
            }
            outputs[i] = numbers.get(results.get(i));
        }
        return builder.build(outputs);
    }

    private int write(ProgramBuilder builder, Expression expression, Map<Expression, Integer> numbers) {
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
}
