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
 * The arguments of {@link Attention#backward}. For a loss L with gradients dO, dLSE and dH by output, logSumExp and entropy:
 *
 * <pre>{@code
 * dP_ij = keep_ij dO_i . v_j                    D_i = sum_j p_ij dP_ij
 * dS_ij = p_ij (dP_ij - D_i + dLSE_i + dH_i (LSE_i - H_i - s_ij))
 * dV_j  = sum_i keep_ij p_ij dO_i               dSink = the same as dS, of the sink's p and s, with dP = 0
 * dQ_i  = sum_j x'_ij dS_ij k_j                 dK_j = sum_i x'_ij dS_ij q_i
 * }</pre>
 *
 * with x' the derivative of the score by the dot product. Sums are in a fixed order: the same bits every time. Gradients are
 * overwritten, 0 where nothing reaches.
 *
 * @param inputs those of the forward pass
 * @param saved what that wrote
 * @param incoming the gradients of the loss by what it wrote
 * @param gradients of the loss by its inputs; written
 */
public record Backward(Inputs inputs, Saved saved, Incoming incoming, Gradients gradients) implements Arguments {
    /**
     * What the forward pass wrote, with shapes and types as there.
     *
     * @param out the output
     * @param logSumExp of each row
     * @param entropy of each row; null where entropyGradient is
     */
    public record Saved(Tensor out, Tensor logSumExp, Tensor entropy) {}

    /**
     * The gradients of the loss by what the forward pass wrote.
     *
     * @param outGradient of the type and shape of out
     * @param logSumExpGradient of the type and shape of logSumExp; null for 0
     * @param entropyGradient of the type and shape of logSumExp; null for 0
     */
    public record Incoming(Tensor outGradient, Tensor logSumExpGradient, Tensor entropyGradient) {}

    /**
     * Each of the type and shape of what it is the gradient by; those after the third null where nobody asks.
     *
     * @param queryGradient written
     * @param keysGradient written
     * @param valuesGradient written
     * @param biasGradient written
     * @param keyBiasGradient written
     * @param sinksGradient written
     */
    public record Gradients(
            Tensor queryGradient,
            Tensor keysGradient,
            Tensor valuesGradient,
            Tensor biasGradient,
            Tensor keyBiasGradient,
            Tensor sinksGradient) {}

    /** Checks everything but the device. */
    public Backward {
        Check.present("inputs", inputs);
        Check.present("saved", saved);
        Check.present("incoming", incoming);
        Check.present("gradients", gradients);
        Tensor query = inputs.query();
        Check.dtype("out", saved.out, query.dtype());
        Check.shape(
                "out",
                saved.out,
                query.size(0),
                query.size(1),
                query.size(2),
                inputs.attention().valueDim());
        Check.sameElements("outGradient", incoming.outGradient, "out", saved.out);
        Check.dtype("logSumExp", saved.logSumExp, query.dtype().accumulator());
        Check.shape("logSumExp", saved.logSumExp, query.size(0), query.size(1), query.size(2));
        like("logSumExpGradient", incoming.logSumExpGradient, "logSumExp", saved.logSumExp);
        like("entropyGradient", incoming.entropyGradient, "logSumExp", saved.logSumExp);
        if (incoming.entropyGradient != null) {
            Check.present("entropy", saved.entropy);
        }
        like("entropy", saved.entropy, "logSumExp", saved.logSumExp);
        Check.sameElements("queryGradient", gradients.queryGradient, "query", query);
        Check.sameElements("keysGradient", gradients.keysGradient, "keys", inputs.keys());
        Check.sameElements("valuesGradient", gradients.valuesGradient, "values", inputs.values());
        like("biasGradient", gradients.biasGradient, "bias", inputs.bias());
        like("keyBiasGradient", gradients.keyBiasGradient, "keyBias", inputs.keyBias());
        like("sinksGradient", gradients.sinksGradient, "sinks", inputs.sinks());
        Forward.disjoint(read(inputs, saved, incoming), written(gradients));
    }

    private static void like(String name, Tensor tensor, String otherName, Tensor other) {
        if (tensor != null) {
            Check.sameElements(name, tensor, otherName, other);
        }
    }

    private static List<Role> read(Inputs inputs, Saved saved, Incoming incoming) {
        List<Role> roles = inputs.roles();
        Inputs.add(roles, "out", saved.out);
        Inputs.add(roles, "logSumExp", saved.logSumExp);
        Inputs.add(roles, "entropy", saved.entropy);
        Inputs.add(roles, "outGradient", incoming.outGradient);
        Inputs.add(roles, "logSumExpGradient", incoming.logSumExpGradient);
        Inputs.add(roles, "entropyGradient", incoming.entropyGradient);
        return roles;
    }

    private static List<Role> written(Gradients gradients) {
        List<Role> roles = new ArrayList<>();
        Statistics.add(roles, "queryGradient", gradients.queryGradient);
        Statistics.add(roles, "keysGradient", gradients.keysGradient);
        Statistics.add(roles, "valuesGradient", gradients.valuesGradient);
        Statistics.add(roles, "biasGradient", gradients.biasGradient);
        Statistics.add(roles, "keyBiasGradient", gradients.keyBiasGradient);
        Statistics.add(roles, "sinksGradient", gradients.sinksGradient);
        return roles;
    }

    Backward map(UnaryOperator<Tensor> to) {
        return new Backward(
                inputs.map(to),
                new Saved(to.apply(saved.out), to.apply(saved.logSumExp), to.apply(saved.entropy)),
                new Incoming(
                        to.apply(incoming.outGradient),
                        to.apply(incoming.logSumExpGradient),
                        to.apply(incoming.entropyGradient)),
                new Gradients(
                        to.apply(gradients.queryGradient),
                        to.apply(gradients.keysGradient),
                        to.apply(gradients.valuesGradient),
                        to.apply(gradients.biasGradient),
                        to.apply(gradients.keyBiasGradient),
                        to.apply(gradients.sinksGradient)));
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = read(inputs, saved, incoming);
        roles.addAll(written(gradients));
        return List.copyOf(roles);
    }

    /** {@inheritDoc} Five products over the pairs that the band leaves: scores again, dP, dV, dQ and dK. */
    @Override
    public long flops() {
        return 2
                * inputs.pairs()
                * (3L * inputs.attention().headDim() + 2L * inputs.attention().valueDim());
    }

    /** Takes the tensors of a backward pass by name. */
    public static final class Roles extends InputRoles<Roles> {
        private Tensor out;
        private Tensor logSumExp;
        private Tensor entropy;
        private Tensor outGradient;
        private Tensor logSumExpGradient;
        private Tensor entropyGradient;
        private Tensor queryGradient;
        private Tensor keysGradient;
        private Tensor valuesGradient;
        private Tensor biasGradient;
        private Tensor keyBiasGradient;
        private Tensor sinksGradient;

        Roles(Attention attention) {
            super(attention);
        }

        @Override
        Roles self() {
            return this;
        }

        /** The forward pass's output. */
        public Roles out(Tensor out) {
            this.out = out;
            return this;
        }

        /** The forward pass's logSumExp. */
        public Roles logSumExp(Tensor logSumExp) {
            this.logSumExp = logSumExp;
            return this;
        }

        /** The forward pass's entropy; needed where the loss has a gradient by it. */
        public Roles entropy(Tensor entropy) {
            this.entropy = entropy;
            return this;
        }

        /** The loss's gradient by the output. */
        public Roles outGradient(Tensor outGradient) {
            this.outGradient = outGradient;
            return this;
        }

        /** The loss's gradient by logSumExp, 0 if not named. */
        public Roles logSumExpGradient(Tensor logSumExpGradient) {
            this.logSumExpGradient = logSumExpGradient;
            return this;
        }

        /** The loss's gradient by the entropy, 0 if not named. */
        public Roles entropyGradient(Tensor entropyGradient) {
            this.entropyGradient = entropyGradient;
            return this;
        }

        /** The gradient by query, written. */
        public Roles queryGradient(Tensor queryGradient) {
            this.queryGradient = queryGradient;
            return this;
        }

        /** The gradient by keys, written. */
        public Roles keysGradient(Tensor keysGradient) {
            this.keysGradient = keysGradient;
            return this;
        }

        /** The gradient by values, written. */
        public Roles valuesGradient(Tensor valuesGradient) {
            this.valuesGradient = valuesGradient;
            return this;
        }

        /** The gradient by bias, written; need not be named. */
        public Roles biasGradient(Tensor biasGradient) {
            this.biasGradient = biasGradient;
            return this;
        }

        /** The gradient by keyBias, written; need not be named. */
        public Roles keyBiasGradient(Tensor keyBiasGradient) {
            this.keyBiasGradient = keyBiasGradient;
            return this;
        }

        /** The gradient by sinks, written; need not be named. */
        public Roles sinksGradient(Tensor sinksGradient) {
            this.sinksGradient = sinksGradient;
            return this;
        }

        @Override
        public BoundCall bind(Stream stream) {
            return Attention.BACKWARD.bind(arguments(), stream);
        }

        /** {@return the arguments, checked} */
        public Backward arguments() {
            return new Backward(
                    inputs(),
                    new Saved(out, logSumExp, entropy),
                    new Incoming(outGradient, logSumExpGradient, entropyGradient),
                    new Gradients(
                            queryGradient, keysGradient, valuesGradient, biasGradient, keyBiasGradient, sinksGradient));
        }
    }
}
