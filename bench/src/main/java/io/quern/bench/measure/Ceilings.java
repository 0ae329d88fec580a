package io.quern.bench.measure;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** The machine's measured limits, by thread count; in FLOP/s and bytes/s. */
public final class Ceilings {
    private final Map<Ceiling.Level, Map<Ceiling, Map<Integer, Double>>> rates = new EnumMap<>(Ceiling.Level.class);

    /** Notes one. */
    public void put(Ceiling ceiling, Ceiling.Level level, int threads, double rate) {
        rates.computeIfAbsent(level, _ -> new EnumMap<>(Ceiling.class))
                .computeIfAbsent(ceiling, _ -> new TreeMap<>())
                .put(threads, rate);
    }

    /** {@return one; NaN if it was not measured} */
    public double get(Ceiling ceiling, Ceiling.Level level, int threads) {
        return rates.getOrDefault(level, Map.of())
                .getOrDefault(ceiling, Map.of())
                .getOrDefault(threads, Double.NaN);
    }

    /** {@return all of them, by their names in JSON and the thread count} */
    public Map<String, Map<Integer, Double>> byKey() {
        Map<String, Map<Integer, Double>> all = new LinkedHashMap<>();
        rates.forEach(
                (level, ceilings) -> ceilings.forEach((ceiling, byThreads) -> all.put(ceiling.key(level), byThreads)));
        return all;
    }

    /**
     * {@return the seconds that a subject would take if it did nothing but move its bytes, or nothing but compute,
     * whichever is longer, at the measured rates}
     *
     * @param l2Bytes the size of a core's second-level cache
     */
    public double floor(Subject subject, int threads, long l2Bytes) {
        Ceiling.Level level = levelOf(subject, l2Bytes);
        Subject.Work work = subject.work();
        double moving = work.bytes() / get(Ceiling.of(work.traffic()), level, threads);
        double computing = work.flops() / get(Ceiling.arithmeticOf(subject), Ceiling.Level.MEMORY, threads);
        return Math.max(moving, computing);
    }

    /** {@return which memory holds a subject from one call to the next; a quarter of a cache is left to others} */
    public static Ceiling.Level levelOf(Subject subject, long l2Bytes) {
        return subject.work().footprint() <= l2Bytes / 4 * 3 ? Ceiling.Level.L2 : Ceiling.Level.MEMORY;
    }
}
