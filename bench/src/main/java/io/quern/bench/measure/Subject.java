package io.quern.bench.measure;

import io.quern.Device;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A kernel at one shape: the subject of one row of the report, known before anything is allocated.
 *
 * @param benchmark {@code <room>.<operation>}
 * @param dtype the storage type, or what tells several apart: {@code bf16+fp32m}
 * @param shape the sizes: {@code n=4096}
 * @param work what a call costs at the least, by formula
 * @param quick whether {@code --quick} includes it
 * @param peers the names of the peers that its workload offers
 * @param count what a call does many times, where that tells more than bytes do; or null
 * @param opening allocates it
 */
public record Subject(
        String benchmark,
        String dtype,
        String shape,
        Work work,
        boolean quick,
        List<String> peers,
        Count count,
        Opening opening) {
    /** A subject with one peer, or none: null. */
    public Subject(
            String benchmark,
            String dtype,
            String shape,
            Work work,
            boolean quick,
            String peer,
            Count count,
            Opening opening) {
        this(benchmark, dtype, shape, work, quick, peer == null ? List.of() : List.of(peer), count, opening);
    }

    /** A subject with one peer, or none, whose bytes and FLOP say all. */
    public Subject(
            String benchmark, String dtype, String shape, Work work, boolean quick, String peer, Opening opening) {
        this(benchmark, dtype, shape, work, quick, peer, null, opening);
    }

    /** Allocates a workload. */
    @FunctionalInterface
    public interface Opening {
        /** {@return the workload, with inputs filled, on that device} */
        Workload open(Device device);
    }

    /**
     * What a call costs at the least.
     *
     * @param traffic how it goes through memory
     * @param bytes each input read once, each output written once
     * @param flops an fma counts two
     * @param footprint the distinct bytes touched: they decide which cache holds them
     */
    public record Work(Traffic traffic, long bytes, long flops, long footprint) {}

    /**
     * What a call does many times.
     *
     * @param unit in the plural
     * @param number of them in a call
     */
    public record Count(String unit, long number) {}

    /** {@return the name by which a fork finds it, and against which filters match} */
    public String id() {
        return benchmark + "/" + dtype + "/" + shape;
    }

    /** {@return whether a filter finds it; upper and lower case are the same} */
    public boolean matches(Pattern filter) {
        return filter.matcher(id()).find();
    }

    /** {@return whether its sums, and with them its arithmetic ceiling, are in FP64} */
    public boolean inDoublePrecision() {
        return dtype.startsWith("fp64");
    }

    @Override
    public String toString() {
        return id();
    }
}
