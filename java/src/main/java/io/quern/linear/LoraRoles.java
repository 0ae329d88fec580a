package io.quern.linear;

import io.quern.BoundCall;
import io.quern.Stream;
import io.quern.Tensor;

/**
 * Takes by name what both passes of a {@link Lora} have.
 *
 * @param <R> the class that goes on
 */
public abstract sealed class LoraRoles<R extends LoraRoles<R>> permits LoraForward.Roles, LoraBackward.Roles {
    final Lora lora;
    Tensor x;
    Tensor weight;
    Tensor a;
    Tensor b;
    Tensor projected;

    LoraRoles(Lora lora) {
        this.lora = lora;
    }

    abstract R self();

    /** (tokens, in), FP64, FP32, FP16 or BF16; the same in both passes. */
    public R x(Tensor tensor) {
        x = tensor;
        return self();
    }

    /** W0, (in, out). */
    public R weight(Tensor tensor) {
        weight = tensor;
        return self();
    }

    /** (in, rank). */
    public R a(Tensor tensor) {
        a = tensor;
        return self();
    }

    /** (rank, out). */
    public R b(Tensor tensor) {
        b = tensor;
        return self();
    }

    /** (tokens, rank), optional; the forward pass writes X A there, which the backward pass then need not compute again. */
    public R projected(Tensor tensor) {
        projected = tensor;
        return self();
    }

    /**
     * Prepares the pass, to be run as often as one likes.
     *
     * @throws IllegalArgumentException naming the tensor, what was expected and what it is
     */
    public abstract BoundCall bind(Stream stream);

    /** Runs the pass once. */
    public void run(Stream stream) {
        try (BoundCall call = bind(stream)) {
            call.run();
        }
    }
}
