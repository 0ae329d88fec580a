package io.quern.cpu;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The one vector width of this JVM, chosen once from {@code -Dio.quern.lanes} (bits: 128, 256 or 512; otherwise the
 * widest that the machine prefers).
 *
 * <p>One width, because C2 keeps one profile for the Vector API's shared code: a 256-bit kernel run before a 512-bit one
 * was seen to slow the latter eightyfold. Tests of other widths run in JVMs of their own.
 *
 * <p>The classes of vectors are here for locals that a loop assigns. Of these C2 knows the class from a profile alone, which it
 * trusts only as long as few casts have failed in all that it inlines into the method; after that, what is called <em>on</em>
 * such a vector stays a call, and vectors are boxed. So a vector that a loop has assigned is cast before a method is called on
 * it, {@code sum = FLOAT_VECTOR.cast(sum)}; as an argument it needs none. With a class that is a constant the cast is an intrinsic
 * of C2, inlined however long the method is, and leaves no instruction.
 */
public final class Lanes {
    /** The width in bits. */
    public static final int BITS = choose();

    private static final VectorShape SHAPE = VectorShape.forBitSize(BITS);

    /** Lanes of 32-bit floating point. */
    public static final VectorSpecies<Float> FLOAT = VectorSpecies.of(float.class, SHAPE);

    /** Lanes of 32-bit floating point, half a vector: as many as {@link #DOUBLE} has. */
    public static final VectorSpecies<Float> HALF_FLOAT =
            VectorSpecies.of(float.class, VectorShape.forBitSize(BITS / 2));

    /** Lanes of 64-bit floating point. */
    public static final VectorSpecies<Double> DOUBLE = VectorSpecies.of(double.class, SHAPE);

    /** Lanes of 32-bit integers, as many as {@link #FLOAT} has. */
    public static final VectorSpecies<Integer> INT = VectorSpecies.of(int.class, SHAPE);

    /** Lanes of 64-bit integers, as many as {@link #DOUBLE} has. */
    public static final VectorSpecies<Long> LONG = VectorSpecies.of(long.class, SHAPE);

    /** Lanes of 16-bit patterns, half a vector: as many as {@link #FLOAT} has. */
    public static final VectorSpecies<Short> HALF_SHORT =
            VectorSpecies.of(short.class, VectorShape.forBitSize(Math.max(64, BITS / 2)));

    /** Lanes of 16-bit patterns, a full vector: twice as many as {@link #FLOAT} has. */
    public static final VectorSpecies<Short> SHORT = VectorSpecies.of(short.class, SHAPE);

    /** The class of a vector of {@link #FLOAT}. */
    public static final Class<? extends FloatVector> FLOAT_VECTOR =
            FLOAT.vectorType().asSubclass(FloatVector.class);

    /** The class of a vector of {@link #DOUBLE}. */
    public static final Class<? extends DoubleVector> DOUBLE_VECTOR =
            DOUBLE.vectorType().asSubclass(DoubleVector.class);

    private Lanes() {}

    private static int choose() {
        int preferred = VectorShape.preferredShape().vectorBitSize();
        String asked = System.getProperty("io.quern.lanes");
        if (asked == null) {
            return preferred;
        }
        return switch (asked) {
            case "128", "256", "512" -> Integer.parseInt(asked);
            default ->
                throw new IllegalArgumentException(
                        "-Dio.quern.lanes must be 128, 256 or 512 (bits), but is \"" + asked + "\"");
        };
    }
}
