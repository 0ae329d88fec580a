package io.quern.ode;

import io.quern.DType;
import io.quern.cpu.Lanes;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.util.function.IntConsumer;

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

    /** Declares what {@link #pushConstant} needs. */
    void declareConstants(ClassBuilder type, Program program);

    /** Pushes a constant of the program. */
    void pushConstant(CodeBuilder code, int number, double value);

    void loadLocal(CodeBuilder code, int local);

    void storeLocal(CodeBuilder code, int local);

    /** Pushes what lies in memory, at an offset from the address in a local. */
    void load(CodeBuilder code, int address, long offset);

    /** Writes a local to memory. */
    void store(CodeBuilder code, int address, long offset, int local);

    /**
     * Pushes the result of an operation that is not INPUT or CONSTANT.
     *
     * @param push pushes an operand
     * @param address the local that holds the address of room for one value, at an offset
     */
    void write(CodeBuilder code, Operation operation, IntConsumer push, int address, long offset);

    /** Branches if any number of a local is above 0. */
    void branchIfPositive(CodeBuilder code, int local, Label target);
}
