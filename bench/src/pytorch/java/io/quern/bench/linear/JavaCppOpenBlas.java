package io.quern.bench.linear;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.Peer;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas_nolapack;

/** {@link OpenBlas} as JavaCPP brings it, called without its binding: a call then costs next to nothing. */
public final class JavaCppOpenBlas implements OpenBlas {
    private static final int ROW_MAJOR = 101;
    private static final int NOT_TRANSPOSED = 111;
    private static final String CACHE = "org.bytedeco.javacpp.cachedir";

    static {
        // As for PyTorch: into the user's home folder if nobody says where.
        String home = System.getProperty("io.quern.home");
        if (home != null && System.getProperty(CACHE) == null) {
            System.setProperty(CACHE, Path.of(home, "bench/target/javacpp").toString());
        }
        Loader.load(openblas_nolapack.class);
    }

    private static final MethodHandle SET_THREADS =
            function("openblas_set_num_threads", FunctionDescriptor.ofVoid(JAVA_INT));
    private static final MethodHandle SGEMM = gemm("cblas_sgemm", JAVA_FLOAT);
    private static final MethodHandle DGEMM = gemm("cblas_dgemm", JAVA_DOUBLE);

    @Override
    public Peer product(Tensor a, Tensor b, Tensor c, Tensor theirs, int threads) {
        int m = Math.toIntExact(c.size(0));
        int n = Math.toIntExact(c.size(1));
        int k = Math.toIntExact(a.size(1));
        boolean[] agrees = new boolean[1];
        return new Peer(Peer.OPENBLAS, () -> {
            if (!agrees[0]) {
                call(() -> {
                    SET_THREADS.invokeExact(threads);
                });
            }
            if (c.dtype() == DType.FP64) {
                call(() -> {
                    DGEMM.invokeExact(
                            ROW_MAJOR,
                            NOT_TRANSPOSED,
                            NOT_TRANSPOSED,
                            m,
                            n,
                            k,
                            1.0,
                            a.address(),
                            k,
                            b.address(),
                            n,
                            0.0,
                            theirs.address(),
                            n);
                });
            } else {
                call(() -> {
                    SGEMM.invokeExact(
                            ROW_MAJOR,
                            NOT_TRANSPOSED,
                            NOT_TRANSPOSED,
                            m,
                            n,
                            k,
                            1f,
                            a.address(),
                            k,
                            b.address(),
                            n,
                            0f,
                            theirs.address(),
                            n);
                });
            }
            if (!agrees[0]) {
                Agreement.within(Peer.OPENBLAS, c, theirs, 2 * LinearBench.tolerance(c.dtype())); // each may be off
                agrees[0] = true;
            }
        });
    }

    private interface Call {
        void run() throws Throwable;
    }

    private static void call(Call call) {
        try {
            call.run();
        } catch (Throwable impossible) {
            throw new AssertionError("a C function cannot throw", impossible);
        }
    }

    private static MethodHandle gemm(String name, ValueLayout number) {
        return function(
                name,
                FunctionDescriptor.ofVoid(
                        JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, number, JAVA_LONG, JAVA_INT,
                        JAVA_LONG, JAVA_INT, number, JAVA_LONG, JAVA_INT));
    }

    private static MethodHandle function(String name, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(SymbolLookup.loaderLookup().findOrThrow(name), descriptor);
    }
}
