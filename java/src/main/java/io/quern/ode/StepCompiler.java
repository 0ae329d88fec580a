package io.quern.ode;

import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.INIT_NAME;
import static java.lang.constant.ConstantDescs.MTD_void;

import io.quern.DType;
import io.quern.cpu.AddressSpace;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.AccessFlag;
import java.util.BitSet;
import java.util.List;
import java.util.function.Consumer;

/**
 * Writes the bytecode of a {@link StepKernel}: a loop around a {@link StepProgram} for a block of trajectories, one a lane.
 *
 * <p>A block is rows of as many numbers as there are trajectories in flight: the program's inputs, and room behind them. Of a
 * row that is the same for all of them, only the first vector is read and written. The
 * methods of the Vector API are called directly: they are inlined whatever the size of the method around them, helpers of our
 * own would not be. Two lanes of doubles have no masks: there, numbers take the place of vectors.
 *
 * <p>Methods are kept short. The JVM compiles none of more than 8,000 bytes. Its first compiler runs out of virtual registers
 * in methods that call what it inlines, or that are long; if it gives up after it has once compiled a method without profiling,
 * the second never comes, and vectors stay boxed: 2 instead of 80 million steps a second, now and then. {@link VectorCode} says
 * how calls are kept from being inlined; then a method's bytes are what counts.
 */
final class StepCompiler {
    /** Of a method, in bytes of bytecode or what takes as much of the first compiler's registers. */
    static final int MOST_WEIGHT = 6500;

    /** Of a block, which is to stay in the first-level cache; one vector may take more. */
    static final int MOST_BYTES = 24 << 10;

    /** What the class calls itself; it is hidden, so there may be many. */
    static final ClassDesc SELF = ClassDesc.of("io.quern.ode.CompiledStep");

    // Local variables of run.
    static final int BLOCK = 1;
    static final int STEPS = 3;
    static final int LANES = 4;
    static final int FIRST_LOCAL = 5;

    private static final ClassDesc KERNEL = StepKernel.class.describeConstable().orElseThrow();

    private StepCompiler() {}

    /**
     * A kernel.
     *
     * @param kernel does the steps
     * @param lanes trajectories of a block
     * @param bytes of a block, with its rows and the room behind them
     */
    record Compiled(StepKernel kernel, int lanes, long bytes) {
        /** {@return where a row begins in a block} */
        long row(int row, DType dtype) {
            return (long) row * lanes * dtype.bytes();
        }
    }

    /**
     * {@return the kernel of a program}
     *
     * @param carried how many of the inputs are carried
     * @param status the row that ends a run early; -1: none
     * @param uniform the rows that are the same for all trajectories; of a carried one, its new values must be
     * @param mostLanes of a block; one vector may have more
     */
    static Compiled compile(Program program, DType dtype, int carried, int status, BitSet uniform, int mostLanes) {
        NumberCode numbers = NumberCode.of(dtype);
        boolean[] same = uniform(program, uniform);
        for (int row = 0; row < carried; row++) {
            if (uniform.get(row) && !same[program.outputs().get(row)]) {
                throw new AssertionError("row " + row + " does not stay the same for all trajectories");
            }
        }
        StaggeredLoop whole = status < 0 ? new StaggeredLoop(program, carried, uniform, mostLanes, numbers) : null;
        int vectors;
        Consumer<ClassBuilder> writer;
        int rows;
        if (whole != null && whole.weight() <= MOST_WEIGHT) {
            vectors = whole.vectors();
            writer = whole::write;
            rows = whole.rows();
        } else {
            PartsLoop parts = new PartsLoop(program, carried, status, uniform, mostLanes, numbers);
            vectors = parts.vectors();
            writer = parts::write;
            rows = parts.rows();
        }
        int lanes = vectors * numbers.lanes();
        byte[] bytes = ClassFile.of().build(SELF, type -> {
            type.withSuperclass(KERNEL).withFlags(AccessFlag.FINAL);
            numbers.declareConstants(type, program);
            type.withMethodBody(
                    INIT_NAME,
                    MTD_void,
                    0,
                    code -> code.aload(0)
                            .invokespecial(KERNEL, INIT_NAME, MTD_void)
                            .return_());
            writer.accept(type);
        });
        return new Compiled(instance(bytes), lanes, (long) rows * lanes * dtype.bytes());
    }

    private static StepKernel instance(byte[] bytes) {
        try {
            MethodHandles.Lookup hidden = MethodHandles.lookup().defineHiddenClass(bytes, true);
            return (StepKernel) hidden.findConstructor(hidden.lookupClass(), MethodType.methodType(void.class))
                    .invoke();
        } catch (Throwable impossible) {
            throw new AssertionError("what the compiler wrote is no class", impossible);
        }
    }

    /** Declares {@link StepKernel#run}. */
    static void writeRun(ClassBuilder type, Consumer<CodeBuilder> body) {
        type.withMethodBody("run", MethodTypeDesc.of(CD_long, CD_long, CD_int, CD_int), 0, body::accept);
    }

    /**
     * Stores the address that was pushed. Cut, so that C2 drops the checks of all that is loaded and stored at it
     * ({@link AddressSpace}): 1.2 times as quick.
     */
    static void storeAddress(CodeBuilder code, int local) {
        code.loadConstant(AddressSpace.ADDRESS).land().lstore(local);
    }

    /** {@return of each instruction, whether its value is the same for all trajectories} */
    static boolean[] uniform(Program program, BitSet rows) {
        List<Instruction> all = program.instructions();
        boolean[] same = new boolean[all.size()];
        for (int i = 0; i < same.length; i++) {
            Instruction instruction = all.get(i);
            same[i] = instruction.operation() != Operation.INPUT || rows.get(instruction.a());
            for (int j = 0; j < instruction.operation().operands(); j++) {
                same[i] &= same[instruction.operand(j)];
            }
        }
        return same;
    }

    /** {@return of each instruction, whether its value changes from step to step} */
    static boolean[] varies(Program program, int carried) {
        List<Instruction> all = program.instructions();
        boolean[] varies = new boolean[all.size()];
        for (int i = 0; i < varies.length; i++) {
            Instruction instruction = all.get(i);
            varies[i] = instruction.operation() == Operation.INPUT && instruction.a() < carried;
            for (int j = 0; j < instruction.operation().operands(); j++) {
                varies[i] |= varies[instruction.operand(j)];
            }
        }
        return varies;
    }
}
