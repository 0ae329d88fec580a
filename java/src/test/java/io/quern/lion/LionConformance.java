package io.quern.lion;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * What any implementation of Lion in FP32 must do, whosever it is, where implementations are known to differ: each check is
 * about one mistake, and says so. It is in the test jar and needs nothing else of the library. Rounding is left free: expected values are exact, or the check knows how far rounding leads.
 *
 * <pre>{@code
 * for (LionConformance.Check check : LionConformance.checks()) {
 *     String wrong = check.of(mine);       // null: it conforms
 * }
 * }</pre>
 */
public final class LionConformance {
    private static final float RATE = 0.5f;
    private static final float BETA1 = 0.5f;
    private static final float BETA2 = 0.875f;
    private static final float NO_DECAY = 0;

    private LionConformance() {}

    /** One step of the implementation that is checked. */
    @FunctionalInterface
    public interface Implementation {
        /**
         * Steps once.
         *
         * @param theta parameters; written
         * @param m momenta of as many; written
         * @param g gradients of as many
         */
        void step(float learningRate, float beta1, float beta2, float weightDecay, float[] theta, float[] m, float[] g);
    }

    /**
     * One thing that must hold.
     *
     * @param name what it is about
     * @param body returns what is wrong; null if nothing is
     */
    public record Check(String name, Body body) {
        /** What a check does. */
        @FunctionalInterface
        public interface Body {
            /** {@return what is wrong with an implementation; null if nothing is} */
            String of(Implementation lion);
        }

