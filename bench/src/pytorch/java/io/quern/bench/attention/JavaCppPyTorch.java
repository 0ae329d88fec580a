package io.quern.bench.attention;

import io.quern.DType;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.Torch;
import io.quern.bench.measure.Torch.Quickest;
import io.quern.bench.measure.Torch.Way;
import java.util.List;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * {@link PyTorch} by JavaCPP's binding, whose natives multiply with OpenBLAS. Where a computation can be written in several
 * ways the quickest of them is the peer; each must agree with ours before it is timed.
 */
public final class JavaCppPyTorch implements PyTorch {
    private final TensorOptional noMask = new TensorOptional();
    private final DoubleOptional usualScale = new DoubleOptional();
    private final BoolOptional keepsNothing = new BoolOptional();
    private final TensorArrayRefOptional allInputs = new TensorArrayRefOptional();

    @Override
    public Peer forward(
            Setting setting,
            io.quern.Tensor query,
            io.quern.Tensor keys,
            io.quern.Tensor values,
            io.quern.Tensor out,
            int threads) {
        return new Peer(
                Peer.PYTORCH,
                new Quickest(
                        false,
                        threads,
                        () -> ways(setting, Torch.borrow(query), Torch.borrow(keys), Torch.borrow(values)),
                        result -> Torch.agree("out", setting.tolerance(), out, result)));
    }

    private List<Way> ways(Setting setting, Tensor query, Tensor keys, Tensor values) {
        if (setting.queries() > 1) {
            boolean causal = setting.sight() == Setting.Sight.CAUSAL;
            Way way = () -> attention(query, keys, values, causal, false);
            return setting.dtype() == DType.FP32
                    ? List.of(way)
                    : List.of(way, () -> inFp32(query, keys, values, causal));
        }
        // Of one query in each head, the heads that share keys are as good as several queries in one.
        Tensor folded = query.view(
                setting.batches(), setting.keyHeads(), setting.heads() / setting.keyHeads(), setting.headDim());
        Way grouped = () -> ofOneQuery(setting, attention(query, keys, values, false, true));
        Way asQueries = () -> ofOneQuery(setting, attention(folded, keys, values, false, false));
        Way products = () -> ofOneQuery(setting, products(folded, keys, values, setting.headDim()));
        return setting.dtype() == DType.FP32
                ? List.of(grouped, asQueries, products)
                : List.of(grouped, asQueries, products, () -> ofOneQuery(setting, inFp32(folded, keys, values, false)));
    }

    private static Tensor ofOneQuery(Setting setting, Tensor out) {
        try (out) {
            return out.view(setting.batches(), setting.heads(), 1, setting.headDim());
        }
    }

    private Tensor attention(Tensor query, Tensor keys, Tensor values, boolean causal, boolean grouped) {
        return torch.scaled_dot_product_attention(query, keys, values, noMask, 0, causal, usualScale, grouped);
    }

    /** Between casts, where PyTorch has no quick product of a 16-bit type. */
    private Tensor inFp32(Tensor query, Tensor keys, Tensor values, boolean causal) {
        try (Tensor q = query.to(ScalarType.Float);
                Tensor k = keys.to(ScalarType.Float);
                Tensor v = values.to(ScalarType.Float);
                Tensor out = attention(q, k, v, causal, false)) {
            return out.to(query.scalar_type());
        }
    }

    private static Tensor products(Tensor query, Tensor keys, Tensor values, int headDim) {
        try (Scalar scale = new Scalar(1 / Math.sqrt(headDim));
                Tensor scaled = query.mul(scale);
                Tensor transposed = keys.transpose(2, 3);
                Tensor scores = torch.matmul(scaled, transposed);
                Tensor weights = torch.softmax(scores, 3)) {
            return torch.matmul(weights, values);
        }
    }

    @Override
    public Peer training(Setting setting, BackwardBench.Pass pass, int threads) {
        Tensor[] inputs = new Tensor[3];
        return new Peer(
                Peer.PYTORCH,
                new Quickest(
                        true,
                        threads,
                        () -> {
                            inputs[0] = differentiable(pass.query());
                            inputs[1] = differentiable(pass.keys());
                            inputs[2] = differentiable(pass.values());
                            Tensor outGradient = Torch.borrow(pass.outGradient());
                            boolean causal = setting.sight() == Setting.Sight.CAUSAL;
                            return List.of(() -> forwardAndBackward(inputs, outGradient, causal));
                        },
                        out -> {
                            Torch.agree("out", setting.tolerance(), pass.out(), out);
                            double tolerance = BackwardBench.tolerance(setting);
                            Torch.agree("queryGradient", tolerance, pass.queryGradient(), inputs[0].grad());
                            Torch.agree("keysGradient", tolerance, pass.keysGradient(), inputs[1].grad());
                            Torch.agree("valuesGradient", tolerance, pass.valuesGradient(), inputs[2].grad());
                        }));
    }

    private static Tensor differentiable(io.quern.Tensor tensor) {
        return Torch.borrow(tensor).set_requires_grad(true);
    }

    private Tensor forwardAndBackward(Tensor[] inputs, Tensor outGradient, boolean causal) {
        for (Tensor input : inputs) {
            try (Tensor gradient = input.mutable_grad()) {
                gradient.reset();
            }
        }
        Tensor out = attention(inputs[0], inputs[1], inputs[2], causal, false);
        out.backward(outGradient, keepsNothing, false, allInputs);
        return out;
    }
}
