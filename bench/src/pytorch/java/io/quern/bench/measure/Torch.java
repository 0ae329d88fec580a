package io.quern.bench.measure;

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
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * PyTorch by JavaCPP's binding, whose natives multiply with OpenBLAS. Where a computation can be written in several ways the
 * quickest of them is the peer; each must agree with ours before it is timed.
 */
public final class Torch {
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

    private Torch() {}

    /** A way to compute something; the result is the caller's to close. */
    public interface Way {
        /** {@return the result} */
        Tensor run();
    }

    /** Compares a result of a way with ours. */
    public interface Comparison {
        /** @throws Disagreement if it is another */
        void with(Tensor result);
    }

    /** What is timed, chosen when it is first run. */
    public static final class Quickest implements Runnable {
        private final boolean gradients;
        private final int threads;
        private final Supplier<List<Way>> ways;
        private final Comparison comparison;
        private Way chosen;

        /** Of some ways, known when they are first needed. */
        public Quickest(boolean gradients, int threads, Supplier<List<Way>> ways, Comparison comparison) {
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

    /** {@return a tensor of ours as one of PyTorch's, over the same memory} */
    public static Tensor borrow(io.quern.Tensor tensor) {
        TensorOptions type = new TensorOptions(
                switch (tensor.dtype()) {
                    case FP64 -> ScalarType.Double;
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
    public static void agree(String what, double tolerance, io.quern.Tensor ours, Tensor theirs) {
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
