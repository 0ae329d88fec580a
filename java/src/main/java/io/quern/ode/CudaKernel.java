package io.quern.ode;

import io.quern.DType;
import java.util.List;
import java.util.Locale;

/**
 * A kernel of {@code cuda/ode/solve.cuh}.
 *
 * @param ode which field, by which method
 * @param events what is looked for along the trajectories, of a kernel that watches; else none
 * @param dtype the working type
 * @param kind what it does
 */
record CudaKernel(Ode ode, List<OdeEvent> events, DType dtype, Kind kind) {
    /** What a kernel does. */
    enum Kind {
        /** Steps of equal length. */
        FIXED(Part.SOLVE),
        /** Steps of equal length, and save points. */
        FIXED_SAVING(Part.SAVE),
        /** Steps chosen for each trajectory. */
        ADAPTIVE(Part.SOLVE),
        /** Steps chosen for each trajectory, and save points. */
        ADAPTIVE_SAVING(Part.SAVE),
        /** Steps chosen for each trajectory, events and, if there are any, save points. */
        ADAPTIVE_WATCHING(Part.WATCH);

        private final Part part;

        Kind(Part part) {
            this.part = part;
        }

        /** {@return with which others it is in one PTX file} */
        Part part() {
            return part;
        }

        boolean adaptive() {
            return this != FIXED && this != FIXED_SAVING;
        }
    }

    /** What shares a PTX file: a process loads the kernels that it calls, and few others. */
    enum Part {
        /** Nobody looks into the steps. */
        SOLVE,
        /** Save points. */
        SAVE,
        /** Events. */
        WATCH
    }

    CudaKernel {
        events = List.copyOf(events);
    }

    /** {@return the PTX file that has it, of a field that is called so} */
    String module(String field) {
        return ("ode_" + field + "_" + kind.part() + "_" + dtype).toLowerCase(Locale.ROOT);
    }

    /** {@return its name there} */
    String symbol(String field) {
        return ("ode_" + field + "_" + kind + "_" + ode.method() + "_" + dtype).toLowerCase(Locale.ROOT);
    }

    /** {@return what it solves, for a user who has to be told that it is not there} */
    @Override
    public String toString() {
        String looked = kind.part() == Part.SOLVE
                ? ""
                : kind.part() == Part.SAVE ? " with save points" : " with " + events.size() + " events " + events;
        return "the " + ode.field() + looked + " by " + ode.method() + " in " + dtype;
    }
}
