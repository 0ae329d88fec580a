package io.quern.ode;

import static java.lang.constant.ConstantDescs.CD_long;

import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A program as methods one after the other, each short enough for the JVM's compilers, and each a loop over the vectors of a
 * block: while one waits for its results, the processor begins with the next. What is carried from step to step lies in the
 * block, as does what one method computes and a later one needs. The methods of what is the same in all steps run before the
 * first. Two vectors in turn within a method were a fifth slower at 256 bits: 16 registers hold one.
 */
final class PartsLoop {
    /** In a block: a bit for each lane says which have come to an end. */
    private static final int MOST_LANES = 64;

    /**
     * What a part is to weigh, with what it reads and stores for others. Parts of {@link StepCompiler#MOST_WEIGHT} need more
     * registers than there are: adaptive Dormand-Prince of Lorenz takes .83 of the time in parts of this weight (512 bits).
     */
    private static final int GOOD_WEIGHT = 2_500;

    private static final MethodTypeDesc PART = MethodTypeDesc.of(CD_long, CD_long);

    // Local variables of a part.
    private static final int BLOCK = 0;
    private static final int AT = 2; // the address of a vector
    private static final int ENDED = 4; // a bit for each lane
    private static final int LANE = 6; // of a vector
    private static final int FIRST_LOCAL = 7;

    private final Program program;
    private final int carried;
    private final int status;
    private final BitSet uniformRows;
    private final NumberCode numbers;
    private final boolean[] varies;

    /** The instructions of each part; those before {@code firstInLoop} run once. */
    private List<List<Integer>> parts;

    private int firstInLoop;
    private final int[] partOf; // of each instruction; -1: none, an input or a constant
    private final int[] lastPart; // that needs an instruction's value
    private final int[] row; // of each instruction that a later part needs; -1: none
    private int rows;
    private final int vectors;

    PartsLoop(Program program, int carried, int status, BitSet uniformRows, int mostLanes, NumberCode numbers) {
        this.program = program;
        this.carried = carried;
        this.status = status;
        this.uniformRows = uniformRows;
        this.numbers = numbers;
        int count = program.instructions().size();
        this.partOf = new int[count];
        this.lastPart = new int[count];
        this.row = new int[count];
        this.varies = StepCompiler.varies(program, carried);
        // Where no smaller parts help, the last one stores too much: of numbers one at a time, which are not boxed.
        int lightest = Integer.MAX_VALUE;
        for (int most = GOOD_WEIGHT; ; most -= most / 8) {
            divide(most);
            int heaviest = heaviest();
            if (heaviest <= GOOD_WEIGHT || heaviest >= lightest) {
                break;
            }
            lightest = heaviest;
        }
        int lanes = numbers.lanes();
        int fit = StepCompiler.MOST_BYTES / (rows * lanes * numbers.dtype().bytes());
        this.vectors = Math.clamp(fit, 1, Math.max(1, Math.min(mostLanes, MOST_LANES) / lanes));
    }

    /** {@return how many rows a block has} */
    int rows() {
        return rows;
    }

    /** {@return how many vectors a row has} */
    int vectors() {
        return vectors;
    }

    private Instruction instruction(int i) {
        return program.instructions().get(i);
    }

    private boolean is(int i, Operation operation) {
        return instruction(i).operation() == operation;
    }

    /** Cuts the program into parts that weigh about as much, without what they store. */
    private void divide(int most) {
        parts = new ArrayList<>();
        Arrays.fill(partOf, -1);
        divide(most, false);
        firstInLoop = parts.size();
        divide(most, true);
        if (parts.size() == firstInLoop) {
            parts.add(List.of()); // which carries over what was computed before the loop
        }
        rows = place();
    }

