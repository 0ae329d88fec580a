package io.quern.ode;

import static java.lang.constant.ConstantDescs.CD_int;

import io.quern.cpu.SchedulingBarrier;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * A short program without a status as one method: in every step a loop over the vectors of a block, each of whose turns does
 * the first half of the step for one vector and then the second half for the one before. What is the same in all vectors is
 * computed once for them and stays in locals; what differs, but is the same in all steps, gets a row.
 *
 * <p>A step is a chain. The 49 operations of a step of RK4 of Lorenz have 59 cycles to go one after the other, and the
 * processor does not look far enough ahead to fill them with operations of the next vectors. Several vectors side by side would,
 * but between two branches C2 orders operations by the registers that they need, which is one vector after the other, whatever
 * order they were written in. So there is a branch between the halves ({@link SchedulingBarrier}), and the values of the first
 * are needed where it would lead. RK4 then takes .82 of the time of unstaggered turns, and .78 of that of four vectors that go
 * through all steps in one method (512 bits, FP64); at 256 bits .81.
 */
final class StaggeredLoop {
    private static final int BLOCK = StepCompiler.BLOCK;
    private static final int STEPS = StepCompiler.STEPS;

    // Local variables of run, behind its parameters.
    private static final int AT = StepCompiler.FIRST_LOCAL; // the address of a vector
    private static final int NEXT = AT + 2; // of the one behind it
    private static final int LEFT = NEXT + 2; // lanes from the vector on
    private static final int NEVER = LEFT + 1;
    private static final int FIRST_LOCAL = NEVER + 1;

    private static final ClassDesc BARRIER =
            SchedulingBarrier.class.describeConstable().orElseThrow();

    /** Operations. Of shorter chains the processor sees several at once: Euler's method would take a tenth longer. */
    private static final int LEAST_STAGGERED = 16;

    private final Program program;
    private final int carried;
    private final BitSet uniformRows;
    private final NumberCode numbers;
    private final boolean[] same; // whether an instruction's value is the same in all vectors
    private final boolean[] varies; // whether it changes from step to step

    private final List<Integer> once; // the same in all vectors and steps
    private final List<Integer> eachStep; // the same in all vectors
    private final List<Integer> eachVector; // the same in all steps
    private final List<Integer> first; // half of the rest; empty where nothing is staggered
    private final List<Integer> second;
    private final Set<Integer> crossing; // what the second half needs of the first
    private final Map<Integer, Integer> row = new HashMap<>(); // of what a step needs of eachVector
    private final int vectors;

    private final Map<Integer, Integer> shared = new HashMap<>(); // locals of what is the same in all vectors
    private final Map<Integer, Integer> crossed = new HashMap<>(); // locals of what crosses, of the vector at AT
    private final Map<Integer, Integer> crossesNext = new HashMap<>(); // of the one at NEXT
    private final Deque<Integer> free = new ArrayDeque<>();
    private int nextLocal;
    private CodeBuilder code;
    private NumberCode.Body body;

    StaggeredLoop(Program program, int carried, BitSet uniformRows, int mostLanes, NumberCode numbers) {
        this.program = program;
        this.carried = carried;
        this.uniformRows = uniformRows;
        this.numbers = numbers;
        this.same = StepCompiler.uniform(program, uniformRows);
        this.varies = StepCompiler.varies(program, carried);
        this.once = computed(true, false);
        this.eachStep = computed(true, true);
        this.eachVector = computed(false, false);
        List<Integer> rest = computed(false, true);
        placeRows(rest);
        int fit = StepCompiler.MOST_BYTES / Math.toIntExact(rows() * bytes());
        this.vectors = Math.clamp(fit, 1, Math.max(1, mostLanes / numbers.lanes()));
        // Of numbers one at a time, what crosses has no room in registers: they take twice as long.
        boolean staggered = vectors > 1 && numbers.lanes() > 1 && rest.size() >= LEAST_STAGGERED;
        int cut = staggered ? cut(rest) : 0;
        this.first = rest.subList(0, cut);
        this.second = rest.subList(cut, rest.size());
        this.crossing = crossing(rest, cut);
    }

    /** {@return what is neither constant nor an input that differs} */
    private List<Integer> computed(boolean whetherSame, boolean whetherVaries) {
        return IntStream.range(0, same.length)
                .filter(i -> same[i] == whetherSame && varies[i] == whetherVaries)
                .filter(i -> !is(i, Operation.CONSTANT) && (same[i] || !is(i, Operation.INPUT)))
                .boxed()
                .toList();
    }

