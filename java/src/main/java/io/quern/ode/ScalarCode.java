package io.quern.ode;

import static java.lang.constant.ConstantDescs.CD_double;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.CD_void;

import io.quern.DType;
import io.quern.cpu.AddressSpace;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.IntUnaryOperator;

/** Operations on doubles, one at a time, for vectors of two of them. */
final class ScalarCode implements NumberCode {
    private static final ClassDesc MATH = Math.class.describeConstable().orElseThrow();
    private static final ClassDesc DOUBLE = Double.class.describeConstable().orElseThrow();
    private static final ClassDesc SEGMENT =
            MemorySegment.class.describeConstable().orElseThrow();
    private static final ClassDesc SPACE =
            AddressSpace.class.describeConstable().orElseThrow();
    private static final ClassDesc LAYOUT =
            ValueLayout.class.describeConstable().orElseThrow();
    private static final ClassDesc LAYOUT_OF_DOUBLE =
            ValueLayout.OfDouble.class.describeConstable().orElseThrow();
    private static final MethodTypeDesc UNARY = MethodTypeDesc.of(CD_double, CD_double);

    private final DType dtype;

    ScalarCode(DType dtype) {
        if (dtype != DType.FP64) {
            throw new AssertionError("vectors of " + dtype + " always have masks");
        }
        this.dtype = dtype;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    @Override
    public int lanes() {
        return 1;
    }

    @Override
    public int slots() {
        return 2;
    }

    @Override
    public void declareConstants(ClassBuilder type, Program program) {}

    /** More than the bytes of bytecode: with its branches, a method keeps more virtual registers. */
    @Override
    public int weight(Operation operation) {
        return switch (operation) {
            case INPUT, CONSTANT -> 0;
            case NEGATE, ABS, SQRT, ADD, SUBTRACT, MULTIPLY, DIVIDE -> 12;
            case FMA -> 16;
            case SELECT_LESS, SELECT_AT_MOST, SELECT_EQUAL -> 60;
            case POWER_OF_TWO, SIGNIFICAND, EXPONENT -> 20;
            case EXP, LOG, SIN, COS, POW -> throw new AssertionError(operation);
        };
    }

    /** The JVM's first compiler inlines all of what a segment does: it gives up beyond some 55 loads and stores, earlier among branches. */
    @Override
    public int loadWeight() {
        return 250;
    }

    @Override
    public int storeWeight() {
        return loadWeight();
    }

    @Override
    public Body begin(CodeBuilder code, Program program, List<Integer> instructions, int address, int firstFree) {
        return new ScalarBody(code, program, firstFree);
    }

    /** @param firstFree the first local that nobody uses */
    private record ScalarBody(CodeBuilder code, Program program, int firstFree) implements Body {
        @Override
        public void storeLocal(int local) {
            code.dstore(local);
        }

        @Override
        public void push(int instruction, IntUnaryOperator locals) {
            Instruction pushed = program.instructions().get(instruction);
            if (pushed.operation() == Operation.CONSTANT) {
                code.loadConstant(pushed.value());
            } else {
                code.dload(locals.applyAsInt(instruction));
            }
        }

        @Override
        public void load(int address, long offset) {
            place(address, offset);
            code.invokeinterface(SEGMENT, "get", MethodTypeDesc.of(CD_double, LAYOUT_OF_DOUBLE, CD_long));
        }

        @Override
        public void store(int address, long offset, Runnable push) {
            place(address, offset);
            push.run();
            code.invokeinterface(SEGMENT, "set", MethodTypeDesc.of(CD_void, LAYOUT_OF_DOUBLE, CD_long, CD_double));
        }

        private void place(int address, long offset) {
            code.getstatic(SPACE, "ALL", SEGMENT)
                    .getstatic(LAYOUT, "JAVA_DOUBLE_UNALIGNED", LAYOUT_OF_DOUBLE)
                    .lload(address)
                    .loadConstant(offset)
                    .ladd();
        }

        @Override
        public void write(int number, IntUnaryOperator locals, int address, long offset) {
            Instruction instruction = program.instructions().get(number);
            Operation operation = instruction.operation();
            if (operation.selects()) {
                select(instruction, locals);
                return;
            }
            for (int j = 0; j < operation.operands(); j++) {
                push(instruction.operand(j), locals);
            }
            switch (operation) {
                case ADD -> code.dadd();
                case SUBTRACT -> code.dsub();
                case MULTIPLY -> code.dmul();
                case DIVIDE -> code.ddiv();
                case FMA ->
                    code.invokestatic(MATH, "fma", MethodTypeDesc.of(CD_double, CD_double, CD_double, CD_double));
                case NEGATE -> code.dneg();
                case ABS -> code.invokestatic(MATH, "abs", UNARY);
                case SQRT -> code.invokestatic(MATH, "sqrt", UNARY);
                case POWER_OF_TWO, SIGNIFICAND, EXPONENT -> {
                    code.invokestatic(DOUBLE, "doubleToRawLongBits", MethodTypeDesc.of(CD_long, CD_double));
                    integers(operation);
                    code.invokestatic(DOUBLE, "longBitsToDouble", MethodTypeDesc.of(CD_double, CD_long));
                }
                default -> throw new AssertionError(operation);
            }
        }

        private void integers(Operation operation) {
            switch (operation) {
                case POWER_OF_TWO ->
                    code.loadConstant(1023L).ladd().loadConstant(52).lshl();
                case SIGNIFICAND ->
                    code.loadConstant(0x000f_ffff_ffff_ffffL)
                            .land()
                            .loadConstant(0x3ff0_0000_0000_0000L)
                            .lor();
                default ->
                    code.loadConstant(52)
                            .lushr()
                            .loadConstant(0x4330_0000_0000_0000L)
                            .lor();
            }
        }

        /** dcmpg gives 1 for NaN, which is neither less, nor at most, nor equal. */
        private void select(Instruction instruction, IntUnaryOperator locals) {
            Label otherwise = code.newLabel();
            Label end = code.newLabel();
            push(instruction.a(), locals);
            push(instruction.b(), locals);
            code.dcmpg();
            switch (instruction.operation()) {
                case SELECT_LESS -> code.ifge(otherwise);
                case SELECT_AT_MOST -> code.ifgt(otherwise);
                default -> code.ifne(otherwise);
            }
            push(instruction.c(), locals);
            code.goto_(end).labelBinding(otherwise);
            push(instruction.d(), locals);
            code.labelBinding(end);
        }

        @Override
        public void pushPositive(int instruction, IntUnaryOperator locals) {
            Label not = code.newLabel();
            Label end = code.newLabel();
            push(instruction, locals);
            code.dconst_0().dcmpl().ifle(not).lconst_1().goto_(end);
            code.labelBinding(not).lconst_0().labelBinding(end);
        }
    }
}