    private void divide(int most, boolean which) {
        List<Integer> part = new ArrayList<>();
        Set<Integer> loaded = new HashSet<>();
        int weight = 0;
        for (int i = 0; i < varies.length; i++) {
            Operation operation = instruction(i).operation();
            if (varies[i] != which || operation == Operation.INPUT || operation == Operation.CONSTANT) {
                continue;
            }
            if (weight >= most) {
                parts.add(part);
                part = new ArrayList<>();
                loaded.clear();
                weight = 0;
            }
            weight += numbers.weight(operation);
            for (int j = 0; j < operation.operands(); j++) {
                int operand = instruction(i).operand(j);
                weight += !is(operand, Operation.CONSTANT) && loaded.add(operand) ? numbers.loadWeight() : 0;
            }
            loaded.add(i);
            partOf[i] = parts.size();
            part.add(i);
        }
        if (!part.isEmpty()) {
            parts.add(part);
        }
    }

    /** Gives rows to what later parts need; {@return how many rows there are then} */
    private int place() {
        Arrays.fill(lastPart, -1);
        for (int part = 0; part < parts.size(); part++) {
            for (int i : parts.get(part)) {
                for (int j = 0; j < instruction(i).operation().operands(); j++) {
                    lastPart[instruction(i).operand(j)] = part;
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

    private int heaviest() {
        int heaviest = 0;
        for (int part = 0; part < parts.size(); part++) {
            heaviest = Math.max(heaviest, new Part(part).weight());
        }
        return heaviest;
    }

    /**
     * Whether the new value of a carried row may be written as soon as it is there: nobody needs the old one any more. The
     * last part looks at the status.
     */
    private boolean commitsInItsPart(int r) {
        int output = program.outputs().get(r);
        if (partOf[output] < firstInLoop || r == status) {
            return false;
        }
        for (int i = 0; i < row.length; i++) {
            if (is(i, Operation.INPUT) && instruction(i).a() == r) {
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
            code.pop2();
        }
        Label loop = code.newBoundLabel();
        Label end = code.newLabel();
        Label more = code.newLabel();
        code.iload(StepCompiler.STEPS).ifle(end);
        code.iinc(StepCompiler.STEPS, -1);
        for (int part = firstInLoop; part < parts.size(); part++) {
            call(code, part);
            if (part < parts.size() - 1) {
                code.pop2();
            }
        }
        code.dup2().lconst_0().lcmp().ifeq(more).lreturn();
        code.labelBinding(more).pop2().goto_(loop);
        code.labelBinding(end).lconst_0().lreturn();
    }

    private static void call(CodeBuilder code, int part) {
        code.lload(StepCompiler.BLOCK).invokestatic(StepCompiler.SELF, "part" + part, PART);
    }

    private long offset(int rowNumber) {
        return (long) rowNumber * vectors * numbers.lanes() * numbers.dtype().bytes();
    }

    /** One method. The last gives back which lanes have come to an end. */
    private final class Part {
        private final int number;
        private final List<Integer> instructions;
        private final List<Integer> loaded = new ArrayList<>(); // instructions whose values are not computed here
        private final List<Integer> committed = new ArrayList<>(); // carried rows
        private final boolean ends;
        private final Map<Integer, Integer> locals = new HashMap<>();
        private final Map<Integer, Integer> lastUse = new HashMap<>();
        private final Deque<Integer> free = new ArrayDeque<>();
        private int nextLocal;
        private CodeBuilder code;
        private NumberCode.Body body;

        Part(int number) {
            this.number = number;
            this.instructions = parts.get(number);
            boolean last = number == parts.size() - 1;
            this.ends = last && status >= 0;
            for (int r = 0; r < carried; r++) {
                if (commitsInItsPart(r) ? partOf[program.outputs().get(r)] == number : last) {
                    committed.add(r);
                }
            }
            Set<Integer> here = new HashSet<>(instructions);
            for (int i : instructions) {
                for (int j = 0; j < instruction(i).operation().operands(); j++) {
                    lastUse.put(instruction(i).operand(j), i);
                    load(here, instruction(i).operand(j));
                }
            }
            for (int r : committed) {
                lastUse.put(program.outputs().get(r), Integer.MAX_VALUE);
                load(here, program.outputs().get(r));
            }
        }

        private void load(Set<Integer> here, int i) {
            if (!is(i, Operation.CONSTANT) && here.add(i)) {
                loaded.add(i);
            }
        }

        int weight() {
            int weight = loaded.size() * numbers.loadWeight() + committed.size() * numbers.storeWeight();
            for (int i : instructions) {
                weight += numbers.weight(instruction(i).operation()) + (row[i] >= 0 ? numbers.storeWeight() : 0);
            }
            return weight;
        }

        void write(CodeBuilder to) {
            code = to;
            code.lload(BLOCK);
            StepCompiler.storeAddress(code, BLOCK);
            code.lload(BLOCK).lstore(AT);
            code.lconst_0().lstore(ENDED);
            code.iconst_0().istore(LANE);
            body = numbers.begin(code, program, instructions, BLOCK, FIRST_LOCAL);
            nextLocal = body.firstFree();
            for (int i : loaded) {
                if (uniform(i)) {
                    lastUse.put(i, Integer.MAX_VALUE);
                    fetch(BLOCK, i);
                }
            }
            Label loop = code.newBoundLabel();
            code.lload(AT);
            StepCompiler.storeAddress(code, AT);
            for (int i : instructions) {
                for (int j = 0; j < instruction(i).operation().operands(); j++) {
                    fetch(AT, instruction(i).operand(j));
                }
                body.write(i, locals::get, AT, offset(program.inputs()));
                release(i);
                keep(i);
                if (row[i] >= 0) {
                    body.store(AT, offset(row[i]), () -> body.push(i, locals::get));
                }
            }
            commit();
            if (vectors > 1) {
                code.lload(AT)
                        .loadConstant((long) numbers.lanes() * numbers.dtype().bytes())
                        .ladd()
                        .lstore(AT);
                code.iinc(LANE, numbers.lanes());
                code.iload(LANE).loadConstant(vectors * numbers.lanes()).if_icmpne(loop);
            }
            code.lload(ENDED).lreturn();
        }

        /** Whether all vectors have the same value, which the first has in the block. */
        private boolean uniform(int i) {
            return is(i, Operation.INPUT) && uniformRows.get(instruction(i).a());
        }

        /** The new values of carried rows. All are there before the first is written: one may be another's old one. */
        private void commit() {
            for (int r : committed) {
                fetch(AT, program.outputs().get(r));
            }
            for (int r : committed) {
                int output = program.outputs().get(r);
                body.store(uniformRows.get(r) ? BLOCK : AT, offset(r), () -> body.push(output, locals::get));
                if (ends && r == status) {
                    code.lload(ENDED);
                    body.pushPositive(output, locals::get);
                    code.iload(LANE).lshl().lor().lstore(ENDED);
                }
            }
        }

        /** Moves what was pushed into a local. */
        private void keep(int i) {
            int local = free.isEmpty() ? nextLocal : free.pop();
            nextLocal += local == nextLocal ? numbers.slots() : 0;
            locals.put(i, local);
            body.storeLocal(local);
            if (!lastUse.containsKey(i)) {
                free.push(local); // no one needs it here once it is stored
            }
        }

        /** Frees the locals of what nobody needs after an instruction. */
        private void release(int i) {
            Set<Integer> operands = new HashSet<>();
            for (int j = 0; j < instruction(i).operation().operands(); j++) {
                operands.add(instruction(i).operand(j));
            }
            for (int operand : operands) {
                if (locals.containsKey(operand) && lastUse.get(operand) == i) {
                    free.push(locals.get(operand));
                }
            }
        }

        /** Loads a value that is not here yet. */
        private void fetch(int address, int i) {
            if (!is(i, Operation.CONSTANT) && !locals.containsKey(i)) {
                body.load(
                        address, offset(is(i, Operation.INPUT) ? instruction(i).a() : row[i]));
                keep(i);
            }
        }
    }
}