    private void placeRows(List<Integer> rest) {
        Set<Integer> needed = new TreeSet<>(program.outputs());
        rest.forEach(i -> needed.addAll(operands(i)));
        for (int i : eachVector) {
            if (needed.contains(i)) {
                row.put(i, program.inputs() + 1 + row.size()); // one row is room for taking numbers apart
            }
        }
    }

    /** {@return how many operations the first half has: such that little crosses, and near the middle} */
    private int cut(List<Integer> rest) {
        int middle = rest.size() / 2;
        return IntStream.rangeClosed(rest.size() / 3, rest.size() * 2 / 3)
                .boxed()
                .min(Comparator.comparingInt(
                                (Integer cut) -> crossing(rest, cut).size())
                        .thenComparingInt(cut -> Math.abs(cut - middle)))
                .orElseThrow();
    }

    /** {@return what is computed before a cut and needed behind it} */
    private Set<Integer> crossing(List<Integer> rest, int cut) {
        Set<Integer> needed = new TreeSet<>(program.outputs());
        rest.subList(cut, rest.size()).forEach(i -> needed.addAll(operands(i)));
        needed.retainAll(rest.subList(0, cut));
        return needed;
    }

    private boolean is(int i, Operation operation) {
        return program.instructions().get(i).operation() == operation;
    }

    private List<Integer> operands(int i) {
        Instruction instruction = program.instructions().get(i);
        return IntStream.range(0, instruction.operation().operands())
                .map(instruction::operand)
                .boxed()
                .toList();
    }

    /** {@return how many rows a block has} */
    int rows() {
        return program.inputs() + 1 + row.size();
    }

    /** {@return how many vectors a row has} */
    int vectors() {
        return vectors;
    }

    /** {@return what the method takes of {@link StepCompiler#MOST_WEIGHT}} */
    int weight() {
        int copies = first.isEmpty() ? 1 : 2;
        return weight(once)
                + weight(eachStep)
                + weight(eachVector)
                + row.size() * numbers.storeWeight()
                + carried * copies * numbers.storeWeight()
                + copies * (weight(first) + weight(second));
    }

    private int weight(List<Integer> instructions) {
        Set<Integer> loaded = new TreeSet<>();
        int weight = 0;
        for (int i : instructions) {
            weight += is(i, Operation.INPUT)
                    ? numbers.loadWeight()
                    : numbers.weight(program.instructions().get(i).operation());
            operands(i).stream()
                    .filter(operand -> !same[operand])
                    .filter(operand -> is(operand, Operation.INPUT) || row.containsKey(operand))
                    .forEach(loaded::add);
        }
        return weight + loaded.size() * numbers.loadWeight();
    }

    /** Writes {@link StepKernel#run}. */
    void write(ClassBuilder type) {
        StepCompiler.writeRun(type, this::writeRun);
    }

    private void writeRun(CodeBuilder to) {
        code = to;
        List<Integer> all = IntStream.range(0, same.length).boxed().toList();
        body = numbers.begin(code, program, all, BLOCK, FIRST_LOCAL);
        nextLocal = body.firstFree();
        code.invokestatic(BARRIER, "never", MethodTypeDesc.of(CD_int)).istore(NEVER);
        computeShared(once);
        if (!row.isEmpty()) {
            computeRows();
        }
        crossing.forEach(i -> crossed.put(i, allocate()));
        crossing.forEach(i -> crossesNext.put(i, allocate()));
        Label pinned = code.newLabel();
        Label end = code.newLabel();
        Label step = code.newBoundLabel();
        code.iload(STEPS).ifle(end);
        code.iinc(STEPS, -1);
        computeShared(eachStep);
        if (first.isEmpty()) {
            eachVector(() -> finish(AT));
        } else {
            stagger(pinned);
        }
        for (int r = 0; r < carried; r++) {
            if (uniformRows.get(r)) {
                int output = program.outputs().get(r);
                body.store(BLOCK, offset(r), () -> body.push(output, shared::get));
            }
        }
        code.goto_(step);
        code.labelBinding(end).lconst_0().lreturn();
        if (!first.isEmpty()) {
            code.labelBinding(pinned);
            crossing.forEach(i -> body.store(NEXT, offset(program.inputs()), () -> body.push(i, crossesNext::get)));
            code.lconst_0().lreturn();
        }
    }

    private void computeShared(List<Integer> instructions) {
        for (int i : instructions) {
            if (is(i, Operation.INPUT)) {
                body.load(BLOCK, offset(program.instructions().get(i).a()));
            } else {
                body.write(i, shared::get, BLOCK, offset(program.inputs()));
            }
            shared.put(i, allocate());
            body.storeLocal(shared.get(i));
        }
    }

