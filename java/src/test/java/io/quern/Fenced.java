package io.quern;

/**
 * An output between two fences: filled with NaN before a kernel runs, so that what the kernel forgot shows, and with
 * sentinels around it, so that what it wrote beside shows.
 */
public final class Fenced {
    private static final int FENCE = 64; // elements; keeps the output's alignment at 64 bytes for every type
    private static final double SENTINEL = -12345.0; // exact or equally rounded in every floating type

    private final Tensor whole;
    private final Tensor tensor;

    private Fenced(Tensor whole, Tensor tensor) {
        this.whole = whole;
        this.tensor = tensor;
    }

    /** {@return a fenced output of that shape, filled with NaN} */
    public static Fenced allocate(TensorArena arena, DType dtype, long... shape) {
        long count = Shape.elementCount(shape);
        Tensor whole = arena.allocate(dtype, count + 2 * FENCE).fill(SENTINEL);
        Tensor tensor = whole.slice(0, FENCE, FENCE + count).reshape(shape);
        tensor.fill(Double.NaN);
        return new Fenced(whole, tensor);
    }

    /** {@return a fenced tensor of that shape with these values, for what is updated in place} */
    public static Fenced of(TensorArena arena, DType dtype, double[] values, long... shape) {
        Fenced fenced = allocate(arena, dtype, shape);
        fenced.tensor.copyFrom(values);
        return fenced;
    }

    /** {@return the output itself} */
    public Tensor tensor() {
        return tensor;
    }

    /** {@return passed if the fences stand} */
    public Outcome fencesStand() {
        double[] values = whole.toDoubleArray();
        for (int i = 0; i < FENCE; i++) {
            for (int at : new int[] {i, values.length - 1 - i}) {
                if (values[at] != expectedSentinel()) {
                    return Outcome.failed("wrote " + values[at] + " outside its output, at element " + (at - FENCE));
                }
            }
        }
        return Outcome.passed("fences stand");
    }

    private double expectedSentinel() {
        return switch (whole.dtype()) {
            case FP64, FP32, INT32, INT64 -> SENTINEL;
            case FP16 -> Float.float16ToFloat(Float.floatToFloat16((float) SENTINEL));
            case BF16 -> DType.bf16ToFloat(DType.floatToBf16((float) SENTINEL));
        };
    }
}
