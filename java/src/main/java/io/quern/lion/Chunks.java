package io.quern.lion;

/** Tensors of a step cut into chunks of {@link #LENGTH}, for what is summed over them in one order on every device. */
final class Chunks {
    /** Elements of a chunk. */
    static final int LENGTH = 4096;

    private final Lion.Step step;
    private final long[] first; // of each tensor, and their number

    Chunks(Lion.Step step) {
        this.step = step;
        this.first = new long[step.size() + 1];
        for (int t = 0; t < step.size(); t++) {
            first[t + 1] = first[t] + Math.ceilDiv(elements(t), (long) LENGTH);
        }
    }

    /** {@return how many there are} */
    int count() {
        return first(step.size());
    }

    /** {@return the first chunk of a tensor; of the tensor behind the last, {@link #count}} */
    int first(int tensor) {
        return Math.toIntExact(first[tensor]);
    }

    /** {@return the last tensor that does not begin beyond a chunk} */
    int tensorOf(int chunk) {
        return tensorAt(first, chunk);
    }

    /**
     * {@return the last tensor that does not begin beyond a position}
     *
     * @param begins of each tensor, and the end of the last
     */
    static int tensorAt(long[] begins, long position) {
        int low = 0;
        int high = begins.length - 1;
        while (high - low > 1) {
            int middle = low + high >>> 1;
            if (begins[middle] <= position) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** {@return the element of its tensor where a chunk begins} */
    long begin(int chunk, int tensor) {
        return (chunk - first[tensor]) * LENGTH;
    }

    /** {@return the elements of a chunk} */
    int length(int chunk, int tensor) {
        return (int) Math.min(LENGTH, elements(tensor) - begin(chunk, tensor));
    }

    /** {@return the elements of a tensor} */
    long elements(int tensor) {
        return step.parameters().get(tensor).elementCount();
    }
}
