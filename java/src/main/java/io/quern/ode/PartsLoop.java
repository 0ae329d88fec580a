package io.quern.ode;

import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.CD_void;

import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A long program as methods one after the other, each short enough for the JVM's compilers. What one computes and a later one
 * needs lies in rows of the block between them. The methods of what is the same in all steps run before the loop.
 */
final class PartsLoop {
    /**
     * Of a part. As it loads and stores between its operations, these take other shares of the compiler's registers than in a
     * {@link RegisterLoop}: these weights are in halves of an addition. What it stores is not weighed.
     */
    private static final int MOST_WEIGHT = 400;

    private static final int LOAD_WEIGHT = 8;

    private static final MethodTypeDesc PART = MethodTypeDesc.of(CD_void, CD_long);

    /** The block's address, the only argument of a part. */
    private static final int BLOCK = 0;

    private final Program program;
    private final int carried;
    private final int status;
    private final NumberCode numbers;

    /** The instructions of each part; those before {@code firstInLoop} run once. */
    private final List<List<Integer>> parts = new ArrayList<>();

    private final int firstInLoop;
    private final int[] partOf; // of each instruction; -1: none, an input or a constant
    private final int[] lastPart; // that needs an instruction's value
    private final int[] row; // of each instruction that a later part needs; -1: none
    private final int rows;

    PartsLoop(Program program, int carried, int status, NumberCode numbers) {
        this.program = program;
        this.carried = carried;
        this.status = status;
        this.numbers = numbers;
        int count = program.instructions().size();
        this.partOf = new int[count];
        this.lastPart = new int[count];
        this.row = new int[count];
        boolean[] varies = StepCompiler.varies(program, carried);
        Arrays.fill(partOf, -1);
        divide(varies, false);
        this.firstInLoop = parts.size();
        divide(varies, true);
        if (parts.size() == firstInLoop) {
            parts.add(List.of()); // which carries over what was computed before the loop
        }
        this.rows = place();
    }

    /** {@return how many rows a block has} */
    int rows() {
        return rows;
    }

    private void divide(boolean[] varies, boolean which) {
        List<Integer> part = new ArrayList<>();
        Set<Integer> loaded = new HashSet<>();
        int weight = 0;
        for (int i = 0; i < varies.length; i++) {
            Operation operation = program.instructions().get(i).operation();
            if (varies[i] != which || operation == Operation.INPUT || operation == Operation.CONSTANT) {
                continue;
            }
            if (weight >= MOST_WEIGHT) {
                parts.add(part);
                part = new ArrayList<>();
                loaded.clear();
                weight = 0;
            }
            weight += weight(operation);
            for (int j = 0; j < operation.operands(); j++) {
                int operand = program.instructions().get(i).operand(j);
                boolean constant = program.instructions().get(operand).operation() == Operation.CONSTANT;
                weight += !constant && loaded.add(operand) ? LOAD_WEIGHT : 0;
            }
            loaded.add(i);
            partOf[i] = parts.size();
            part.add(i);
        }
        if (!part.isEmpty()) {
            parts.add(part);
        }
    }

    private static int weight(Operation operation) {
        return switch (operation) {
            case INPUT, CONSTANT -> 0;
            case FMA -> 1;
            case SELECT_LESS, SELECT_AT_MOST, SELECT_EQUAL -> 16;
            case DIVIDE, NEGATE, ABS, SQRT -> 6;
            case POWER_OF_TWO, SIGNIFICAND, EXPONENT -> 40; // stored and loaded twice
            default -> 2;
        };
    }

    /** Gives rows to what later parts need; {@return how many rows there are then} */
    private int place() {
        Arrays.fill(lastPart, -1);
        for (int part = 0; part < parts.size(); part++) {
            for (int i : parts.get(part)) {
                Instruction instruction = program.instructions().get(i);
                for (int j = 0; j < instruction.operation().operands(); j++) {
                    lastPart[instruction.operand(j)] = part;
                }
            }
        }
        for (int r = 0; r < carried; r++) {
            if (!commitsInItsPart(r)) {
                lastPart[program.outputs().get(r)] = parts.size() - 1;
            }
        }
        int next = program.inputs() + 1; // one row is room for taking numbers apart
        for (int i = 0; i < row.length; i++) {
            // What runs before the loop is needed in every round.
            boolean before = partOf[i] >= 0 && partOf[i] < firstInLoop;
            row[i] = partOf[i] >= 0 && (lastPart[i] > partOf[i] || before) ? next++ : -1;
        }
        return next;
    }

