package io.quern.lion;

import io.quern.DType;
import java.util.Arrays;
import java.util.stream.Collectors;

/** How parameter, momentum and gradient may be stored together, and the type that such a step computes in. */
enum Storage {
    FP64(DType.FP64, DType.FP64, DType.FP64),
    FP32(DType.FP32, DType.FP32, DType.FP32),
    FP16(DType.FP16, DType.FP16, DType.FP16),
    BF16(DType.BF16, DType.BF16, DType.BF16),
    /** Half the memory of FP32 weights; small gradients still add up in the momentum. */
    BF16_FP32_BF16(DType.BF16, DType.FP32, DType.BF16),
    FP16_FP32_FP16(DType.FP16, DType.FP32, DType.FP16),
    /** FP32 master weights fed by a backward pass in 16 bits. */
    FP32_FP32_BF16(DType.FP32, DType.FP32, DType.BF16),
    FP32_FP32_FP16(DType.FP32, DType.FP32, DType.FP16),
    /** The same with as little memory as small steps allow. */
    FP32_BF16_BF16(DType.FP32, DType.BF16, DType.BF16),
    FP32_FP16_FP16(DType.FP32, DType.FP16, DType.FP16);

    private final DType parameter;
    private final DType momentum;
    private final DType gradient;

    Storage(DType parameter, DType momentum, DType gradient) {
        this.parameter = parameter;
        this.momentum = momentum;
        this.gradient = gradient;
    }

    /**
     * {@return the storage with these types}
     *
     * @throws IllegalArgumentException naming the types and the combinations that exist
     */
    static Storage of(DType parameter, DType momentum, DType gradient) {
        for (Storage storage : values()) {
            if (storage.parameter == parameter && storage.momentum == momentum && storage.gradient == gradient) {
                return storage;
            }
        }
        throw new IllegalArgumentException("parameter, momentum and gradient must be stored as one of "
                + Arrays.stream(values()).map(Storage::toString).collect(Collectors.joining(", "))
                + ", but are " + describe(parameter, momentum, gradient));
    }

    DType parameter() {
        return parameter;
    }

    DType momentum() {
        return momentum;
    }

    DType gradient() {
        return gradient;
    }

    /** {@return the widest of the three, at least FP32} */
    DType compute() {
        return parameter.accumulator();
    }

    /** {@return the bytes that a step must move for each parameter: all three read, two written} */
    int bytesPerParameter() {
        return 2 * parameter.bytes() + 2 * momentum.bytes() + gradient.bytes();
    }

    @Override
    public String toString() {
        return describe(parameter, momentum, gradient);
    }

    private static String describe(DType parameter, DType momentum, DType gradient) {
        return "(" + parameter + ", " + momentum + ", " + gradient + ")";
    }
}
