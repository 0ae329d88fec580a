package io.quern.ode;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;

/**
 * The functions of {@link Expression} against Java's {@code StrictMath}, which is itself within one unit in the last place of
 * FP64. A step of length 1 of Euler's method from 0 computes 0 + 1 f(p), which is f(p).
 */
final class OdeFunctions {
    private static final int COUNT = 4001;

    private OdeFunctions() {}

    static List<Case> all(DType dtype) {
        boolean fp64 = dtype == DType.FP64;
        double least = fp64 ? -707 : -86;
        double most = fp64 ? 709 : 88;
        List<Case> cases = new ArrayList<>();
        cases.add(ulps("exp", dtype, Expression::exp, StrictMath::exp, least, most, 2));
        cases.add(ulps("exp near 0", dtype, Expression::exp, StrictMath::exp, -1, 1, 2));
        cases.add(ulps("log near 1", dtype, Expression::log, StrictMath::log, 0.5, 2, 3));
        cases.add(ulps("log", dtype, Expression::log, StrictMath::log, 1e-30, 1e-3, 3));
        cases.add(ulps("log of large", dtype, Expression::log, StrictMath::log, 1, 1e30, 3));
        cases.add(ulps(
                "log of subnormal",
                dtype,
                Expression::log,
                StrictMath::log,
                fp64 ? 1e-315 : 1e-42,
                fp64 ? 1e-309 : 1e-39,
                3));
        double trig = fp64 ? 4e-16 : 1.5e-7;
        cases.add(absolute("sin", dtype, Expression::sin, StrictMath::sin, 1000, trig));
        cases.add(absolute("cos", dtype, Expression::cos, StrictMath::cos, 1000, trig));
        cases.add(ulps("pow 1.5", dtype, x -> x.pow(1.5), x -> x * StrictMath.sqrt(x), 1e-3, 1e3, 2));
        cases.add(ulps("pow -3", dtype, x -> x.pow(-3), x -> 1 / (x * x * x), 0.1, 10, 4));
        cases.add(ulps("pow 0.3", dtype, x -> x.pow(0.3), x -> StrictMath.pow(x, 0.3), 1e-6, 1e6, 4 * (1 + 0.3 * 14)));
        cases.add(OdeCases.numeric("functions at their ends", dtype, device -> ends(device, dtype)));
        return cases;
    }

    private static Case ulps(
            String name,
            DType dtype,
            UnaryOperator<Expression> function,
            DoubleUnaryOperator oracle,
            double least,
            double most,
            double bound) {
        return OdeCases.numeric(name, dtype, device -> {
            double[] x = new Random(31)
                    .doubles(COUNT, least, most)
                    .map(Arithmetic.of(dtype)::round)
                    .toArray();
            double[] y = values(device, dtype, function, x);
            double worst = 0;
            for (int i = 0; i < COUNT; i++) {
                double exact = oracle.applyAsDouble(x[i]);
                double ulp = dtype == DType.FP64 ? Math.ulp(exact) : Math.ulp((float) exact);
                worst = Math.max(worst, Math.abs(y[i] - exact) / ulp);
            }
            // StrictMath's own error counts in FP64 only.
            return Outcome.within(worst, dtype == DType.FP64 ? bound + 1 : bound, "units in the last place");
        });
    }

    private static Case absolute(
            String name,
            DType dtype,
            UnaryOperator<Expression> function,
            DoubleUnaryOperator oracle,
            double most,
            double bound) {
        return OdeCases.numeric(name, dtype, device -> {
            double[] x = new Random(32)
                    .doubles(COUNT, -most, most)
                    .map(Arithmetic.of(dtype)::round)
                    .toArray();
            double[] y = values(device, dtype, function, x);
            double worst = 0;
            for (int i = 0; i < COUNT; i++) {
                worst = Math.max(worst, Math.abs(y[i] - oracle.applyAsDouble(x[i])));
            }
            return Outcome.within(worst, bound + Math.ulp(1.0), "absolute");
        });
    }

    private static Outcome ends(Device device, DType dtype) {
        double inf = Double.POSITIVE_INFINITY;
        double nan = Double.NaN;
        double[] x = {inf, -inf, nan, 0, -0.0, -1, 1e30, -1e30};
        Outcome outcome = Outcome.sameBits(
                        new double[] {inf, 0, nan, 1, 1, 1},
                        java.util.Arrays.copyOf(replace(values(device, dtype, Expression::exp, x), 5, 1), 6))
                .and(Outcome.sameBits(
                        new double[] {inf, nan, nan, -inf, -inf, nan},
                        java.util.Arrays.copyOf(values(device, dtype, Expression::log, x), 6)))
                .and(Outcome.sameBits(
                        new double[] {nan, nan, nan},
                        java.util.Arrays.copyOf(values(device, dtype, Expression::sin, x), 3)))
                .and(Outcome.sameBits(
                        new double[] {nan, nan, nan, 1, 1},
                        java.util.Arrays.copyOf(values(device, dtype, Expression::cos, x), 5)));
        double[] far = values(device, dtype, Expression::exp, new double[] {1e30, -1e30});
        return outcome.and(Outcome.sameBits(new double[] {inf, 0}, far));
    }

    private static double[] replace(double[] values, int index, double value) {
        values[index] = value;
        return values;
    }

    /** As y = 0 + 1 f: an infinite f stays, NaN too; -0 becomes 0. */
    private static double[] values(Device device, DType dtype, UnaryOperator<Expression> function, double[] x) {
        OdeField field = OdeField.of(1, 1, (t, y, p) -> List.of(function.apply(p.at(0))));
        OdeRun run = new OdeRun(Ode.of(field, Method.EULER), dtype, x.length, new double[x.length], x);
        return run.fixed(device, roles -> roles.size(1)).out();
    }
}
