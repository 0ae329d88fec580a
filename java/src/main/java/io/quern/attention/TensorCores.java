package io.quern.attention;

import io.quern.Tensor;

/** Which calls the kernels for tensor cores serve: {@code cuda/attention/tensor_forward.cuh}. The other kernels serve all. */
final class TensorCores {
    private static final int MOST_CHANNELS = 128;

    /** Channels that are copied at once, 16 bytes. */
    private static final int UNIT = 8;

    /** Fewer are not worth a tile. */
    private static final long LEAST_KEYS = 64;

    /** Offsets within the keys of a block have 32 bits. */
    private static final long MOST_KEYS = 1 << 29;

    /** Blocks in the second and third direction. */
    private static final long MOST_HEADS = 65_535;

    private TensorCores() {}

    static boolean serve(Forward a) {
        Inputs inputs = a.inputs();
        return inputs.query().dtype().bytes() == 2
                && inputs.keys().size(2) >= LEAST_KEYS
                && inputs.keys().size(2) <= MOST_KEYS
                && inputs.heads() <= MOST_HEADS
                && inputs.query().size(0) <= MOST_HEADS
                && plain(inputs)
                && a.statistics().maxLogit() == null
                && a.statistics().entropy() == null
                && a.statistics().effectiveCount() == null
                && inUnits(inputs.query())
                && inUnits(inputs.keys())
                && inUnits(inputs.values())
                && inUnits(a.out());
    }

    /** A band, lengths, starts and sinks, and scores that are nothing but scaled products. */
    private static boolean plain(Inputs a) {
        Attention attention = a.attention();
        return a.mask() == null
                && a.bias() == null
                && a.keyBias() == null
                && a.headScale() == null
                && a.slopes() == null
                && Math.abs((float) attention.scale()) >= Float.MIN_NORMAL
                && attention.trainingLength() == 0
                && attention.softcap() == 0
                && attention.randomness().sigma() == 0
                && attention.randomness().dropout() == 0;
    }

    /** Whether every row begins and ends with a whole unit. */
    private static boolean inUnits(Tensor tensor) {
        boolean whole = tensor.size(3) <= MOST_CHANNELS
                && tensor.size(3) % UNIT == 0
                && tensor.address() % (UNIT * tensor.dtype().bytes()) == 0;
        for (int axis = 0; axis < 3; axis++) {
            whole &= tensor.size(axis) == 1 || tensor.stride(axis) % UNIT == 0;
        }
        return whole;
    }
}
