package io.quern.attention;

import io.quern.Arguments;
import io.quern.Check;
import io.quern.Role;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The arguments of {@link AttentionState#bindMergeBackward}.
 *
 * @param parts as they were merged
 * @param whole what that gave
 * @param wholeGradient as whole
 * @param partsGradient as parts; written
 */
record MergeBackward(
        AttentionState parts, AttentionState whole, AttentionState wholeGradient, AttentionState partsGradient)
        implements Arguments {
    MergeBackward {
        Merge.checkFit(parts, whole);
        whole.checkAlike("wholeGradient", wholeGradient);
        parts.checkAlike("partsGradient", partsGradient);
        Check.that(
                (whole.entropy() == null) == (parts.entropy() == null),
                "parts.entropy",
                "given exactly where the whole's is",
                parts.entropy());
        Forward.disjoint(read(parts, whole, wholeGradient), partsGradient.roles("partsGradient", Role.Use.WRITTEN));
    }

    private static List<Role> read(AttentionState parts, AttentionState whole, AttentionState wholeGradient) {
        List<Role> read = new ArrayList<>(parts.roles("parts", Role.Use.READ));
        read.addAll(whole.roles("whole", Role.Use.READ));
        read.addAll(wholeGradient.roles("wholeGradient", Role.Use.READ));
        return read;
    }

    MergeBackward map(UnaryOperator<Tensor> to) {
        return new MergeBackward(parts.map(to), whole.map(to), wholeGradient.map(to), partsGradient.map(to));
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = read(parts, whole, wholeGradient);
        roles.addAll(partsGradient.roles("partsGradient", Role.Use.WRITTEN));
        return List.copyOf(roles);
    }

    @Override
    public long flops() {
        return 4 * parts.out().elementCount();
    }
}
