package io.quern.cpu;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.NE;
import static jdk.incubator.vector.VectorOperators.XOR;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;

/**
 * Sine and cosine of a product x * f, where f is given in quarter turns per unit of x (radians times 2/pi) as the
 * unevaluated sum of two doubles, {@code high + low}.
 *
 * <p>Quarter turns make the reduction exact: the nearest whole number is subtracted without error, where radians would
 * need pi/2 to ever more digits (Cody and Waite). With t = x * high rounded, e its error (one fma), n = round(t):
 *
 * <pre>
 *   rest = (t - n) + fma(x, low, e)        |rest| at most 1/2 + 2^-8, off by at most 2^-53 + |x high| 2^-105
 *   sin(pi/2 rest) = rest (pi/2 + z S(z)),  cos(pi/2 rest) = 1 + z C(z),  z = rest^2
 * </pre>
 *
 * and n mod 4 exchanges the two and sets their signs. S (degree 5) and C (degree 6) are minimax polynomials for |rest| up to
 * 0.504, off by 1.8e-18 and 3.7e-20. All in all sine and cosine are within 4e-16 of those of the exact product. From
 * |x high| = 2^45 on both are NaN: a position so large is more likely a mistake, and the reduction ends at 2^51.
 *
 * <p>Every operation is a multiplication, an addition or an fma, rounded to nearest even, in the same order in the scalar
 * methods, the vector method and {@code cuda/shared/trig.cuh}: the three give the same bits.
 */
public final class Trig {
    /** Quarter turns a radian, 2/pi: the upper of two doubles. */
    public static final double TURNS_HIGH = 0x1.45f306dc9c883p-1;

    /** Quarter turns a radian, 2/pi: the lower of two doubles. */
    public static final double TURNS_LOW = -0x1.6b01ec5417056p-55;

    /** Added to |t| below 2^51, leaves round(t) in the low bits of the significand. */
    private static final double TO_INTEGER = 0x1.8p52;

    private static final double LARGEST = 0x1p45;

    private static final double HALF_PI_HIGH = 0x1.921fb54442d18p0;
    private static final double HALF_PI_LOW = 0x1.1a62633145c07p-54;
    private static final double S0 = -0x1.4abbce625be39p-1;
    private static final double S1 = 0x1.466bc677579c4p-4;
    private static final double S2 = -0x1.32d2cce1ee610p-8;
    private static final double S3 = 0x1.50782eece1a75p-13;
    private static final double S4 = -0x1.e2ffa0ab20657p-19;
    private static final double S5 = 0x1.e3ae5628cef35p-25;
    private static final double C0 = -0x1.3bd3cc9be45dep0;
    private static final double C1 = 0x1.03c1f081b5aaep-2;
    private static final double C2 = -0x1.55d3c7e3c923cp-6;
    private static final double C3 = 0x1.e1f5068359466p-11;
    private static final double C4 = -0x1.a6d1ec6d3e55bp-16;
    private static final double C5 = 0x1.f9cc2ff1b31c0p-22;
    private static final double C6 = -0x1.b25db50b378a3p-28;

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;

    private Trig() {}

    /** {@return the sine of x * (high + low) quarter turns} */
    public static double sin(double x, double high, double low) {
        long quadrant = quadrant(x, high);
        double rest = rest(x, high, low);
        double magnitude = (quadrant & 1) == 0 ? sinPolynomial(rest) : cosPolynomial(rest);
        return valid(x, high) ? (quadrant & 2) == 0 ? magnitude : -magnitude : Double.NaN;
    }

    /** {@return the cosine of x * (high + low) quarter turns} */
    public static double cos(double x, double high, double low) {
        long quadrant = quadrant(x, high);
        double rest = rest(x, high, low);
        double magnitude = (quadrant & 1) == 0 ? cosPolynomial(rest) : sinPolynomial(rest);
        return valid(x, high) ? (quadrant + 1 & 2) == 0 ? magnitude : -magnitude : Double.NaN;
    }

