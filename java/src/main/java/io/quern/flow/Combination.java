package io.quern.flow;

import io.quern.Arguments;
import io.quern.Check;
import io.quern.DType;
import io.quern.KernelSet;
import io.quern.Launch;
import io.quern.Role;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * A linear combination of densely packed tensors, as a step of a solver is: {@code out = f_0 x_0 + f_1 x_1 + ...}, a product and then an
 * fma for each further term in their order, factors rounded to the type. It has the same bits on every device.
 *
 * @param terms 1 to {@link #MOST}, of one type and shape
 * @param factors as many
 * @param out of that type and shape, written; one of the terms, or apart from all
 */
record Combination(List<Tensor> terms, double[] factors, Tensor out) implements Arguments {
    static final KernelSet<Combination> KERNELS =
            new KernelSet<>("flow_combine", Combination::onHost, Combination::onHost, FlowCuda.COMBINE);

    /** Dormand-Prince has a state and six slopes. */
    static final int MOST = 8;

    Combination {
        terms = List.copyOf(terms);
        Check.range("the number of terms", terms.size(), 1, MOST);
        Check.range("the number of factors", factors.length, terms.size(), terms.size());
        Check.dtype("out", out, DType.FP64, DType.FP32);
        Check.dense("out", out);
        for (Tensor term : terms) {
            Check.sameElements("a term", term, "out", out);
            Check.dense("a term", term);
            Check.disjointOrSame("out", out, "a term", term);
        }
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>();
        terms.forEach(term -> roles.add(Role.read("a term", term)));
        roles.add(Role.written("out", out));
        return List.copyOf(roles);
    }

    @Override
    public long flops() {
        return (2L * terms.size() - 1) * out.elementCount();
    }

    /** Of a step's time this is a part in a thousand: two vectors at a time, whatever the device. */
    private static Launch onHost(Combination a, io.quern.Stream stream, io.quern.Workspace workspace) {
        RadialPanels panels = a.out.dtype() == DType.FP64 ? RadialPanels.FP64 : RadialPanels.FP32;
        long[] from =
                a.terms.stream().mapToLong(term -> term.segment().address()).toArray();
        long to = a.out.segment().address();
        double[] factors = a.factors.clone();
        int length = Math.toIntExact(a.out.elementCount());
        return () -> panels.combineVectors(length, from, factors, to);
    }
}
