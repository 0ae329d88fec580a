package io.quern.ode;

import static io.quern.ode.Expression.of;

import io.quern.Check;
import java.util.ArrayList;
import java.util.List;

/**
 * Fields that every user of solvers meets. Each states its state y and its parameters p in order.
 */
public final class OdeCatalogue {
    /** Exponential decay y' = -p y. */
    public static final OdeField DECAY =
            OdeField.of(1, 1, (t, y, p) -> List.of(y.at(0).times(p.at(0)).negate()));

    /** A harmonic oscillator, y = (x, x'), p = (angular frequency): x'' = -p^2 x. */
    public static final OdeField HARMONIC = OdeField.of(
            2, 1, (t, y, p) -> List.of(y.at(1), p.at(0).times(p.at(0)).negate().times(y.at(0))));

    /** Lorenz 1963, p = (sigma, rho, beta), classically (10, 28, 8/3). */
    public static final OdeField LORENZ = OdeField.of(3, 3, (t, y, p) -> {
        Expression x1 = y.at(0);
        Expression x2 = y.at(1);
        Expression x3 = y.at(2);
        return List.of(
                p.at(0).times(x2.minus(x1)),
                x1.times(p.at(1).minus(x3)).minus(x2),
                p.at(2).negate().fma(x3, x1.times(x2)));
    });

    /** Van der Pol's oscillator, y = (x, x'), p = (mu): x'' = mu (1 - x^2) x' - x. Stiff where mu is large. */
    public static final OdeField VAN_DER_POL = OdeField.of(2, 1, (t, y, p) -> {
        Expression damping = p.at(0).times(of(1).minus(y.at(0).times(y.at(0))));
        return List.of(y.at(1), damping.fma(y.at(1), y.at(0).negate()));
    });

    /** A body around another in the plane, y = (x, y, x', y'), p = (gravitational parameter). */
    public static final OdeField KEPLER = OdeField.of(4, 1, (t, y, p) -> {
        Expression square = y.at(0).fma(y.at(0), y.at(1).times(y.at(1)));
        Expression pull = p.at(0).negate().over(square.pow(1.5));
        return List.of(y.at(2), y.at(3), pull.times(y.at(0)), pull.times(y.at(1)));
    });

    /** A small body near earth and moon, in their rotating plane (Arenstorf), y = (x, y, x', y'), p = (mass of the moon). */
    public static final OdeField ARENSTORF = OdeField.of(4, 1, (t, y, p) -> {
        Expression mu = p.at(0);
        Expression rest = of(1).minus(mu);
        Expression fromEarth = y.at(0).plus(mu);
        Expression fromMoon = y.at(0).minus(rest);
        Expression across = y.at(1).times(y.at(1));
        Expression earth = rest.over(fromEarth.fma(fromEarth, across).pow(1.5));
        Expression moon = mu.over(fromMoon.fma(fromMoon, across).pow(1.5));
        return List.of(
                y.at(2),
                y.at(3),
                y.at(0).plus(y.at(3).times(2)).minus(earth.times(fromEarth)).minus(moon.times(fromMoon)),
                y.at(1).minus(y.at(2).times(2)).minus(earth.plus(moon).times(y.at(1))));
    });

    /** Seven stars in the plane of masses 1 to 7 (Pleiades), y = (x, y, x', y'), seven numbers of each; p = (G). */
    public static final OdeField PLEIADES = OdeField.of(28, 1, OdeCatalogue::pleiades);

    /** High irradiance response, eight chemical species (Schaefer 1975); mildly stiff. No parameters. */
    public static final OdeField HIRES = OdeField.of(8, 0, (t, y, p) -> {
        Expression meeting = y.at(5).times(y.at(7)).times(280);
        return List.of(
                sum(y, new int[] {0, 1, 2}, -1.71, 0.43, 8.32).plus(0.0007),
                sum(y, new int[] {0, 1}, 1.71, -8.75),
                sum(y, new int[] {2, 3, 4}, -10.03, 0.43, 0.035),
                sum(y, new int[] {1, 2, 3}, 8.32, 1.71, -1.12),
                sum(y, new int[] {4, 5, 6}, -1.745, 0.43, 0.43),
                sum(y, new int[] {3, 4, 5, 6}, 0.69, 1.71, -0.43, 0.69).minus(meeting),
                meeting.minus(y.at(6).times(1.81)),
                y.at(6).times(1.81).minus(meeting));
    });

