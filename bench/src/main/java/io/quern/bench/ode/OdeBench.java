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
import io.quern.ode.FixedSolve;
import io.quern.ode.Method;
import io.quern.ode.Ode;
import io.quern.ode.OdeCatalogue;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * Lorenz trajectories: 100 steps of RK4 each, and a unit of time by Dormand-Prince, each in steps of its own. It moves each
 * state in and out, and the three parameters once; what it computes is counted from the method's tableau.
 */
public final class OdeBench {
    /** An evaluation of Lorenz: five differences and products, a product and an fma, and the sign of beta. */
    private static final long FIELD = 5 + 1 + 2 + 1;

    /** RK4 has 3 weights a component in its arguments and, equal ones going together, 2 in its solution. */
    static final long RK4 = 4 * FIELD + 2 * (3 + 2) * 3;

    /** Dormand-Prince 15, 5, and 6 in its error, with six evaluations; the choice of the next step is not counted. */
    static final long DORMAND_PRINCE = 6 * FIELD + 2 * (15 + 5 + 6) * 3;

    static final int STEPS = 100;
    static final double STEP = 0.01;
    private static final long FIXED_BATCH = 98_304; // 3 * 2^15: whole vectors, also of the loop in C
    private static final long ADAPTIVE_BATCH = 100_000;
    static final double END = 1;
    private static final long WINDOW = 64; // trajectories

    private OdeBench() {}