    /**
     * Replaces numbers x by the cosines and sines of x[i] * (high[i] + low[i]) quarter turns.
     *
     * @param factors FP64: count upper parts, then count lower parts
     * @param numbers FP64: count numbers, then room for as many; written: count cosines, then count sines
     * @param offset of the first number, in bytes
     */
    public static void cosSin(MemorySegment factors, MemorySegment numbers, long offset, int count) {
        long half = (long) count * Double.BYTES;
        int i = 0;
        for (; i < Lanes.DOUBLE.loopBound(count); i += Lanes.DOUBLE.length()) {
            long at = (long) i * Double.BYTES;
            DoubleVector x = DoubleVector.fromMemorySegment(Lanes.DOUBLE, numbers, offset + at, ORDER);
            DoubleVector high = DoubleVector.fromMemorySegment(Lanes.DOUBLE, factors, at, ORDER);
            DoubleVector low = DoubleVector.fromMemorySegment(Lanes.DOUBLE, factors, half + at, ORDER);
            DoubleVector turns = x.mul(high);
            DoubleVector whole = turns.add(TO_INTEGER);
            DoubleVector error = x.fma(high, turns.neg());
            DoubleVector rest = turns.sub(whole.sub(TO_INTEGER)).add(x.fma(low, error));
            place(sinPolynomial(rest), cosPolynomial(rest), turns, whole, numbers, offset + at, half);
        }
        for (; i < count; i++) {
            long at = (long) i * Double.BYTES;
            double x = numbers.get(DOUBLE, offset + at);
            double high = factors.get(DOUBLE, at);
            double low = factors.get(DOUBLE, half + at);
            numbers.set(DOUBLE, offset + at, cos(x, high, low));
            numbers.set(DOUBLE, offset + half + at, sin(x, high, low));
        }
    }

    private static void place(
            DoubleVector sine,
            DoubleVector cosine,
            DoubleVector turns,
            DoubleVector whole,
            MemorySegment numbers,
            long offset,
            long half) {
        LongVector quadrant = whole.reinterpretAsLongs();
        VectorMask<Double> exchanged = odd(quadrant);
        VectorMask<Double> invalid = turns.abs().compare(LT, LARGEST).not();
        // The second lowest bit of the quadrant, moved to the sign.
        LongVector sineSign = quadrant.and(2).lanewise(LSHL, 62);
        LongVector cosineSign = quadrant.add(1).and(2).lanewise(LSHL, 62);
        flip(cosine.blend(sine, exchanged), cosineSign)
                .blend(Double.NaN, invalid)
                .intoMemorySegment(numbers, offset, ORDER);
        flip(sine.blend(cosine, exchanged), sineSign)
                .blend(Double.NaN, invalid)
                .intoMemorySegment(numbers, offset + half, ORDER);
    }

    private static VectorMask<Double> odd(LongVector quadrant) {
        return quadrant.and(1).compare(NE, 0).cast(Lanes.DOUBLE);
    }

    private static DoubleVector flip(DoubleVector value, LongVector sign) {
        return value.reinterpretAsLongs().lanewise(XOR, sign).reinterpretAsDoubles();
    }

    private static DoubleVector sinPolynomial(DoubleVector rest) {
        DoubleVector z = rest.mul(rest);
        DoubleVector p = of(S5).fma(z, of(S4));
        p = p.fma(z, of(S3));
        p = p.fma(z, of(S2));
        p = p.fma(z, of(S1));
        p = p.fma(z, of(S0));
        p = p.fma(z, of(HALF_PI_LOW));
        return rest.fma(of(HALF_PI_HIGH), rest.mul(p));
    }

    private static DoubleVector cosPolynomial(DoubleVector rest) {
        DoubleVector z = rest.mul(rest);
        DoubleVector p = of(C6).fma(z, of(C5));
        p = p.fma(z, of(C4));
        p = p.fma(z, of(C3));
        p = p.fma(z, of(C2));
        p = p.fma(z, of(C1));
        p = p.fma(z, of(C0));
        return p.fma(z, of(1));
    }

    private static DoubleVector of(double value) {
        return DoubleVector.broadcast(Lanes.DOUBLE, value);
    }

    private static double sinPolynomial(double rest) {
        double z = rest * rest;
        double p = Math.fma(S5, z, S4);
        p = Math.fma(p, z, S3);
        p = Math.fma(p, z, S2);
        p = Math.fma(p, z, S1);
        p = Math.fma(p, z, S0);
        p = Math.fma(p, z, HALF_PI_LOW);
        return Math.fma(rest, HALF_PI_HIGH, rest * p);
    }

    private static double cosPolynomial(double rest) {
        double z = rest * rest;
        double p = Math.fma(C6, z, C5);
        p = Math.fma(p, z, C4);
        p = Math.fma(p, z, C3);
        p = Math.fma(p, z, C2);
        p = Math.fma(p, z, C1);
        p = Math.fma(p, z, C0);
        return Math.fma(p, z, 1);
    }

    /** Whole quarter turns; its two lowest bits count. */
    private static long quadrant(double x, double high) {
        return Double.doubleToRawLongBits(x * high + TO_INTEGER);
    }

    private static double rest(double x, double high, double low) {
        double turns = x * high;
        double error = Math.fma(x, high, -turns);
        double fraction = turns - (turns + TO_INTEGER - TO_INTEGER);
        return fraction + Math.fma(x, low, error);
    }

    private static boolean valid(double x, double high) {
        return Math.abs(x * high) < LARGEST;
    }
}
