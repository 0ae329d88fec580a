package io.quern;

import java.util.List;

/**
 * The tensors and scalars of one kernel call. A room's argument record implements this; its constructor checks everything
 * that does not depend on the device, so that an instance is always valid.
 */
public interface Arguments {
    /** {@return every tensor of the call with its role, inputs first, outputs last} */
    List<Role> roles();

    /** {@return the bytes that the call must move at the least: each input read once, each output written once} */
    default long bytes() {
        return roles().stream()
                .map(Role::tensor)
                .mapToLong(tensor -> tensor.elementCount() * tensor.dtype().bytes())
                .sum();
    }

    /** {@return the floating-point operations of the formula; an fma counts two} */
    long flops();
}
