package io.quern.linear;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments of {@link Lora#forward}.
 *
 * @param lora rank and scale
 * @param x (tokens, in)
 * @param weight (in, out)
 * @param a (in, rank)
 * @param b (rank, out)
 * @param projected (tokens, rank), written with X A for the backward pass; or null
 * @param out (tokens, out); written
 */
public record LoraForward(Lora lora, Tensor x, Tensor weight, Tensor a, Tensor b, Tensor projected, Tensor out)
        implements Arguments {
    /** Checks types, shapes and overlap. */
    public LoraForward {
        Check.present("lora", lora);
        checkLayer(lora, x, weight, a, b);
        Check.dtype("out", out, x.dtype());
        Check.shape("out", out, x.size(0), weight.size(1));
        checkWritten("out", out, x, weight, a, b);
        if (projected != null) {
            Check.dtype("projected", projected, x.dtype());
            Check.shape("projected", projected, x.size(0), lora.rank());
            checkWritten("projected", projected, x, weight, a, b);
            Check.disjoint("out", out, "projected", projected);
        }
    }

    /** Types and shapes of what both passes read. */
    static void checkLayer(Lora lora, Tensor x, Tensor weight, Tensor a, Tensor b) {
        Check.dtype("x", x, FP64, FP32, FP16, BF16);
        Check.rank("x", x, 2);
        Check.dtype("weight", weight, x.dtype());
        Check.shape("weight", weight, x.size(1), -1);
        checkFactors(lora, weight, a, b);
    }

    static void checkFactors(Lora lora, Tensor weight, Tensor a, Tensor b) {
        Check.dtype("weight", weight, FP64, FP32, FP16, BF16);
        Check.rank("weight", weight, 2);
        Check.dtype("a", a, weight.dtype());
        Check.shape("a", a, weight.size(0), lora.rank());
        Check.dtype("b", b, weight.dtype());
        Check.shape("b", b, lora.rank(), weight.size(1));
    }

    /** What is written overlaps nothing that is read. */
    static void checkWritten(String name, Tensor written, Tensor x, Tensor weight, Tensor a, Tensor b) {
        Check.writable(name, written);
        Check.disjoint(name, written, "x", x);
        Check.disjoint(name, written, "weight", weight);
        Check.disjoint(name, written, "a", a);
        Check.disjoint(name, written, "b", b);
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>(
                List.of(Role.read("x", x), Role.read("weight", weight), Role.read("a", a), Role.read("b", b)));
        if (projected != null) {
            roles.add(Role.written("projected", projected));
        }
        roles.add(Role.written("out", out));
        return roles;
    }

    @Override
    public long flops() {
        long in = weight.size(0);
        long columns = weight.size(1);
        return 2 * x.size(0) * (in * columns + lora.rank() * (in + columns));
    }

    /** Names the tensors of a forward pass. */
    public static final class Roles extends LoraRoles<Roles> {
        private Tensor out;

        Roles(Lora lora) {
            super(lora);
        }

        @Override
        Roles self() {
            return this;
        }

        /** (tokens, out); written. */
        public Roles out(Tensor tensor) {
            out = tensor;
            return this;
        }

        @Override
        public BoundCall bind(Stream stream) {
            return Lora.FORWARD.bind(new LoraForward(lora, x, weight, a, b, projected, out), stream);
        }
    }
}
