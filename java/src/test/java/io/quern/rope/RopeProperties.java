package io.quern.rope;

import static io.quern.rope.RopeCases.property;
import static io.quern.rope.RopeCases.rope;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The identities of rotations. Their bounds follow from one: an output of a rotation is within a(|x0| + |x1|) of the exact
 * one, a = table error + 2 unit roundoffs (of the product and of the sum, which are at most |x0| + |x1|).
 */
final class RopeProperties {
    private static final RopeCase.Way WAY = RopeCase.Way.COMPUTED;

    private RopeProperties() {}

    static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (DType dtype : List.of(DType.FP64, DType.FP32)) {
            for (Pairing pairing : Pairing.values()) {
                Rope rope = rope(pairing, 64, 48);
                RopeCase given = RopeCase.of(rope, dtype, 1, 5, 3);
                cases.add(property("norm " + pairing, dtype, device -> norm(device, given)));
                cases.add(property("inverse " + pairing, dtype, device -> inverse(device, given)));
                cases.add(property("sum of positions " + pairing, dtype, device -> sum(device, given)));
                cases.add(property("distance only " + pairing, dtype, device -> distance(device, rope, dtype)));
            }
        }
        for (DType dtype : List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16)) {
            for (Pairing pairing : Pairing.values()) {
                RopeCase origin =
                        RopeCase.of(rope(pairing, 80, 64), dtype, 1, 3, 2).at(0, 0, 0);
                cases.add(property("position 0 " + pairing, dtype, device -> identity(device, origin)));
            }
        }
        return cases;
    }

    /** |y| = |x|, head by head. */
    private static Outcome norm(Device device, RopeCase given) {
        double[] x = given.inputs();
        double[] y = given.on(device, WAY, x);
        int d = given.rope().headDim();
        double worst = 0;
        for (int at = 0; at < x.length; at += d) {
            double before = Math.sqrt(dot(x, at, x, at, d));
            double after = Math.sqrt(dot(y, at, y, at, d));
            worst = Math.max(worst, Math.abs(after - before) / before);
        }
        // Each pair's error is at most 2 a |pair|, in both channels together sqrt(2) times that.
        return Outcome.within(worst, 2 * Math.sqrt(2) * accuracy(given.dtype()), "relative change of a head's norm");
    }

    /** R^-1 R x = x. */
    private static Outcome inverse(Device device, RopeCase given) {
        double[] x = given.inputs();
        double[] back = given.inverse().on(device, WAY, given.on(device, WAY, x));
        return twice(given, x, back, "after the inverse");
    }

    /** R_m R_n = R_{m+n}. */
    private static Outcome sum(Device device, RopeCase given) {
        double[] x = given.inputs();
        long[] m = given.positions();
        long[] n = Arrays.stream(m).map(position -> 20_000_000 - 3 * position).toArray();
        long[] both = new long[m.length];
        Arrays.setAll(both, i -> m[i] + n[i]);
        double[] twice = given.at(n).on(device, WAY, given.on(device, WAY, x));
        double[] once = given.at(both).on(device, WAY, x);
        return twice(given, once, twice, "against one rotation by the sum");
    }

    /**
     * Two rotations against one or none: the first's error is turned by the second, so that three errors of a (|x0| + |x1|)
     * add up, the last two of a turned pair, whose channels sum to at most sqrt(2) times as much.
     */
    private static Outcome twice(RopeCase given, double[] expected, double[] actual, String message) {
        int d = given.rope().headDim();
        int pairs = given.rope().pairs();
        double worst = 0;
        for (int head = 0; head < expected.length; head += d) {
            for (int k = 0; k < pairs; k++) {
                boolean halves = given.rope().pairing() == Pairing.HALVES;
                int i = head + (halves ? k : 2 * k);
                int j = head + (halves ? k + pairs : 2 * k + 1);
                double size = Math.abs(expected[i]) + Math.abs(expected[j]);
                double error = Math.max(Math.abs(actual[i] - expected[i]), Math.abs(actual[j] - expected[j]));
                worst = Math.max(worst, error == 0 ? 0 : error / size);
            }
        }
        double bound = (Math.sqrt(2) * 2 + Math.sqrt(2) + Math.sqrt(2)) * accuracy(given.dtype());
        return Outcome.within(worst, bound, "largest change of a channel relative to its pair, " + message);
    }

    /** The product of R_m q and R_n k is that of R_{m+s} q and R_{n+s} k. */
    private static Outcome distance(Device device, Rope rope, DType dtype) {
        long[] pairs = {17, 5, 1_017, 1_005, 9_000_017, 9_000_005, -983, -995}; // query, key: always 12 apart
        RopeCase given = RopeCase.of(rope, dtype, 1, pairs.length, 1).at(pairs);
        int d = rope.headDim();
        double[] x = given.inputs();
        for (int token = 2; token < pairs.length; token++) {
            System.arraycopy(x, token % 2 * d, x, token * d, d);
        }
        double[] y = given.on(device, WAY, x);
        double first = dot(y, 0, y, d, d);
        double worst = 0;
        for (int token = 2; token < pairs.length; token += 2) {
            worst = Math.max(worst, Math.abs(dot(y, token * d, y, (token + 1) * d, d) - first));
        }
        double size = Math.sqrt(dot(x, 0, x, 0, d) * dot(x, d, x, d, d));
        // Either product has the errors of two heads, each 2 sqrt(2) a of its norm.
        return Outcome.within(
                worst / size, 8 * Math.sqrt(2) * accuracy(dtype), "change of the product in units of |q| |k|");
    }

    /** Finite channels go through unchanged; zeros may lose their sign, which == does not see. */
    private static Outcome identity(Device device, RopeCase given) {
        double[] x = given.inputs();
        double[] y = given.on(device, WAY, x);
        for (int i = 0; i < x.length; i++) {
            if (x[i] != y[i]) {
                return Outcome.failed("[" + i + "]: " + x[i] + " became " + y[i]);
            }
        }
        return Outcome.passed("unchanged");
    }

    private static double accuracy(DType dtype) {
        return RopeOracle.tableBound(dtype) + 2 * (dtype == DType.FP64 ? 0x1p-53 : 0x1p-24);
    }

    private static double dot(double[] a, int fromA, double[] b, int fromB, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += a[fromA + i] * b[fromB + i];
        }
        return sum;
    }
}
