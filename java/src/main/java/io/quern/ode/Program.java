package io.quern.ode;

import java.util.List;

/**
 * Numbers computed from numbers by a straight line of instructions: no branch, no loop, each computed once. What a field is,
 * and what a step of a method is once the field is put into it.
 *
 * @param inputs how many numbers are given
 * @param instructions in an order in which operands come first
 * @param outputs the numbers of the instructions that give the results
 */
record Program(int inputs, List<Instruction> instructions, List<Integer> outputs) {
    Program {
        instructions = List.copyOf(instructions);
        outputs = List.copyOf(outputs);
    }

    /** {@return how many instructions compute something; an fma counts two} */
    long flops() {
        return instructions.stream()
                .mapToLong(instruction -> switch (instruction.operation()) {
                    case INPUT, CONSTANT -> 0;
                    case FMA -> 2;
                    default -> 1;
                })
                .sum();
    }

    /** {@return whether a result depends on an input} */
    boolean uses(int input) {
        return instructions.stream()
                .anyMatch(instruction -> instruction.operation() == Operation.INPUT && instruction.a() == input);
    }

    /**
     * Computes the results.
     *
     * @param arithmetic of the working type
     * @param given the inputs
     * @param values room for a number of each instruction; written
     * @param results written
     */
    void evaluate(Arithmetic arithmetic, double[] given, double[] values, double[] results) {
        for (int i = 0; i < instructions.size(); i++) {
            values[i] = arithmetic.apply(instructions.get(i), given, values);
        }
        for (int i = 0; i < results.length; i++) {
            results[i] = values[outputs.get(i)];
        }
    }
}
