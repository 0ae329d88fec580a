package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The arguments of one launch in native memory, as {@code cuLaunchKernel} wants them: an array of pointers, one to each
 * value, and the values behind it. Written when the launch is built; only values change later.
 */
final class ArgumentBlock {
    private static final long POINTER_BYTES = 8;

    private final CudaSymbol symbol;
    private final CudaParameter[] parameters;
    private final long[] offsets;
    private final MemorySegment block;

    /** How many arguments were given. */
    private int count;

    ArgumentBlock(CudaSymbol symbol) {
        this.symbol = symbol;
        List<CudaParameter> declared = symbol.parameters();
        this.parameters = declared.toArray(CudaParameter[]::new);
        this.offsets = new long[parameters.length];
        long end = POINTER_BYTES * (1 + parameters.length);
        long alignment = POINTER_BYTES;
        for (int i = 0; i < parameters.length; i++) {
            alignment = Math.max(alignment, parameters[i].alignment());
            offsets[i] = alignUp(end, parameters[i].alignment());
            end = offsets[i] + parameters[i].bytes();
        }
        // Freed with the launch, whenever that is found unreachable: a launch needs no close.
        this.block = Arena.ofAuto().allocate(end, alignment);
        for (int i = 0; i < parameters.length; i++) {
            block.set(JAVA_LONG, POINTER_BYTES * (1 + i), block.address() + offsets[i]);
        }
    }

    /** {@return eight bytes for whatever the launching thread has to be told meanwhile} */
    MemorySegment slot() {
        return block.asSlice(0, POINTER_BYTES);
    }

    /** {@return the address of the array of pointers, valid while this object is reachable} */
    long address() {
        return block.address() + POINTER_BYTES;
    }

    void addInt(CudaParameter type, int value) {
        checkRoom(type);
        setInt(count, type, value);
        count++;
    }

    void addLong(CudaParameter type, long value) {
        checkRoom(type);
        setLong(count, type, value);
        count++;
    }

    void addBytes(MemorySegment value) {
        checkRoom("a structure of " + value.byteSize() + " bytes");
        setBytes(count, value);
        count++;
    }

    void setInt(int index, CudaParameter type, int value) {
        checkType(index, type);
        block.set(JAVA_INT, offsets[index], value);
    }

    void setLong(int index, CudaParameter type, long value) {
        checkType(index, type);
        block.set(JAVA_LONG, offsets[index], value);
    }

    void setBytes(int index, MemorySegment value) {
        CudaParameter declared = parameters[checkIndex(index)];
        if (declared.kind() != CudaParameter.Kind.STRUCTURE || declared.bytes() != value.byteSize()) {
            throw mismatch(index, "a structure of " + value.byteSize() + " bytes");
        }
        MemorySegment.copy(value, 0, block, offsets[index], value.byteSize());
    }

    void checkComplete() {
        if (count != parameters.length) {
            throw new IllegalArgumentException(
                    symbol.name() + " takes " + parameters.length + " arguments, but was given " + count);
        }
    }

    private void checkRoom(Object type) {
        if (count == parameters.length) {
            throw new IllegalArgumentException(
                    symbol.name() + " takes " + parameters.length + " arguments, but was given another, " + type);
        }
    }

    private void checkType(int index, CudaParameter type) {
        // Records of one kind are compared by identity first: set...() may stand beside a launch in
        // a loop.
        CudaParameter declared = parameters[checkIndex(index)];
        if (declared != type && !declared.equals(type)) {
            throw mismatch(index, type);
        }
    }

    private int checkIndex(int index) {
        if (index < 0 || index >= parameters.length) {
            throw new IllegalArgumentException(
                    symbol.name() + " has arguments 0.." + (parameters.length - 1) + ", but " + index + " was set");
        }
        return index;
    }

    private IllegalArgumentException mismatch(int index, Object given) {
        return new IllegalArgumentException(
                "argument " + index + " of " + symbol.name() + " is " + parameters[index] + ", but was given " + given);
    }

    private static long alignUp(long offset, int alignment) {
        return offset + alignment - 1 & -alignment;
    }
}
