package io.quern.bench.measure;

import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.Random;

/** What benchmarks share: inputs of any size, and a comparison with the oracle that takes samples of large ones. */
public final class Agreement {
    private static final int BLOCK = 1 << 16;

    private Agreement() {}

    /** Fills a tensor of rank 1 with normal numbers, the same for the same seed; a block of them is repeated. */
    public static Tensor fill(Tensor tensor, long seed) {
        float[] normals = new float[(int) Math.min(BLOCK, tensor.elementCount())];
        Random random = new Random(seed);
        for (int i = 0; i < normals.length; i++) {
            normals[i] = (float) random.nextGaussian();
        }
        long whole = tensor.elementCount() / normals.length * normals.length;
        for (long from = 0; from < whole; from += normals.length) {
            tensor.slice(0, from, from + normals.length).copyFrom(normals);
        }
        if (whole < tensor.elementCount()) {
            float[] rest = Arrays.copyOf(normals, (int) (tensor.elementCount() - whole));
            tensor.slice(0, whole, tensor.elementCount()).copyFrom(rest);
        }
        return tensor;
    }

    /** {@return where windows of that width begin: at the head, around the middle and at the tail} */
    public static long[] windows(long size, long width) {
        return size <= width ? new long[] {0} : new long[] {0, (size - width) / 2, size - width};
    }

    /** {@return a copy in an arena of the host} */
    public static Tensor copy(TensorArena arena, Tensor tensor) {
        return arena.allocate(tensor.dtype(), tensor.shape()).copyFrom(tensor);
    }

    /**
     * Compares a kernel whose contract is bit-identity.
     *
     * @param what names the tensor
     * @throws Disagreement naming the first element that differs
     */
    public static void sameBits(String what, Tensor expected, Tensor actual) {
        double[] want = expected.toDoubleArray();
        double[] have = actual.toDoubleArray();
        for (int i = 0; i < want.length; i++) {
            if (Double.doubleToLongBits(want[i]) != Double.doubleToLongBits(have[i])) {
                throw new Disagreement(
                        what + " [" + i + "]: the reference says " + want[i] + ", the kernel " + have[i]);
            }
        }
    }

    /**
     * Compares a kernel whose contract is a bound on its error, in the L2 norm.
     *
     * @param what names the tensor
     * @param tolerance relative to the norm of what is expected
     * @throws Disagreement naming the error if it is larger
     */
    public static void within(String what, Tensor expected, Tensor actual, double tolerance) {
        double[] want = expected.toDoubleArray();
        double[] have = actual.toDoubleArray();
        double error = 0;
        double size = 0;
        for (int i = 0; i < want.length; i++) {
            error += (have[i] - want[i]) * (have[i] - want[i]);
            size += want[i] * want[i];
        }
        double relative = Math.sqrt(error / size);
        if (!(relative <= tolerance)) {
            throw new Disagreement(
                    what + ": relative error " + relative + " in the L2 norm, " + tolerance + " allowed");
        }
    }
}
