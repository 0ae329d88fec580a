package io.quern.lion;

import io.quern.DType;
import java.lang.foreign.MemorySegment;

/**
 * What is updated together, as memory of the host.
 *
 * @param number of the tensor, in the order of the list
 * @param first the number of the first element, counted through all tensors of the call
 * @param copyType the type of the copy; null: there is none
 * @param copy null: there is none
 */
record HostTensors(
        Storage storage,
        int number,
        long first,
        DType copyType,
        MemorySegment parameter,
        MemorySegment momentum,
        MemorySegment gradient,
        MemorySegment copy) {
    /** {@return the tensors of a step, one entry for each parameter} */
    static HostTensors[] of(Lion.Step step) {
        HostTensors[] all = new HostTensors[step.size()];
        long first = 0;
        for (int t = 0; t < all.length; t++) {
            all[t] = new HostTensors(
                    step.storage(),
                    t,
                    first,
                    step.copyType(),
                    step.parameters().get(t).segment(),
                    step.momenta().get(t).segment(),
                    step.gradients().get(t).segment(),
                    step.copyType() == null ? null : step.copies().get(t).segment());
            first += step.parameters().get(t).elementCount();
        }
        return all;
    }
}
