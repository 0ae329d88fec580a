package io.quern.bench.measure;

/** How a kernel goes through memory: it decides against which measured bandwidth the kernel is held. */
public enum Traffic {
    /** Reads only. */
    READ,
    /** One stream read, another written. */
    COPY,
    /** Several streams read, another written. */
    TRIAD,
    /** What is written was read before: no cache line is fetched only to be overwritten. */
    IN_PLACE
}
