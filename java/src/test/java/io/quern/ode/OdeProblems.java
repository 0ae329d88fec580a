package io.quern.ode;

import static io.quern.ode.Expression.of;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import java.util.ArrayList;
import java.util.List;

/**
 * Problems whose solutions are known: DETEST (Hull et al., "Comparing numerical methods for ordinary differential equations",
 * 1972), the test set of Bari, and closed forms.
 */
final class OdeProblems {
    /** y' = y (cos t - y/4): nonlinear, and depends on time. */
    static final OdeField LOGISTIC_COSINE = OdeField.of(
            1, 0, (t, y, p) -> List.of(y.at(0).times(t.cos().minus(y.at(0).times(0.25)))));

    /** y' = -p y^2. */
    static final OdeField SQUARE = OdeField.of(
            1, 1, (t, y, p) -> List.of(p.at(0).negate().times(y.at(0)).times(y.at(0))));

    /** Every function and selection that there is, of time, state and parameters, without meaning. */
    static final OdeField FUNCTIONS_OF_TIME = OdeField.of(3, 2, (t, y, p) -> {
        Expression angle = p.at(0).times(t).plus(y.at(1));
        Expression grown = y.at(0).abs().plus(1).log();
        return List.of(
                angle.sin().minus(y.at(0).exp().times(0.1)).plus(grown),
                angle.cos().times(y.at(2)).minus(y.at(1)).max(-2).min(p.at(1)),
                t.lessThan(y.at(2))
                        .select(y.at(2).negate(), y.at(1).abs().pow(p.at(1)))
                        .plus(y.at(0).equalTo(y.at(1)).select(1, -1))
                        .plus(t.atMost(0).select(y.at(0).times(y.at(0)).plus(1).sqrt(), of(0.5)))
                        .minus(y.at(2).abs().plus(0.5).pow(-1.5)));
    });

    private OdeProblems() {}

