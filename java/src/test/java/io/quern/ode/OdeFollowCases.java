package io.quern.ode;

import static io.quern.ode.Expression.of;
import static io.quern.ode.Method.BOGACKI_SHAMPINE_3_2;
import static io.quern.ode.Method.DORMAND_PRINCE_5_4;
import static io.quern.ode.Method.TSITOURAS_5_4;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;

/** What must hold of save points and events on every device. */
final class OdeFollowCases {
    private OdeFollowCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (Method method : Method.values()) {
            cases.add(OdeCases.property(
                    "order of the interpolant of " + method, DType.FP64, device -> order(device, method)));
        }
        for (DType dtype : new DType[] {DType.FP64, DType.FP32}) {
            for (Method method : new Method[] {BOGACKI_SHAMPINE_3_2, DORMAND_PRINCE_5_4, TSITOURAS_5_4}) {
                cases.add(OdeCases.numeric(
                        "save points and events by " + method, dtype, device -> sameBits(device, method, dtype)));
            }
            cases.add(OdeCases.numeric("save points of fixed steps", dtype, device -> fixedSameBits(device, dtype)));
            cases.add(OdeCases.property("save points at both ends", dtype, device -> ends(device, dtype)));
            for (Method method : new Method[] {BOGACKI_SHAMPINE_3_2, DORMAND_PRINCE_5_4, TSITOURAS_5_4}) {
                cases.add(OdeCases.numeric(
                        "a bouncing ball by " + method, dtype, device -> bouncingSameBits(device, dtype, method)));
            }
            cases.add(OdeCases.property("a bouncing ball", dtype, device -> ball(device, dtype)));
            cases.add(OdeCases.property("directions of crossings", dtype, device -> directions(device, dtype)));
            cases.add(OdeCases.property("several events of one step", dtype, device -> several(device, dtype)));
            cases.add(OdeCases.property("an event at the start", dtype, device -> atStart(device, dtype)));
            cases.add(OdeCases.property("no event twice after a reset", dtype, device -> once(device, dtype)));
            cases.add(OdeCases.property("a reset that is another event", dtype, device -> cascade(device, dtype)));
        }
        return cases;
    }

    /** One step of two lengths: the error within it falls with the interpolant's order and one more. */
    private static Outcome order(Device device, Method method) {
        OdeRun run = OdeRun.one(OdeProblems.LOGISTIC_COSINE, method, DType.FP64, new double[] {0.8});
        OdeRun exact = run.with(DORMAND_PRINCE_5_4);
        double[] errors = new double[2];
        for (int i = 0; i < 2; i++) {
            double h = 0.02 / (1 << i);
            double start = 0.5;
            double[] points = {0.1, 0.3, 0.5, 0.7, 0.9};
            for (int j = 0; j < points.length; j++) {
                points[j] = start + points[j] * h;
            }
            double[] saved =
                    OdeFollowRun.fixed(run, device, roles -> roles.start(start).size(h), points);
            for (int j = 0; j < points.length; j++) {
                double end = points[j];
                double y = exact.fixed(
                                device, roles -> roles.start(start).end(end).steps(8))
                        .out()[0];
                errors[i] = Math.max(errors[i], Math.abs(saved[j] - y));
            }
        }
        int expected = method.quartic() ? 5 : Math.min(method.order(), 3) + 1;
        double order = Math.log(errors[0] / errors[1]) / Math.log(2);
        return Outcome.within(Math.abs(order - expected), 0.15, "measured " + order + ", expected " + expected);
    }

    private static final OdeField SPIRAL = OdeField.of(
            2,
            1,
            (t, y, p) -> List.of(
                    y.at(1).minus(y.at(0).times(0.1)),
                    p.at(0)
                            .negate()
                            .times(y.at(0))
                            .minus(y.at(1).times(0.1))
                            .plus(t.sin().times(0.2))));

    /** Resets, records and ends, in all directions; parameters decide how many there are. */
    private static OdeEvent[] events() {
        return new OdeEvent[] {
            OdeEvent.of(SPIRAL, Crossing.BOTH, (t, y, p) -> y.at(0)),
            OdeEvent.of(
                            SPIRAL,
                            Crossing.FALLING,
                            (t, y, p) -> y.at(1).minus(p.at(0).times(0.3)))
                    .resetting((t, y, p) -> List.of(y.at(0).times(0.9), y.at(1).plus(0.7))),
            OdeEvent.of(SPIRAL, Crossing.RISING, (t, y, p) -> y.at(0).minus(2.2))
                    .terminating(),
            OdeEvent.of(SPIRAL, Crossing.RISING, (t, y, p) -> t.abs().minus(1.5)),
        };
    }

    private static Outcome sameBits(Device device, Method method, DType dtype) {
        Outcome outcome = Outcome.passed("");
        double tolerance = dtype == DType.FP64 ? 1e-7 : 1e-4;
        for (int batch : new int[] {1, 37}) {
            for (double end : new double[] {4, -3}) {
                OdeRun run = OdeCases.random(SPIRAL, method, dtype, batch, 61);
                double[] points = points(dtype, 9, batch, end);
                OdeFollowRun follow = new OdeFollowRun(run, points, events(), 6);
                OdeFollowRun.Result expected = follow.on(
                        Device.reference(),
                        roles -> roles.end(end).maxSteps(300).tolerances(tolerance, tolerance));
                OdeFollowRun.Result actual =
                        follow.on(device, roles -> roles.end(end).maxSteps(300).tolerances(tolerance, tolerance));
                outcome = outcome.and(expected.sameBits(actual));
                if (batch == 37) {
                    outcome = outcome.and(Outcome.that(
                            Arrays.stream(expected.counts()).sum() > 2 * batch, "too few events to try anything"));
                    for (int i : new int[] {0, 20, 36}) {
                        OdeFollowRun.Result one = follow.alone(i)
                                .on(
                                        device,
                                        roles -> roles.end(end).maxSteps(300).tolerances(tolerance, tolerance));
                        outcome = outcome.and(follow.column(actual, i).sameBits(one));
                    }
                }
                OdeFollowRun saving = OdeFollowRun.saving(run, points);
                OdeRun.Result plain =
                        run.adaptive(device, roles -> roles.end(end).tolerances(tolerance, tolerance));
                OdeFollowRun.Result saved =
                        saving.on(device, roles -> roles.end(end).tolerances(tolerance, tolerance));
                outcome = outcome.and(plain.sameBits(saved.solve()));
            }
        }
        return outcome;
    }

    /** Save points alone: of steps of equal length, there and back, and of chosen ones. */
    static Outcome savingSameBits(Device device, DType dtype, OdeField field, Method method) {
        OdeRun run = OdeCases.random(field, method, dtype, 33, 65);
        double end = OdeCases.end(field);
        Outcome outcome = Outcome.passed("");
        for (double sign : new double[] {1, -1}) {
            double[] points = {-sign, 0, 0.15 * sign * end, 0.15 * sign * end, 0.3 * sign * end, sign * end};
            UnaryOperator<FixedSolve.Roles> settings = sign > 0
                    ? roles -> roles.end(end).steps(3)
                    : roles -> roles.size(-end / 3).steps(3);
            outcome = outcome.and(Outcome.sameBits(
                    OdeFollowRun.fixed(run, Device.reference(), settings, points),
                    OdeFollowRun.fixed(run, device, settings, points)));
        }
        if (method.adaptive()) {
            double tolerance = dtype == DType.FP64 ? 1e-7 : 1e-4;
            OdeFollowRun saving = OdeFollowRun.saving(run, points(dtype, 7, 33, end));
            UnaryOperator<AdaptiveSolve.Roles> settings =
                    roles -> roles.end(end).maxSteps(OdeCases.mostSteps(field)).tolerances(tolerance, tolerance);
            outcome = outcome.and(saving.on(Device.reference(), settings).sameBits(saving.on(device, settings)));
        }
        return outcome;
    }

    /** A ball that is dropped or thrown, and bounces: with save points, by all methods. */
    static Outcome bouncingSameBits(Device device, DType dtype, Method method) {
        int batch = 37;
        OdeRun run = OdeCases.random(OdeCatalogue.BOUNCING_BALL, method, dtype, batch, 66);
        OdeFollowRun follow =
                new OdeFollowRun(run, points(dtype, 9, batch, 8), new OdeEvent[] {OdeCatalogue.IMPACT}, 2);
        UnaryOperator<AdaptiveSolve.Roles> settings =
                roles -> roles.end(8).maxSteps(300).tolerances(1e-4, 1e-4);
        OdeFollowRun.Result expected = follow.on(Device.reference(), settings);
        return expected.sameBits(follow.on(device, settings))
                .and(Outcome.that(
                        Arrays.stream(expected.counts()).sum() > 2 * batch, "too few events to try anything"));
    }

    /** Times of each trajectory in order, some beyond the end, one of them NaN. */
    private static double[] points(DType dtype, int count, int batch, double end) {
        Random random = new Random(62);
        double[] rows = new double[count * batch];
        for (int i = 0; i < batch; i++) {
            double[] own = OdeFollowRun.sorted(
                    random.doubles(count, 0, 1.2)
                            .map(x -> Arithmetic.of(dtype).round(x * end))
                            .toArray(),
                    end > 0);
            for (int j = 0; j < count; j++) {
                rows[j * batch + i] = j == 3 && i == 1 ? Double.NaN : own[j];
            }
        }
        return rows;
    }

    private static Outcome fixedSameBits(Device device, DType dtype) {
        Outcome outcome = Outcome.passed("");
        for (Method method : Method.values()) {
            OdeRun run = OdeCases.random(OdeProblems.FUNCTIONS_OF_TIME, method, dtype, 21, 63);
            for (double end : new double[] {0.7, -0.7}) {
                double[] points = {0, 0.1 * end, 0.11 * end, 0.5 * end, 0.7 * end, end, 2 * end};
                double[] expected = OdeFollowRun.fixed(
                        run, Device.reference(), roles -> roles.end(end).steps(5), points);
                double[] actual =
                        OdeFollowRun.fixed(run, device, roles -> roles.end(end).steps(5), points);
                outcome = outcome.and(Outcome.sameBits(expected, actual));
                int row = expected.length / points.length;
                double[] out =
                        run.fixed(device, roles -> roles.end(end).steps(5)).out();
                outcome = outcome.and(Outcome.sameBits(rounded(run.state(), dtype), Arrays.copyOfRange(actual, 0, row)))
                        .and(Outcome.sameBits(out, Arrays.copyOfRange(actual, 5 * row, 6 * row)))
                        .and(Outcome.that(
                                Arrays.stream(actual, 6 * row, 7 * row).allMatch(Double::isNaN),
                                "saved beyond the end"));
            }
        }
        return outcome;
    }

    /** The states at t0 and t1 are those given and returned, to the bit; before and beyond there is nothing. */
    private static Outcome ends(Device device, DType dtype) {
        Outcome outcome = Outcome.passed("");
        int batch = 19;
        for (double end : new double[] {2.5, -2.5}) {
            OdeRun run = OdeCases.random(OdeCatalogue.HARMONIC, DORMAND_PRINCE_5_4, dtype, batch, 64);
            double[] points = new double[4 * batch];
            for (int i = 0; i < batch; i++) {
                points[i] = -end;
                points[2 * batch + i] = end;
                points[3 * batch + i] = end * 1.001;
            }
            OdeFollowRun.Result result = OdeFollowRun.saving(run, points)
                    .on(device, roles -> roles.end(end).tolerances(1e-5, 1e-5));
            int row = 2 * batch;
            double[] saved = result.saved();
            outcome = outcome.and(
                            Outcome.sameBits(rounded(run.state(), dtype), Arrays.copyOfRange(saved, row, 2 * row)))
                    .and(Outcome.sameBits(result.solve().out(), Arrays.copyOfRange(saved, 2 * row, 3 * row)))
                    .and(Outcome.that(
                            Arrays.stream(saved, 0, row).allMatch(Double::isNaN)
                                    && Arrays.stream(saved, 3 * row, 4 * row).allMatch(Double::isNaN),
                            "saved outside of the solve"));
        }
        return outcome;
    }

    private static double[] rounded(double[] values, DType dtype) {
        return Arrays.stream(values).map(Arithmetic.of(dtype)::round).toArray();
    }

    private static final double GRAVITY = 9.81;
    private static final double KEPT = 0.8;

    /**
     * Dropped from H it is down at t_1 = sqrt(2 H / g), then every 2 v_n / g, v_n = 0.8^n g t_1. A step of order 3 or more
     * integrates the fall exactly, so times are off by rounding only: each flight's by a few units in the last place of the time
     * then, and of its own relative size through v.
     */
    private static Outcome ball(Device device, DType dtype) {
        Outcome outcome = Outcome.passed("");
        int batch = 9;
        int bounces = 12;
        double[] state = new double[2 * batch];
        double[] parameters = new double[2 * batch];
        Arrays.fill(parameters, 0, batch, Arithmetic.of(dtype).round(GRAVITY));
        Arrays.fill(parameters, batch, 2 * batch, KEPT);
        for (int i = 0; i < batch; i++) {
            state[i] = 1 + i;
        }
        double unit = dtype == DType.FP64 ? 0x1p-52 : 0x1p-23;
        double tolerance = dtype == DType.FP64 ? 1e-9 : 1e-5;
        double worst = 0;
        for (Method method : new Method[] {BOGACKI_SHAMPINE_3_2, DORMAND_PRINCE_5_4, TSITOURAS_5_4}) {
            OdeRun run = new OdeRun(Ode.of(OdeCatalogue.BOUNCING_BALL, method), dtype, batch, state, parameters);
            double end = 20;
            OdeFollowRun.Result result = OdeFollowRun.watching(run, bounces, OdeCatalogue.IMPACT)
                    .on(device, roles -> roles.end(end).maxSteps(400).tolerances(tolerance, tolerance));
            for (int i = 0; i < batch; i++) {
                double first = Math.sqrt(2 * state[i] / parameters[i]);
                double time = first;
                double flight = 2 * first;
                for (int n = 0; n < bounces; n++) {
                    worst = Math.max(worst, Math.abs(result.times()[n * batch + i] - time) / (unit * time));
                    flight *= KEPT;
                    time += flight;
                }
            }
        }
        // A flight has some 20 steps, each of which rounds time, height and velocity; a height that is off by e moves
        // the
        // time of impact by e / v, and heights are up to v t / 4.
        return outcome.and(Outcome.within(worst, bounces * 20 * 4, "units in the last place of the time"));
    }

    /** cos crosses zero at pi/2 + n pi; falling first. */
    private static Outcome directions(Device device, DType dtype) {
        double tolerance = dtype == DType.FP64 ? 1e-11 : 1e-5;
        OdeRun run = OdeRun.one(OdeCatalogue.HARMONIC, TSITOURAS_5_4, dtype, new double[] {1, 0}, 1);
        OdeEvent[] events = new OdeEvent[3];
        for (Crossing crossing : Crossing.values()) {
            events[crossing.ordinal()] = OdeEvent.of(OdeCatalogue.HARMONIC, crossing, (t, y, p) -> y.at(0));
        }
        int crossings = 6;
        OdeFollowRun.Result result = OdeFollowRun.watching(run, 2 * crossings, events)
                .on(device, roles -> roles.end(crossings * Math.PI).tolerances(tolerance, tolerance));
        Outcome outcome = Outcome.that(result.counts()[0] == 2 * crossings, result.counts()[0] + " events");
        double worst = 0;
        for (int i = 0; i < 2 * crossings; i++) {
            int n = i / 2;
            int one = (n % 2 == 0 ? Crossing.FALLING : Crossing.RISING).ordinal();
            outcome = outcome.and(Outcome.that(
                    result.numbers()[i] == (i % 2 == 0 ? one : Crossing.BOTH.ordinal()),
                    "events " + Arrays.toString(result.numbers())));
            worst = Math.max(worst, Math.abs(result.times()[i] - (n + 0.5) * Math.PI));
        }
        // At a crossing the speed is 1, so a time is off by as much as the state: what each step adds, rtol + atol of
        // it.
        int steps = result.solve().statistic(0, 0);
        return outcome.and(Outcome.within(worst, 2 * tolerance * steps, steps + " steps"));
    }

    /** y' = 1 in one step: what happens within it comes in order of time, up to the first that ends it. */
    private static Outcome several(Device device, DType dtype) {
        OdeField clock = OdeField.of(1, 1, (t, y, p) -> List.of(p.at(0)));
        OdeEvent[] events = {
            OdeEvent.of(clock, Crossing.RISING, (t, y, p) -> y.at(0).minus(0.75))
                    .terminating(),
            OdeEvent.of(clock, Crossing.RISING, (t, y, p) -> y.at(0).minus(0.5)),
            OdeEvent.of(clock, Crossing.RISING, (t, y, p) -> y.at(0).minus(0.25)),
            OdeEvent.of(clock, Crossing.RISING, (t, y, p) -> y.at(0).minus(0.5).times(2)),
            OdeEvent.of(clock, Crossing.RISING, (t, y, p) -> y.at(0).minus(0.875)),
        };
        OdeRun run = OdeRun.one(clock, DORMAND_PRINCE_5_4, dtype, new double[] {0}, 1);
        OdeFollowRun.Result result = OdeFollowRun.watching(run, 6, events)
                .on(device, roles -> roles.end(1).firstStep(1).tolerances(1e-3, 1e-3));
        double unit = dtype == DType.FP64 ? 0x1p-51 : 0x1p-22;
        return Outcome.sameBits(new double[] {2, 1, 3, 0, -1, -1}, result.numbers())
                .and(Outcome.that(
                        result.solve().status(0) == OdeStatus.EVENT,
                        "ended as " + result.solve().status(0)))
                .and(Outcome.that(result.solve().statistic(0, 0) == 1, "more than one step"))
                .and(Outcome.within(Math.abs(result.solve().out()[0] - 0.75), unit, "state at the end"))
                .and(Outcome.within(Math.abs(result.times()[0] - 0.25), unit, "time of the first"))
                .and(Outcome.that(Double.isNaN(result.times()[4]), "a time where there was no event"));
    }

    /** A ball thrown up from the ground: it is there at the start without an event, and comes back once. */
    private static Outcome atStart(Device device, DType dtype) {
        OdeEvent ground = OdeEvent.of(OdeCatalogue.BOUNCING_BALL, Crossing.BOTH, (t, y, p) -> y.at(0));
        OdeRun run = OdeRun.one(OdeCatalogue.BOUNCING_BALL, DORMAND_PRINCE_5_4, dtype, new double[] {0, 5}, 10, 1);
        OdeFollowRun.Result chosen = OdeFollowRun.watching(run, 2, ground.terminating())
                .on(device, roles -> roles.end(3).tolerances(1e-4, 1e-4));
        OdeFollowRun.Result oneStep = OdeFollowRun.watching(run, 2, ground.terminating())
                .on(device, roles -> roles.end(3).firstStep(3).tolerances(1e-4, 1e-4));
        double unit = dtype == DType.FP64 ? 0x1p-52 : 0x1p-23;
        Outcome outcome = Outcome.passed("");
        for (OdeFollowRun.Result result : List.of(chosen, oneStep)) {
            outcome = outcome.and(Outcome.that(result.counts()[0] == 1, result.counts()[0] + " events"))
                    .and(Outcome.within(Math.abs(result.times()[0] - 1), 64 * unit, "time"));
        }
        return outcome;
    }

    /** Relays whose reset leaves the function where it is, to the last bits, and does not set it to zero. */
    private static Outcome once(Device device, DType dtype) {
        OdeField relay = OdeField.of(2, 0, (t, y, p) -> List.of(y.at(1), of(0)));
        OdeEvent turn = OdeEvent.of(relay, Crossing.BOTH, (t, y, p) -> y.at(0).minus(0.7))
                .resetting((t, y, p) -> List.of(y.at(0), y.at(1).times(-1)));
        OdeEvent back = OdeEvent.of(
                        relay, Crossing.FALLING, (t, y, p) -> y.at(0).minus(0.1))
                .resetting((t, y, p) -> List.of(y.at(0), y.at(1).times(-1)));
        OdeRun run = OdeRun.one(relay, BOGACKI_SHAMPINE_3_2, dtype, new double[] {0.1, 1});
        // Up to 0.7, down to 0.1, and so on, 0.6 each; 10.1 is just before the seventeenth.
        OdeFollowRun.Result result = OdeFollowRun.watching(run, 20, turn, back)
                .on(device, roles -> roles.end(10.1).tolerances(1e-3, 1e-3));
        Outcome outcome = Outcome.that(result.counts()[0] == 16, result.counts()[0] + " events");
        double worst = 0;
        for (int n = 0; n < 16 && outcome.passed(); n++) {
            outcome = outcome.and(Outcome.that(result.numbers()[n] == n % 2, Arrays.toString(result.numbers())));
            worst = Math.max(worst, Math.abs(result.times()[n] - 0.6 * (n + 1)));
        }
        double unit = dtype == DType.FP64 ? 0x1p-52 : 0x1p-23;
        return outcome.and(Outcome.within(worst, 16 * 8 * 10 * unit, "times"));
    }

    /** A reset across another event's zero is that event at the same time; each happens once. */
    private static Outcome cascade(Device device, DType dtype) {
        OdeField field = OdeField.of(2, 0, (t, y, p) -> List.of(of(1), of(0)));
        OdeEvent[] events = {
            OdeEvent.of(field, Crossing.RISING, (t, y, p) -> y.at(1).minus(0.5))
                    .resetting((t, y, p) -> List.of(y.at(0).minus(2), y.at(1).plus(1))),
            OdeEvent.of(field, Crossing.RISING, (t, y, p) -> y.at(0).minus(0.5))
                    .resetting((t, y, p) -> List.of(y.at(0), of(1))),
        };
        OdeRun run = OdeRun.one(field, DORMAND_PRINCE_5_4, dtype, new double[] {0, 0});
        OdeFollowRun.Result result = OdeFollowRun.watching(run, 4, events)
                .on(device, roles -> roles.end(1).tolerances(1e-3, 1e-3));
        return Outcome.sameBits(new double[] {1, 0, -1, -1}, result.numbers())
                .and(Outcome.sameBits(new double[] {result.times()[0]}, new double[] {result.times()[1]}))
                .and(Outcome.within(Math.abs(result.solve().out()[0] + 1), 1e-6, "state in the end"))
                .and(Outcome.that(
                        result.solve().out()[1] == 2,
                        "state in the end " + result.solve().out()[1]));
    }
}
