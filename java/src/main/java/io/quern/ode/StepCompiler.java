package io.quern.ode;

import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.INIT_NAME;
import static java.lang.constant.ConstantDescs.MTD_void;

import io.quern.DType;
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

    /** In flight, of a {@link RegisterLoop}: with more, registers do not hold what a step computes. */
    private static final int MOST_VECTORS = 4;

    /** What the class calls itself; it is hidden, so there may be many. */
    static final ClassDesc SELF = ClassDesc.of("io.quern.ode.CompiledStep");

    // Local variables of run.
    static final int BLOCK = 1;
    static final int STEPS = 3;
    static final int FIRST_LOCAL = 4;

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
     * @param mostVectors in flight
     */
    static Compiled compile(Program program, DType dtype, int carried, int status, BitSet uniform, int mostVectors) {
        NumberCode numbers = NumberCode.of(dtype);
        boolean[] same = uniform(program, uniform);
        for (int row = 0; row < carried; row++) {
            if (uniform.get(row) && !same[program.outputs().get(row)]) {
                throw new AssertionError("row " + row + " does not stay the same for all trajectories");
            }
        }
        int most = RegisterLoop.mostVectors(program, carried, uniform, numbers);
        int vectors;
        Consumer<ClassBuilder> writer;
        int rows;
        if (status < 0 && most >= Math.min(2, mostVectors)) {
            vectors = Math.min(most, Math.min(mostVectors, MOST_VECTORS));
            writer = new RegisterLoop(program, carried, uniform, vectors, numbers)::write;
            rows = program.inputs() + 1;
        } else {
            PartsLoop parts = new PartsLoop(program, carried, status, uniform, mostVectors, numbers);
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
        type.withMethodBody("run", MethodTypeDesc.of(CD_long, CD_long, CD_int), 0, body::accept);
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
