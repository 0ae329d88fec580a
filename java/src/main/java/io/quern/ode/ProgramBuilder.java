package io.quern.ode;

import io.quern.DType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a {@link Program} down, an instruction at a time. What was written before is not written again: the number of the
 * earlier instruction is given instead, so that common subexpressions are shared. Numbers here are those of instructions.
 */
final class ProgramBuilder {
    private static final int NONE = -1;

    private final int inputs;
    private final List<Instruction> instructions = new ArrayList<>();
    private final Map<Instruction, Integer> known = new HashMap<>();

    /** @param inputs how many numbers the program is given */
    ProgramBuilder(int inputs) {
        this.inputs = inputs;
    }

    int input(int index) {
        return write(new Instruction(Operation.INPUT, index, NONE, NONE, NONE, 0));
    }

    int constant(double value) {
        return write(new Instruction(Operation.CONSTANT, NONE, NONE, NONE, NONE, Double.doubleToRawLongBits(value)));
    }

    int add(int a, int b) {
        return apply(Operation.ADD, a, b);
    }

    int subtract(int a, int b) {
        return apply(Operation.SUBTRACT, a, b);
    }

    int multiply(int a, int b) {
        return apply(Operation.MULTIPLY, a, b);
    }

    int divide(int a, int b) {
        return apply(Operation.DIVIDE, a, b);
    }

    int fma(int a, int b, int c) {
        return apply(Operation.FMA, a, b, c);
    }

    int abs(int a) {
        return apply(Operation.ABS, a);
    }

    /** {@return holds where a is less than b, else otherwise} */
    int less(int a, int b, int holds, int otherwise) {
        return apply(Operation.SELECT_LESS, a, b, holds, otherwise);
    }

    /** {@return holds where a is at most b, else otherwise} */
    int atMost(int a, int b, int holds, int otherwise) {
        return apply(Operation.SELECT_AT_MOST, a, b, holds, otherwise);
    }

    /** {@return holds where a equals b, else otherwise} */
    int equal(int a, int b, int holds, int otherwise) {
        return apply(Operation.SELECT_EQUAL, a, b, holds, otherwise);
    }

    int apply(Operation operation, int... operands) {
        int a = operands[0];
        int b = operands.length > 1 ? operands[1] : NONE;
        int c = operands.length > 2 ? operands[2] : NONE;
        int d = operands.length > 3 ? operands[3] : NONE;
        boolean exchange = operation.commutes() && a > b;
        return write(new Instruction(operation, exchange ? b : a, exchange ? a : b, c, d, 0));
    }

    /** {@return the constant that an instruction is, or NaN} */
    double constantAt(int number) {
        Instruction instruction = instructions.get(number);
        return instruction.operation() == Operation.CONSTANT ? instruction.value() : Double.NaN;
    }

    private int write(Instruction instruction) {
        Integer earlier = known.putIfAbsent(instruction, instructions.size());
        if (earlier != null) {
            return earlier;
        }
        instructions.add(instruction);
        return instructions.size() - 1;
    }

    /**
     * Writes another program down with its inputs put in.
     *
     * @param given the numbers of its inputs
     * @return the numbers of its outputs
     */
    int[] inline(Program program, int... given) {
        return inline(program, null, given);
    }

    /**
     * As {@link #inline(Program, int...)}, with the operations that no device executes replaced by those that a working type
     * has.
     */
    int[] lower(Program program, DType dtype, int... given) {
        return inline(program, new Elementary(this, dtype), given);
    }

    private int[] inline(Program program, Elementary elementary, int[] given) {
        int[] numbers = new int[program.instructions().size()];
        for (int i = 0; i < numbers.length; i++) {
            Instruction instruction = program.instructions().get(i);
            int[] operands = new int[instruction.operation().operands()];
            for (int j = 0; j < operands.length; j++) {
                operands[j] = numbers[instruction.operand(j)];
            }
            numbers[i] = switch (instruction.operation()) {
                case INPUT -> given[instruction.a()];
                case CONSTANT -> write(instruction);
                default ->
                    elementary == null || instruction.operation().primitive()
                            ? apply(instruction.operation(), operands)
                            : elementary.write(instruction.operation(), operands);
            };
        }
        return program.outputs().stream().mapToInt(output -> numbers[output]).toArray();
    }

    /** {@return the program that gives these results; what they do not need is left out} */
    Program build(int... outputs) {
        boolean[] needed = new boolean[instructions.size()];
        for (int output : outputs) {
            needed[output] = true;
        }
        for (int i = needed.length - 1; i >= 0; i--) {
            Instruction instruction = instructions.get(i);
            for (int j = 0; needed[i] && j < instruction.operation().operands(); j++) {
                needed[instruction.operand(j)] = true;
            }
        }
        int[] renumbered = new int[needed.length];
        List<Instruction> kept = new ArrayList<>();
        for (int i = 0; i < needed.length; i++) {
            if (needed[i]) {
                renumbered[i] = kept.size();
                kept.add(renumber(instructions.get(i), renumbered));
            }
        }
        List<Integer> results = new ArrayList<>();
        for (int output : outputs) {
            results.add(renumbered[output]);
        }
        return new Program(inputs, kept, results);
    }

    private static Instruction renumber(Instruction instruction, int[] numbers) {
        int operands = instruction.operation().operands();
        if (operands == 0) {
            return instruction;
        }
        return new Instruction(
                instruction.operation(),
                numbers[instruction.a()],
                operands > 1 ? numbers[instruction.b()] : NONE,
                operands > 2 ? numbers[instruction.c()] : NONE,
                operands > 3 ? numbers[instruction.d()] : NONE,
                0);
    }
}
