package io.quern.bench.attention;

import io.quern.DType;
import io.quern.bench.measure.Disagreement;
import io.quern.bench.measure.Peer;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * {@link PyTorch} by JavaCPP's binding, whose natives multiply with OpenBLAS. Where a computation can be written in several
 * ways the quickest of them is the peer; each must agree with ours before it is timed.
 */
public final class JavaCppPyTorch implements PyTorch {
    /** Calls of a way before one is chosen: the first warms it up, the shortest of the others counts. */
    private static final int TRIALS = 4;

    /** Each of two results may be off by the tolerance. */
    private static final double BOTH = 2;

    private static final String CACHE = "org.bytedeco.javacpp.cachedir";

    static {
        // JavaCPP unpacks a third of a gigabyte, into the user's home folder if nobody says where.
        String home = System.getProperty("io.quern.home");
        if (home != null && System.getProperty(CACHE) == null) {
            System.setProperty(CACHE, Path.of(home, "bench/target/javacpp").toString());
        }
    }

    private final TensorOptional noMask = new TensorOptional();
    private final DoubleOptional usualScale = new DoubleOptional();
    private final BoolOptional keepsNothing = new BoolOptional();
    private final TensorArrayRefOptional allInputs = new TensorArrayRefOptional();

    /** A way to compute something; the result is the caller's to close. */
    private interface Way {
        Tensor run();
    }

    /** Compares a result of a way with ours. */
    private interface Comparison {
        void with(Tensor result);
    }

    /** What is timed, chosen when it is first run. */
    private static final class Quickest implements Runnable {
        private final boolean gradients;
        private final int threads;
        private final Supplier<List<Way>> ways;
        private final Comparison comparison;
        private Way chosen;

        Quickest(boolean gradients, int threads, Supplier<List<Way>> ways, Comparison comparison) {
            this.gradients = gradients;
            this.threads = threads;
            this.ways = ways;
            this.comparison = comparison;
        }

        @Override
        public void run() {
            if (chosen == null) {
                choose();
            }
            try (AutoGradMode _ = new AutoGradMode(gradients)) {
                chosen.run().close();
            }
        }

        /** Threads are PyTorch's, which runs several products at a time, or those of a product itself. */
        private void choose() {
            torch.set_num_threads(threads);
            int quickestBlas = 1;
            long least = Long.MAX_VALUE;
            for (Way way : ways.get()) {
                for (int blas = 1; blas <= threads; blas += Math.max(1, threads - 1)) {
                    blasThreads(blas);
                    long nanos = trial(way);
                    if (nanos < least) {
                        least = nanos;
                        chosen = way;
                        quickestBlas = blas;
                    }
                }
            }
            blasThreads(quickestBlas);
        }

        private long trial(Way way) {
            long least = Long.MAX_VALUE;
            try (AutoGradMode _ = new AutoGradMode(gradients)) {
                try (Tensor result = way.run()) {
                    comparison.with(result);
                }
                for (int i = 1; i < TRIALS; i++) {
                    long start = System.nanoTime();
                    way.run().close();
                    least = Math.min(least, System.nanoTime() - start);
                }
            }
            return least;
        }
    }

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
                        () -> ways(setting, borrow(query), borrow(keys), borrow(values)),
                        result -> agree("out", setting.tolerance(), out, result)));
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
                            Tensor outGradient = borrow(pass.outGradient());
                            boolean causal = setting.sight() == Setting.Sight.CAUSAL;
                            return List.of(() -> forwardAndBackward(inputs, outGradient, causal));
                        },
                        out -> {
                            agree("out", setting.tolerance(), pass.out(), out);
                            double tolerance = BackwardBench.tolerance(setting);
                            agree("queryGradient", tolerance, pass.queryGradient(), inputs[0].grad());
                            agree("keysGradient", tolerance, pass.keysGradient(), inputs[1].grad());
                            agree("valuesGradient", tolerance, pass.valuesGradient(), inputs[2].grad());
                        }));
    }

    private static Tensor differentiable(io.quern.Tensor tensor) {
        return borrow(tensor).set_requires_grad(true);
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

    private static Tensor borrow(io.quern.Tensor tensor) {
        TensorOptions type = new TensorOptions(
                switch (tensor.dtype()) {
                    case FP32 -> ScalarType.Float;
                    case FP16 -> ScalarType.Half;
                    case BF16 -> ScalarType.BFloat16;
                    default -> throw new IllegalArgumentException("no peer in " + tensor.dtype());
                });
        return torch.from_blob(new Memory(tensor.address()), tensor.shape(), type);
    }

    /** Of which the caller answers for the length, and for keeping it. */
    private static final class Memory extends Pointer {
        Memory(long address) {
            super((Pointer) null);
            this.address = address;
        }
    }

    /** Relative in the L2 norm, by PyTorch. */
    private static void agree(String what, double tolerance, io.quern.Tensor ours, Tensor theirs) {
        Tensor expected = borrow(ours).to(ScalarType.Double);
        double error = expected.sub(theirs.to(ScalarType.Double)).norm().item_double();
        double relative = error / expected.norm().item_double();
        if (!(relative <= BOTH * tolerance)) {
            throw new Disagreement(Peer.PYTORCH + ", " + what + ": relative error " + relative
                    + " between its result and ours in the L2 norm, " + BOTH * tolerance + " allowed");
        }
    }

    private static void blasThreads(int count) {
        try {
            Blas.SET_THREADS.invokeExact(count);
        } catch (Throwable impossible) {
            throw new AssertionError("a C function cannot throw", impossible);
        }
    }

    /** Of the library that PyTorch's natives have brought with them: it is looked for once they are there. */
    private static final class Blas {
        static final MethodHandle SET_THREADS = Linker.nativeLinker()
                .downcallHandle(
                        SymbolLookup.loaderLookup().findOrThrow("openblas_set_num_threads"),
                        FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT));
    }
}
