package io.quern.attention;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.quern.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Writes the structures of {@code cuda/attention/problem.cuh} and {@code forward.cuh}, field by field. Everything in them
 * has eight bytes, so that the layout is the order; a missing tensor is an address of 0.
 */
final class CudaProblem {
    /** Fields of {@code Problem}. */
    private static final int PROBLEM = 3 * 4 + 3 * 2 + 3 * 4 + 3 + 7 + 3 + 3 + 2 + 3;

    /** Size of {@code Forward}. */
    static final int FORWARD_BYTES = Long.BYTES * (PROBLEM + 4 + 4 * 3 + 1);

    /** Size of {@code Backward}. */
    static final int BACKWARD_BYTES = Long.BYTES * (PROBLEM + 2 * 4 + 4 * 3 + 1 + 4 + 8 + 3 + 4);

    private final MemorySegment structure;
    private long at;

    private CudaProblem(int bytes) {
        structure = Arena.ofAuto().allocate(bytes, Long.BYTES);
    }

    /** {@return a {@code Forward} with everything that the kernel reads and writes} */
    static MemorySegment of(Forward a) {
        return of(a, a.inputs().keys(), a.inputs().values());
    }

    /** {@return the same, where keys and values lie elsewhere: with pages in place of batches} */
    static MemorySegment of(Forward a, Tensor keys, Tensor values) {
        CudaProblem forward =
                new CudaProblem(FORWARD_BYTES).problem(a.inputs(), keys, values).rows(a.out());
        forward.numbers(a.statistics().logSumExp())
                .numbers(a.statistics().maxLogit())
                .numbers(a.statistics().entropy())
                .numbers(a.statistics().effectiveCount());
        return forward.flag(packed(a.out())).finished();
    }

    /**
     * {@return a {@code Backward}}
     *
     * @param bias the gradient by a bias that is asked for, if that is the target
     * @param rows the workspace
     */
    static MemorySegment of(Backward a, AttentionBackwardCuda.Target target, Tensor bias, long rows) {
        CudaProblem backward = new CudaProblem(BACKWARD_BYTES)
                .problem(a.inputs(), a.inputs().keys(), a.inputs().values());
        Tensor outGradient = a.incoming().outGradient();
        backward.rows(a.saved().out()).rows(outGradient);
        backward.numbers(a.saved().logSumExp())
                .numbers(a.saved().entropy())
                .numbers(a.incoming().logSumExpGradient())
                .numbers(a.incoming().entropyGradient());
        backward.integer(rows);
        backward.rows(
                switch (target) {
                    case QUERY, BIAS -> a.gradients().queryGradient();
                    case KEYS -> a.gradients().keysGradient();
                    case VALUES -> a.gradients().valuesGradient();
                });
        backward.dense(bias)
                .integer(bias == null ? 0 : bias.size(0))
                .integer(bias == null ? 0 : bias.size(1))
                .integer(bias != null && bias.rank() == 4 ? bias.size(2) : 1)
                .flag(bias != null && bias.rank() == 3);
        return backward.integer(target.ordinal())
                .flag(packed(outGradient))
                .address(a.gradients().sinksGradient())
                .rows(a.gradients().valuesGradient())
                .finished();
    }

    private MemorySegment finished() {
        assert at == structure.byteSize() : at + " bytes of " + structure.byteSize();
        return structure;
    }

    private CudaProblem problem(Inputs a, Tensor keys, Tensor values) {
        Attention attention = a.attention();
        Band band = attention.band();
        Randomness randomness = attention.randomness();
        rows(a.query()).rows(keys).rows(values);
        integers(a.keyLengths()).integers(a.queryStarts()).integers(a.keyStarts());
        dense(a.mask()).dense(a.bias()).dense(a.keyBias());
        address(a.headScale()).address(a.slopes()).address(a.sinks());
        integer(a.sequences())
                .integer(a.heads())
                .integer(a.heads() / Math.max(1, a.keys().size(1)))
                .integer(a.query().size(2))
                .integer(a.keys().size(2))
                .integer(attention.headDim())
                .integer(attention.valueDim());
        integer(band.left()).integer(band.right()).flag(band.alignment() == Alignment.BOTTOM_RIGHT);
        number(attention.scale())
                .number(attention.trainingLength() == 0 ? 0 : 1 / Math.log(attention.trainingLength()))
                .number(attention.softcap());
        number(randomness.sigma()).number(1 / (1 - randomness.dropout()));
        integer(dropped(randomness.dropout())).integer(randomness.seed());
        return flag(packed(a.query()) && packed(keys) && packed(values));
    }

    /** Of the numbers k from 0 to 2^24 - 1, those for which (k + 1/2) 2^-24 is below the probability; exact. */
    private static long dropped(double probability) {
        return (long) Math.ceil(probability * 0x1p24 - 0.5);
    }

    /** Whether every row begins with a whole pack and ends with one: of 16 bytes once widened. */
    private static boolean packed(Tensor tensor) {
        long elements = AttentionCuda.PACK_BYTES / tensor.dtype().accumulator().bytes();
        long bytes = elements * tensor.dtype().bytes();
        boolean packed = tensor.address() % bytes == 0 && tensor.size(3) % elements == 0;
        for (int axis = 0; axis < 3; axis++) {
            packed &= tensor.size(axis) == 1 || tensor.stride(axis) % elements == 0;
        }
        return packed;
    }

    private CudaProblem rows(Tensor tensor) {
        return address(tensor)
                .integer(tensor.stride(0))
                .integer(tensor.stride(1))
                .integer(tensor.stride(2));
    }

    private CudaProblem numbers(Tensor tensor) {
        return address(tensor).step(tensor, 0).step(tensor, 1);
    }

    /** Strides of the axes before the last, as of (batch, head, query, keys). */
    private CudaProblem dense(Tensor tensor) {
        address(tensor);
        for (int axis = 0; axis < 3; axis++) {
            step(tensor != null && axis < tensor.rank() - 1 ? tensor : null, axis);
        }
        return this;
    }

    /** An axis of size 1 serves every index. */
    private CudaProblem step(Tensor tensor, int axis) {
        return integer(tensor == null || tensor.size(axis) == 1 ? 0 : tensor.stride(axis));
    }

    private CudaProblem integers(Tensor tensor) {
        return address(tensor).integer(tensor == null ? 0 : tensor.dtype().bytes());
    }

    private CudaProblem address(Tensor tensor) {
        return integer(tensor == null ? 0 : tensor.address());
    }

    private CudaProblem flag(boolean flag) {
        return integer(flag ? 1 : 0);
    }

    private CudaProblem integer(long value) {
        structure.set(JAVA_LONG, at, value);
        at += Long.BYTES;
        return this;
    }

    private CudaProblem number(double value) {
        structure.set(JAVA_DOUBLE, at, value);
        at += Double.BYTES;
        return this;
    }
}
