package io.quern.ode;

import java.lang.classfile.ClassBuilder;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * A short program without a status as one method, several vectors in flight. What is the same in all steps is computed before
 * the loop and stays in registers, what is the same in all vectors is computed once for them.
 *
 * <p>What is carried from step to step lies in the block, as in a {@link PartsLoop}: what is loaded in a step has a class that
 * C2 knows. Of a vector in a local that the loop assigns, it knows the class from a profile alone, which it trusts only as long
 * as few casts have failed in all that it inlines: after kernels with vectors of another width, the number of the step was
 * boxed in every step of every solve. Euler's method takes a fifth longer for it, Runge-Kutta's no longer. {@link VectorCode} casts
 * what it keeps by now, so locals would do again; which is quicker then has not been measured.
 */
final class RegisterLoop {
    private static final int BLOCK = StepCompiler.BLOCK;
    private static final int STEPS = StepCompiler.STEPS;

    private final Program program;
    private final int carried;
    private final BitSet uniformRows;
    private final int vectors;
    private final NumberCode numbers;

    private final boolean[] uniform; // whether an instruction's value is the same in all vectors, which share its local
    private final boolean[] varies; // whether an instruction changes from step to step
    private final int[] lastUse; // the instruction that needs it last; MAX where more than this step does
    private final int[][] locals; // of each instruction and vector
    private final Deque<Integer> free = new ArrayDeque<>();
    private int nextLocal;
    private CodeBuilder code;
    private NumberCode.Body body;

    RegisterLoop(Program program, int carried, BitSet uniformRows, int vectors, NumberCode numbers) {
        this.program = program;
        this.carried = carried;
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

    /** {@return how many vectors in flight a method has room for; below 1: not even for one} */
    static int mostVectors(Program program, int carried, BitSet uniformRows, NumberCode numbers) {
        boolean[] uniform = StepCompiler.uniform(program, uniformRows);
        int once = 0; // the weight of what is there once for all vectors in flight
        int each = 0;
        for (int row = 0; row < program.inputs(); row++) {
            int memory = numbers.loadWeight() + (row < carried ? numbers.storeWeight() : 0);
            once += uniformRows.get(row) ? memory : 0;
            each += uniformRows.get(row) ? 0 : memory;
        }
        for (int i = 0; i < uniform.length; i++) {
            int weight = numbers.weight(program.instructions().get(i).operation());
            once += uniform[i] ? weight : 0;
            each += uniform[i] ? 0 : weight;
        }
        return (StepCompiler.MOST_WEIGHT - once) / Math.max(each, 1);
    }

    /** Writes {@link StepKernel#run}. */
    void write(ClassBuilder type) {
        StepCompiler.writeRun(type, this::writeRun);
    }

    private void writeRun(CodeBuilder to) {
        code = to;
        List<Instruction> all = program.instructions();
        body = numbers.begin(
                code, program, IntStream.range(0, all.size()).boxed().toList(), BLOCK, StepCompiler.FIRST_LOCAL);
        nextLocal = body.firstFree();
        for (int i = 0; i < all.size(); i++) {
            if (!varies[i] && all.get(i).operation() != Operation.CONSTANT) {
                writeInstruction(i);
            }
        }
        Label loop = code.newBoundLabel();
        Label end = code.newLabel();
        code.iload(STEPS).ifle(end);
        code.iinc(STEPS, -1);
        for (int i = 0; i < all.size(); i++) {
            if (varies[i]) {
                writeInstruction(i);
                releaseOperands(i);
            }
        }
        for (int row = 0; row < carried; row++) {
            int output = program.outputs().get(row);
            for (int v = 0; v < vectorsOf(row); v++) {
                int vector = v;
                body.store(BLOCK, offset(row, v), () -> body.push(output, localsOf(vector)));
            }
        }
        code.goto_(loop);
        code.labelBinding(end);
        code.lconst_0().lreturn();
    }

    private void writeInstruction(int i) {
        Instruction instruction = program.instructions().get(i);
        locals[i] = allocate(uniform[i]);
        if (instruction.operation() == Operation.INPUT) {
            load(instruction.a(), locals[i]);
            return;
        }
        for (int v = 0; v < (uniform[i] ? 1 : vectors); v++) {
            body.write(i, localsOf(v), BLOCK, offset(program.inputs(), v));
            body.storeLocal(locals[i][v]);
        }
    }

    private IntUnaryOperator localsOf(int vector) {
        return number -> locals[number][vector];
    }

    private void load(int row, int[] to) {
        for (int v = 0; v < vectorsOf(row); v++) {
            body.load(BLOCK, offset(row, v));
            body.storeLocal(to[v]);
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
