package io.quern.attention;

import io.quern.Check;
import io.quern.Role;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What a forward pass can tell of each row beside its output, (batch, heads, queries), FP64 for FP64 and FP32 for all other
 * types; each null where nobody asks.
 *
 * @param logSumExp natural; written
 * @param maxLogit the largest score of a key; written
 * @param entropy in nats; written
 * @param effectiveCount 1 / sum p^2; written
 */
public record Statistics(Tensor logSumExp, Tensor maxLogit, Tensor entropy, Tensor effectiveCount) {
    void check(Inputs inputs) {
        for (Role role : roles()) {
            Check.dtype(role.name(), role.tensor(), inputs.query().dtype().accumulator());
            Check.shape(
                    role.name(),
                    role.tensor(),
                    inputs.query().size(0),
                    inputs.heads(),
                    inputs.query().size(2));
        }
    }

    Statistics map(UnaryOperator<Tensor> to) {
        return new Statistics(to.apply(logSumExp), to.apply(maxLogit), to.apply(entropy), to.apply(effectiveCount));
    }

    List<Role> roles() {
        List<Role> roles = new ArrayList<>();
        add(roles, "logSumExp", logSumExp);
        add(roles, "maxLogit", maxLogit);
        add(roles, "entropy", entropy);
        add(roles, "effectiveCount", effectiveCount);
        return roles;
    }

    static void add(List<Role> roles, String name, Tensor tensor) {
        if (tensor != null) {
            roles.add(Role.written(name, tensor));
        }
    }
}
