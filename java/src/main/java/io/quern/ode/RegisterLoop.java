package io.quern.ode;

import java.lang.classfile.ClassBuilder;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;

/**
 * A short program as one method, several vectors in flight, everything that is carried in registers from the first step to the
 * last. What is the same in all steps is computed before the loop, what is the same in all vectors once for them.
 */
final class RegisterLoop {
    private static final int BLOCK = StepCompiler.BLOCK;
    private static final int STEPS = StepCompiler.STEPS;

    private final Program program;
    private final int carried;
    private final int status;
    private final BitSet uniformRows;
    private final int vectors;
    private final NumberCode numbers;

    private final boolean[] uniform; // whether an instruction's value is the same in all vectors, which share its local
    private final boolean[] varies; // whether an instruction changes from step to step
    private final int[] lastUse; // the instruction that needs it last; MAX where the loop needs it again
    private final int[][] locals; // of each instruction and vector
    private final Deque<Integer> free = new ArrayDeque<>();
    private int nextLocal = StepCompiler.FIRST_LOCAL;

    RegisterLoop(Program program, int carried, int status, BitSet uniformRows, int vectors, NumberCode numbers) {
        this.program = program;
        this.carried = carried;
        this.status = status;
        this.uniformRows = uniformRows;
        this.vectors = vectors;
        this.numbers = numbers;
        int count = program.instructions().size();
        this.uniform = StepCompiler.uniform(program, uniformRows);
        this.varies = StepCompiler.varies(program, carried);
        this.lastUse = new int[count];
        this.locals = new int[count][];
        findLastUses();
    }

    private void findLastUses() {
        List<Instruction> all = program.instructions();
        for (int i = 0; i < varies.length; i++) {
            Instruction instruction = all.get(i);
            for (int j = 0; j < instruction.operation().operands(); j++) {
                int operand = instruction.operand(j);
                lastUse[operand] = varies[operand] ? i : Integer.MAX_VALUE;
            }
        }
        for (int output : program.outputs()) {
            lastUse[output] = Integer.MAX_VALUE;
        }
    }

    /** Writes {@link StepKernel#run}. */
    void write(ClassBuilder type) {
        StepCompiler.writeRun(type, this::writeRun);
    }

    private void writeRun(CodeBuilder code) {
        List<Instruction> all = program.instructions();
        int[][] state = new int[carried][]; // the locals of what is carried
        for (int row = 0; row < carried; row++) {
            state[row] = allocate(uniformRows.get(row));
            load(code, row, state[row]);
        }
        for (int i = 0; i < all.size(); i++) {
            Instruction instruction = all.get(i);
            if (instruction.operation() == Operation.INPUT && instruction.a() < carried) {
                locals[i] = state[instruction.a()];
                lastUse[i] = Integer.MAX_VALUE;
            } else if (!varies[i] && instruction.operation() != Operation.CONSTANT) {
                writeInstruction(code, i);
            }
        }
        Label loop = code.newBoundLabel();
        Label end = code.newLabel();
        code.iload(STEPS).ifle(end);
        code.iinc(STEPS, -1);
        for (int i = 0; i < all.size(); i++) {
            if (varies[i] && all.get(i).operation() != Operation.INPUT) {
                writeInstruction(code, i);
                releaseOperands(i);
            }
        }
        carryOver(code, state);
        if (status >= 0) {
            for (int v = 0; v < vectors; v++) {
                numbers.branchIfPositive(code, state[status][v], end);
            }
        }
        code.goto_(loop);
        code.labelBinding(end);
        for (int row = 0; row < carried; row++) {
            for (int v = 0; v < vectorsOf(row); v++) {
                numbers.store(code, BLOCK, offset(row, v), state[row][v]);
            }
        }
        code.return_();
    }

    /** All new values onto the stack, then into the locals: one may be another's old one. */
    private void carryOver(CodeBuilder code, int[][] state) {
        for (int row = 0; row < carried; row++) {
            for (int v = 0; v < vectorsOf(row); v++) {
                push(code, program.outputs().get(row), v);
            }
        }
        for (int row = carried - 1; row >= 0; row--) {
            for (int v = vectorsOf(row) - 1; v >= 0; v--) {
                numbers.storeLocal(code, state[row][v]);
            }
        }
    }

    private void writeInstruction(CodeBuilder code, int i) {
        Instruction instruction = program.instructions().get(i);
        locals[i] = allocate(uniform[i]);
        if (instruction.operation() == Operation.INPUT) {
            load(code, instruction.a(), locals[i]);
            return;
        }
        for (int v = 0; v < (uniform[i] ? 1 : vectors); v++) {
            int vector = v;
            numbers.write(
                    code,
                    instruction.operation(),
                    operand -> push(code, instruction.operand(operand), vector),
                    BLOCK,
                    offset(program.inputs(), v));
            numbers.storeLocal(code, locals[i][v]);
        }
    }

    private void push(CodeBuilder code, int number, int vector) {
        Instruction instruction = program.instructions().get(number);
        if (instruction.operation() == Operation.CONSTANT) {
            numbers.pushConstant(code, number, instruction.value());
        } else {
            numbers.loadLocal(code, locals[number][vector]);
        }
    }

    private void load(CodeBuilder code, int row, int[] to) {
        for (int v = 0; v < vectorsOf(row); v++) {
            numbers.load(code, BLOCK, offset(row, v));
            numbers.storeLocal(code, to[v]);
        }
    }

    private long offset(int row, int vector) {
        return ((long) row * vectors + vector)
                * numbers.lanes()
                * numbers.dtype().bytes();
    }

    private int vectorsOf(int row) {
        return uniformRows.get(row) ? 1 : vectors;
    }

    /** {@return a local for each vector, or one for all} */
    private int[] allocate(boolean one) {
        int[] all = new int[vectors];
        for (int v = 0; v < vectors; v++) {
            if (one && v > 0) {
                all[v] = all[0];
            } else if (free.isEmpty()) {
                all[v] = nextLocal;
                nextLocal += numbers.slots();
            } else {
                all[v] = free.pop();
            }
        }
        return all;
    }

    private void releaseOperands(int i) {
        Instruction instruction = program.instructions().get(i);
        int[] operands = new int[instruction.operation().operands()];
        for (int j = 0; j < operands.length; j++) {
            operands[j] = instruction.operand(j);
        }
        Arrays.stream(operands)
                .distinct()
                .filter(operand -> lastUse[operand] == i)
                .forEach(operand -> {
                    for (int v = 0; v < (uniform[operand] ? 1 : vectors); v++) {
                        free.push(locals[operand][v]);
                    }
                });
    }
}
