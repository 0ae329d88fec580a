package io.quern.attention;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What makes scores of the dot products in a panel, in units of log2: softcap, biases, ALiBi, noise; and what hides a key
 * from a query apart from the band. A panel has a column a query and a row a key.
 */
final class ScoreTerms {
    static final double LOG2_E = 1 / Math.log(2);

    private static final MemorySegment ALL = AddressSpace.ALL;

    private final Inputs inputs;
    private final PanelMath math;
    private final int columns;
    private final long places;
    private final long slopes;

    // The sequence at hand.
    private long batch;
    private long row;
    private long firstKey;
    private long diagonal;

    // The panel at hand.
    private final long[] head;
    private final long[] query;
    private int count;

    ScoreTerms(Inputs inputs, MicroKernel kernel, PanelMath math, long scratch) {
        this.inputs = inputs;
        this.math = math;
        this.columns = kernel.columns();
        places = scratch;
        slopes = places + HostMemory.lines(kernel.rowBytes());
        head = new long[columns];
        query = new long[columns];
    }

    static long scratchBytes(MicroKernel kernel) {
        return 2 * HostMemory.lines(kernel.rowBytes());
    }

    /** {@return whether scaled dot products are scores as they are, but for the band} */
    static boolean plain(Inputs inputs) {
        return inputs.mask() == null
                && inputs.bias() == null
                && inputs.keyBias() == null
                && inputs.slopes() == null
                && inputs.attention().softcap() == 0
                && inputs.attention().randomness().sigma() == 0;
    }

    void sequence(int batch, int row, int firstKey, int queries, int keys) {
        this.batch = batch;
        this.row = row;
        this.firstKey = firstKey;
        diagonal = inputs.attention().band().alignment().diagonal(queries, keys);
    }

    /** Says which queries the columns of the panel at hand are. */
    void column(int column, long head, long query) {
        this.head[column] = head;
        this.query[column] = query;
    }

    /** Says how many columns are queries. */
    void columns(int count) {
        this.count = count;
    }

    /** {@return what a dot product of a query is multiplied by, before {@link #apply}} */
    double scale(long head, long query, int begin, int end) {
        double scale = inputs.attention().scale();
        if (inputs.headScale() != null) {
            scale *= at(inputs.headScale(), head);
        }
        if (inputs.attention().trainingLength() != 0) {
            long seen = seen(head, query, begin, end);
            scale *=
                    seen == 0 ? 0 : Math.log(seen) / Math.log(inputs.attention().trainingLength());
        }
        return inputs.attention().softcap() == 0 ? scale * LOG2_E : scale;
    }

    private long seen(long head, long query, int begin, int end) {
        if (!hides()) {
            return end - begin;
        }
        long seen = 0;
        for (int key = begin; key < end; key++) {
            seen += visible(head, query, key) ? 1 : 0;
        }
        return seen;
    }

    /** {@return whether a key may be hidden by something else than the band} */
    boolean hides() {
        return inputs.mask() != null || inputs.bias() != null || inputs.keyBias() != null;
    }

    /** {@return whether neither mask nor bias hides a key; the band is not asked} */
    boolean visible(long head, long query, int key) {
        return (inputs.mask() == null || at(inputs.mask(), dense(inputs.mask(), head, query, key)) != 0)
                && (inputs.bias() == null || finite(at(inputs.bias(), dense(inputs.bias(), head, query, key))))
                && (inputs.keyBias() == null || finite(at(inputs.keyBias(), ofKey(head, key))));
    }

    /** {@return what bias and bias of keys add to a score} */
    double biases(long head, long query, int key) {
        double bias = inputs.bias() == null ? 0 : at(inputs.bias(), dense(inputs.bias(), head, query, key));
        return inputs.keyBias() == null ? bias : bias + at(inputs.keyBias(), ofKey(head, key));
    }

    private static boolean finite(double bias) {
        return bias != Double.NEGATIVE_INFINITY;
    }

