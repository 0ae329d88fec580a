package io.quern.bench.measure;

import java.util.Locale;

/** A limit of the machine that is measured before kernels are, in the same run. */
public enum Ceiling {
    /** FP32 arithmetic. */
    FMA_FP32("fmaFp32", true),
    /** FP64 arithmetic. */
    FMA_FP64("fmaFp64", true),
    /** Bandwidth of summing one stream. */
    READ("read", false),
    /** Bandwidth of one stream into another; the line fetched before it is overwritten is not counted. */
    COPY("copy", false),
    /** Bandwidth of two streams into a third, counted likewise. */
    TRIAD("triad", false),
    /** Bandwidth of one stream updated in place: read and written. */
    IN_PLACE("inPlace", false);

    private final String key;
    private final boolean arithmetic;

    Ceiling(String key, boolean arithmetic) {
        this.key = key;
        this.arithmetic = arithmetic;
    }

    /** Where the bytes come from. */
    public enum Level {
        /** Arrays far larger than any cache. */
        MEMORY,
        /** Arrays that stay in a core's second-level cache. */
        L2
    }

    /** {@return its name in JSON, bytes coming from memory} */
    public String key() {
        return key;
    }

    /** {@return its name in JSON, bytes coming from that level} */
    public String key(Level level) {
        return level == Level.MEMORY ? key : key + level;
    }

    /** {@return whether it is in FLOP/s; otherwise in bytes/s} */
    public boolean arithmetic() {
        return arithmetic;
    }

    /** {@return the bandwidth against which such traffic is held} */
    public static Ceiling of(Traffic traffic) {
        return valueOf(traffic.name().toUpperCase(Locale.ROOT));
    }

    /** {@return the arithmetic rate against which a subject is held} */
    public static Ceiling arithmeticOf(Subject subject) {
        return subject.inDoublePrecision() ? FMA_FP64 : FMA_FP32;
    }
}
