package io.quern;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.List;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Leaves the Vector API's shared code as it is in a process that has used vectors of several widths: casts in it have failed
 * before, and branches that C2 had left out were taken. C2 adds up the failures that it knows of in all that it inlines into a
 * method; beyond 100, the method trusts no profile of a receiver's class any more, and what it calls on such a receiver stays a
 * call, whose vectors are boxed; nor does it leave out branches any more, such as those on which the API throws an exception
 * about two vectors, which are boxed for it before.
 */
public final class WornProfiles {
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int CALLS = 100_000; // so that C2 has come in between
    private static final int ROUNDS = 4;

    private static final List<VectorSpecies<Float>> FLOATS = List.of(
            FloatVector.SPECIES_64, FloatVector.SPECIES_128, FloatVector.SPECIES_256, FloatVector.SPECIES_PREFERRED);
    private static final List<VectorSpecies<Double>> DOUBLES = List.of(
            DoubleVector.SPECIES_64,
            DoubleVector.SPECIES_128,
            DoubleVector.SPECIES_256,
            DoubleVector.SPECIES_PREFERRED);
    private static final List<VectorSpecies<Integer>> INTS =
            List.of(IntVector.SPECIES_64, IntVector.SPECIES_128, IntVector.SPECIES_256, IntVector.SPECIES_PREFERRED);
    private static final List<VectorSpecies<Long>> LONGS = List.of(
            LongVector.SPECIES_64, LongVector.SPECIES_128, LongVector.SPECIES_256, LongVector.SPECIES_PREFERRED);
    private static final List<VectorSpecies<Short>> SHORTS = List.of(
            ShortVector.SPECIES_64, ShortVector.SPECIES_128, ShortVector.SPECIES_256, ShortVector.SPECIES_PREFERRED);

    private WornProfiles() {}

    /** Takes a few seconds. */
    public static void wear() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment at = arena.allocate(64, 64);
            for (int round = 0; round < ROUNDS; round++) {
                for (int width = 0; width < FLOATS.size(); width++) {
                    for (int call = 0; call < CALLS; call++) {
                        floats(FLOATS.get(width), at);
                        doubles(DOUBLES.get(width), at);
                        ints(INTS.get(width), at);
                        longs(LONGS.get(width), at);
                        shorts(SHORTS.get(width), at);
                    }
                }
            }
            first(at);
        }
    }

    /** Operations that nobody has used before: in what C2 has compiled by now, these branches were never taken. */
    private static void first(MemorySegment at) {
        FloatVector x = FloatVector.fromMemorySegment(FloatVector.SPECIES_PREFERRED, at, 0, ORDER);
        x.lanewise(VectorOperators.SQRT).lanewise(VectorOperators.MIN, x).intoMemorySegment(at, 0, ORDER);
        DoubleVector y = DoubleVector.fromMemorySegment(DoubleVector.SPECIES_PREFERRED, at, 0, ORDER);
        y.lanewise(VectorOperators.SQRT).lanewise(VectorOperators.MIN, y).intoMemorySegment(at, 0, ORDER);
    }

    private static void floats(VectorSpecies<Float> species, MemorySegment at) {
        FloatVector x = FloatVector.fromMemorySegment(species, at, 0, ORDER);
        VectorMask<Float> less = x.compare(VectorOperators.LT, 0f);
        x.fma(x, x).add(x).sub(x).mul(x).max(x).neg().abs().blend(x, less).intoMemorySegment(at, 0, ORDER);
        x.reinterpretAsInts().add(1).reinterpretAsFloats().intoMemorySegment(at, 0, ORDER);
    }

    private static void doubles(VectorSpecies<Double> species, MemorySegment at) {
        DoubleVector x = DoubleVector.fromMemorySegment(species, at, 0, ORDER);
        VectorMask<Double> less = x.compare(VectorOperators.LT, 0.0);
        x.fma(x, x).add(x).sub(x).mul(x).max(x).neg().abs().blend(x, less).intoMemorySegment(at, 0, ORDER);
        x.reinterpretAsLongs().add(1).reinterpretAsDoubles().intoMemorySegment(at, 0, ORDER);
    }

    private static void ints(VectorSpecies<Integer> species, MemorySegment at) {
        IntVector x = IntVector.fromMemorySegment(species, at, 0, ORDER);
        VectorMask<Integer> less = x.compare(VectorOperators.LT, 0);
        x.add(x).and(x).lanewise(VectorOperators.LSHR, 1).blend(x, less).intoMemorySegment(at, 0, ORDER);
    }

    private static void longs(VectorSpecies<Long> species, MemorySegment at) {
        LongVector x = LongVector.fromMemorySegment(species, at, 0, ORDER);
        VectorMask<Long> less = x.compare(VectorOperators.LT, 0);
        x.add(x).and(x).lanewise(VectorOperators.LSHR, 1).blend(x, less).intoMemorySegment(at, 0, ORDER);
    }

    private static void shorts(VectorSpecies<Short> species, MemorySegment at) {
        ShortVector x = ShortVector.fromMemorySegment(species, at, 0, ORDER);
        VectorMask<Short> less = x.compare(VectorOperators.LT, (short) 0);
        x.add(x).and(x).lanewise(VectorOperators.LSHR, 1).blend(x, less).intoMemorySegment(at, 0, ORDER);
    }
}
