package io.quern;

/**
 * A tensor and the part it plays in a call: {@code query}, {@code out}. The name is what errors call the tensor.
 *
 * @param name in the field's standard terms
 * @param tensor the tensor
 * @param use what the kernel does with it
 */
public record Role(String name, Tensor tensor, Use use) {
    /** What a kernel does with a tensor. */
    public enum Use {
        /** It only reads it. */
        READ,
        /** It writes it, and may read it. */
        WRITTEN
    }

    /** Checks that there is a tensor, and that it can be written where it will be. */
    public Role {
        Check.present(name, tensor);
        if (use == Use.WRITTEN) {
            Check.writable(name, tensor);
        }
    }

    /** {@return the role of a tensor that is only read} */
    public static Role read(String name, Tensor tensor) {
        return new Role(name, tensor, Use.READ);
    }

    /** {@return the role of a tensor that is written} */
    public static Role written(String name, Tensor tensor) {
        return new Role(name, tensor, Use.WRITTEN);
    }

    @Override
    public String toString() {
        return name + ": " + tensor;
    }
}
