package io.quern.ode;

import static io.quern.ode.Method.BOGACKI_SHAMPINE_3_2;
import static io.quern.ode.Method.DORMAND_PRINCE_5_4;
import static io.quern.ode.Method.RUNGE_KUTTA_4;
import static io.quern.ode.Method.TSITOURAS_5_4;

import io.quern.Case;
import io.quern.Case.Kind;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * What must hold of the solvers on every device. Bits are compared with the reference; the reference, like the others, is
 * held to the mathematics: orders, stability functions, known solutions ({@link OdeProblems}).
 */
public final class OdeCases {
    private static final int[] BATCHES = {1, 7, 17, 67};

    private OdeCases() {}

    /** {@return all cases} */
    public static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : new DType[] {DType.FP64, DType.FP32}) {
            fields().forEach((name, field) -> {
                cases.add(numeric("fixed " + name, dtype, device -> fixedSameBits(device, dtype, field)));
                cases.add(numeric("adaptive " + name, dtype, device -> adaptiveSameBits(device, dtype, field)));
            });
            cases.add(numeric("blocks full of trajectories", dtype, device -> fullBlocks(device, dtype)));
            cases.add(numeric("one step is the stability function", dtype, device -> stability(device, dtype)));
            cases.add(property("a trajectory does not depend on its batch", dtype, device -> alone(device, dtype)));
            cases.add(property("failures stay where they are", dtype, device -> failures(device, dtype)));
            cases.add(property("times of each trajectory", dtype, device -> timesOfEach(device, dtype)));
            cases.add(property("there and back", dtype, device -> thereAndBack(device, dtype)));
            cases.addAll(OdeFunctions.all(dtype));
        }
        for (Method method : Method.values()) {
            cases.add(property("order of " + method, DType.FP64, device -> order(device, method)));
            cases.add(numeric(
                    "fixed by " + method,
                    DType.FP32,
                    device -> methodSameBits(device, DType.FP32, OdeCatalogue.ARENSTORF, method)));
        }
        cases.addAll(OdeFollowCases.all());
        cases.addAll(HotWaterCases.all());
        cases.addAll(OdeProblems.all());
        cases.addAll(OdeRefusals.all());
        return cases;
    }

    static Case numeric(String name, DType dtype, Case.Body body) {
        return new Case("ode", name, Kind.NUMERIC, dtype, body);
    }

    static Case property(String name, DType dtype, Case.Body body) {
        return new Case("ode", name, Kind.PROPERTY, dtype, body);
    }

    private static Map<String, OdeField> fields() {
        Map<String, OdeField> fields = new LinkedHashMap<>();
        fields.put("decay", OdeCatalogue.DECAY);
        fields.put("harmonic", OdeCatalogue.HARMONIC);
        fields.put("Lorenz", OdeCatalogue.LORENZ);
        fields.put("Van der Pol", OdeCatalogue.VAN_DER_POL);
        fields.put("Kepler", OdeCatalogue.KEPLER);
        fields.put("Arenstorf", OdeCatalogue.ARENSTORF);
        fields.put("Pleiades", OdeCatalogue.PLEIADES);
        fields.put("HIRES", OdeCatalogue.HIRES);
        fields.put("bouncing ball", OdeCatalogue.BOUNCING_BALL);
        fields.put("linear 5", OdeCatalogue.linear(5));
        fields.put("linear 16", OdeCatalogue.linear(16));
        fields.put("hot water 12", OdeCatalogue.hotWaterPipe(12));
        fields.put("functions of time", OdeProblems.FUNCTIONS_OF_TIME);
        return fields;
    }

    /** {@return states and parameters within 0.5..1.5: no field above is wild there for short times} */
    static OdeRun random(OdeField field, Method method, DType dtype, int batch, long seed) {
        Random random = new Random(seed);
        double[] state =
                random.doubles((long) field.dimension() * batch, 0.5, 1.5).toArray();
        double[] parameters =
                random.doubles((long) field.parameters() * batch, 0.5, 1.5).toArray();
        return new OdeRun(Ode.of(field, method), dtype, batch, state, parameters);
    }

    /** The reference takes long over large fields. */
    private static int[] batches(OdeField field) {
        return field.program().flops() < 200 ? BATCHES : new int[] {1, 17};
    }

    /** {@return when to end where steps are chosen: of the Pleiades, whose stars are within 1 of each other, soon} */
    static double end(OdeField field) {
        return field.dimension() > 16 ? 0.01 : field.dimension() > 8 ? 0.1 : 0.5;
    }

    /** {@return so many steps that some of the random Pleiades arrive and others do not, and nearly all else arrives} */
    static int mostSteps(OdeField field) {
        return field.dimension() > 16 ? 60 : 200;
    }

    private static Outcome fixedSameBits(Device device, DType dtype, OdeField field) {
        Outcome outcome = Outcome.passed("");
        for (int batch : batches(field)) {
            OdeRun run = random(field, RUNGE_KUTTA_4, dtype, batch, 21);
            OdeRun.Result expected = run.fixed(
                    Device.reference(), roles -> roles.start(0.25).end(0.5).steps(5));
            outcome = outcome.and(expected.sameBits(
                    run.fixed(device, roles -> roles.start(0.25).end(0.5).steps(5))));
        }
        return outcome;
    }

    /** More than any device takes together, with parameters of their own. */
    private static Outcome fullBlocks(Device device, DType dtype) {
        OdeRun run = random(OdeCatalogue.LORENZ, RUNGE_KUTTA_4, dtype, 5_003, 27);
        OdeRun.Result expected =
                run.fixed(Device.reference(), roles -> roles.size(0.125).steps(3));
        return expected.sameBits(run.fixed(device, roles -> roles.size(0.125).steps(3)));
    }

    static Outcome adaptiveSameBits(Device device, DType dtype, OdeField field) {
        Outcome outcome = Outcome.passed("");
        double tolerance = dtype == DType.FP64 ? 1e-8 : 1e-4;
        Method[] methods = {DORMAND_PRINCE_5_4, TSITOURAS_5_4, BOGACKI_SHAMPINE_3_2, DORMAND_PRINCE_5_4};
        int[] batches = batches(field);
        double end = end(field);
        int most = mostSteps(field);
        for (int i = 0; i < methods.length; i++) {
            OdeRun run = random(field, methods[i], dtype, batches[i % batches.length], 22);
            OdeRun.Result expected = run.adaptive(
                    Device.reference(), roles -> roles.end(end).maxSteps(most).tolerances(tolerance, tolerance));
            OdeRun.Result actual =
                    run.adaptive(device, roles -> roles.end(end).maxSteps(most).tolerances(tolerance, tolerance));
            outcome = outcome.and(expected.sameBits(actual));
        }
        return outcome;
    }

    static Outcome methodSameBits(Device device, DType dtype, OdeField field, Method method) {
        OdeRun run = random(field, method, dtype, 33, 23);
        OdeRun.Result expected =
                run.fixed(Device.reference(), roles -> roles.size(-0.01).steps(7));
        return expected.sameBits(run.fixed(device, roles -> roles.size(-0.01).steps(7)));
    }

    /** y' = y (cos t - y/4): the errors at 3 of so many steps and of twice as many, above those of rounding. */
    private static Outcome order(Device device, Method method) {
        OdeRun run = OdeRun.one(OdeProblems.LOGISTIC_COSINE, method, DType.FP64, new double[] {0.8});
        int n = method.order() < 4 ? 512 : 64;
        double exact = run.with(DORMAND_PRINCE_5_4)
                .fixed(device, roles -> roles.end(3).steps(3000))
                .out()[0];
        double[] errors = new double[2];
        for (int i = 0; i < 2; i++) {
            int steps = n << i;
            errors[i] = Math.abs(
                    run.fixed(device, roles -> roles.end(3).steps(steps)).out()[0] - exact);
        }
        double order = Math.log(errors[0] / errors[1]) / Math.log(2);
        return Outcome.within(Math.abs(order - method.order()), 0.1, "measured " + order);
    }

    /** RK4's is 1 + z + z^2/2 + z^3/6 + z^4/24, within 2 units in the last place where |z| is at most 0.1. */
    private static Outcome stability(Device device, DType dtype) {
        double[] z = new Random(24)
                .doubles(501, -0.1, 0.1)
                .map(Arithmetic.of(dtype)::round)
                .toArray();
        double[] ones = new double[z.length];
        Arrays.fill(ones, 1);
        double[] minusZ = Arrays.stream(z).map(x -> -x).toArray();
        OdeRun run = new OdeRun(Ode.of(OdeCatalogue.DECAY, RUNGE_KUTTA_4), dtype, z.length, ones, minusZ);
        double[] stepped = run.fixed(device, roles -> roles.size(1)).out();
        double worst = 0;
        for (int i = 0; i < z.length; i++) {
            BigDecimal x = new BigDecimal(z[i]);
            BigDecimal twentyFour = BigDecimal.valueOf(24)
                    .add(x.multiply(BigDecimal.valueOf(24)
                            .add(x.multiply(BigDecimal.valueOf(12)
                                    .add(x.multiply(BigDecimal.valueOf(4).add(x)))))));
            double exact = twentyFour
                    .divide(BigDecimal.valueOf(24), java.math.MathContext.DECIMAL128)
                    .doubleValue();
            double ulp = dtype == DType.FP64 ? Math.ulp(exact) : Math.ulp((float) exact);
            worst = Math.max(worst, Math.abs(stepped[i] - exact) / ulp);
        }
        return Outcome.within(worst, 2, "units in the last place");
    }

    private static Outcome alone(Device device, DType dtype) {
        OdeRun run = random(OdeCatalogue.VAN_DER_POL, TSITOURAS_5_4, dtype, 61, 25);
        OdeRun.Result together = run.adaptive(device, roles -> roles.end(3).tolerances(1e-5, 1e-6));
        OdeRun.Result steps = run.fixed(device, roles -> roles.end(3).steps(40));
        Outcome outcome = Outcome.passed("");
        for (int i : new int[] {0, 1, 30, 59, 60}) {
            OdeRun.Result one =
                    run.alone(i).adaptive(device, roles -> roles.end(3).tolerances(1e-5, 1e-6));
            outcome = outcome.and(Outcome.sameBits(one.out(), run.column(together.out(), i)))
                    .and(Outcome.sameBits(one.statistics(), run.column(together.statistics(), i)))
                    .and(Outcome.sameBits(
                            run.alone(i)
                                    .fixed(device, roles -> roles.end(3).steps(40))
                                    .out(),
                            run.column(steps.out(), i)));
        }
        return outcome;
    }

    /** Between trajectories that are well: one that is NaN, one that explodes, one that must try too often. */
    private static Outcome failures(Device device, DType dtype) {
        int batch = 19;
        double[] state = new double[batch];
        double[] parameters = new double[batch];
        Arrays.fill(state, 1);
        Arrays.fill(parameters, -0.5);
        state[3] = Double.NaN;
        parameters[7] = -2; // y' = 2 y^2 reaches infinity at 1/2
        parameters[12] = 3000; // falls too fast for 60 steps
        OdeRun run = new OdeRun(Ode.of(OdeProblems.SQUARE, DORMAND_PRINCE_5_4), dtype, batch, state, parameters);
        OdeRun.Result all = run.adaptive(
                device,
                roles -> roles.end(0.75).tolerances(1e-5, 1e-5).maxStep(0.25).maxSteps(60));
        Outcome outcome = Outcome.that(all.status(3) == OdeStatus.NOT_FINITE, "NaN ends as " + all.status(3))
                .and(Outcome.that(
                        all.status(7) == OdeStatus.STEP_BUDGET
                                || all.status(7) == OdeStatus.STEP_TOO_SMALL
                                || all.status(7) == OdeStatus.NOT_FINITE,
                        "an explosion ends as " + all.status(7)));
        OdeRun.Result least = run.alone(7)
                .adaptive(
                        device, roles -> roles.end(0.75).tolerances(1e-5, 1e-5).minStep(1e-3));
        outcome = outcome.and(Outcome.that(
                least.status(0) == OdeStatus.STEP_TOO_SMALL, "below the least step it ends as " + least.status(0)));
        OdeRun.Result few = run.alone(12)
                .adaptive(
                        device, roles -> roles.end(0.75).tolerances(1e-5, 1e-5).maxSteps(3));
        outcome = outcome.and(Outcome.that(few.status(0) == OdeStatus.STEP_BUDGET, "3 steps end as " + few.status(0)))
                .and(Outcome.that(
                        few.statistic(0, 0) + few.statistic(1, 0) == 3, "tried " + Arrays.toString(few.statistics())));
        double[] well = run.alone(0)
                .adaptive(
                        device,
                        roles -> roles.end(0.75)
                                .tolerances(1e-5, 1e-5)
                                .maxStep(0.25)
                                .maxSteps(60))
                .out();
        for (int i = 0; i < batch; i++) {
            if (i != 3 && i != 7 && i != 12) {
                outcome = outcome.and(Outcome.sameBits(well, new double[] {all.out()[i]}))
                        .and(Outcome.that(all.status(i) == OdeStatus.DONE, i + " ends as " + all.status(i)));
            }
        }
        return outcome;
    }

    /** Starts and ends of each trajectory give what the same times as numbers give to it alone. */
    private static Outcome timesOfEach(Device device, DType dtype) {
        int batch = 21;
        OdeRun run = random(OdeProblems.FUNCTIONS_OF_TIME, BOGACKI_SHAMPINE_3_2, dtype, batch, 26);
        double[] starts = new Random(27)
                .doubles(batch, -1, 1)
                .map(Arithmetic.of(dtype)::round)
                .toArray();
        double[] ends = new Random(28)
                .doubles(batch, -2, 2)
                .map(Arithmetic.of(dtype)::round)
                .toArray();
        Outcome outcome = Outcome.passed("");
        try (io.quern.TensorArena arena = io.quern.TensorArena.open(device)) {
            io.quern.Tensor start = arena.allocate(dtype, batch).copyFrom(starts);
            io.quern.Tensor end = arena.allocate(dtype, batch).copyFrom(ends);
            OdeRun.Result adaptive =
                    run.adaptive(device, roles -> roles.start(start).end(end).tolerances(1e-4, 1e-4));
            OdeRun.Result fixed =
                    run.fixed(device, roles -> roles.start(start).end(end).steps(9));
            for (int i = 0; i < batch; i++) {
                int trajectory = i;
                OdeRun.Result one = run.alone(i)
                        .adaptive(
                                device,
                                roles -> roles.start(starts[trajectory])
                                        .end(ends[trajectory])
                                        .tolerances(1e-4, 1e-4));
                outcome = outcome.and(Outcome.sameBits(one.out(), run.column(adaptive.out(), i)))
                        .and(Outcome.sameBits(one.lastStep(), run.column(adaptive.lastStep(), i)));
                OdeRun.Result steps = run.alone(i)
                        .fixed(
                                device,
                                roles -> roles.start(starts[trajectory])
                                        .end(ends[trajectory])
                                        .steps(9));
                outcome = outcome.and(Outcome.sameBits(steps.out(), run.column(fixed.out(), i)));
            }
        }
        return outcome;
    }

    /** An oscillator there and back again: what is left is twice the error of one way, which the tolerance bounds. */
    private static Outcome thereAndBack(Device device, DType dtype) {
        double tolerance = dtype == DType.FP64 ? 1e-10 : 1e-5;
        OdeRun there = random(OdeCatalogue.HARMONIC, DORMAND_PRINCE_5_4, dtype, 9, 29);
        OdeRun.Result far = there.adaptive(device, roles -> roles.end(4).tolerances(tolerance, tolerance));
        OdeRun.Result back = new OdeRun(there.ode(), dtype, 9, far.out(), there.parameters())
                .adaptive(device, roles -> roles.start(4).end(0).tolerances(tolerance, tolerance));
        double worst = 0;
        for (int i = 0; i < back.out().length; i++) {
            worst = Math.max(worst, Math.abs(back.out()[i] - there.state()[i]));
        }
        int most = 0;
        for (int i = 0; i < 9; i++) {
            most = Math.max(most, far.statistic(0, i) + back.statistic(0, i));
        }
        // Each accepted step errs by at most atol + rtol |y| a component, |y| below 5; errors turn, they do not grow,
        // but the velocity is frequency times as large, 1.5 at most.
        return Outcome.within(worst, most * 6 * tolerance * 1.5, most + " steps");
    }
}
