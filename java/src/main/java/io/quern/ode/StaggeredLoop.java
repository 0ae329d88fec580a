package io.quern.ode;

import static java.lang.constant.ConstantDescs.CD_int;

import io.quern.cpu.SchedulingBarrier;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * A short program without a status as one method: in every step a loop over the vectors of a block, each of whose turns does
 * the first half of the step for one vector and the second half for the one before. What is the same in all vectors is
 * computed once for them and stays in locals; what differs, but is the same in all steps, gets a row.
 *
 * <p>A step is a chain. The 49 operations of a step of RK4 of Lorenz have 59 cycles to go one after the other, and the
 * processor does not look far enough ahead to fill them with operations of the next vectors. Several vectors side by side would,
 * but between two branches C2 orders operations by the registers that they need, which is one vector after the other, whatever
 * order they were written in. So the halves come by turns, in two pieces each, with a branch behind each piece ({@link
 * SchedulingBarrier}) and what it has computed needed where that would lead. RK4 takes .80 of the time of turns one vector
 * after the other, and .76 of that of four vectors that go through all steps in one method (512 bits, FP64); with whole halves
 * .82 and .78.
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
    private final List<Runnable> exits = new ArrayList<>(); // write where branches lead that are never taken
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
        this.crossing = live(rest, cut, program.outputs());
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
                .min(Comparator.comparingInt((Integer cut) ->
                                live(rest, cut, program.outputs()).size())
                        .thenComparingInt(cut -> Math.abs(cut - middle)))
                .orElseThrow();
    }

    /**
     * What has been computed and will be needed.
     *
     * @param done how many instructions of the list are computed
     * @param needed what is needed when all are
     * @return some of them
     */
    private Set<Integer> live(List<Integer> list, int done, Collection<Integer> needed) {
        Set<Integer> live = new TreeSet<>(needed);
        list.subList(done, list.size()).forEach(i -> live.addAll(operands(i)));
        live.retainAll(list.subList(0, done));
        return live;
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
                + copies * (weight(first) + weight(second))
                + pinned() * numbers.storeWeight();
    }

    private int pinned() {
        return live(first, first.size() / 2, crossing).size()
                + live(second, second.size() / 2, program.outputs()).size()
                + crossing.size();
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
        Label end = code.newLabel();
        Label step = code.newBoundLabel();
        code.iload(STEPS).ifle(end);
        code.iinc(STEPS, -1);
        computeShared(eachStep);
        if (first.isEmpty()) {
            eachVector(this::finish);
        } else {
            stagger();
        }
        for (int r = 0; r < carried; r++) {
            if (uniformRows.get(r)) {
                int output = program.outputs().get(r);
                body.store(BLOCK, offset(r), () -> body.push(output, shared::get));
            }
        }
        code.goto_(step);
        code.labelBinding(end).lconst_0().lreturn();
        exits.forEach(Runnable::run);
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
            Values values = new Values(AT, eachVector, row.keySet(), Map.of());
            values.compute(eachVector.size());
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
    private void stagger() {
        firstVector();
        Values begun = new Values(AT, first, crossing, crossed);
        begun.compute(first.size());
        begun.end();
        Label last = code.newLabel();
        Label turn = code.newBoundLabel();
        code.iinc(LEFT, -numbers.lanes()).iload(LEFT).ifle(last);
        addressBehind(AT, NEXT);
        Values next = new Values(NEXT, first, crossing, crossesNext);
        Values now = new Values(AT, second, program.outputs(), crossed);
        next.compute(first.size() / 2);
        pin(next);
        now.compute(second.size() / 2);
        pin(now);
        next.compute(first.size());
        pin(next);
        now.compute(second.size());
        store(now);
        now.end();
        next.end();
        for (int i : crossing) {
            body.push(i, crossesNext::get);
            body.storeLocal(crossed.get(i));
        }
        code.lload(NEXT).lstore(AT);
        code.goto_(turn);
        code.labelBinding(last);
        finish();
    }

    private void finish() {
        Values values = new Values(AT, second, program.outputs(), crossed);
        values.compute(second.size());
        store(values);
        values.end();
    }

    /** New values of carried rows. All are there before the first is written: one may be another's old one. */
    private void store(Values values) {
        List<Integer> written = IntStream.range(0, carried)
                .filter(r -> !uniformRows.get(r))
                .boxed()
                .toList();
        written.forEach(r -> values.fetch(program.outputs().get(r)));
        for (int r : written) {
            int output = program.outputs().get(r);
            body.store(AT, offset(r), () -> body.push(output, values::local));
        }
    }

    /** Keeps what has been computed before what comes now. */
    private void pin(Values values) {
        Label exit = code.newLabel();
        code.iload(LEFT).iload(NEVER).loadConstant(exits.size()).isub().if_icmpeq(exit);
        Map<Integer, Integer> live = values.live();
        exits.add(() -> {
            code.labelBinding(exit);
            live.keySet().forEach(i -> body.store(AT, offset(program.inputs()), () -> body.push(i, live::get)));
            code.lconst_0().lreturn();
        });
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
        private final List<Integer> instructions;
        private final Collection<Integer> needed;
        private final Map<Integer, Integer> crossing;
        private final Map<Integer, Integer> own = new HashMap<>();
        private final Map<Integer, Integer> lastUse = new HashMap<>();
        private int done; // instructions

        /**
         * Of the vector at an address.
         *
         * @param needed what somebody asks for when all instructions are computed
         * @param crossing the locals of values that one half computes and the other needs
         */
        Values(int address, List<Integer> instructions, Collection<Integer> needed, Map<Integer, Integer> crossing) {
            this.address = address;
            this.instructions = instructions;
            this.needed = needed;
            this.crossing = crossing;
            for (int i : instructions) {
                operands(i).forEach(operand -> lastUse.put(operand, i));
            }
        }

        int local(int i) {
            return same[i] ? shared.get(i) : crossing.containsKey(i) ? crossing.get(i) : own.get(i);
        }

        /** Computes the next instructions, until so many are done. */
        void compute(int until) {
            for (; done < until; done++) {
                int i = instructions.get(done);
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

        /** {@return the locals of what has been computed and will be needed} */
        Map<Integer, Integer> live() {
            Map<Integer, Integer> live = new TreeMap<>();
            StaggeredLoop.this.live(instructions, done, needed).forEach(i -> live.put(i, local(i)));
            return live;
        }

        /** Loads a value that is not here yet. */
        void fetch(int i) {
            if (!is(i, Operation.CONSTANT) && !same[i] && !crossing.containsKey(i) && !own.containsKey(i)) {
                int from =
                        is(i, Operation.INPUT) ? program.instructions().get(i).a() : row.get(i);
                body.load(address, offset(from));
                keep(i);
            }
        }

        private void keep(int i) {
            body.storeLocal(crossing.containsKey(i) ? crossing.get(i) : own.computeIfAbsent(i, _ -> allocate()));
        }

        void end() {
            free.addAll(own.values());
        }
    }
}