        /** {@return what is wrong with an implementation; null if nothing is} */
        public String of(Implementation lion) {
            return body.of(lion);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** {@return all checks} */
    public static List<Check> checks() {
        return List.of(
                new Check("the sign of zero is zero", LionConformance::signOfZero),
                new Check("every size of c steps by the learning rate", LionConformance::everySize),
                new Check("weight decay is decoupled", LionConformance::decoupled),
                new Check("weight decay is of the old parameter", LionConformance::decayOfOld),
                new Check("beta1 is the step's, beta2 the momentum's", LionConformance::orderOfBetas),
                new Check("the step takes the old momentum", LionConformance::oldMomentum),
                new Check("NaN stays NaN, and where it is", LionConformance::nan),
                new Check("an infinite gradient steps by the learning rate", LionConformance::infinite),
                new Check("outside the guard band the sign is that of c", LionConformance::guardBand));
    }

    private static String signOfZero(Implementation lion) {
        float[] theta = {1, 1, 1, 1};
        lion.step(RATE, BETA1, BETA2, NO_DECAY, theta, new float[] {0f, 0f, -0f, -0f}, new float[] {0f, -0f, 0f, -0f});
        return expect("theta", theta, 1, 1, 1, 1);
    }

    /** From the smallest subnormal number whose half is one to large ones; the momentum alone makes c. */
    private static String everySize(Implementation lion) {
        List<String> wrong = new ArrayList<>();
        for (int exponent = -148; exponent <= 120; exponent++) {
            float m = Math.scalb(1f, exponent);
            float[] theta = {1, 1};
            lion.step(RATE, BETA1, BETA2, NO_DECAY, theta, new float[] {m, -m}, new float[2]);
            String why = expect("m = +-2^" + exponent + ": theta", theta, 0.5f, 1.5f);
            if (why != null) {
                wrong.add(why);
            }
        }
        return wrong.isEmpty() ? null : wrong.size() + " sizes, first " + wrong.getFirst();
    }

    /** A decay that joins the gradient turns the sign. */
    private static String decoupled(Implementation lion) {
        float[] theta = {64};
        float[] m = {0};
        lion.step(RATE, BETA1, BETA2, 0.5f, theta, m, new float[] {-1});
        String why = expect("theta", theta, 64 + 0.5f - 16);
        return why != null ? why : expect("momentum", m, -0.125f);
    }

    /** Of the new parameter it would be 0.375. */
    private static String decayOfOld(Implementation lion) {
        float[] theta = {1};
        lion.step(RATE, BETA1, BETA2, 0.5f, theta, new float[] {1}, new float[] {1});
        return expect("theta", theta, 1 - 0.5f - 0.25f);
    }

    /** c = 0.5 - 1; exchanged, it would be 0.875 - 0.25. */
    private static String orderOfBetas(Implementation lion) {
        float[] theta = {1};
        float[] m = {1};
        lion.step(RATE, BETA1, BETA2, NO_DECAY, theta, m, new float[] {-2});
        String why = expect("theta", theta, 1.5f);
        return why != null ? why : expect("momentum", m, 0.625f);
    }

    /** c = 0.5 - 0.4375; of the new momentum it would be 0.3828125 - 0.4375. */
    private static String oldMomentum(Implementation lion) {
        float[] theta = {1};
        float[] m = {1};
        lion.step(RATE, BETA1, BETA2, NO_DECAY, theta, m, new float[] {-0.875f});
        String why = expect("theta", theta, 0.5f);
        return why != null ? why : expect("momentum", m, 0.765625f);
    }

    private static String nan(Implementation lion) {
        float[] theta = {1, 1, 1, Float.NaN, 1};
        float[] m = {1, Float.NaN, 1, 1, 1};
        lion.step(RATE, BETA1, BETA2, NO_DECAY, theta, m, new float[] {1, 1, Float.NaN, 1, 1});
        String why = expect("theta", theta, 0.5f, Float.NaN, Float.NaN, Float.NaN, 0.5f);
        return why != null ? why : expect("momentum", m, 1, Float.NaN, Float.NaN, 1, 1);
    }

    private static String infinite(Implementation lion) {
        float[] theta = {1, 1};
        float[] m = {0, 0};
        float infinity = Float.POSITIVE_INFINITY;
        lion.step(RATE, BETA1, BETA2, NO_DECAY, theta, m, new float[] {infinity, -infinity});
        String why = expect("theta", theta, 0.5f, 1.5f);
        return why != null ? why : expect("momentum", m, infinity, -infinity);
    }

    /**
     * Betas that FP32 has not, and gradients that nearly cancel. Each of beta, 1 - beta (from the rounded beta), two products
     * and a sum may be rounded to FP32, a relative u = 2^-24 each, 1 - beta by as much as beta: |c - exact| is below
     * u (4 |beta1 m| + 4 |(1 - beta1) g| + |beta1 g|). Inside that band the sign is free; outside it is not.
     */
    private static String guardBand(Implementation lion) {
        int n = 4099;
        float beta1 = 0.9f;
        double u = 0x1p-24;
        Random random = new Random(31);
        float[] theta = new float[n];
        float[] m = new float[n];
        float[] g = new float[n];
        for (int i = 0; i < n; i++) {
            theta[i] = 1;
            m[i] = (float) random.nextGaussian();
            g[i] = -9 * m[i] * (1 + (i % 64 - 32) * 0x1p-22f);
        }
        float[] oldMomenta = m.clone();
        lion.step(RATE, beta1, 0.99f, NO_DECAY, theta, m, g);
        BigDecimal beta = new BigDecimal(beta1);
        for (int i = 0; i < n; i++) {
            double c = beta.multiply(new BigDecimal(oldMomenta[i]))
                    .add(BigDecimal.ONE.subtract(beta).multiply(new BigDecimal(g[i])))
                    .doubleValue();
            double band = u * (4 * Math.abs(beta1 * oldMomenta[i]) + (4 * (1 - beta1) + beta1) * Math.abs(g[i]));
            float step = 1 - theta[i];
            boolean right = Math.abs(c) > band ? step == RATE * Math.signum(c) : step == 0 || Math.abs(step) == RATE;
            if (!right) {
                return "[" + i + "]: c = " + c + ", of which rounding is " + band + ", stepped by " + -step;
            }
        }
        return null;
    }

    private static String expect(String what, float[] actual, float... expected) {
        for (int i = 0; i < expected.length; i++) {
            boolean same = Float.isNaN(expected[i]) ? Float.isNaN(actual[i]) : actual[i] == expected[i];
            if (!same) {
                return what + "[" + i + "] should be " + expected[i] + ", but is " + actual[i];
            }
        }
        return null;
    }
}
