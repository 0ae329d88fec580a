package io.quern.bench.ode;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.BoundWorkload;
import io.quern.bench.measure.Disagreement;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Traffic;
import io.quern.bench.measure.Workload;
import io.quern.ode.AdaptiveSolve;
import java.util.List;

/**
 * The same Lorenz trajectories in FP64 by us and by Hipparchus' integrators, which solve one after the other: RK4 in equal
 * steps, and Dormand-Prince 5(4) beside its 5(4) and its 8(5,3), to the same tolerances. Controllers differ, so trajectories
 * are counted, not steps.
 */
final class HipparchusBench {
    private static final DType DTYPE = DType.FP64;
    private static final int BATCH = 3 * 1024;

    /** How many steps all of them try by Dormand-Prince: the same wherever it is done, for bits are. */
    private static final long ATTEMPTS = 170_458;

    /** How far apart two solutions may be in the end that kept the tolerances on the way, relative to their size. */
    private static final double APART = 1e-4;

    private HipparchusBench() {}

    /** {@return each of its integrators beside ours} */
    static List<Subject> subjects() {
        return List.of(
                subject("lorenz-rk4-" + BATCH + "x" + OdeBench.STEPS, Hipparchus.RK4),
                subject("lorenz-dopri-" + BATCH, Hipparchus.DORMAND_PRINCE_54),
                subject("lorenz-dopri-" + BATCH + "-beside-853", Hipparchus.DORMAND_PRINCE_853));
    }

    private static boolean fixed(String peer) {
        return peer.equals(Hipparchus.RK4);
    }

    private static long flops(String peer) {
        return fixed(peer) ? (long) BATCH * OdeBench.STEPS * OdeBench.RK4 : ATTEMPTS * OdeBench.DORMAND_PRINCE;
    }

    private static Subject subject(String shape, String peer) {
        long counts = fixed(peer) ? 0 : (long) AdaptiveSolve.STATISTICS * BATCH * DType.INT32.bytes();
        long moved = (2 * 3 * BATCH + 3) * DTYPE.bytes() + counts;
        return new Subject(
                "ode.hipparchus",
                OdeBench.name(DTYPE),
                shape,
                new Subject.Work(Traffic.COPY, moved, flops(peer), moved),
                true,
                peer,
                new Subject.Count("trajectories", BATCH),
                device -> open(device, peer));
    }

    private static Workload open(Device device, String name) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Tensor state = OdeBench.states(arena, DTYPE, BATCH);
        Tensor parameters = OdeBench.parameters(arena, DTYPE);
        Tensor out = arena.allocate(DTYPE, 3, BATCH);
        Tensor statistics = arena.allocate(DType.INT32, AdaptiveSolve.STATISTICS, BATCH);
        Tensor theirs = arena.allocate(DTYPE, 3, BATCH);
        BoundCall call = fixed(name)
                ? OdeBench.fixed(state, parameters, out).bind(stream)
                : OdeBench.adaptive(state, parameters, out, statistics, DTYPE).bind(stream);
        Peer peer = device instanceof Device.Cpu cpu ? peer(name, state, theirs, cpu.threads()) : null;
        Runnable agreement = () -> {
            call.run();
            stream.synchronize();
            if (!fixed(name) && OdeBench.attempts(statistics, 2) != ATTEMPTS) {
                throw new Disagreement(
                        "trajectories try " + OdeBench.attempts(statistics, 2) + " steps, not " + ATTEMPTS);
            }
            if (peer != null) {
                peer.call().run();
                Agreement.within(name, out, theirs, APART);
            }
        };
        return new BoundWorkload(arena, stream, List.of(call), flops(name), agreement, peer);
    }

    private static Peer peer(String name, Tensor state, Tensor out, int threads) {
        return switch (name) {
            case Hipparchus.RK4 -> Hipparchus.rungeKutta4(state, out, OdeBench.STEPS, OdeBench.STEP, threads);
            case Hipparchus.DORMAND_PRINCE_54 ->
                Hipparchus.dormandPrince54(state, out, OdeBench.END, OdeBench.tolerance(DTYPE), threads);
            default -> Hipparchus.dormandPrince853(state, out, OdeBench.END, OdeBench.tolerance(DTYPE), threads);
        };
    }
}
