package io.quern.attention;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The arguments of {@link Attention#forward}.
 *
 * @param inputs what is read
 * @param out (batch, heads, queries, valueDim), of the type of query; written
 * @param statistics what else is written
 */
public record Forward(Inputs inputs, Tensor out, Statistics statistics) implements Arguments {
    /** Checks everything but the device. */
    public Forward {
        Check.present("inputs", inputs);
        Check.present("statistics", statistics);
        Tensor query = inputs.query();
        Check.dtype("out", out, query.dtype());
        Check.shape(
                "out",
                out,
                query.size(0),
                query.size(1),
                query.size(2),
                inputs.attention().valueDim());
        Check.writable("out", out);
        statistics.check(inputs);
        disjoint(inputs.roles(), written(out, statistics));
    }

    private static List<Role> written(Tensor out, Statistics statistics) {
        List<Role> written = new ArrayList<>();
        written.add(Role.written("out", out));
        written.addAll(statistics.roles());
        return written;
    }

    /** Checks that nothing which is written overlaps anything else. */
    static void disjoint(List<Role> read, List<Role> written) {
        for (int w = 0; w < written.size(); w++) {
            Role output = written.get(w);
            for (Role input : read) {
                Check.disjoint(output.name(), output.tensor(), input.name(), input.tensor());
            }
            for (Role other : written.subList(0, w)) {
                Check.disjoint(output.name(), output.tensor(), other.name(), other.tensor());
            }
        }
    }

    Forward map(UnaryOperator<Tensor> to) {
        return new Forward(inputs.map(to), to.apply(out), statistics.map(to));
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = inputs.roles();
        roles.addAll(written(out, statistics));
        return List.copyOf(roles);
    }

    /** {@inheritDoc} Both products over the pairs that the band leaves; lengths and masks are not known here. */
    @Override
    public long flops() {
        return 2
                * inputs.pairs()
                * (inputs.attention().headDim() + inputs.attention().valueDim());
    }

    /** Takes the tensors of a forward pass by name. {@code out} must be named too. */
    public static final class Roles extends InputRoles<Roles> {
        private Tensor out;
        private Tensor logSumExp;
        private Tensor maxLogit;
        private Tensor entropy;
        private Tensor effectiveCount;

        Roles(Attention attention) {
            super(attention);
        }

        @Override
        Roles self() {
            return this;
        }

        /** The output, (batch, heads, queries, valueDim), written. */
        public Roles out(Tensor out) {
            this.out = out;
            return this;
        }

        /** Natural logarithm of the denominator, (batch, heads, queries), written. */
        public Roles logSumExp(Tensor logSumExp) {
            this.logSumExp = logSumExp;
            return this;
        }

        /** The largest score of a key, (batch, heads, queries), written. */
        public Roles maxLogit(Tensor maxLogit) {
            this.maxLogit = maxLogit;
            return this;
        }

        /** Entropy of the weights in nats, (batch, heads, queries), written. */
        public Roles entropy(Tensor entropy) {
            this.entropy = entropy;
            return this;
        }

        /** 1 / sum p^2, (batch, heads, queries), written. */
        public Roles effectiveCount(Tensor effectiveCount) {
            this.effectiveCount = effectiveCount;
            return this;
        }

        @Override
        public BoundCall bind(Stream stream) {
            return Attention.FORWARD.bind(arguments(), stream);
        }

        /** {@return the arguments, checked} */
        public Forward arguments() {
            return new Forward(inputs(), out, new Statistics(logSumExp, maxLogit, entropy, effectiveCount));
        }
    }
}
