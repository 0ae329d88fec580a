package io.quern.ode;

import static java.lang.constant.ConstantDescs.CD_boolean;
import static java.lang.constant.ConstantDescs.CD_double;
import static java.lang.constant.ConstantDescs.CD_float;
import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.CD_void;
import static java.lang.constant.ConstantDescs.CLASS_INIT_NAME;
import static java.lang.constant.ConstantDescs.MTD_void;

import io.quern.DType;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Lanes;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.IntConsumer;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.Vector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Operations on vectors. Constants are static final vectors: a broadcast in a loop may be left out of line and boxed. Numbers
 * are taken apart as integers by way of memory, never by reinterpretation, which spoils the profile of every vector's load and
 * store until it is compiled.
 */
final class VectorCode implements NumberCode {
    private static final ClassDesc VECTOR = describe(Vector.class);
    private static final ClassDesc MASK = describe(VectorMask.class);
    private static final ClassDesc SPECIES = describe(VectorSpecies.class);
    private static final ClassDesc OPERATORS = describe(VectorOperators.class);
    private static final ClassDesc COMPARISON = describe(VectorOperators.Comparison.class);
    private static final ClassDesc BINARY = describe(VectorOperators.Binary.class);
    private static final ClassDesc SEGMENT = describe(MemorySegment.class);
    private static final ClassDesc ORDER = describe(ByteOrder.class);
    private static final ClassDesc LANES = describe(Lanes.class);
    private static final ClassDesc SPACE = describe(AddressSpace.class);

    private static final String ORDER_FIELD = "ORDER";

    private final DType dtype;
    private final boolean fp64;
    private final ClassDesc type;
    private final ClassDesc bits;

    VectorCode(DType dtype) {
        this.dtype = dtype;
        this.fp64 = dtype == DType.FP64;
        this.type = describe(fp64 ? DoubleVector.class : FloatVector.class);
        this.bits = describe(fp64 ? LongVector.class : IntVector.class);
    }

