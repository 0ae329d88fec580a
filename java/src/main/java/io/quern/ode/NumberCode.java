package io.quern.ode;

import io.quern.DType;
import io.quern.cpu.Lanes;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.CodeBuilder;
import java.util.List;
import java.util.function.IntUnaryOperator;

/** The bytecode of primitive operations: on vectors, or on numbers one at a time. */
interface NumberCode {
    /** {@return the code of a working type, on vectors where they have masks} */
    static NumberCode of(DType dtype) {
        boolean vectors = dtype == DType.FP32 || Lanes.DOUBLE.length() > 2;
        return vectors ? new VectorCode(dtype) : new ScalarCode(dtype);
    }

    DType dtype();

    /** {@return how many trajectories one value has} */
    int lanes();

    /** {@return how many local variables one value takes} */
    int slots();

    /** {@return what an operation takes of {@link StepCompiler#MOST_WEIGHT}, at the most} */
    int weight(Operation operation);

    /** {@return what a load takes of it} */
    int loadWeight();

    /** {@return what a store takes of it} */
    int storeWeight();

    /** Declares what methods need of the program's constants. */
    void declareConstants(ClassBuilder type, Program program);

    /**
     * Begins a method.
     *
     * @param address the local that holds the address of a block
     * @param firstFree the first local that nobody uses
     * @param instructions of the program, all that the method will write
     */
    Body begin(CodeBuilder code, Program program, List<Integer> instructions, int address, int firstFree);

    /** The rest of a method. */
    interface Body {
        /** {@return the first local that nobody uses} */
        int firstFree();

        void storeLocal(int local);

        /** Pushes the value of an instruction, a constant or what lies in its local. */
        void push(int instruction, IntUnaryOperator locals);

        /** Pushes what lies in memory, at an offset from the address in a local. */
        void load(int address, long offset);

        /** Writes a value to memory, at an offset from the address in a local. */
        void store(int address, long offset, Runnable push);

        /**
         * Pushes the result of an instruction that is not INPUT or CONSTANT.
         *
         * @param locals of its operands
         * @param address the local that holds the address of room for one value, at an offset
         */
        void write(int instruction, IntUnaryOperator locals, int address, long offset);

        /** Pushes a long: a bit for each lane of an instruction's value, set where that is above 0. */
        void pushPositive(int instruction, IntUnaryOperator locals);
    }
}
