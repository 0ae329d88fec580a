package io.quern;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Moves a tensor's elements to and from densely packed host memory, whatever its strides and wherever it lies. */
final class Elements {
    private Elements() {}

    /** Where to put a tensor's elements in row-major order before {@link #scatter}: its own memory where that is possible. */
    static MemorySegment stage(Arena arena, Tensor tensor) {
        tensor.requireOpen();
        return isPackedOnHost(tensor) ? tensor.segment() : packed(arena, tensor);
    }

    private static boolean isPackedOnHost(Tensor tensor) {
        return tensor.device().onHost() && tensor.isDense();
    }

    private static MemorySegment packed(Arena arena, Tensor tensor) {
        return arena.allocate(Shape.bytes(tensor.dtype(), tensor.shape()), Long.BYTES);
    }

    /** The elements in row-major order; the tensor's own memory where that is possible. */
    static MemorySegment gather(Arena arena, Tensor tensor) {
        tensor.requireOpen();
        if (isPackedOnHost(tensor)) {
            return tensor.segment();
        }
        MemorySegment packed = packed(arena, tensor);
        Mover mover = tensor.device().onHost()
                ? (offset, at, bytes) -> MemorySegment.copy(tensor.segment(), offset, packed, at, bytes)
                : (offset, at, bytes) -> tensor.context().copyOut(packed.asSlice(at, bytes), tensor.address() + offset);
        eachRun(tensor, mover);
        return packed;
    }

    /** Writes packed elements into the tensor; nothing is left to do for what was staged in the tensor itself. */
    static void scatter(MemorySegment packed, Tensor tensor) {
        tensor.requireOpen();
        if (tensor.device().onHost() && packed.address() == tensor.address()) {
            return;
        }
        Mover mover = tensor.device().onHost()
                ? (offset, at, bytes) -> MemorySegment.copy(packed, at, tensor.segment(), offset, bytes)
                : (offset, at, bytes) -> tensor.context().copyIn(tensor.address() + offset, packed.asSlice(at, bytes));
        eachRun(tensor, mover);
    }

    @FunctionalInterface
    private interface Mover {
        void move(long tensorByteOffset, long packedByteOffset, long bytes);
    }

    /** Visits the longest runs of consecutive elements in row-major order. */
    private static void eachRun(Tensor tensor, Mover mover) {
        long[] shape = tensor.shape();
        long[] strides = tensor.strides();
        if (tensor.elementCount() == 0) {
            return;
        }
        int outer = shape.length; // axes before this one are walked, the rest is one run
        long run = 1;
        while (outer > 0 && (strides[outer - 1] == run || shape[outer - 1] == 1)) {
            run *= shape[--outer];
        }
        long bytes = tensor.dtype().bytes();
        long[] index = new long[outer];
        long packed = 0;
        while (true) {
            long offset = 0;
            for (int axis = 0; axis < outer; axis++) {
                offset += index[axis] * strides[axis];
            }
            mover.move(offset * bytes, packed * bytes, run * bytes);
            packed += run;
            int axis = outer - 1;
            while (axis >= 0 && ++index[axis] == shape[axis]) {
                index[axis--] = 0;
            }
            if (axis < 0) {
                return;
            }
        }
    }
}
