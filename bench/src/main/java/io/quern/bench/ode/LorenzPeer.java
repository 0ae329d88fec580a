package io.quern.bench.ode;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.StreamPeer;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Lorenz trajectories by the loops of {@code ode.c}, from the same states as ours, to an output of their own. */
final class LorenzPeer {
    /** What the report calls RK4. */
    static final String FIXED = "C RK4 loop";

    /** What the report calls Dormand-Prince. */
    static final String ADAPTIVE = "C lane refill";

    private static final MemoryLayout POINTER = ValueLayout.JAVA_LONG; // addresses, of memory that the workload keeps
    private static final MemoryLayout LONG = ValueLayout.JAVA_LONG;
    private static final MemoryLayout INT = ValueLayout.JAVA_INT;

    private LorenzPeer() {}

    /** {@return steps of RK4; null where no library was built} */
    static Peer fixed(Tensor state, Tensor out, int steps, double h, int threads) {
        if (!StreamPeer.available()) {
            return null;
        }
        long from = state.address();
        long to = out.address();
        long n = state.size(1);
        MemoryLayout real = real(state.dtype());
        MethodHandle loop =
                StreamPeer.loop("quern_peer_rk4_" + name(state.dtype()), POINTER, POINTER, LONG, INT, real, INT);
        return new Peer(
                FIXED,
                state.dtype() == DType.FP64
                        ? () -> {
                            try {
                                loop.invokeExact(from, to, n, steps, h, threads);
                            } catch (Throwable impossible) {
                                throw new AssertionError("a C loop cannot throw", impossible);
                            }
                        }
                        : () -> {
                            try {
                                loop.invokeExact(from, to, n, steps, (float) h, threads);
                            } catch (Throwable impossible) {
                                throw new AssertionError("a C loop cannot throw", impossible);
                            }
                        });
    }

    /**
     * {@return Dormand-Prince from time 0; null where no library was built}
     *
     * @param attempts INT32, how many steps each trajectory tried, written
     */
    static Peer adaptive(Tensor state, Tensor out, Tensor attempts, double end, double tolerance, int threads) {
        if (!StreamPeer.available()) {
            return null;
        }
        long from = state.address();
        long to = out.address();
        long tried = attempts.address();
        long n = state.size(1);
        MemoryLayout real = real(state.dtype());
        MethodHandle loop = StreamPeer.loop(
                "quern_peer_dormand_prince_" + name(state.dtype()),
                POINTER,
                POINTER,
                POINTER,
                LONG,
                real,
                real,
                real,
                INT);
        float endFp32 = (float) end;
        float toleranceFp32 = (float) tolerance;
        return new Peer(
                ADAPTIVE,
                state.dtype() == DType.FP64
                        ? () -> {
                            try {
                                loop.invokeExact(from, to, tried, n, end, tolerance, tolerance, threads);
                            } catch (Throwable impossible) {
                                throw new AssertionError("a C loop cannot throw", impossible);
                            }
                        }
                        : () -> {
                            try {
                                loop.invokeExact(from, to, tried, n, endFp32, toleranceFp32, toleranceFp32, threads);
                            } catch (Throwable impossible) {
                                throw new AssertionError("a C loop cannot throw", impossible);
                            }
                        });
    }

    private static MemoryLayout real(DType dtype) {
        return dtype == DType.FP64 ? ValueLayout.JAVA_DOUBLE : ValueLayout.JAVA_FLOAT;
    }

    private static String name(DType dtype) {
        return dtype.name().toLowerCase(java.util.Locale.ROOT);
    }
}