    private static ClassDesc describe(Class<?> type) {
        return type.describeConstable().orElseThrow();
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    @Override
    public int lanes() {
        return fp64 ? Lanes.DOUBLE.length() : Lanes.FLOAT.length();
    }

    @Override
    public int slots() {
        return 1;
    }

    /** What the integer operations need: a bias, or masks. */
    private enum Pattern {
        BIAS(1023, 127),
        FRACTION(0x000f_ffff_ffff_ffffL, 0x007f_ffff),
        ONE(0x3ff0_0000_0000_0000L, 0x3f80_0000),
        WHOLE(0x4330_0000_0000_0000L, 0x4b00_0000);

        private final long ofFp64;
        private final int ofFp32;

        Pattern(long ofFp64, int ofFp32) {
            this.ofFp64 = ofFp64;
            this.ofFp32 = ofFp32;
        }
    }

    @Override
    public void declareConstants(ClassBuilder builder, Program program) {
        int flags = ClassFile.ACC_STATIC | ClassFile.ACC_FINAL | ClassFile.ACC_PRIVATE;
        List<Instruction> all = program.instructions();
        builder.withField(ORDER_FIELD, ORDER, flags);
        for (Pattern pattern : Pattern.values()) {
            builder.withField(pattern.name(), bits, flags);
        }
        for (int i = 0; i < all.size(); i++) {
            if (all.get(i).operation() == Operation.CONSTANT) {
                builder.withField("C" + i, type, flags);
            }
        }
        builder.withMethodBody(CLASS_INIT_NAME, MTD_void, ClassFile.ACC_STATIC, code -> {
            code.invokestatic(ORDER, "nativeOrder", MethodTypeDesc.of(ORDER))
                    .putstatic(StepCompiler.SELF, ORDER_FIELD, ORDER);
            for (Pattern pattern : Pattern.values()) {
                species(code, fp64 ? "LONG" : "INT");
                if (fp64) {
                    code.loadConstant(pattern.ofFp64);
                } else {
                    code.loadConstant(pattern.ofFp32);
                }
                code.invokestatic(bits, "broadcast", MethodTypeDesc.of(bits, SPECIES, fp64 ? CD_long : CD_int))
                        .putstatic(StepCompiler.SELF, pattern.name(), bits);
            }
            for (int i = 0; i < all.size(); i++) {
                if (all.get(i).operation() == Operation.CONSTANT) {
                    species(code, fp64 ? "DOUBLE" : "FLOAT");
                    if (fp64) {
                        code.loadConstant(all.get(i).value());
                    } else {
                        code.loadConstant((float) all.get(i).value());
                    }
                    code.invokestatic(type, "broadcast", MethodTypeDesc.of(type, SPECIES, fp64 ? CD_double : CD_float))
                            .putstatic(StepCompiler.SELF, "C" + i, type);
                }
            }
            code.return_();
        });
    }

    private static void species(CodeBuilder code, String name) {
        code.getstatic(LANES, name, SPECIES);
    }

    @Override
    public void pushConstant(CodeBuilder code, int number, double value) {
        code.getstatic(StepCompiler.SELF, "C" + number, type);
    }

    @Override
    public void loadLocal(CodeBuilder code, int local) {
        code.aload(local);
    }

    @Override
    public void storeLocal(CodeBuilder code, int local) {
        code.astore(local);
    }

    @Override
    public void load(CodeBuilder code, int address, long offset) {
        load(code, type, fp64 ? "DOUBLE" : "FLOAT", address, offset);
    }

    private void load(CodeBuilder code, ClassDesc vector, String species, int address, long offset) {
        species(code, species);
        place(code, address, offset);
        code.getstatic(StepCompiler.SELF, ORDER_FIELD, ORDER)
                .invokestatic(vector, "fromMemorySegment", MethodTypeDesc.of(vector, SPECIES, SEGMENT, CD_long, ORDER));
    }

    private static void place(CodeBuilder code, int address, long offset) {
        code.getstatic(SPACE, "ALL", SEGMENT)
                .lload(address)
                .loadConstant(offset)
                .ladd();
    }

    @Override
    public void store(CodeBuilder code, int address, long offset, int local) {
        code.aload(local);
        store(code, type, address, offset);
    }

    private void store(CodeBuilder code, ClassDesc vector, int address, long offset) {
        place(code, address, offset);
        code.getstatic(StepCompiler.SELF, ORDER_FIELD, ORDER)
                .invokevirtual(vector, "intoMemorySegment", MethodTypeDesc.of(CD_void, SEGMENT, CD_long, ORDER));
    }

    @Override
    public void write(CodeBuilder code, Operation operation, IntConsumer push, int address, long offset) {
        switch (operation) {
            case ADD -> binary(code, "add", push);
            case SUBTRACT -> binary(code, "sub", push);
            case MULTIPLY -> binary(code, "mul", push);
            case DIVIDE -> binary(code, "div", push);
            case FMA -> {
                push.accept(0);
                push.accept(1);
                push.accept(2);
                code.invokevirtual(type, "fma", MethodTypeDesc.of(type, VECTOR, VECTOR));
            }
            case NEGATE -> unary(code, "neg", push);
            case ABS -> unary(code, "abs", push);
            case SQRT -> unary(code, "sqrt", push);
            case SELECT_LESS -> select(code, "LT", push);
            case SELECT_AT_MOST -> select(code, "LE", push);
            case SELECT_EQUAL -> select(code, "EQ", push);
            case POWER_OF_TWO, SIGNIFICAND, EXPONENT -> {
                push.accept(0);
                store(code, type, address, offset);
                load(code, bits, fp64 ? "LONG" : "INT", address, offset);
                integers(code, operation);
                store(code, bits, address, offset);
                load(code, address, offset);
            }
            case INPUT, CONSTANT, EXP, LOG, SIN, COS, POW -> throw new AssertionError(operation);
        }
    }

    private void integers(CodeBuilder code, Operation operation) {
        int fraction = fp64 ? 52 : 23;
        switch (operation) {
            case POWER_OF_TWO -> {
                combine(code, "add", Pattern.BIAS);
                shift(code, "LSHL", fraction);
            }
            case SIGNIFICAND -> {
                combine(code, "and", Pattern.FRACTION);
                combine(code, "or", Pattern.ONE);
            }
            default -> {
                shift(code, "LSHR", fraction);
                combine(code, "or", Pattern.WHOLE);
            }
        }
    }

    private void combine(CodeBuilder code, String name, Pattern pattern) {
        code.getstatic(StepCompiler.SELF, pattern.name(), bits)
                .invokevirtual(bits, name, MethodTypeDesc.of(bits, VECTOR));
    }

    private void shift(CodeBuilder code, String operator, int by) {
        code.getstatic(OPERATORS, operator, BINARY);
        if (fp64) {
            code.loadConstant((long) by);
        } else {
            code.loadConstant(by);
        }
        code.invokevirtual(bits, "lanewise", MethodTypeDesc.of(bits, BINARY, fp64 ? CD_long : CD_int));
    }

    private void unary(CodeBuilder code, String name, IntConsumer push) {
        push.accept(0);
        code.invokevirtual(type, name, MethodTypeDesc.of(type));
    }

    private void binary(CodeBuilder code, String name, IntConsumer push) {
        push.accept(0);
        push.accept(1);
        code.invokevirtual(type, name, MethodTypeDesc.of(type, VECTOR));
    }

    private void select(CodeBuilder code, String comparison, IntConsumer push) {
        push.accept(3);
        push.accept(2);
        push.accept(0);
        code.getstatic(OPERATORS, comparison, COMPARISON);
        push.accept(1);
        code.invokevirtual(type, "compare", MethodTypeDesc.of(MASK, COMPARISON, VECTOR))
                .invokevirtual(type, "blend", MethodTypeDesc.of(type, VECTOR, MASK));
    }

    @Override
    public void branchIfPositive(CodeBuilder code, int local, Label target) {
        code.aload(local).getstatic(OPERATORS, "GT", COMPARISON);
        species(code, fp64 ? "DOUBLE" : "FLOAT");
        code.invokestatic(type, "zero", MethodTypeDesc.of(type, SPECIES))
                .invokevirtual(type, "compare", MethodTypeDesc.of(MASK, COMPARISON, VECTOR))
                .invokevirtual(MASK, "anyTrue", MethodTypeDesc.of(CD_boolean))
                .ifne(target);
    }
}