    private void computeRows() {
        eachVector(() -> {
            Values values = new Values(AT, Map.of());
            values.compute(eachVector, row.keySet());
            row.forEach((i, number) -> body.store(AT, offset(number), () -> body.push(i, values::local)));
            values.end();
        });
    }

    private void eachVector(Runnable turn) {
        firstVector();
        Label loop = code.newBoundLabel();
        turn.run();
        addressBehind(AT, AT);
        code.iinc(LEFT, -numbers.lanes()).iload(LEFT).ifgt(loop);
    }

    /** A step of all vectors. */
    private void stagger(Label pinned) {
        firstVector();
        begin(AT, crossed);
        Label last = code.newLabel();
        Label turn = code.newBoundLabel();
        code.iinc(LEFT, -numbers.lanes()).iload(LEFT).ifle(last);
        addressBehind(AT, NEXT);
        begin(NEXT, crossesNext);
        code.iload(LEFT).iload(NEVER).if_icmpeq(pinned);
        finish(AT);
        for (int i : crossing) {
            body.push(i, crossesNext::get);
            body.storeLocal(crossed.get(i));
        }
        code.lload(NEXT).lstore(AT);
        code.goto_(turn);
        code.labelBinding(last);
        finish(AT);
    }

    private void firstVector() {
        code.lload(BLOCK);
        StepCompiler.storeAddress(code, AT);
        code.iload(StepCompiler.LANES).istore(LEFT);
    }

    private void addressBehind(int vector, int to) {
        code.lload(vector).loadConstant(bytes()).ladd();
        StepCompiler.storeAddress(code, to);
    }

    /** The first half of a step of a vector. */
    private void begin(int at, Map<Integer, Integer> results) {
        Values values = new Values(at, results);
        values.compute(first, Set.of());
        values.end();
    }

    /** The second half. All new values are there before the first is written: one may be another's old one. */
    private void finish(int at) {
        Values values = new Values(at, crossed);
        values.compute(second, new TreeSet<>(program.outputs()));
        List<Integer> written = IntStream.range(0, carried)
                .filter(r -> !uniformRows.get(r))
                .boxed()
                .toList();
        written.forEach(r -> values.fetch(program.outputs().get(r)));
        for (int r : written) {
            int output = program.outputs().get(r);
            body.store(at, offset(r), () -> body.push(output, values::local));
        }
        values.end();
    }

    private int allocate() {
        if (!free.isEmpty()) {
            return free.pop();
        }
        nextLocal += numbers.slots();
        return nextLocal - numbers.slots();
    }

    private long bytes() {
        return (long) numbers.lanes() * numbers.dtype().bytes();
    }

    private long offset(int ofRow) {
        return ofRow * vectors * bytes();
    }

    /** The values of one vector, in locals. */
    private final class Values {
        private final int address;
        private final Map<Integer, Integer> given;
        private final Map<Integer, Integer> own = new HashMap<>();

        Values(int address, Map<Integer, Integer> given) {
            this.address = address;
            this.given = given;
        }

        int local(int i) {
            return same[i] ? shared.get(i) : given.containsKey(i) ? given.get(i) : own.get(i);
        }

        /**
         * Computes instructions.
         *
         * @param needed what somebody asks for when all are done
         */
        void compute(List<Integer> instructions, Set<Integer> needed) {
            Map<Integer, Integer> lastUse = new HashMap<>();
            for (int i : instructions) {
                operands(i).forEach(operand -> lastUse.put(operand, i));
            }
            for (int i : instructions) {
                operands(i).forEach(this::fetch);
                body.write(i, this::local, address, offset(program.inputs()));
                keep(i);
                operands(i).stream()
                        .distinct()
                        .filter(operand -> lastUse.get(operand) == i && !needed.contains(operand))
                        .filter(own::containsKey)
                        .forEach(operand -> free.push(own.remove(operand)));
            }
        }

        /** Loads a value that is not here yet. */
        void fetch(int i) {
            if (!is(i, Operation.CONSTANT) && !same[i] && !given.containsKey(i) && !own.containsKey(i)) {
                body.load(
                        address,
                        offset(
                                is(i, Operation.INPUT)
                                        ? program.instructions().get(i).a()
                                        : row.get(i)));
                keep(i);
            }
        }

        private void keep(int i) {
            body.storeLocal(given.containsKey(i) ? given.get(i) : own.computeIfAbsent(i, _ -> allocate()));
        }

        void end() {
            free.addAll(own.values());
        }
    }
}
