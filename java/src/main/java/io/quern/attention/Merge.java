package io.quern.attention;

import io.quern.Arguments;
import io.quern.Check;
import io.quern.Role;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The arguments of {@link AttentionState#bindMerge}.
 *
 * @param parts (parts, ...)
 * @param whole (...); written
 */
record Merge(AttentionState parts, AttentionState whole) implements Arguments {
    Merge {
        checkFit(parts, whole);
        Forward.disjoint(parts.roles("parts", Role.Use.READ), whole.roles("whole", Role.Use.WRITTEN));
    }

    static void checkFit(AttentionState parts, AttentionState whole) {
        Check.present("parts", parts);
        Check.present("whole", whole);
        Check.dtype("whole.out", whole.out(), parts.out().dtype());
        Check.that(parts.out().rank() >= 3, "parts.out", "a tensor of three axes or more", parts.out());
        Check.that(parts.out().size(0) >= 1, "parts.out", "one part or more", parts.out());
        Check.shape("whole.out", whole.out(), parts.out().select(0, 0).shape());
        Check.that(
                whole.entropy() == null || parts.entropy() != null,
                "parts.entropy",
                "given, since the whole's is",
                parts.entropy());
    }

    Merge map(UnaryOperator<Tensor> to) {
        return new Merge(parts.map(to), whole.map(to));
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>(parts.roles("parts", Role.Use.READ));
        roles.addAll(whole.roles("whole", Role.Use.WRITTEN));
        return List.copyOf(roles);
    }

    @Override
    public long flops() {
        return 2 * parts.out().elementCount();
    }
}
