package io.quern.ode;

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
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;
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
 *
 * <p>Whatever a method is called on must be something of whose class the JVM's first compiler knows nothing. It inlines the
 * Vector API as the second does, and some 60 calls on what it does know, constants and species, take all its virtual registers
 * (StepCompiler says what comes of that); a call on anything else remains a call to it, of which a method may have as many as it
 * has room for. The second compiler knows the class of every vector that it has computed, and is told it by a cast before that,
 * which takes few registers of the first. Hence the first load of a method, the anchor: from it all others have their species,
 * and of it come the constants that methods are called on.
 */
final class VectorCode implements NumberCode {
    private static final ClassDesc VECTOR = describe(Vector.class);
    private static final ClassDesc MASK = describe(VectorMask.class);
    private static final ClassDesc SPECIES = describe(VectorSpecies.class);
    private static final ClassDesc OPERATORS = describe(VectorOperators.class);
    private static final ClassDesc COMPARISON = describe(VectorOperators.Comparison.class);
    private static final ClassDesc UNARY = describe(VectorOperators.Unary.class);
    private static final ClassDesc BINARY = describe(VectorOperators.Binary.class);
    private static final ClassDesc ASSOCIATIVE = describe(VectorOperators.Associative.class);
    private static final ClassDesc TERNARY = describe(VectorOperators.Ternary.class);
    private static final MethodTypeDesc OF_NONE = MethodTypeDesc.of(VECTOR);
    private static final MethodTypeDesc OF_ONE = MethodTypeDesc.of(VECTOR, VECTOR);
    private static final ClassDesc SEGMENT = describe(MemorySegment.class);
    private static final ClassDesc ORDER = describe(ByteOrder.class);
    private static final ClassDesc LANES = describe(Lanes.class);
    private static final ClassDesc SPACE = describe(AddressSpace.class);