    /** {@return both types, fixed and adaptive, a field against itself written by hand, and Hipparchus} */
    public static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (DType dtype : List.of(DType.FP64, DType.FP32)) {
            subjects.add(fixed("ode.fixed", dtype, LorenzPeer.FIXED));
            subjects.add(adaptive(dtype));
        }
        subjects.add(fixed("ode.field", DType.FP64, LorenzByHand.NAME));
        subjects.addAll(HipparchusBench.subjects());
        return subjects;
    }

    static String name(DType dtype) {
        return dtype.name().toLowerCase(Locale.ROOT);
    }

    static double tolerance(DType dtype) {
        return dtype == DType.FP64 ? 1e-6 : 1e-4;
    }

    /** How many steps all trajectories try: on every device the same, for their bits are. */
    private static long attempts(DType dtype) {
        return dtype == DType.FP64 ? 5_533_686 : 2_478_754;
    }

    private static Subject fixed(String benchmark, DType dtype, String peer) {
        long moved = 2 * 3 * FIXED_BATCH * dtype.bytes() + 3L * dtype.bytes();
        long steps = FIXED_BATCH * STEPS;
        return new Subject(
                benchmark,
                name(dtype),
                "lorenz-rk4-" + FIXED_BATCH + "x" + STEPS,
                new Subject.Work(Traffic.COPY, moved, steps * RK4, moved),
                true,
                peer,
                new Subject.Count("steps", steps),
                device -> openFixed(device, dtype, peer));
    }

    private static Workload openFixed(Device device, DType dtype, String peerName) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Tensor state = states(arena, dtype, FIXED_BATCH);
        Tensor parameters = parameters(arena, dtype);
        Tensor out = arena.allocate(dtype, 3, FIXED_BATCH);
        BoundCall call = fixed(state, parameters, out).bind(stream);
        Peer peer = null;
        Tensor theirs = arena.allocate(dtype, 3, FIXED_BATCH);
        if (device instanceof Device.Cpu cpu) {
            peer = peerName.equals(LorenzByHand.NAME)
                    ? LorenzByHand.peer(state, theirs, STEPS, STEP, cpu.threads())
                    : LorenzPeer.fixed(state, theirs, STEPS, STEP, cpu.threads());
        }
        Peer inTurn = peer;
        return new BoundWorkload(
                arena, stream, call, () -> agreeFixed(call, state, parameters, out, theirs, inTurn), peer);
    }

    static FixedSolve.Roles fixed(Tensor state, Tensor parameters, Tensor out) {
        return Ode.of(OdeCatalogue.LORENZ, Method.RUNGE_KUTTA_4)
                .fixed()
                .state(state)
                .parameters(parameters)
                .size(STEP)
                .steps(STEPS)
                .out(out);
    }

    private static void agreeFixed(
            BoundCall call, Tensor state, Tensor parameters, Tensor out, Tensor theirs, Peer peer) {
        call.run();
        call.stream().synchronize();
        if (peer != null) {
            peer.call().run();
        }
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            for (long from : Agreement.windows(FIXED_BATCH, WINDOW)) {
                Tensor expected = window(arena, state, from);
                fixed(expected, Agreement.copy(arena, parameters), expected).run(reference);
                Agreement.sameBits("out from trajectory " + from, expected, window(arena, out, from));
                if (peer != null) {
                    // A hundred steps let the last digits grow by the trajectories' own instability.
                    Agreement.within(peer.name() + " from " + from, expected, window(arena, theirs, from), 1e-3);
                }
            }
        }
    }

    private static Subject adaptive(DType dtype) {
        long moved = 2 * 3 * ADAPTIVE_BATCH * dtype.bytes()
                + 3L * dtype.bytes()
                + AdaptiveSolve.STATISTICS * ADAPTIVE_BATCH * DType.INT32.bytes();
        return new Subject(
                "ode.adaptive",
                name(dtype),
                "lorenz-dopri-" + ADAPTIVE_BATCH,
                new Subject.Work(Traffic.COPY, moved, attempts(dtype) * DORMAND_PRINCE, moved),
                true,
                LorenzPeer.ADAPTIVE,
                new Subject.Count("tried steps", attempts(dtype)),
                device -> openAdaptive(device, dtype));
    }

    private static Workload openAdaptive(Device device, DType dtype) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Tensor state = states(arena, dtype, ADAPTIVE_BATCH);
        Tensor parameters = parameters(arena, dtype);
        Tensor out = arena.allocate(dtype, 3, ADAPTIVE_BATCH);
        Tensor statistics = arena.allocate(DType.INT32, AdaptiveSolve.STATISTICS, ADAPTIVE_BATCH);
        BoundCall call = adaptive(state, parameters, out, statistics, dtype).bind(stream);
        Tensor theirs = arena.allocate(dtype, 3, ADAPTIVE_BATCH);
        Tensor theirAttempts = arena.allocate(DType.INT32, 1, ADAPTIVE_BATCH);
        Peer peer = device instanceof Device.Cpu cpu
                ? LorenzPeer.adaptive(state, theirs, theirAttempts, END, tolerance(dtype), cpu.threads())
                : null;
        Runnable agreement = () -> {
            call.run();
            stream.synchronize();
            agreeAdaptive(state, parameters, out, statistics);
            if (peer != null) {
                peer.call().run();
                long more = Math.abs(attempts(theirAttempts, 1) - attempts(dtype));
                if (more > attempts(dtype) / 1000) {
                    throw new Disagreement(peer.name() + " tries " + attempts(theirAttempts, 1) + " steps, not about "
                            + attempts(dtype));
                }
            }
        };
        return new BoundWorkload(arena, stream, List.of(call), attempts(dtype) * DORMAND_PRINCE, agreement, peer);
    }

    static AdaptiveSolve.Roles adaptive(Tensor state, Tensor parameters, Tensor out, Tensor statistics, DType dtype) {
        return Ode.of(OdeCatalogue.LORENZ, Method.DORMAND_PRINCE_5_4)
                .adaptive()
                .state(state)
                .parameters(parameters)
                .end(END)
                .tolerances(tolerance(dtype), tolerance(dtype))
                .out(out)
                .statistics(statistics);
    }

    private static void agreeAdaptive(Tensor state, Tensor parameters, Tensor out, Tensor statistics) {
        DType dtype = state.dtype();
        long tried = attempts(statistics, 2);
        if (tried != attempts(dtype)) {
            throw new Disagreement("trajectories try " + tried + " steps, not " + attempts(dtype));
        }
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            for (long from : Agreement.windows(ADAPTIVE_BATCH, WINDOW)) {
                Tensor expected = window(arena, state, from);
                Tensor counts = arena.allocate(DType.INT32, AdaptiveSolve.STATISTICS, expected.size(1));
                adaptive(expected, Agreement.copy(arena, parameters), expected, counts, dtype)
                        .run(reference);
                Agreement.sameBits("out from trajectory " + from, expected, window(arena, out, from));
                Agreement.sameBits("statistics from trajectory " + from, counts, window(arena, statistics, from));
            }
        }
    }

    /** {@return the sum of the first rows} */
    static long attempts(Tensor statistics, int rows) {
        double[] counts = statistics.slice(0, 0, rows).toDoubleArray();
        double sum = 0;
        for (double count : counts) {
            sum += count;
        }
        return (long) sum;
    }

    /** Around the attractor: (5, 5, 5) normal numbers about (0, 0, 25). */
    static Tensor states(TensorArena arena, DType dtype, long batch) {
        Random random = new Random(1);
        double[] states = new double[Math.toIntExact(3 * batch)];
        for (int i = 0; i < states.length; i++) {
            states[i] = 5 * random.nextGaussian() + (i < 2 * batch ? 0 : 25);
        }
        return arena.allocate(dtype, 3, batch).copyFrom(states);
    }

    /** Lorenz' own. */
    static Tensor parameters(TensorArena arena, DType dtype) {
        return arena.allocate(dtype, 3).copyFrom(new double[] {10, 28, 8.0 / 3});
    }

    private static Tensor window(TensorArena arena, Tensor tensor, long from) {
        return Agreement.copy(arena, tensor.slice(1, from, from + WINDOW));
    }
}
