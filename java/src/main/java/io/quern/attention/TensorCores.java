package io.quern.attention;

import io.quern.Tensor;

/**
 * Which calls the kernels for tensor cores serve: {@code cuda/attention/tensor_forward.cuh} and {@code tensor_backward.cuh}.
 * The other kernels serve all.
 */
final class TensorCores {
    private static final int MOST_CHANNELS = 256;

    private static final int MOST_CHANNELS_BACKWARD = 128;

    /** Channels that are copied at once, 16 bytes. */
    private static final int UNIT = 8;

    /** Fewer are not worth a tile. */
    private static final long LEAST_KEYS = 64;

    /** Offsets within what a block meets have 32 bits. */
    private static final long MOST_TOKENS = 1 << 29;

    /** Blocks in the second and third direction. */
    private static final long MOST_HEADS = 65_535;

    private TensorCores() {}

    static boolean serve(Forward a) {
        return serve(a.inputs())
                && a.statistics().maxLogit() == null
                && a.statistics().entropy() == null
                && a.statistics().effectiveCount() == null
                && inUnits(a.out());
    }

    static boolean serve(Backward a) {
        Backward.Gradients gradients = a.gradients();
        return serve(a.inputs())
                && mostChannels(a.inputs().attention()) <= MOST_CHANNELS_BACKWARD
                && a.inputs().headScale() == null
                && a.inputs().query().size(2) <= MOST_TOKENS
                && a.incoming().entropyGradient() == null
                && inUnits(a.incoming().outGradient())
                && inUnits(gradients.queryGradient())
                && inUnits(gradients.keysGradient())
                && inUnits(gradients.valuesGradient());
    }

    /** {@return for how many channels the kernel is that serves these} */
    static int mostChannels(Attention attention) {
        int channels = Math.max(attention.headDim(), attention.valueDim());
        return channels <= 64 ? 64 : channels <= 128 ? 128 : MOST_CHANNELS;
    }

    private static boolean serve(Inputs inputs) {
        return inputs.query().dtype().bytes() == 2
                && inputs.keys().size(2) >= LEAST_KEYS
                && inputs.keys().size(2) <= MOST_TOKENS
                && inputs.heads() <= MOST_HEADS
                && inputs.query().size(0) <= MOST_HEADS
                && plain(inputs)
                && inUnits(inputs.query())
                && inUnits(inputs.keys())
                && inUnits(inputs.values());
    }

    /** A band, lengths, starts, sinks and scales of heads, and scores that are nothing but scaled products. */
    private static boolean plain(Inputs a) {
        Attention attention = a.attention();
        return a.mask() == null
                && a.bias() == null
                && a.keyBias() == null
                && a.slopes() == null
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
