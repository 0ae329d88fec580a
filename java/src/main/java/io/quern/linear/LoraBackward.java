package io.quern.linear;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments of {@link Lora#backward}.
 *
 * @param lora rank and scale
 * @param x (tokens, in)
 * @param weight (in, out)
 * @param a (in, rank)
 * @param b (rank, out)
 * @param projected (tokens, rank), X A as the forward pass wrote it; null: computed again
 * @param outGradient (tokens, out)
 * @param xGradient (tokens, in); written; null: not asked for
 * @param aGradient (in, rank); written; null: not asked for
 * @param bGradient (rank, out); written; null: not asked for
 */
public record LoraBackward(
        Lora lora,
        Tensor x,
        Tensor weight,
        Tensor a,
        Tensor b,
        Tensor projected,
        Tensor outGradient,
        Tensor xGradient,
        Tensor aGradient,
        Tensor bGradient)
        implements Arguments {
    /** Checks types, shapes and overlap. */
    public LoraBackward {
        Check.present("lora", lora);
        LoraForward.checkLayer(lora, x, weight, a, b);
        Check.dtype("outGradient", outGradient, x.dtype());
        Check.shape("outGradient", outGradient, x.size(0), weight.size(1));
        if (projected != null) {
            Check.dtype("projected", projected, x.dtype());
            Check.shape("projected", projected, x.size(0), lora.rank());
        }
        Check.that(
                xGradient != null || aGradient != null || bGradient != null,
                "xGradient, aGradient or bGradient",
                "asked for",
                "missing");
        Tensor[] read = {x, weight, a, b, projected, outGradient};
        String[] names = {"x", "weight", "a", "b", "projected", "outGradient"};
        checkGradient("xGradient", xGradient, "x", x, names, read);
        checkGradient("aGradient", aGradient, "a", a, names, read);
        checkGradient("bGradient", bGradient, "b", b, names, read);
        checkApart("xGradient", xGradient, "aGradient", aGradient);
        checkApart("xGradient", xGradient, "bGradient", bGradient);
        checkApart("aGradient", aGradient, "bGradient", bGradient);
    }

    private static void checkGradient(
            String name, Tensor gradient, String ofName, Tensor of, String[] readNames, Tensor[] read) {
        if (gradient == null) {
            return;
        }
        Check.sameElements(name, gradient, ofName, of);
        Check.writable(name, gradient);
        for (int i = 0; i < read.length; i++) {
            checkApart(name, gradient, readNames[i], read[i]);
        }
    }

    private static void checkApart(String name, Tensor tensor, String otherName, Tensor other) {
        if (tensor != null && other != null) {
            Check.disjoint(name, tensor, otherName, other);
        }
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>(
                List.of(Role.read("x", x), Role.read("weight", weight), Role.read("a", a), Role.read("b", b)));
        if (projected != null) {
            roles.add(Role.read("projected", projected));
        }
        roles.add(Role.read("outGradient", outGradient));
        if (xGradient != null) {
            roles.add(Role.written("xGradient", xGradient));
        }
        if (aGradient != null) {
            roles.add(Role.written("aGradient", aGradient));
        }
        if (bGradient != null) {
            roles.add(Role.written("bGradient", bGradient));
        }
        return roles;
    }

    /** Whether X A has to be computed. */
    boolean projects() {
        return bGradient != null && projected == null;
    }

    /** Whether dY B^T has to be. */
    boolean projectsGradient() {
        return xGradient != null || aGradient != null;
    }

    @Override
    public long flops() {
        long in = weight.size(0);
        long out = weight.size(1);
        long rank = lora.rank();
        long ofToken = (projectsGradient() ? rank * out : 0)
                + (xGradient != null ? in * out + rank * in : 0)
                + (aGradient != null ? rank * in : 0)
                + (projects() ? rank * in : 0)
                + (bGradient != null ? rank * out : 0);
        return 2 * x.size(0) * ofToken;
    }

    /** Names the tensors of a backward pass. */
    public static final class Roles extends LoraRoles<Roles> {
        private Tensor outGradient;
        private Tensor xGradient;
        private Tensor aGradient;
        private Tensor bGradient;

        Roles(Lora lora) {
            super(lora);
        }

        @Override
        Roles self() {
            return this;
        }

        /** (tokens, out), the gradient with respect to out. */
        public Roles outGradient(Tensor tensor) {
            outGradient = tensor;
            return this;
        }

        /** (tokens, in), optional; written. */
        public Roles xGradient(Tensor tensor) {
            xGradient = tensor;
            return this;
        }

        /** (in, rank), optional; written. */
        public Roles aGradient(Tensor tensor) {
            aGradient = tensor;
            return this;
        }

        /** (rank, out), optional; written. */
        public Roles bGradient(Tensor tensor) {
            bGradient = tensor;
            return this;
        }

        @Override
        public BoundCall bind(Stream stream) {
            return Lora.BACKWARD.bind(
                    new LoraBackward(lora, x, weight, a, b, projected, outGradient, xGradient, aGradient, bGradient),
                    stream);
        }
    }
}