    /**
     * A ball that falls, y = (height, velocity), p = (acceleration downwards, share of the velocity that is left after an {@link
     * #IMPACT}).
     */
    public static final OdeField BOUNCING_BALL =
            OdeField.of(2, 2, 1, (t, y, p) -> List.of(y.at(1), p.at(0).negate()));

    /** The ball meets the ground at height 0 and comes back from there. */
    public static final OdeEvent IMPACT = OdeEvent.of(BOUNCING_BALL, Crossing.FALLING, (t, y, p) -> y.at(0))
            .resetting((t, y, p) -> List.of(of(0), p.at(1).negate().times(y.at(1))));

    private OdeCatalogue() {}

    /**
     * {@return y' = A y, p = A row by row}
     *
     * @param dimension 1 to 16
     */
    public static OdeField linear(int dimension) {
        Check.range("dimension", dimension, 1, 16);
        return OdeField.of(dimension, dimension * dimension, (t, y, p) -> {
            List<Expression> rows = new ArrayList<>();
            for (int i = 0; i < dimension; i++) {
                Expression sum = p.at(i * dimension).times(y.at(0));
                for (int j = 1; j < dimension; j++) {
                    sum = p.at(i * dimension + j).fma(y.at(j), sum);
                }
                rows.add(sum);
            }
            return rows;
        });
    }

    /**
     * {@return the temperatures of a pipe in cells, the water flowing from the first to the last}
     *
     * <pre>
     *   dT_i/dt = rate (T_(i-1) - T_i) - (T_i - ambient) / tau,   T_(-1) = inlet
     * </pre>
     *
     * p = (rate: the front's speed over a cell's length, tau: the pipe's time of cooling, ambient, inlet). kexue.fm 9405.
     *
     * @param cells 1 to {@value OdeField#MOST_DIMENSIONS}
     */
    public static OdeField hotWaterPipe(int cells) {
        return OdeField.of(cells, 4, (t, y, p) -> {
            List<Expression> rates = new ArrayList<>();
            for (int i = 0; i < cells; i++) {
                Expression upstream = i == 0 ? p.at(3) : y.at(i - 1);
                Expression cooling = y.at(i).minus(p.at(2)).over(p.at(1));
                rates.add(p.at(0).times(upstream.minus(y.at(i))).minus(cooling));
            }
            return rates;
        });
    }

    private static List<Expression> pleiades(Expression t, Variables y, Variables p) {
        int stars = 7;
        Expression[] ax = new Expression[stars];
        Expression[] ay = new Expression[stars];
        for (int i = 0; i < stars; i++) {
            for (int j = i + 1; j < stars; j++) {
                Expression dx = y.at(j).minus(y.at(i));
                Expression dy = y.at(stars + j).minus(y.at(stars + i));
                Expression cube = dx.fma(dx, dy.times(dy)).pow(1.5);
                Expression px = dx.over(cube);
                Expression py = dy.over(cube);
                ax[i] = ax[i] == null ? px.times(j + 1) : px.fma(j + 1, ax[i]);
                ay[i] = ay[i] == null ? py.times(j + 1) : py.fma(j + 1, ay[i]);
                ax[j] = ax[j] == null ? px.times(-(i + 1)) : px.fma(-(i + 1), ax[j]);
                ay[j] = ay[j] == null ? py.times(-(i + 1)) : py.fma(-(i + 1), ay[j]);
            }
        }
        List<Expression> derivatives = new ArrayList<>();
        for (int i = 0; i < 2 * stars; i++) {
            derivatives.add(y.at(2 * stars + i));
        }
        for (Expression[] accelerations : new Expression[][] {ax, ay}) {
            for (Expression acceleration : accelerations) {
                derivatives.add(p.at(0).times(acceleration));
            }
        }
        return derivatives;
    }

    private static Expression sum(Variables y, int[] components, double... factors) {
        Expression sum = y.at(components[0]).times(factors[0]);
        for (int i = 1; i < components.length; i++) {
            sum = y.at(components[i]).fma(factors[i], sum);
        }
        return sum;
    }
}
