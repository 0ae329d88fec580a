package io.quern.bench.ode;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.StreamPeer;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Arrays;

/** Lorenz trajectories by the loops of {@code ode.c}, from the same states as ours, to an output of their own. */
final class LorenzPeer {
    /** What the report calls RK4. */
    static final String FIXED = "C RK4 loop";

    /** What the report calls Dormand-Prince. */
    static final String ADAPTIVE = "C lane refill";

    private static final MemoryLayout POINTER = ValueLayout.JAVA_LONG; // addresses, of memory that the workload keeps
    private static final MemoryLayout LONG = ValueLayout.JAVA_LONG;
    private static final MemoryLayout INT = ValueLayout.JAVA_INT;
    private static final MemoryLayout REAL = ValueLayout.JAVA_DOUBLE;

    private LorenzPeer() {}

    /** {@return steps of RK4; null where no library was built} */
    static Peer fixed(Tensor state, Tensor out, int steps, double h, int threads) {
        if (!StreamPeer.available()) {
            return null;
        }
        long from = state.address();
        long to = out.address();
        long n = state.size(1);
        MethodHandle loop = loop("quern_peer_rk4", state.dtype(), POINTER, POINTER, LONG, INT, REAL, INT);
        return StreamPeer.peer(FIXED, () -> {
            loop.invokeExact(from, to, n, steps, h, threads);
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
        MethodHandle loop = loop(
                "quern_peer_dormand_prince", state.dtype(), POINTER, POINTER, POINTER, LONG, REAL, REAL, REAL, INT);
        return StreamPeer.peer(ADAPTIVE, () -> {
            loop.invokeExact(from, to, tried, n, end, tolerance, tolerance, threads);
        });
    }

    /** {@return the loop for a type, called with doubles for either} */
    private static MethodHandle loop(String name, DType dtype, MemoryLayout... fp64) {
        MemoryLayout[] arguments = fp64.clone();
        if (dtype == DType.FP32) {
            Arrays.setAll(arguments, i -> fp64[i] == REAL ? ValueLayout.JAVA_FLOAT : fp64[i]);
        }
        MethodHandle loop = StreamPeer.loop(name + "_" + OdeBench.name(dtype), arguments);
        MethodType doubles = FunctionDescriptor.ofVoid(fp64).toMethodType();
        return MethodHandles.explicitCastArguments(loop, doubles);
    }
}
