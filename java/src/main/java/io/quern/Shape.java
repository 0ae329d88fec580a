package io.quern;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Arithmetic on shapes and strides, in elements; every product is checked against overflow. */
final class Shape {
    private Shape() {}

    /** The bytes of a densely packed tensor; checks the sizes. */
    static long bytes(DType dtype, long[] shape) {
        try {
            return Math.multiplyExact(elementCount(shape), dtype.bytes());
        } catch (ArithmeticException overflow) {
            throw tooLarge(dtype + " tensor of shape " + text(shape));
        }
    }

    static long elementCount(long[] shape) {
        Check.present("shape", shape);
        if (shape.length == 0) {
            throw new IllegalArgumentException("a tensor has at least one axis; a scalar is a tensor of shape [1]");
        }
        boolean empty = false;
        for (long size : shape) {
            if (size < 0) {
                throw new IllegalArgumentException("sizes must not be negative, but the shape is " + text(shape));
            }
            empty |= size == 0;
        }
        if (empty) {
            return 0;
        }
        try {
            long count = 1;
            for (long size : shape) {
                count = Math.multiplyExact(count, size);
            }
            return count;
        } catch (ArithmeticException overflow) {
            throw tooLarge("shape " + text(shape));
        }
    }

    /** Strides of a densely packed tensor, last axis contiguous. An empty one's are those of sizes at least 1. */
    static long[] denseStrides(long[] shape) {
        long[] strides = new long[shape.length];
        long stride = 1;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            strides[axis] = stride;
            stride *= Math.max(1, shape[axis]);
        }
        return strides;
    }

    static boolean isDense(long[] shape, long[] strides) {
        long expected = 1;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            if (shape[axis] == 0) {
                return true;
            }
            if (shape[axis] != 1 && strides[axis] != expected) {
                return false;
            }
            expected *= shape[axis];
        }
        return true;
    }

    /** From the first element to one past the last, in elements. */
    static long span(long[] shape, long[] strides) {
        long last = 0;
        for (int axis = 0; axis < shape.length; axis++) {
            if (shape[axis] == 0) {
                return 0;
            }
            last = Math.addExact(last, Math.multiplyExact(shape[axis] - 1, strides[axis]));
        }
        return last + 1;
    }

    static String text(long[] shape) {
        return Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(" x ", "[", "]"));
    }

    private static IllegalArgumentException tooLarge(String what) {
        return new IllegalArgumentException(what + " is too large: its size overflows 63 bits");
    }
}
