package io.quern.attention;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.cpu.AddressSpace;
import java.lang.foreign.MemorySegment;

/** Rows of keys or of values by their place in a sequence: one behind the other, or in pages. */
final class CacheRows {
    private final HeadRows rows;
    private final DType dtype;
    private final int length;
    private final PagedCache paged; // null where the rows of a sequence are one behind the other

    private CacheRows(Tensor tensor, PagedCache paged) {
        this.rows = HeadRows.of(tensor);
        this.dtype = tensor.dtype();
        this.length = (int) tensor.size(3);
        this.paged = paged;
    }

    /** {@return the rows of (batch, keyHeads, keys, length)} */
    static CacheRows of(Tensor tensor) {
        return new CacheRows(tensor, null);
    }

    /** {@return the rows of (pages, keyHeads, pageTokens, length)} */
    static CacheRows of(Tensor tensor, PagedCache paged) {
        return new CacheRows(tensor, paged);
    }

    /** {@return the type in which {@link #place} has rows: their own, or FP32 for FP16} */
    DType placed() {
        return dtype == DType.FP16 ? DType.FP32 : dtype;
    }

    /**
     * {@return where rows lie one behind the other: at {@code staged} after they were copied there, or where they are, {@link
     * #rowStride} apart, if that serves}
     */
    long place(int sequence, int keyHead, int first, int count, int wide, long staged) {
        if (dtype == placed() && wide == length) {
            if (paged == null) {
                return rows.at(sequence, keyHead, first);
            }
            int token = first % paged.pageTokens();
            if (token + count <= paged.pageTokens()) {
                return rows.at(paged.pageToRead(sequence, first), keyHead, token);
            }
        }
        copy(sequence, keyHead, first, count, placed(), wide, staged);
        return staged;
    }

    /** {@return from a row to the next, where they are used in place, in bytes} */
    long rowStride() {
        return rows.rowStride();
    }

    /**
     * Copies rows.
     *
     * @param first the place of the first of them
     * @param as their type afterwards, as {@link WideRows} has it
     * @param wide elements from a row's copy to the next, as {@link WideRows} has them
     */
    private void copy(int sequence, int keyHead, int first, int count, DType as, int wide, long to) {
        if (paged == null) {
            WideRows.copy(dtype, as, rows.at(sequence, keyHead, first), rows.rowStride(), count, length, wide, to);
            return;
        }
        int pageTokens = paged.pageTokens();
        for (int i = 0; i < count; ) {
            int token = (first + i) % pageTokens;
            int some = Math.min(count - i, pageTokens - token);
            long from = rows.at(paged.pageToRead(sequence, first + i), keyHead, token);
            WideRows.copy(dtype, as, from, rows.rowStride(), some, length, wide, to + i * (long) wide * as.bytes());
            i += some;
        }
    }

    /** Copies the first rows of a sequence, widened or as they are. */
    void gather(int sequence, int keyHead, int count, boolean widen, int wide, long to) {
        if (widen) {
            copy(sequence, keyHead, 0, count, dtype.accumulator(), wide, to);
            return;
        }
        long rowBytes = (long) length * dtype.bytes();
        for (int i = 0; i < count; i++) {
            long from = rows.at(paged.pageToRead(sequence, i), keyHead, i % paged.pageTokens());
            MemorySegment.copy(AddressSpace.ALL, from, AddressSpace.ALL, to + i * rowBytes, rowBytes);
        }
    }
}