    /** Whether the new value of a carried row may be written as soon as it is there: nobody needs the old one any more. */
    private boolean commitsInItsPart(int r) {
        int output = program.outputs().get(r);
        if (partOf[output] < firstInLoop) {
            return false;
        }
        for (int i = 0; i < row.length; i++) {
            Instruction instruction = program.instructions().get(i);
            if (instruction.operation() == Operation.INPUT && instruction.a() == r) {
                return lastPart[i] <= partOf[output] && !program.outputs().contains(i);
            }
        }
        return true;
    }

    /** Writes {@link StepKernel#run} and its parts. */
    void write(ClassBuilder type) {
        for (int part = 0; part < parts.size(); part++) {
            int number = part;
            type.withMethodBody(
                    "part" + part,
                    PART,
                    ClassFile.ACC_STATIC | ClassFile.ACC_PRIVATE,
                    code -> new Part(number).write(code));
        }
        StepCompiler.writeRun(type, this::writeRun);
    }

    private void writeRun(CodeBuilder code) {
        for (int part = 0; part < firstInLoop; part++) {
            call(code, part);
        }
        Label loop = code.newBoundLabel();
        Label end = code.newLabel();
        code.iload(StepCompiler.STEPS).ifle(end);
        code.iinc(StepCompiler.STEPS, -1);
        for (int part = firstInLoop; part < parts.size(); part++) {
            call(code, part);
        }
        if (status >= 0) {
            numbers.load(code, StepCompiler.BLOCK, offset(status));
            numbers.storeLocal(code, StepCompiler.FIRST_LOCAL);
            numbers.branchIfPositive(code, StepCompiler.FIRST_LOCAL, end);
        }
        code.goto_(loop).labelBinding(end).return_();
    }

    private static void call(CodeBuilder code, int part) {
        code.lload(StepCompiler.BLOCK).invokestatic(StepCompiler.SELF, "part" + part, PART);
    }

    private long offset(int rowNumber) {
        return (long) rowNumber * numbers.lanes() * numbers.dtype().bytes();
    }

    /** One method. */
    private final class Part {
        private final int number;
        private final Map<Integer, Integer> locals = new HashMap<>();
        private int nextLocal = 2;

        Part(int number) {
            this.number = number;
        }

        void write(CodeBuilder code) {
            for (int i : parts.get(number)) {
                Instruction instruction = program.instructions().get(i);
                for (int j = 0; j < instruction.operation().operands(); j++) {
                    fetch(code, instruction.operand(j));
                }
                numbers.write(
                        code,
                        instruction.operation(),
                        operand -> push(code, instruction.operand(operand)),
                        BLOCK,
                        offset(program.inputs()));
                keep(code, i);
                if (row[i] >= 0) {
                    numbers.store(code, BLOCK, offset(row[i]), locals.get(i));
                }
            }
            commit(code);
            code.return_();
        }

        /** The new values of carried rows: those of this part that may be, and in the last part all others. */
        private void commit(CodeBuilder code) {
            boolean last = number == parts.size() - 1;
            List<Integer> committed = new ArrayList<>();
            for (int r = 0; r < carried; r++) {
                int output = program.outputs().get(r);
                boolean now = commitsInItsPart(r) ? partOf[output] == number : last;
                if (now) {
                    fetch(code, output);
                    committed.add(r);
                }
            }
            for (int r : committed) {
                push(code, program.outputs().get(r));
                numbers.storeLocal(code, nextLocal);
                numbers.store(code, BLOCK, offset(r), nextLocal);
            }
        }

        private void keep(CodeBuilder code, int i) {
            locals.put(i, nextLocal);
            numbers.storeLocal(code, nextLocal);
            nextLocal += numbers.slots();
        }

        /** Loads a value that is not here yet. */
        private void fetch(CodeBuilder code, int i) {
            Instruction instruction = program.instructions().get(i);
            if (instruction.operation() == Operation.CONSTANT || locals.containsKey(i)) {
                return;
            }
            numbers.load(code, BLOCK, offset(instruction.operation() == Operation.INPUT ? instruction.a() : row[i]));
            keep(code, i);
        }

        private void push(CodeBuilder code, int i) {
            Instruction instruction = program.instructions().get(i);
            if (instruction.operation() == Operation.CONSTANT) {
                numbers.pushConstant(code, i, instruction.value());
            } else {
                numbers.loadLocal(code, locals.get(i));
            }
        }
    }
}
