package io.quern;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The checks at the door of a kernel. Each throws {@link IllegalArgumentException} that names the tensor, what was expected
 * and what it is; kernels behind the door trust their arguments.
 */
public final class Check {
    private Check() {}

    /** Checks that an argument is not null. */
    public static void present(String name, Object argument) {
        if (argument == null) {
            throw new IllegalArgumentException(name + " must not be null");
        }
    }

    /** Checks that a condition on an argument holds; for what has no check of its own. */
    public static void that(boolean holds, String name, String expected, Object actual) {
        if (!holds) {
            throw new IllegalArgumentException(name + " must be " + expected + ", but is " + actual);
        }
    }

    /** Checks that a number is finite and within bounds, both included. */
    public static void range(String name, double value, double least, double most) {
        if (!(value >= least && value <= most)) {
            throw new IllegalArgumentException(name + " must be within " + least + ".." + most + ", but is " + value);
        }
    }

    /** Checks that an integer is within bounds, both included. */
    public static void range(String name, long value, long least, long most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + " must be within " + least + ".." + most + ", but is " + value);
        }
    }

    /** Checks a tensor's type against those allowed. */
    public static void dtype(String name, Tensor tensor, DType... allowed) {
        present(name, tensor);
        for (DType dtype : allowed) {
            if (tensor.dtype() == dtype) {
                return;
            }
        }
        String expected = Arrays.stream(allowed).map(DType::name).collect(Collectors.joining(" or "));
        throw new IllegalArgumentException(name + " must be " + expected + ", but is " + tensor);
    }

    /** Checks the number of axes. */
    public static void rank(String name, Tensor tensor, int rank) {
        present(name, tensor);
        if (tensor.rank() != rank) {
            throw new IllegalArgumentException(
                    name + " must have " + rank + " axes, but has " + tensor.rank() + ": " + tensor);
        }
    }

    /** Checks the size of every axis; -1 allows any. */
    public static void shape(String name, Tensor tensor, long... expected) {
        present(name, tensor);
        boolean same = tensor.rank() == expected.length;
        for (int axis = 0; same && axis < expected.length; axis++) {
            same = expected[axis] == -1 || expected[axis] == tensor.size(axis);
        }
        if (!same) {
            String wanted = Shape.text(expected).replace("-1", "any");
            throw new IllegalArgumentException(name + " must have shape " + wanted + ", but is " + tensor);
        }
    }

    /** Checks that two tensors have the same shape. */
    public static void sameShape(String name, Tensor tensor, String otherName, Tensor other) {
        present(name, tensor);
        present(otherName, other);
        if (!Arrays.equals(tensor.shape(), other.shape())) {
            throw new IllegalArgumentException(name
                    + " must have the shape of "
                    + otherName
                    + ", "
                    + Shape.text(other.shape())
                    + ", but is "
                    + tensor);
        }
    }

    /** Checks that two tensors have the same type and shape. */
    public static void sameElements(String name, Tensor tensor, String otherName, Tensor other) {
        sameShape(name, tensor, otherName, other);
        if (tensor.dtype() != other.dtype()) {
            throw new IllegalArgumentException(
                    name + " must have the type of " + otherName + ", " + other.dtype() + ", but is " + tensor);
        }
    }

    /** Checks that the elements are packed without gaps. */
    public static void dense(String name, Tensor tensor) {
        present(name, tensor);
        if (!tensor.isDense()) {
            throw new IllegalArgumentException(name + " must be densely packed, but is " + tensor);
        }
    }

    /** Checks that a tensor's memory may be written. */
    public static void writable(String name, Tensor tensor) {
        present(name, tensor);
        if (tensor.isReadOnly()) {
            throw new IllegalArgumentException(name + " must be writable, but borrows read-only memory: " + tensor);
        }
    }

    /** Checks that two tensors share no byte. */
    public static void disjoint(String name, Tensor tensor, String otherName, Tensor other) {
        present(name, tensor);
        present(otherName, other);
        if (Overlap.between(tensor, other)) {
            throw new IllegalArgumentException(
                    name + " and " + otherName + " must not overlap, but do: " + at(tensor) + " and " + at(other));
        }
    }

    /** Checks that two tensors share no byte or are the same view, element by element: an operation in place. */
    public static void disjointOrSame(String name, Tensor tensor, String otherName, Tensor other) {
        present(name, tensor);
        present(otherName, other);
        boolean same = tensor.address() == other.address()
                && tensor.dtype() == other.dtype()
                && Arrays.equals(tensor.shape(), other.shape())
                && sameSteps(tensor, other);
        if (!same && Overlap.between(tensor, other)) {
            throw new IllegalArgumentException(name
                    + " and "
                    + otherName
                    + " must be the same view or not overlap, but overlap in part: "
                    + at(tensor)
                    + " and "
                    + at(other));
        }
    }

    /** Checks that a tensor lies where a device can reach it. */
    public static void reachable(String name, Tensor tensor, Device device) {
        present(name, tensor);
        if (!device.sharesMemoryWith(tensor.device())) {
            String place = device.onHost() ? "in the host's memory" : "on " + device;
            throw new IllegalArgumentException(
                    name + " must lie " + place + ", where the stream runs, but is " + tensor);
        }
    }

    /** Strides of axes of size 1 mean nothing. */
    private static boolean sameSteps(Tensor tensor, Tensor other) {
        for (int axis = 0; axis < tensor.rank(); axis++) {
            if (tensor.size(axis) > 1 && tensor.stride(axis) != other.stride(axis)) {
                return false;
            }
        }
        return true;
    }

    private static String at(Tensor tensor) {
        return tensor + " at 0x" + Long.toHexString(tensor.address());
    }
}