    /**
     * A problem.
     *
     * @param growth by how much an error made on the way may have grown in the end
     */
    private record Problem(
            String name,
            OdeField field,
            double[] state,
            double[] parameters,
            double end,
            double[] expected,
            double growth) {
        /** Long ones by one method only. */
        List<Method> methods() {
            return field.dimension() > 4
                    ? List.of(Method.DORMAND_PRINCE_5_4)
                    : List.of(Method.DORMAND_PRINCE_5_4, Method.TSITOURAS_5_4);
        }
    }

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (Problem problem : problems()) {
            for (Method method : problem.methods()) {
                cases.add(OdeCases.numeric(
                        problem.name + " by " + method,
                        DType.FP64,
                        device -> solve(device, problem, method, DType.FP64, 1e-10)));
            }
        }
        cases.add(OdeCases.numeric(
                "Lorenz in FP32",
                DType.FP32,
                device -> solve(
                        device,
                        lorenz(21, -6.45057915, -8.89521148, 14.64914587),
                        Method.DORMAND_PRINCE_5_4,
                        DType.FP32,
                        1e-5)));
        return cases;
    }

    private static Outcome solve(Device device, Problem problem, Method method, DType dtype, double tolerance) {
        OdeRun run = OdeRun.one(problem.field, method, dtype, problem.state, problem.parameters);
        OdeRun.Result result =
                run.adaptive(device, roles -> roles.end(problem.end).tolerances(tolerance, tolerance * 1e-2));
        double worst = 0;
        for (int i = 0; i < problem.expected.length; i++) {
            double size = Math.max(Math.abs(problem.expected[i]), 1e-2);
            worst = Math.max(worst, Math.abs(result.out()[i] - problem.expected[i]) / size);
        }
        return Outcome.that(result.status(0) == OdeStatus.DONE, "ended as " + result.status(0))
                .and(Outcome.within(
                        worst,
                        problem.growth * tolerance,
                        result.statistic(0, 0) + " + " + result.statistic(1, 0) + " steps"));
    }

    private static List<Problem> problems() {
        double mu = 0.012277471;
        double[] arenstorf = {0.994, 0, 0, -2.00158510637908252240537862224};
        double[] none = {};
        List<Problem> all = new ArrayList<>();
        all.add(problem("DETEST A1", OdeCatalogue.DECAY, 20, 10, new double[] {1}, new double[] {1}, Math.exp(-20)));
        OdeField a2 = OdeField.of(
                1, 0, (t, y, p) -> List.of(y.at(0).times(y.at(0)).times(y.at(0)).times(-0.5)));
        all.add(problem("DETEST A2", a2, 20, 10, none, new double[] {1}, 1 / Math.sqrt(21)));
        OdeField a3 = OdeField.of(1, 0, (t, y, p) -> List.of(y.at(0).times(t.cos())));
        all.add(problem("DETEST A3", a3, 20, 10, none, new double[] {1}, Math.exp(Math.sin(20))));
        OdeField a4 = OdeField.of(
                1,
                0,
                (t, y, p) ->
                        List.of(y.at(0).times(0.25).times(of(1).minus(y.at(0).times(0.05)))));
        all.add(problem("DETEST A4", a4, 20, 10, none, new double[] {1}, 20 / (1 + 19 * Math.exp(-5))));
        OdeField b1 = OdeField.of(2, 0, (t, y, p) -> {
            Expression meeting = y.at(0).times(y.at(1));
            return List.of(y.at(0).minus(meeting).times(2), meeting.minus(y.at(1)));
        });
        all.add(problem("DETEST B1", b1, 20, 10, none, new double[] {1, 3}, 0.676187600858, 0.186081609964));
        OdeField b5 = OdeField.of(
                3,
                0,
                (t, y, p) -> List.of(
                        y.at(1).times(y.at(2)),
                        y.at(0).times(y.at(2)).negate(),
                        y.at(0).times(y.at(1)).times(-0.51)));
        all.add(problem(
                "DETEST B5",
                b5,
                20,
                30,
                none,
                new double[] {0, 1, 1},
                -0.939657079873,
                -0.342117775400,
                0.741412659620));
        all.add(kepler("DETEST D1", 0.1, 0.219883535200840, 0.942707684634181, 300));
        all.add(kepler("DETEST D3", 0.5, -0.578043295303536, 0.863384000919419, 100));
        all.add(kepler("DETEST D5", 0.9, -1.295266250987576, 0.400393896379232, 200));
        all.add(lorenz(10.5, 2.83229084, 1.28394562, 11.10708685));
        all.add(lorenz(21, -6.45057915, -8.89521148, 14.64914587));
        all.add(lorenz(0, Math.exp(-10), 0, 0));
        all.add(problem(
                "Arenstorf",
                OdeCatalogue.ARENSTORF,
                17.0652165601579625588917206249,
                1e6,
                new double[] {mu},
                arenstorf,
                arenstorf));
        all.add(problem(
                "Pleiades",
                OdeCatalogue.PLEIADES,
                3,
                100,
                new double[] {1},
                new double[] {
                    3, 3, -1, -3, 2, -2, 2, 3, -3, 2, 0, 0, -4, 4, 0, 0, 0, 0, 0, 1.75, -1.5, 0, 0, 0, -1.25, 1, 0, 0
                },
                0.3706139143970502,
                3.237284092057233,
                -3.222559032418324,
                0.6597091455775310,
                0.3425581707156584,
                1.562172101400631,
                -0.7003092922212495,
                -3.943437585517392,
                -3.271380973972550,
                5.225081843456543,
                -2.590612434977470,
                1.198213693392275,
                -0.2429682344935824,
                1.091449240428980));
        all.add(problem(
                "HIRES",
                OdeCatalogue.HIRES,
                321.8122,
                10,
                none,
                new double[] {1, 0, 0, 0, 0, 0, 0, .0057},
                0.7371312573325668e-3,
                0.1442485726316185e-3,
                0.5888729740967575e-4,
                0.1175651343283149e-2,
                0.2386356198831331e-2,
                0.6238968252742796e-2,
                0.2849998395185769e-2,
                0.2850001604814231e-2));
        return all;
    }

    private static Problem problem(
            String name,
            OdeField field,
            double end,
            double growth,
            double[] parameters,
            double[] state,
            double... expected) {
        return new Problem(name, field, state, parameters, end, expected, growth);
    }

    private static Problem kepler(String name, double e, double x, double y, double growth) {
        double[] state = {1 - e, 0, 0, Math.sqrt((1 + e) / (1 - e))};
        return problem(name, OdeCatalogue.KEPLER, 20, growth, new double[] {1}, state, x, y);
    }

    /** The printed digits end at 10^-8; the growth covers what they leave out. */
    private static Problem lorenz(double rho, double... expected) {
        double[] parameters = {10, rho, 8.0 / 3};
        return problem("Lorenz rho=" + rho, OdeCatalogue.LORENZ, 1, 60, parameters, new double[] {1, 0, 0}, expected);
    }
}
