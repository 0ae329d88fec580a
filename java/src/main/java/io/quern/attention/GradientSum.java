package io.quern.attention;

import io.quern.Tensor;

/** A gradient summed in FP64 and rounded once; adding to one that nobody asked for does nothing. */
final class GradientSum {
    private final Tensor target;
    private final double[] sums;

    GradientSum(Tensor target) {
        this.target = target;
        this.sums = target == null ? null : new double[Math.toIntExact(target.elementCount())];
    }

    /** Adds at an index; an axis of size 1 serves every index. */
    void add(double value, long... index) {
        if (target != null) {
            long at = 0;
            for (int axis = 0; axis < index.length; axis++) {
                at = at * target.size(axis) + (target.size(axis) == 1 ? 0 : index[axis]);
            }
            sums[(int) at] += value;
        }
    }

    void write() {
        if (target != null) {
            target.copyFrom(sums);
        }
    }
}
