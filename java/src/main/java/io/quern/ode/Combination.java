package io.quern.ode;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A weighted sum of stages in the order in which every device adds it up:
 *
 * <pre>
 *   sum_i b_i k_i  =  scale s,   s = g_0 + r_1 g_1 + r_2 g_2 ...,   r_1 g_1 + ... by fma
 * </pre>
 *
 * where a group g is the plain sum of the stages that have the same weight, the first group's weight is {@code scale}, and
 * r is the weight of a group over it. Weights of zero are left out. So a sum of n different weights and the addition to the
 * state cost n fma, and what is added to the state is rounded once at the state's size.
 *
 * @param scale the first weight
 * @param groups stages of the same weight, in order of the first of each
 */
record Combination(double scale, List<Group> groups) {
    /**
     * Stages of the same weight.
     *
     * @param ratio the weight over that of the first group, which has 1
     * @param stages from 0, ascending
     */
    record Group(double ratio, List<Integer> stages) {}

    static Combination of(double[] weights) {
        Map<Double, List<Integer>> byWeight = new LinkedHashMap<>();
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] != 0) {
                byWeight.computeIfAbsent(weights[i], _ -> new ArrayList<>()).add(i);
            }
        }
        double scale = byWeight.keySet().iterator().next();
        List<Group> groups = new ArrayList<>();
        byWeight.forEach((weight, stages) -> groups.add(new Group(weight / scale, List.copyOf(stages))));
        return new Combination(scale, List.copyOf(groups));
    }
}
