package io.quern.linear;

import io.quern.Case;
import java.util.ArrayList;
import java.util.List;

/** What must hold of the room on every device. */
public final class LinearCases {
    private LinearCases() {}

    /** {@return every case} */
    public static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        cases.addAll(GemmCases.all());
        cases.addAll(LoraCases.all());
        cases.addAll(AdaptersCases.all());
        cases.addAll(PropagatorCases.all());
        return cases;
    }
}
