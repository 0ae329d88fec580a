package io.quern.ode;

import static io.quern.ode.Method.DORMAND_PRINCE_5_4;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;

/** The hot-water pipe and the whole loop against what is known of them in closed form (kexue.fm 9405), in FP64. */
public final class HotWaterCases {
    /** 20 m of bare PPR pipe dn25 x 3.5: U' = 0.671 W/mK, 6 litres a minute, 55 degrees in, 20 around. */
    private static final double LENGTH = 20;

    private static final double WATER = 988.0 * 4180 * Math.PI * 0.009 * 0.009; // J/mK
    private static final double WALL = 405; // J/mK
    private static final double TAU = (WATER + WALL) / 0.671;
    private static final double SPEED = 6e-3 / 60 * 988 * 4180 / (WATER + WALL);
    private static final double AMBIENT = 20;
    private static final double HOT = 55;
    private static final double TOLERANCE = 1e-10;

    private HotWaterCases() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>(closedForms());
        for (DType dtype : new DType[] {DType.FP64, DType.FP32}) {
            cases.add(OdeCases.numeric(
                    "houses in the morning", dtype, device -> morningSameBits(device, dtype, DORMAND_PRINCE_5_4)));
        }
        return cases;
    }

    /** {@return what is known of the model without solving it} */
    public static List<Case> closedForms() {
        List<Case> cases = new ArrayList<>();
        cases.add(OdeCases.property("a resting pipe cools", DType.FP64, HotWaterCases::cooling));
        cases.add(OdeCases.property("a pipe under steady flow", DType.FP64, HotWaterCases::steady));
        cases.add(OdeCases.property("a front passes a pipe", DType.FP64, HotWaterCases::front));
        cases.add(OdeCases.property("a thermostat's cycle", DType.FP64, HotWaterCases::cycle));
        cases.add(OdeCases.property("a day's water and heat balance", DType.FP64, HotWaterCases::balance));
        return cases;
    }

    /** {@return the one that failed, or else the one that comes closest to its bound} */
    private static Outcome worst(Outcome... outcomes) {
        Outcome worst = outcomes[0];
        for (Outcome outcome : outcomes) {
            boolean worse = !outcome.passed() || Double.isNaN(worst.share()) || outcome.share() > worst.share();
            worst = worst.passed() && worse ? outcome : worst;
        }
        return worst;
    }

    private static OdeRun pipe(int cells, double rate, double from, double inlet) {
        double[] state = new double[cells];
        Arrays.fill(state, from);
        return OdeRun.one(
                OdeCatalogue.hotWaterPipe(cells), DORMAND_PRINCE_5_4, DType.FP64, state, rate, TAU, AMBIENT, inlet);
    }

    /** T = Ta + (T0 - Ta) e^(-t/tau). */
    private static Outcome cooling(Device device) {
        OdeRun.Result result =
                pipe(4, 0, HOT, HOT).adaptive(device, roles -> roles.end(TAU).tolerances(TOLERANCE, TOLERANCE));
        double expected = AMBIENT + (HOT - AMBIENT) * Math.exp(-1);
        // Each step adds atol + rtol T at most, and errors decay.
        return Outcome.within(
                Math.abs(result.out()[3] - expected),
                result.statistic(0, 0) * TOLERANCE * (1 + HOT),
                "K after " + Math.round(TAU) + " s of cooling");
    }

    /** Ta + (Th - Ta) (a / (a + k))^n in n cells, which tends to Ta + (Th - Ta) e^(-x/(v tau)): 53.88 degrees. */
    private static Outcome steady(Device device) {
        double limit = AMBIENT + (HOT - AMBIENT) * Math.exp(-LENGTH / (SPEED * TAU));
        Outcome outcome = Outcome.that(Math.abs(limit - 53.88) <= 5e-3, "the closed form is " + limit);
        for (int cells : new int[] {8, 64}) {
            double a = SPEED * cells / LENGTH;
            OdeRun.Result result = pipe(cells, a, AMBIENT, HOT)
                    .adaptive(device, roles -> roles.end(10 * LENGTH / SPEED).tolerances(TOLERANCE, TOLERANCE));
            double expected = AMBIENT + (HOT - AMBIENT) * Math.pow(a / (a + 1 / TAU), cells);
            int steps = result.statistic(0, 0);
            double out = result.out()[cells - 1];
            outcome = worst(
                    outcome,
                    Outcome.within(
                            Math.abs(out - expected),
                            steps * TOLERANCE * (1 + HOT),
                            "K at the end of " + cells + " cells, from their closed form"),
                    // (1 + x/n)^-n = e^-x (1 + x^2 / 2n - ...), x = L / (v tau).
                    Outcome.within(
                            Math.abs(out - limit),
                            (HOT - AMBIENT) * Math.pow(LENGTH / (SPEED * TAU), 2) / (2 * cells),
                            "K at the end of " + cells + " cells, from 53.88 of infinitely many"));
        }
        return outcome;
    }

    /** Cell i answers a step of the inlet by (a / (a + k))^i P(i, (a + k) t), P the regularised lower gamma function. */
    private static Outcome front(Device device) {
        int cells = 16;
        double a = SPEED * cells / LENGTH;
        double k = 1 / TAU;
        double[] points = {0.5 * LENGTH / SPEED, LENGTH / SPEED, 1.5 * LENGTH / SPEED};
        OdeFollowRun run = OdeFollowRun.saving(pipe(cells, a, AMBIENT, HOT), points);
        OdeFollowRun.Result result =
                run.on(device, roles -> roles.end(2 * LENGTH / SPEED).tolerances(TOLERANCE, TOLERANCE));
        double worst = 0;
        for (int j = 0; j < points.length; j++) {
            for (int i = 1; i <= cells; i++) {
                double expected = AMBIENT + (HOT - AMBIENT) * Math.pow(a / (a + k), i) * gamma(i, (a + k) * points[j]);
                worst = Math.max(worst, Math.abs(result.saved()[j * cells + i - 1] - expected));
            }
        }
        int steps = result.solve().statistic(0, 0);
        // Within a step the interpolant, of an order less, adds to the error of the steps some tens of theirs.
        return Outcome.within(
                worst, 50 * steps * TOLERANCE * (1 + HOT), "K in " + cells + " cells at " + points.length + " times");
    }

    /** P(n, x) = 1 - e^-x sum_(j<n) x^j / j!. */
    private static double gamma(int n, double x) {
        double term = Math.exp(-x);
        double sum = 0;
        for (int j = 0; j < n; j++) {
            sum += term;
            term *= x / (j + 1);
        }
        return 1 - sum;
    }

    /**
     * The pump starts at 35 degrees at the end of the pipe and stops at what steady flow gives there. In the limit of many
     * cells it runs L / v = 70.5 s, then rests tau ln((Tf - Ta) / (Ton - Ta)) = 1768 s. In n cells the rest is the same, for the last one cools
     * by itself; of the start from one temperature the answer is known, so the time of half height is too.
     */
    private static Outcome cycle(Device device) {
        int cells = 32;
        double a = SPEED * cells / LENGTH;
        double on = 35;
        double off = 53.8;
        double middle = (on + off) / 2;
        // y = temperatures, pump; p = (a, k, ambient, inlet).
        OdeField field = OdeField.of(cells + 1, 4, (t, y, p) -> {
            List<Expression> rates = new ArrayList<>();
            for (int i = 0; i < cells; i++) {
                Expression before = i == 0 ? p.at(3) : y.at(i - 1);
                rates.add(y.at(cells)
                        .times(p.at(0))
                        .times(before.minus(y.at(i)))
                        .minus(p.at(1).times(y.at(i).minus(p.at(2)))));
            }
            rates.add(Expression.of(0));
            return rates;
        });
        OdeEvent[] events = {
            OdeEvent.of(field, Crossing.RISING, (t, y, p) -> y.at(cells - 1).minus(off))
                    .resetting((t, y, p) -> withPump(y, cells, 0)),
            OdeEvent.of(field, Crossing.FALLING, (t, y, p) -> y.at(cells - 1).minus(on))
                    .resetting((t, y, p) -> withPump(y, cells, 1)),
            OdeEvent.of(field, Crossing.RISING, (t, y, p) -> y.at(cells - 1).minus(middle)),
        };
        double[] state = new double[cells + 1];
        Arrays.fill(state, on);
        state[cells] = 1;
        OdeRun run = OdeRun.one(field, DORMAND_PRINCE_5_4, DType.FP64, state, a, 1 / TAU, AMBIENT, HOT);
        OdeFollowRun.Result result = OdeFollowRun.watching(run, 5, events)
                .on(device, roles -> roles.end(4200).tolerances(TOLERANCE, TOLERANCE));
        double[] times = result.times();
        double rest = TAU * Math.log((off - AMBIENT) / (on - AMBIENT));
        double k = 1 / TAU;
        double atMiddle = AMBIENT
                + (HOT - AMBIENT) * Math.pow(a / (a + k), cells) * gamma(cells, (a + k) * times[0])
                + (on - AMBIENT) * Math.exp(-k * times[0]) * (1 - gamma(cells, a * times[0]));
        double travel = LENGTH / SPEED;
        double exactRest = TAU * Math.log((53.88 - AMBIENT) / (on - AMBIENT));
        int steps = result.solve().statistic(0, 0);
        double bound = 50 * steps * TOLERANCE * (1 + HOT);
        return Outcome.that(
                        Arrays.equals(new double[] {2, 0, 1, 2, 0}, result.numbers()),
                        "events " + Arrays.toString(result.numbers()))
                .and(Outcome.that(Math.abs(travel - 70.5) <= 0.05, "the closed form of the way is " + travel))
                .and(Outcome.that(Math.abs(exactRest - 1768) <= 1, "the closed form of the rest is " + exactRest))
                .and(worst(
                        Outcome.within(
                                Math.abs(atMiddle - middle), bound, "K at half height, after " + times[0] + " s"),
                        // The front arrives after L / v, smeared by sqrt(n) of its n cells; half of it before.
                        Outcome.within(
                                Math.abs(times[0] - travel),
                                travel / Math.sqrt(cells),
                                "s: the front comes after " + times[0]),
                        // It falls by 10 mK a second, so a temperature that is off by the bound moves the time by a
                        // hundred of it.
                        Outcome.within(
                                Math.abs(times[2] - times[1] - rest),
                                200 * bound,
                                "s: the rest is " + (times[2] - times[1]))));
    }

    private static List<Expression> withPump(Variables y, int cells, double pump) {
        List<Expression> state = new ArrayList<>();
        for (int i = 0; i < cells; i++) {
            state.add(y.at(i));
        }
        state.add(Expression.of(pump));
        return state;
    }

    /** Houses of all strategies over a day: heat and water are counted to the last bits, temperatures stay within bounds. */
    private static Outcome balance(Device device) {
        HotWaterLoop loop = new HotWaterLoop(4, 3);
        OdeFollowRun houses = houses(loop, DORMAND_PRINCE_5_4, DType.FP64);
        OdeRun run = houses.run();
        int batch = run.batch();
        OdeFollowRun.Result result =
                houses.on(device, roles -> roles.end(24 * 3600).tolerances(1e-5, 1e-3));
        Outcome outcome = Outcome.passed("");
        double worst = 0;
        for (int i = 0; i < batch; i++) {
            double[] end = run.column(result.solve().out(), i);
            double[] house = run.column(run.parameters(), i);
            outcome = outcome.and(Outcome.that(
                            result.solve().status(i) == OdeStatus.DONE,
                            "ended as " + result.solve().status(i)))
                    .and(Outcome.that(end[loop.ended()] == 3, end[loop.ended()] + " draws"));
            double stored = 0;
            for (int cell = 0; cell < 2 * loop.cells(); cell++) {
                stored += end[cell] - house[HotWaterLoop.AMBIENT];
                for (int j = 0; j < 24; j++) {
                    double there = result.saved()[(j * loop.dimension() + cell) * batch + i];
                    outcome = outcome.and(Outcome.that(
                            there >= house[HotWaterLoop.COLD] - 1e-2 && there <= house[HotWaterLoop.SETPOINT] + 1e-2,
                            "temperature " + there));
                }
            }
            double heat = end[loop.heat()];
            int steps = result.solve().statistic(0, i);
            // Heat comes and goes in numbers of its own size, each of which a step rounds once.
            double rounding = steps * 0x1p-53 * heat;
            worst = Math.max(worst, Math.abs(heat - end[loop.loss()] - end[loop.drawn()] - stored) / rounding);
            double used = 3 * house[HotWaterLoop.DURATION];
            double flow = end[loop.flowed()];
            // The times between which it flows are rounded at the day's size.
            worst = Math.max(worst, Math.abs(flow - end[loop.waited()] - used) / (steps * 0x1p-53 * 86400));
        }
        return outcome.and(
                Outcome.within(worst, 1, "of what rounding may do to heat and water, in " + batch + " houses"));
    }

    /** {@return eight houses, two of each strategy, whose state is saved every hour} */
    private static OdeFollowRun houses(HotWaterLoop loop, Method method, DType dtype) {
        OdeField field = loop.field();
        int batch = 8;
        double[] parameters = new double[loop.parameters() * batch];
        double[] state = new double[loop.dimension() * batch];
        Random random = new Random(71);
        for (int i = 0; i < batch; i++) {
            double[] house = house(loop, random, HotWaterLoop.Strategy.values()[i % 4]);
            double[] midnight = loop.midnight(house);
            for (int j = 0; j < loop.parameters(); j++) {
                parameters[j * batch + i] = house[j];
            }
            for (int j = 0; j < loop.dimension(); j++) {
                state[j * batch + i] = midnight[j];
            }
        }
        double[] points = new double[24 * batch];
        for (int j = 0; j < 24; j++) {
            Arrays.fill(points, j * batch, (j + 1) * batch, (j + 1) * 3600.0);
        }
        OdeRun run = new OdeRun(Ode.of(field, method), dtype, batch, state, parameters);
        return new OdeFollowRun(run, points, loop.events(field), 5);
    }

    /** A morning until the first draws have ended: what other devices must give to the bit. */
    static Outcome morningSameBits(Device device, DType dtype, Method method) {
        OdeFollowRun houses = houses(new HotWaterLoop(4, 3), method, dtype);
        UnaryOperator<AdaptiveSolve.Roles> settings =
                roles -> roles.end(8.5 * 3600).maxSteps(2000).tolerances(1e-4, 1e-2);
        OdeFollowRun.Result expected = houses.on(Device.reference(), settings);
        return expected.sameBits(houses.on(device, settings))
                .and(Outcome.that(
                        Arrays.stream(expected.counts()).min().getAsDouble() >= 3, "a draw begins, is warm and ends"));
    }

    private static double[] house(HotWaterLoop loop, Random random, HotWaterLoop.Strategy strategy) {
        double[] house = new double[loop.parameters()];
        double cell = (8 + 20 * random.nextDouble()) / loop.cells();
        house[HotWaterLoop.TAP_RATE] = SPEED / cell;
        house[HotWaterLoop.PUMP_RATE] = 0.8 * SPEED / cell;
        house[HotWaterLoop.COOLING] = 1 / TAU;
        house[HotWaterLoop.AMBIENT] = 18;
        house[HotWaterLoop.COLD] = 12;
        house[HotWaterLoop.SETPOINT] = 50;
        house[HotWaterLoop.TAP_LIFT] = 45;
        house[HotWaterLoop.PUMP_LIFT] = 55;
        house[HotWaterLoop.IGNITION] = 4;
        house[HotWaterLoop.USE] = 38;
        house[HotWaterLoop.ON] = 36;
        house[HotWaterLoop.OFF] = 42;
        house[HotWaterLoop.STRATEGY] = strategy.ordinal();
        house[HotWaterLoop.LEAD] = 200;
        house[HotWaterLoop.DURATION] = 300;
        for (int i = 0; i < loop.draws(); i++) {
            house[HotWaterLoop.DRAWS + i] = (7 + 6 * i + random.nextDouble()) * 3600;
        }
        return house;
    }
}
