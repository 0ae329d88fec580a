package io.quern.attention;

import io.quern.DType;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Copies rows to scratch memory in the type in which a kernel takes them: as they are, or FP16 and BF16 as FP32. */
final class WideRows {
    private static final MemorySegment ALL = AddressSpace.ALL;

    private WideRows() {}

    /**
     * Copies rows; they lie one behind the other afterwards.
     *
     * @param as the same type, or FP32
     * @param stride from a row to the next, in bytes
     * @param length elements of a row
     * @param wide elements from a row's copy to the next, at least length; those between are 0 afterwards
     */
    static void copy(DType dtype, DType as, long from, long stride, int rows, int length, int wide, long to) {
        if (wide == length && stride == (long) length * dtype.bytes()) {
            copy(dtype, as, from, rows * length, to); // one long row: a call for each would cost as much as the copy
            return;
        }
        int bytes = as.bytes();
        for (int i = 0; i < rows; i++) {
            long at = to + i * (long) wide * bytes;
            copy(dtype, as, from + i * stride, length, at);
            for (long end = at + (long) length * bytes; end < at + (long) wide * bytes; end += Short.BYTES) {
                ALL.set(ValueLayout.JAVA_SHORT_UNALIGNED, end, (short) 0);
            }
        }
    }

    private static void copy(DType dtype, DType as, long from, int count, long to) {
        if (dtype == as) {
            MemorySegment.copy(ALL, from, ALL, to, (long) count * dtype.bytes());
            return;
        }
        Fp32Blocks.widen(dtype, from, count, to);
    }
}