    /** {@return whether the mask hides these keys from all queries of the panel} */
    boolean empty(int first, int keys) {
        if (inputs.mask() == null) {
            return false;
        }
        for (int j = 0; j < count; j++) {
            long at = maskRow(j, first);
            for (int i = 0; i < keys; i++) {
                if (ALL.get(ValueLayout.JAVA_INT_UNALIGNED, at + i * (long) Integer.BYTES) != 0) {
                    return false;
                }
            }
        }
        return true;
    }

    /**
     * Makes scores of scaled dot products. What is hidden becomes -infinity.
     *
     * @param first the key of the panel's first row
     * @param keys how many rows it has
     * @param panel read and written
     */
    void apply(int first, int keys, long panel) {
        double softcap = inputs.attention().softcap();
        if (softcap != 0) {
            math.tanh(keys, panel, 1 / softcap, softcap * LOG2_E);
        }
        if (inputs.slopes() != null) {
            subtractDistances(first, keys, panel);
        }
        for (int j = 0; j < count; j++) {
            if (inputs.attention().randomness().sigma() != 0) {
                addNoise(first, keys, panel, j);
            }
            if (inputs.keyBias() != null) {
                add(inputs.keyBias(), ofKey(head[j], first), keys, panel, j);
            }
            if (inputs.bias() != null) {
                add(inputs.bias(), dense(inputs.bias(), head[j], query[j], first), keys, panel, j);
            }
            if (inputs.mask() != null) {
                math.hideColumn(keys, maskRow(j, first), panel, j);
            }
        }
    }

    private void subtractDistances(int first, int keys, long panel) {
        for (int j = 0; j < columns; j++) {
            int of = Math.min(j, count - 1);
            math.set(places, j, query[of] + diagonal - first);
            math.set(slopes, j, at(inputs.slopes(), head[of]) * LOG2_E);
        }
        math.distances(keys, panel, places, slopes);
    }

    private void addNoise(int first, int keys, long panel, int column) {
        Randomness randomness = inputs.attention().randomness();
        for (int i = 0; i < keys; i++) {
            long at = panel
                    + i * columns * (long) inputs.query().dtype().accumulator().bytes();
            double noise = randomness.noise(drawn(column), query[column], first + i);
            math.set(at, column, math.get(at, column) + noise * LOG2_E);
        }
    }

    /** {@return whether dropout changes weights} */
    boolean drops() {
        return inputs.attention().randomness().dropout() != 0;
    }

    /** Multiplies weights by what dropout keeps of them. */
    void drop(int first, int keys, long panel) {
        Randomness randomness = inputs.attention().randomness();
        for (int j = 0; j < count; j++) {
            for (int i = 0; i < keys; i++) {
                long at = panel
                        + i
                                * columns
                                * (long) inputs.query().dtype().accumulator().bytes();
                math.set(at, j, math.get(at, j) * randomness.keep(drawn(j), query[j], first + i));
            }
        }
    }

    private long drawn(int column) {
        return batch * inputs.heads() + head[column];
    }

    private void add(Tensor tensor, long index, int keys, long panel, int column) {
        DType dtype = tensor.dtype();
        long from = tensor.segment().address() + index * dtype.bytes();
        if (dtype == DType.FP16 || dtype == DType.BF16) {
            from = Fp32Blocks.ofThread().load(0, dtype, ALL, from, keys).address();
        }
        math.addColumn(keys, from, LOG2_E, panel, column);
    }

    private long maskRow(int column, int key) {
        Tensor mask = inputs.mask();
        return mask.segment().address() + dense(mask, head[column], query[column], key) * Integer.BYTES;
    }

    /** Where a pair lies in mask or bias. */
    private long dense(Tensor tensor, long head, long query, long key) {
        return step(tensor, 0, batch) + step(tensor, 1, head) + step(tensor, 2, query) + key;
    }

    private long ofKey(long head, long key) {
        return step(inputs.keyBias(), 0, row) + step(inputs.keyBias(), 1, head) + firstKey + key;
    }

    /** An axis of size 1 serves every index. */
    private static long step(Tensor tensor, int axis, long index) {
        return tensor.size(axis) == 1 ? 0 : index * tensor.stride(axis);
    }

    static double at(Tensor tensor, long index) {
        return tensor.dtype().get(tensor.segment(), index);
    }
}
