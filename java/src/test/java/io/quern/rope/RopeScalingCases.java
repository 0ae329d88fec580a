package io.quern.rope;

import static io.quern.rope.RopeCases.numeric;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.cpu.Exact;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Scaled frequencies against the published formulae, written down here once more, in the papers' own terms (wavelengths,
 * dimensions) and to some 50 digits. The settings are those of published models where there is one.
 */
final class RopeScalingCases {
    private static final MathContext DIGITS = new MathContext(60);
    private static final BigDecimal ONE = BigDecimal.ONE;
    private static final BigDecimal LN_PI = new BigDecimal("1.1447298858494001741434273513530587116472948129153");
    private static final long[] POSITIONS = {0, 1, -1, 4_095, 32_768, 131_071, 9_999_991, 10_000_000};

    private RopeScalingCases() {}

    /** A scaling, and its frequencies and factor by the oracle. */
    private record Published(
            String name, double base, int dim, Scaling scaling, IntFunction<BigDecimal> frequency, double factor) {
        Rope rope() {
            return Rope.of(dim).frequencies(Frequencies.powers(base, dim, scaling));
        }

        BigDecimal own(int k) {
            return RopeScalingCases.own(base, dim, k);
        }
    }

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (Published published : published()) {
            for (DType dtype : List.of(DType.FP64, DType.FP32)) {
                for (AngleRounding rounding : AngleRounding.values()) {
                    Rope rope = published.rope().rounding(rounding);
                    String name = published.name() + " " + rounding;
                    cases.add(numeric("scaled table " + name, dtype, device -> oracle(device, published, rope, dtype)));
                }
            }
            if (ramp(published) > 0) {
                continue; // its frequencies are not exact enough for a bound that knows nothing of them
            }
            for (DType dtype : List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16)) {
                RopeCase given = RopeCase.of(published.rope(), dtype, 1, 3, 2);
                cases.add(numeric("scaled " + published.name(), dtype, device -> rotation(device, published, given)));
                RopeCase back = RopeCases.rounded(given.inverse());
                cases.add(numeric(
                        "scaled transpose " + published.name(), dtype, device -> rotation(device, published, back)));
            }
        }
        return cases;
    }

    private static List<Published> published() {
        double[] divisors = {1, 1.05, 1.25, 2.5, 7.75, 30.3, 64, 64.5};
        return List.of(
                new Published(
                        "linear",
                        1e4,
                        34,
                        Scaling.linear(2.5),
                        k -> own(1e4, 34, k).divide(new BigDecimal("2.5"), DIGITS),
                        1),
                new Published(
                        "dynamic NTK", 1e4, 34, Scaling.dynamicNtk(4, 4096, 10_000), k -> ntk(4, 4096, 10_000, k), 1),
                new Published(
                        "dynamic NTK within the length",
                        1e4,
                        34,
                        Scaling.dynamicNtk(4, 4096, 77),
                        k -> own(1e4, 34, k),
                        1),
                new Published(
                        "YaRN by turns",
                        1e4,
                        34,
                        Scaling.yarn(16, 4096).ramp(Scaling.Yarn.Ramp.TURNS),
                        k -> yarnByTurns(16, 4096, k),
                        1 + 0.4 * 0.6931471805599453), // ln 16 = 4 ln 2
                new Published(
                        "YaRN GPT-OSS",
                        150_000,
                        64,
                        Scaling.yarn(32, 4096).ramp(Scaling.Yarn.Ramp.PAIRS),
                        k -> yarnByPairs(150_000, 64, 32, 4096, false, k),
                        1 + 0.5 * 0.6931471805599453), // ln 32 = 5 ln 2
                new Published(
                        "YaRN DeepSeek",
                        1e4,
                        64,
                        Scaling.yarn(40, 4096).attentionFactor(1),
                        k -> yarnByPairs(1e4, 64, 40, 4096, true, k),
                        1),
                new Published("Llama 3.1", 5e5, 128, Scaling.llama3(8, 8192), RopeScalingCases::llama31, 1),
                new Published(
                        "LongRoPE",
                        1e4,
                        16,
                        Scaling.longRope(Scaling.LongRope.attentionFactorFor(32, 4096), divisors),
                        k -> own(1e4, 16, k).divide(new BigDecimal(divisors[k]), DIGITS),
                        1.1902380714238083)); // sqrt(1 + 5 ln 2 / 12 ln 2) = sqrt(17/12)
    }

    private static BigDecimal own(double base, int dim, int k) {
        return Exact.power(base, BigDecimal.valueOf(-2L * k).divide(BigDecimal.valueOf(dim), DIGITS));
    }

    /** The base becomes b e^(d/(d-2)), e = s l/L - (s - 1). */
    private static BigDecimal ntk(int s, int trained, int length, int k) {
        double e = s * (double) length / trained - (s - 1); // 6.765625: exact
        BigDecimal exponent = BigDecimal.valueOf(34).divide(BigDecimal.valueOf(32), DIGITS);
        BigDecimal lnBase = Exact.ln(1e4).add(Exact.ln(e).multiply(exponent));
        BigDecimal share = lnBase.multiply(BigDecimal.valueOf(-2L * k)).divide(BigDecimal.valueOf(34), DIGITS);
        return Exact.exp(share);
    }

    private static BigDecimal wavelength(BigDecimal frequency) {
        return BigDecimal.TWO.multiply(Exact.PI).divide(frequency, DIGITS);
    }

    /** r = L / wavelength, gamma from 0 at r = 1 to 1 at r = 32, h = (1 - gamma) w / s + gamma w. */
    private static BigDecimal yarnByTurns(int s, int trained, int k) {
        BigDecimal w = own(1e4, 34, k);
        BigDecimal r = BigDecimal.valueOf(trained).divide(wavelength(w), DIGITS);
        BigDecimal gamma = r.subtract(ONE).divide(BigDecimal.valueOf(31), DIGITS);
        return mixed(w, s, clamp(gamma));
    }

    /** The ramp 0 at pair low, 1 at pair high is the share of the interpolated frequency. */
    private static BigDecimal yarnByPairs(double base, int dim, int s, int trained, boolean whole, int k) {
        BigDecimal low = correction(base, dim, trained, 32);
        BigDecimal high = correction(base, dim, trained, 1);
        if (whole) {
            low = low.setScale(0, RoundingMode.FLOOR);
            high = high.setScale(0, RoundingMode.CEILING);
        }
        BigDecimal ramp = BigDecimal.valueOf(k).subtract(low).divide(high.subtract(low), DIGITS);
        return mixed(own(base, dim, k), s, ONE.subtract(clamp(ramp)));
    }

    /** d ln(L / (2 pi r)) / (2 ln b). */
    private static BigDecimal correction(double base, int dim, int trained, int turns) {
        BigDecimal ln = Exact.ln(trained).subtract(Exact.ln(2.0 * turns)).subtract(LN_PI);
        return BigDecimal.valueOf(dim).multiply(ln).divide(BigDecimal.TWO.multiply(Exact.ln(base)), DIGITS);
    }

    /** By wavelengths: short ones stay, long ones grow by 8, the ones between 8192/4 and 8192 go over. */
    private static BigDecimal llama31(int k) {
        BigDecimal w = own(5e5, 128, k);
        BigDecimal wavelength = wavelength(w);
        if (wavelength.compareTo(BigDecimal.valueOf(2048)) < 0) {
            return w;
        }
        if (wavelength.compareTo(BigDecimal.valueOf(8192)) > 0) {
            return w.divide(BigDecimal.valueOf(8), DIGITS);
        }
        BigDecimal smooth = BigDecimal.valueOf(8192)
                .divide(wavelength, DIGITS)
                .subtract(ONE)
                .divide(BigDecimal.valueOf(3), DIGITS);
        return mixed(w, 8, smooth);
    }

    private static BigDecimal mixed(BigDecimal w, int s, BigDecimal kept) {
        return ONE.subtract(kept)
                .multiply(w)
                .divide(BigDecimal.valueOf(s), DIGITS)
                .add(kept.multiply(w));
    }

    private static BigDecimal clamp(BigDecimal x) {
        return x.max(BigDecimal.ZERO).min(ONE);
    }

    private static Outcome oracle(Device device, Published published, Rope rope, DType dtype) {
        double[] both = RopeTableCases.tabulate(device, rope, dtype, POSITIONS);
        double factor = rope.rounding() == AngleRounding.FP32 ? (float) published.factor() : published.factor();
        int pairs = rope.pairs();
        double worst = 0;
        for (int k = 0; k < pairs; k++) {
            BigDecimal frequency = published.frequency().apply(k);
            for (int row = 0; row < POSITIONS.length; row++) {
                BigDecimal angle = RopeOracle.angle(frequency, rope.rounding(), POSITIONS[row]);
                double c = both[row * pairs + k];
                double s = both[(POSITIONS.length + row) * pairs + k];
                worst = Math.max(worst, Math.abs(c - factor * Exact.cos(angle)));
                worst = Math.max(worst, Math.abs(s - factor * Exact.sin(angle)));
            }
        }
        // The oracle's own product and the factor's last digit, too, are rounded.
        double bound = RopeOracle.tableBound(dtype, factor) + 4 * 0x1p-53 * factor + ramp(published);
        return Outcome.that(bound < RopeTableCases.PROMISED, "the bound keeps the promise")
                .and(Outcome.within(worst, bound, "largest error of a cosine or sine"));
    }

    /**
     * What the ends of YaRN's ramp over pairs, which are computed in FP64, add to an angle: low and high are within 4 ulp of
     * a number below 32, their quotient within three times that over their distance of at least 8, up to position 10^7.
     */
    private static double ramp(Published published) {
        boolean pairs = published.scaling() instanceof Scaling.Yarn yarn && yarn.ramp() == Scaling.Yarn.Ramp.PAIRS;
        return pairs ? 1e7 * published.own(9).doubleValue() * 3 * 4 * Math.ulp(31.0) / 8 : 0;
    }

    private static Outcome rotation(Device device, Published published, RopeCase given) {
        double[] x = given.inputs();
        double[] y = given.on(device, RopeCase.Way.COMPUTED_IN_PLACE, x);
        double share = RopeOracle.worstShare(given, published.frequency(), published.factor(), x, y);
        return Outcome.within(share, 1, "largest error in units of what is derived for it");
    }
}
