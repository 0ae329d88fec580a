package io.quern.ode;

import io.quern.DType;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The compiled kernels of a field: each is written once, when it is first asked for. */
final class StepKernels {
    private final Map<Key, StepCompiler.Compiled> compiled = new HashMap<>();

    private enum Kind {
        FIXED,
        FIXED_FOLLOWED,
        ATTEMPT,
        ATTEMPT_FOLLOWED,
        START,
        START_FIRST_GIVEN
    }

    private record Key(Method method, DType dtype, Kind kind, List<StepProgram.Watched> events) {
        Key(Method method, DType dtype, Kind kind) {
            this(method, dtype, kind, List.of());
        }
    }

    /** {@return the steps of a fixed solve} */
    StepCompiler.Compiled fixed(Ode ode, DType dtype) {
        int carried = StepProgram.FIXED_Y + ode.field().dimension();
        return find(
                new Key(ode.method(), dtype, Kind.FIXED),
                () -> StepCompiler.compile(StepProgram.fixed(ode, dtype), dtype, carried, -1, Integer.MAX_VALUE));
    }

    /** {@return the steps of a fixed solve that are looked into} */
    StepCompiler.Compiled fixedFollowed(Ode ode, DType dtype) {
        FollowedRows followed = FollowedRows.fixed(ode);
        return find(
                new Key(ode.method(), dtype, Kind.FIXED_FOLLOWED),
                () -> StepCompiler.compile(
                        StepProgram.fixedFollowed(ode, dtype),
                        dtype,
                        followed.carried(),
                        followed.pause(),
                        Integer.MAX_VALUE));
    }

    /** {@return the steps of an adaptive solve that are looked into} */
    StepCompiler.Compiled attemptFollowed(Ode ode, DType dtype, List<OdeEvent> events) {
        List<StepProgram.Watched> watched = events.stream()
                .map(event -> new StepProgram.Watched(event.crossing(), Formulae.lower(event.function(), dtype)))
                .toList();
        FollowedRows followed = FollowedRows.adaptive(ode, events.size());
        return find(
                new Key(ode.method(), dtype, Kind.ATTEMPT_FOLLOWED, watched),
                () -> StepCompiler.compile(
                        StepProgram.attempt(ode, dtype, watched),
                        dtype,
                        followed.carried(),
                        followed.pause(),
                        Integer.MAX_VALUE));
    }

    /** {@return the steps of an adaptive solve} */
    StepCompiler.Compiled attempt(Ode ode, DType dtype) {
        return find(
                new Key(ode.method(), dtype, Kind.ATTEMPT),
                () -> StepCompiler.compile(
                        StepProgram.attempt(ode, dtype),
                        dtype,
                        StepProgram.end(ode.field()),
                        StepProgram.STATUS,
                        Integer.MAX_VALUE));
    }

    /** {@return what begins an adaptive solve, for one vector of trajectories} */
    StepCompiler.Compiled start(Ode ode, DType dtype, boolean firstGiven) {
        return find(
                new Key(ode.method(), dtype, firstGiven ? Kind.START_FIRST_GIVEN : Kind.START),
                () -> StepCompiler.compile(
                        StepProgram.start(ode, dtype, firstGiven), dtype, StepProgram.end(ode.field()), -1, 1));
    }

    private synchronized StepCompiler.Compiled find(Key key, Supplier<StepCompiler.Compiled> compile) {
        return compiled.computeIfAbsent(key, _ -> compile.get());
    }
}