    private static final String ORDER_FIELD = "ORDER";
    private static final String ZERO_FIELD = "ZERO";

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
        builder.withField(ZERO_FIELD, type, flags);
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
            species(code, fp64 ? "DOUBLE" : "FLOAT");
            code.invokestatic(type, "zero", MethodTypeDesc.of(type, SPECIES))
                    .putstatic(StepCompiler.SELF, ZERO_FIELD, type);
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
                    number(code, all.get(i).value());
                    code.invokestatic(type, "broadcast", MethodTypeDesc.of(type, SPECIES, fp64 ? CD_double : CD_float))
                            .putstatic(StepCompiler.SELF, "C" + i, type);
                }
            }
            code.return_();
        });
    }

    private void number(CodeBuilder code, double value) {
        if (fp64) {
            code.loadConstant(value);
        } else {
            code.loadConstant((float) value);
        }
    }

    private static void species(CodeBuilder code, String name) {
        code.getstatic(LANES, name, SPECIES);
    }

    /** Bytes of bytecode, at the most, and 5 for each cast: the first compiler gave up on a part of 5,490 bytes full of them. */
    @Override
    public int weight(Operation operation) {
        return switch (operation) {
            case INPUT, CONSTANT -> 0;
            case NEGATE, ABS, SQRT, ADD, SUBTRACT, MULTIPLY, DIVIDE -> 26;
            case FMA -> 30;
            case SELECT_LESS, SELECT_AT_MOST, SELECT_EQUAL -> 36;
            case POWER_OF_TWO, SIGNIFICAND, EXPONENT -> 2 * loadWeight() + 2 * storeWeight() + 38;
            case EXP, LOG, SIN, COS, POW -> throw new AssertionError(operation);
        };
    }

    @Override
    public int loadWeight() {
        return 36;
    }

    @Override
    public int storeWeight() {
        return 22;
    }

    @Override
    public Body begin(CodeBuilder code, Program program, List<Integer> instructions, int address, int firstFree) {
        return new VectorBody(code, program, instructions, address, firstFree);
    }

    /** A method, with what it has in locals beside values. */
    private final class VectorBody implements Body {
        private final CodeBuilder code;
        private final Program program;
        private final int species;
        private final int bitsSpecies;
        private final Map<Integer, Integer> calledOn = new HashMap<>(); // locals of constants
        private int firstFree;

        VectorBody(CodeBuilder code, Program program, List<Integer> instructions, int address, int firstFree) {
            this.code = code;
            this.program = program;
            this.species = firstFree;
            this.bitsSpecies = firstFree + 1;
            this.firstFree = firstFree + 3;
            int anchor = firstFree + 2;
            anchor(type, fp64 ? "DOUBLE" : "FLOAT", address);
            code.dup()
                    .astore(anchor)
                    .invokevirtual(VECTOR, "species", MethodTypeDesc.of(SPECIES))
                    .astore(species);
            if (instructions.stream().anyMatch(i -> operation(i).takesApart())) {
                anchor(bits, fp64 ? "LONG" : "INT", address);
                code.invokevirtual(VECTOR, "species", MethodTypeDesc.of(SPECIES))
                        .astore(bitsSpecies);
            }
            for (int i : instructions) {
                for (int operand : calledOn(program.instructions().get(i))) {
                    if (constant(operand) && !calledOn.containsKey(operand)) {
                        code.aload(anchor);
                        number(code, program.instructions().get(operand).value());
                        code.invokevirtual(type, "broadcast", MethodTypeDesc.of(type, fp64 ? CD_double : CD_float));
                        code.astore(this.firstFree);
                        calledOn.put(operand, this.firstFree++);
                    }
                }
            }
        }

        private void anchor(ClassDesc vector, String name, int address) {
            species(code, name);
            place(address, 0);
            code.invokestatic(vector, "fromMemorySegment", MethodTypeDesc.of(vector, SPECIES, SEGMENT, CD_long, ORDER));
        }

        @Override
        public int firstFree() {
            return firstFree;
        }

        private Operation operation(int instruction) {
            return program.instructions().get(instruction).operation();
        }

        private boolean constant(int instruction) {
            return operation(instruction) == Operation.CONSTANT;
        }

        /** Whether the first two operands change places, so that none that is constant has a method called on it. */
        private boolean exchanged(Instruction instruction) {
            Operation operation = instruction.operation();
            return (operation.commutes() || operation.selects())
                    && constant(instruction.a())
                    && !constant(instruction.b());
        }

        /** {@return the operands that methods are called on} */
        private int[] calledOn(Instruction instruction) {
            if (instruction.operation().operands() == 0) {
                return new int[0];
            }
            int first = exchanged(instruction) ? instruction.b() : instruction.a();
            return instruction.operation().selects() ? new int[] {first, instruction.d()} : new int[] {first};
        }

        /**
         * The cast ({@link Lanes}) tells C2 the class while it parses, of what methods are called on and of what they are given.
         * Without it, a method of many loads in a process that has used vectors of several widths was full of calls to be inlined
         * later: compiling a part took 7 to 14 seconds instead of less than one, and past C2's limit of 40,000 nodes some calls
         * stayed and boxed. And where C2 is not told that two vectors have one class, it compiles the API's check of it: with an
         * exception about the two, for which they were boxed, where it leaves out no branch any more.
         */
        @Override
        public void storeLocal(int local) {
            cast();
            code.astore(local);
        }

        private void cast() {
            code.getstatic(LANES, fp64 ? "DOUBLE_VECTOR" : "FLOAT_VECTOR", ConstantDescs.CD_Class)
                    .swap()
                    .invokevirtual(
                            ConstantDescs.CD_Class,
                            "cast",
                            MethodTypeDesc.of(ConstantDescs.CD_Object, ConstantDescs.CD_Object))
                    .checkcast(VECTOR);
        }

        @Override
        public void push(int instruction, IntUnaryOperator locals) {
            if (constant(instruction)) {
                code.getstatic(StepCompiler.SELF, "C" + instruction, type);
            } else {
                code.aload(locals.applyAsInt(instruction));
            }
        }

        private void pushCalledOn(int instruction, IntUnaryOperator locals) {
            if (constant(instruction)) {
                code.aload(calledOn.get(instruction));
            } else {
                push(instruction, locals);
            }
        }

        @Override
        public void load(int address, long offset) {
            load(species, address, offset);
        }

        private void load(int from, int address, long offset) {
            code.aload(from);
            place(address, offset);
            code.invokeinterface(SPECIES, "fromMemorySegment", MethodTypeDesc.of(VECTOR, SEGMENT, CD_long, ORDER));
        }

        private void place(int address, long offset) {
            code.getstatic(SPACE, "ALL", SEGMENT).lload(address);
            if (offset != 0) {
                code.loadConstant(offset).ladd();
            }
            code.getstatic(StepCompiler.SELF, ORDER_FIELD, ORDER);
        }

        @Override
        public void store(int address, long offset, Runnable push) {
            push.run();
            store(address, offset);
        }

        private void store(int address, long offset) {
            place(address, offset);
            code.invokevirtual(VECTOR, "intoMemorySegment", MethodTypeDesc.of(CD_void, SEGMENT, CD_long, ORDER));
        }

        @Override
        public void write(int number, IntUnaryOperator locals, int address, long offset) {
            Instruction instruction = program.instructions().get(number);
            int first = exchanged(instruction) ? instruction.b() : instruction.a();
            int second = exchanged(instruction) ? instruction.a() : instruction.b();
            switch (instruction.operation()) {
                case ADD, SUBTRACT, MULTIPLY, DIVIDE -> {
                    pushCalledOn(first, locals);
                    push(second, locals);
                    code.invokevirtual(VECTOR, name(instruction.operation()), OF_ONE);
                }
                case FMA -> {
                    pushCalledOn(first, locals);
                    code.getstatic(OPERATORS, "FMA", TERNARY);
                    push(second, locals);
                    push(instruction.c(), locals);
                    code.invokevirtual(VECTOR, "lanewise", MethodTypeDesc.of(VECTOR, TERNARY, VECTOR, VECTOR));
                }
                case NEGATE, ABS -> {
                    pushCalledOn(first, locals);
                    code.invokevirtual(VECTOR, name(instruction.operation()), OF_NONE);
                }
                case SQRT -> {
                    pushCalledOn(first, locals);
                    code.getstatic(OPERATORS, "SQRT", UNARY)
                            .invokevirtual(VECTOR, "lanewise", MethodTypeDesc.of(VECTOR, UNARY));
                }
                case SELECT_LESS, SELECT_AT_MOST, SELECT_EQUAL -> {
                    pushCalledOn(instruction.d(), locals);
                    push(instruction.c(), locals);
                    pushCalledOn(first, locals);
                    code.getstatic(OPERATORS, comparison(instruction), COMPARISON);
                    push(second, locals);
                    code.invokevirtual(VECTOR, "compare", MethodTypeDesc.of(MASK, COMPARISON, VECTOR))
                            .invokevirtual(VECTOR, "blend", MethodTypeDesc.of(VECTOR, VECTOR, MASK));
                }
                case POWER_OF_TWO, SIGNIFICAND, EXPONENT -> {
                    pushCalledOn(first, locals);
                    store(address, offset);
                    load(bitsSpecies, address, offset);
                    integers(instruction.operation());
                    store(address, offset);
                    load(address, offset);
                }
                case INPUT, CONSTANT, EXP, LOG, SIN, COS, POW -> throw new AssertionError(instruction);
            }
        }

        private static String name(Operation operation) {
            return switch (operation) {
                case ADD -> "add";
                case SUBTRACT -> "sub";
                case MULTIPLY -> "mul";
                case DIVIDE -> "div";
                case NEGATE -> "neg";
                case ABS -> "abs";
                default -> throw new AssertionError(operation);
            };
        }

        private String comparison(Instruction instruction) {
            return switch (instruction.operation()) {
                case SELECT_LESS -> exchanged(instruction) ? "GT" : "LT";
                case SELECT_AT_MOST -> exchanged(instruction) ? "GE" : "LE";
                case SELECT_EQUAL -> "EQ";
                default -> throw new AssertionError(instruction);
            };
        }

        private void integers(Operation operation) {
            int fraction = fp64 ? 52 : 23;
            switch (operation) {
                case POWER_OF_TWO -> {
                    pattern(Pattern.BIAS);
                    code.invokevirtual(VECTOR, "add", OF_ONE);
                    shift("LSHL", fraction);
                }
                case SIGNIFICAND -> {
                    combine("AND", Pattern.FRACTION);
                    combine("OR", Pattern.ONE);
                }
                default -> {
                    shift("LSHR", fraction);
                    combine("OR", Pattern.WHOLE);
                }
            }
        }

        private void pattern(Pattern pattern) {
            code.getstatic(StepCompiler.SELF, pattern.name(), bits);
        }

        private void combine(String operator, Pattern pattern) {
            code.getstatic(OPERATORS, operator, ASSOCIATIVE);
            pattern(pattern);
            code.invokevirtual(VECTOR, "lanewise", MethodTypeDesc.of(VECTOR, BINARY, VECTOR));
        }

        private void shift(String operator, int by) {
            code.getstatic(OPERATORS, operator, BINARY)
                    .loadConstant((long) by)
                    .invokevirtual(VECTOR, "lanewise", MethodTypeDesc.of(VECTOR, BINARY, CD_long));
        }

        @Override
        public void pushPositive(int instruction, IntUnaryOperator locals) {
            pushCalledOn(instruction, locals);
            code.getstatic(OPERATORS, "GT", COMPARISON)
                    .getstatic(StepCompiler.SELF, ZERO_FIELD, type)
                    .invokevirtual(VECTOR, "compare", MethodTypeDesc.of(MASK, COMPARISON, VECTOR))
                    .invokevirtual(MASK, "toLong", MethodTypeDesc.of(CD_long));
        }
    }
}
