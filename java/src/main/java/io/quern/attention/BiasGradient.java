package io.quern.attention;

import io.quern.Tensor;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.PanelMath;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The gradient by a bias, (batch or 1, heads or 1, queries or 1, keys) or without the queries' axis. It is summed up where
 * it will stand, or for 16-bit types in FP32 in scratch memory.
 */
final class BiasGradient {
    private static final MemorySegment ALL = AddressSpace.ALL;

    private final Tensor target;
    private final PanelMath math;
    private final boolean narrow;
    private final int bytes;
    private final long base;
    private final long[] strides; // of batch, head and query, in bytes; 0 where one serves all
    private final int[] sizes;
    private final int keys;

    private BiasGradient(Tensor target, PanelMath math, long scratch) {
        this.target = target;
        this.math = math;
        this.narrow = narrow(target);
        this.bytes = target.dtype().accumulator().bytes();
        this.base = narrow ? scratch : target.segment().address();
        this.keys = (int) target.size(-1);
        sizes = new int[] {(int) target.size(0), (int) target.size(1), queries(target)};
        strides = new long[3];
        long dense = keys;
        for (int axis = 2; axis >= 0; axis--) {
            long stride = narrow ? dense : axis < target.rank() - 1 ? target.stride(axis) : 0;
            strides[axis] = sizes[axis] == 1 ? 0 : stride * bytes;
            dense *= sizes[axis];
        }
    }

    /** {@return null where nobody asks} */
    static BiasGradient of(Tensor target, PanelMath math, long scratch) {
        return target == null ? null : new BiasGradient(target, math, scratch);
    }

    static long scratchBytes(Tensor target) {
        return target != null && narrow(target) ? target.elementCount() * Float.BYTES : 0;
    }

    private static boolean narrow(Tensor target) {
        return target.dtype() != target.dtype().accumulator();
    }

    private static int queries(Tensor target) {
        return target.rank() == 4 ? (int) target.size(2) : 1;
    }

    /** {@return whether several sequences add to the same number; with starts each has keys of its own} */
    static boolean sharedBySequences(Tensor target, Inputs inputs) {
        return target != null && target.size(0) == 1 && inputs.queryStarts() == null && inputs.sequences() > 1;
    }

    /** {@return whether heads of several key heads add to the same number} */
    static boolean sharedByHeads(Tensor target, Inputs inputs) {
        return target != null && target.size(1) == 1 && inputs.keys().size(1) > 1;
    }

    /** {@return how many rows of keys there are to clear and to write} */
    int rows() {
        return sizes[0] * sizes[1] * sizes[2];
    }

    private long at(long batch, long head, long query) {
        return base + batch * strides[0] + head * strides[1] + query * strides[2];
    }

    private long at(int row) {
        return at(row / sizes[2] / sizes[1], row / sizes[2] % sizes[1], row % sizes[2]);
    }

    void clear(int row) {
        long at = at(row);
        for (int j = 0; j < keys; j++) {
            math.set(at, j, 0);
        }
    }

    /**
     * Adds a panel of pairs: a row a query, a column a key.
     *
     * @param panelRow from a row to the next, in bytes
     */
    void add(long batch, long head, int query, int queries, long key, int count, long panel, long panelRow) {
        if (strides[2] == 0) {
            addSums(at(batch, head, 0) + key * bytes, queries, count, panel, panelRow);
            return;
        }
        for (int i = 0; i < queries; i++) {
            math.addVector(count, panel + i * panelRow, at(batch, head, query + i) + key * bytes);
        }
    }

    private void addSums(long to, int queries, int count, long panel, long panelRow) {
        for (int j = 0; j < count; j++) {
            double sum = 0;
            for (int i = 0; i < queries; i++) {
                sum += math.get(panel + i * panelRow, j);
            }
            math.set(to, j, math.get(to, j) + sum);
        }
    }

    /** Rounds a row to the type of the tensor. */
    void write(int row) {
        if (!narrow) {
            return;
        }
        long to = row / sizes[2] / sizes[1] * target.stride(0) + row / sizes[2] % sizes[1] * target.stride(1);
        to += target.rank() == 4 ? row % sizes[2] * target.stride(2) : 0;
        long from = at(row);
        for (int j = 0; j < keys; j++) {
            double sum = ALL.get(ValueLayout.JAVA_FLOAT_UNALIGNED, from + j * (long) Float.BYTES);
            target.dtype().set(target.segment(), to + j, sum);
        }
    }
}
