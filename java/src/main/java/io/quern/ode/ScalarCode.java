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
import java.util.function.IntConsumer;

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

    @Override
    public void pushConstant(CodeBuilder code, int number, double value) {
        code.loadConstant(value);
    }

    @Override
    public void loadLocal(CodeBuilder code, int local) {
        code.dload(local);
    }

    @Override
    public void storeLocal(CodeBuilder code, int local) {
        code.dstore(local);
    }

    @Override
    public void load(CodeBuilder code, int address, long offset) {
        place(code, address, offset);
        code.invokeinterface(SEGMENT, "get", MethodTypeDesc.of(CD_double, LAYOUT_OF_DOUBLE, CD_long));
    }

    @Override
    public void store(CodeBuilder code, int address, long offset, int local) {
        place(code, address, offset);
        code.dload(local)
                .invokeinterface(SEGMENT, "set", MethodTypeDesc.of(CD_void, LAYOUT_OF_DOUBLE, CD_long, CD_double));
    }

    private static void place(CodeBuilder code, int address, long offset) {
        code.getstatic(SPACE, "ALL", SEGMENT)
                .getstatic(LAYOUT, "JAVA_DOUBLE_UNALIGNED", LAYOUT_OF_DOUBLE)
                .lload(address)
                .loadConstant(offset)
                .ladd();
    }

    @Override
    public void write(CodeBuilder code, Operation operation, IntConsumer push, int address, long offset) {
        switch (operation) {
            case ADD -> both(push, code::dadd);
            case SUBTRACT -> both(push, code::dsub);
            case MULTIPLY -> both(push, code::dmul);
            case DIVIDE -> both(push, code::ddiv);
            case FMA -> {
                both(push, () -> push.accept(2));
                code.invokestatic(MATH, "fma", MethodTypeDesc.of(CD_double, CD_double, CD_double, CD_double));
            }
            case NEGATE -> {
                push.accept(0);
                code.dneg();
            }
            case ABS, SQRT -> {
                push.accept(0);
                code.invokestatic(MATH, operation == Operation.ABS ? "abs" : "sqrt", UNARY);
            }
            case SELECT_LESS, SELECT_AT_MOST, SELECT_EQUAL -> select(code, operation, push);
            case POWER_OF_TWO, SIGNIFICAND, EXPONENT -> {
                push.accept(0);
                code.invokestatic(DOUBLE, "doubleToRawLongBits", MethodTypeDesc.of(CD_long, CD_double));
                integers(code, operation);
                code.invokestatic(DOUBLE, "longBitsToDouble", MethodTypeDesc.of(CD_double, CD_long));
            }
            case INPUT, CONSTANT, EXP, LOG, SIN, COS, POW -> throw new AssertionError(operation);
        }
    }

    private static void both(IntConsumer push, Runnable then) {
        push.accept(0);
        push.accept(1);
        then.run();
    }

    private static void integers(CodeBuilder code, Operation operation) {
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
    private static void select(CodeBuilder code, Operation operation, IntConsumer push) {
        Label otherwise = code.newLabel();
        Label end = code.newLabel();
        push.accept(0);
        push.accept(1);
        code.dcmpg();
        switch (operation) {
            case SELECT_LESS -> code.ifge(otherwise);
            case SELECT_AT_MOST -> code.ifgt(otherwise);
            default -> code.ifne(otherwise);
        }
        push.accept(2);
        code.goto_(end).labelBinding(otherwise);
        push.accept(3);
        code.labelBinding(end);
    }

    @Override
    public void branchIfPositive(CodeBuilder code, int local, Label target) {
        code.dload(local).dconst_0().dcmpl().ifgt(target);
    }
}
