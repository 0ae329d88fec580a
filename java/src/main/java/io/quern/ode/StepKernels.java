package io.quern.ode;

import io.quern.DType;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The compiled kernels of a field: each is written once, when it is first asked for, for the rows that are the same for all
 * trajectories.
 */
final class StepKernels {
    /** Trajectories that begin together, which wait for lanes. */
    private static final int MOST_STARTS = 64;

    private final Map<Key, StepCompiler.Compiled> compiled = new HashMap<>();

    private enum Kind {
        FIXED,
        FIXED_FOLLOWED,
        ATTEMPT,
        ATTEMPT_FOLLOWED,
        START,
        START_FIRST_GIVEN,
        RESTART,
        RESTART_FIRST_GIVEN
    }

    private record Key(Method method, DType dtype, Kind kind, BitSet uniform, List<StepProgram.Watched> events) {
        Key(Method method, DType dtype, Kind kind, BitSet uniform) {
            this(method, dtype, kind, uniform, List.of());
        }
    }

    /** {@return the steps of a fixed solve} */
    StepCompiler.Compiled fixed(Ode ode, DType dtype, BitSet uniform) {
        int carried = StepProgram.FIXED_Y + ode.field().dimension();
        return find(
                new Key(ode.method(), dtype, Kind.FIXED, uniform),
                () -> StepCompiler.compile(
                        StepProgram.fixed(ode, dtype), dtype, carried, -1, uniform, Integer.MAX_VALUE));
    }

    /** {@return the steps of a fixed solve that are looked into} */
    StepCompiler.Compiled fixedFollowed(Ode ode, DType dtype, BitSet uniform) {
        FollowedRows followed = FollowedRows.fixed(ode);
        return find(
                new Key(ode.method(), dtype, Kind.FIXED_FOLLOWED, uniform),
                () -> StepCompiler.compile(
                        StepProgram.fixedFollowed(ode, dtype),
                        dtype,
                        followed.carried(),
                        followed.pause(),
                        uniform,
                        Integer.MAX_VALUE));
    }

    /** {@return the steps of an adaptive solve that are looked into} */
    StepCompiler.Compiled attemptFollowed(Ode ode, DType dtype, List<OdeEvent> events, BitSet uniform) {
        List<StepProgram.Watched> watched = events.stream()
                .map(event -> new StepProgram.Watched(event.crossing(), Formulae.lower(event.function(), dtype)))
                .toList();
        FollowedRows followed = FollowedRows.adaptive(ode, events.size());
        return find(
                new Key(ode.method(), dtype, Kind.ATTEMPT_FOLLOWED, uniform, watched),
                () -> StepCompiler.compile(
                        StepProgram.attempt(ode, dtype, watched),
                        dtype,
                        followed.carried(),
                        followed.pause(),
                        uniform,
                        Integer.MAX_VALUE));
    }

    /** {@return the steps of an adaptive solve} */
    StepCompiler.Compiled attempt(Ode ode, DType dtype, BitSet uniform) {
        return find(
                new Key(ode.method(), dtype, Kind.ATTEMPT, uniform),
                () -> StepCompiler.compile(
                        StepProgram.attempt(ode, dtype),
                        dtype,
                        StepProgram.end(ode.field()),
                        StepProgram.STATUS,
                        uniform,
                        Integer.MAX_VALUE));
    }

    /** {@return what begins an adaptive solve} */
    StepCompiler.Compiled start(Ode ode, DType dtype, boolean firstGiven, BitSet uniform) {
        return start(ode, dtype, firstGiven ? Kind.START_FIRST_GIVEN : Kind.START, uniform, MOST_STARTS);
    }

    /** {@return the same for a single trajectory, whose state was set anew} */
    StepCompiler.Compiled restart(Ode ode, DType dtype, boolean firstGiven, BitSet uniform) {
        return start(ode, dtype, firstGiven ? Kind.RESTART_FIRST_GIVEN : Kind.RESTART, uniform, 1);
    }

    private StepCompiler.Compiled start(Ode ode, DType dtype, Kind kind, BitSet uniform, int mostLanes) {
        boolean firstGiven = kind == Kind.START_FIRST_GIVEN || kind == Kind.RESTART_FIRST_GIVEN;
        return find(
                new Key(ode.method(), dtype, kind, uniform),
                () -> StepCompiler.compile(
                        StepProgram.start(ode, dtype, firstGiven),
                        dtype,
                        StepProgram.end(ode.field()),
                        -1,
                        uniform,
                        mostLanes));
    }

    private synchronized StepCompiler.Compiled find(Key key, Supplier<StepCompiler.Compiled> compile) {
        return compiled.computeIfAbsent(key, _ -> compile.get());
    }
}
