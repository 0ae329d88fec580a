package io.quern.cpu;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.ALL;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LT;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
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

    // The same for all lanes. Constants, because a broadcast in the loop was seen to be left out of line and boxed.
    private static final DoubleVector NOT_A_NUMBER = DoubleVector.broadcast(Lanes.DOUBLE, Double.NaN);
    private static final DoubleVector LANES_ONE = DoubleVector.broadcast(Lanes.DOUBLE, 1);
    private static final DoubleVector LANES_HALF_PI_HIGH = DoubleVector.broadcast(Lanes.DOUBLE, HALF_PI_HIGH);
    private static final DoubleVector LANES_HALF_PI_LOW = DoubleVector.broadcast(Lanes.DOUBLE, HALF_PI_LOW);
    private static final DoubleVector LANES_S0 = DoubleVector.broadcast(Lanes.DOUBLE, S0);
    private static final DoubleVector LANES_S1 = DoubleVector.broadcast(Lanes.DOUBLE, S1);
    private static final DoubleVector LANES_S2 = DoubleVector.broadcast(Lanes.DOUBLE, S2);
    private static final DoubleVector LANES_S3 = DoubleVector.broadcast(Lanes.DOUBLE, S3);
    private static final DoubleVector LANES_S4 = DoubleVector.broadcast(Lanes.DOUBLE, S4);
    private static final DoubleVector LANES_S5 = DoubleVector.broadcast(Lanes.DOUBLE, S5);
    private static final DoubleVector LANES_C0 = DoubleVector.broadcast(Lanes.DOUBLE, C0);
    private static final DoubleVector LANES_C1 = DoubleVector.broadcast(Lanes.DOUBLE, C1);
    private static final DoubleVector LANES_C2 = DoubleVector.broadcast(Lanes.DOUBLE, C2);
    private static final DoubleVector LANES_C3 = DoubleVector.broadcast(Lanes.DOUBLE, C3);
    private static final DoubleVector LANES_C4 = DoubleVector.broadcast(Lanes.DOUBLE, C4);
    private static final DoubleVector LANES_C5 = DoubleVector.broadcast(Lanes.DOUBLE, C5);
    private static final DoubleVector LANES_C6 = DoubleVector.broadcast(Lanes.DOUBLE, C6);

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE;

    private static final Pass[] PASSES = {Trig::reduce, Trig::sinPolynomial, Trig::cosPolynomial, Trig::place};

    private Trig() {}

    /** {@return the coefficients of S, from the lowest on, for who writes the polynomial down elsewhere} */
    public static double[] sineCoefficients() {
        return new double[] {S0, S1, S2, S3, S4, S5};
    }

    /** {@return the coefficients of C, from the lowest on, for who writes the polynomial down elsewhere} */
    public static double[] cosineCoefficients() {
        return new double[] {C0, C1, C2, C3, C4, C5, C6};
    }

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

    /** {@return the whole number of quarter turns nearest to x * high; NaN from 2^45 on} */
    public static double whole(double x, double high) {
        return valid(x, high) ? round(x * high) : Double.NaN;
    }

    /** {@return the whole number nearest to a number below 2^51} */
    public static double round(double number) {
        return number + TO_INTEGER - TO_INTEGER;
    }

    /** {@return what x * (high + low) quarter turns are more than {@link #whole}, within 1/2 + 2^-8} */
    public static double rest(double x, double high, double low) {
        double turns = x * high;
        double error = Math.fma(x, high, -turns);
        double fraction = turns - round(turns);
        return fraction + Math.fma(x, low, error);
    }

    /**
     * Replaces numbers x by the cosines and sines of x[i] * (high[i] + low[i]) quarter turns.
     *
     * <p>It goes over the numbers four times: all in one method would be more than C2 inlines, and it boxes the vectors of
     * calls that it does not inline ({@link Pass}).
     *
     * @param factors FP64 (2, count), from {@code factorsOffset} bytes on: upper parts, lower parts
     * @param numbers FP64 (3, count): numbers, then room; written: cosines, sines, then nothing that means anything
     * @param offset of the first number, in bytes
     */
    public static void cosSin(
            MemorySegment factors, long factorsOffset, MemorySegment numbers, long offset, int count) {
        // C2 has no masks of two doubles: it boxes them, and one by one is faster.
        int vectorised = Lanes.DOUBLE.length() > 2 ? Lanes.DOUBLE.loopBound(count) : 0;
        long row = 8L * count;
        for (Pass pass : PASSES) {
            pass.over(
                    factors.address() + factorsOffset & ADDRESS, numbers.address() + offset & ADDRESS, row, vectorised);
        }
        for (int i = vectorised; i < count; i++) {
            double x = numbers.get(DOUBLE, offset + 8L * i);
            double high = factors.get(DOUBLE, factorsOffset + 8L * i);
            double low = factors.get(DOUBLE, factorsOffset + row + 8L * i);
            numbers.set(DOUBLE, offset + 8L * i, cos(x, high, low));
            numbers.set(DOUBLE, offset + row + 8L * i, sin(x, high, low));
        }
    }

    /**
     * A pass over the numbers. A call that meets four classes equally often is one that C2 never inlines, so that each pass
     * is compiled alone. Called by name they were inlined as long as they fitted; when a caller was compiled before them, the
     * third no longer did, and its vectors were boxed from then on.
     */
    @FunctionalInterface
    private interface Pass {
        /**
         * @param factors the address of FP64 (2, row / 8)
         * @param numbers that of FP64 (3, row / 8)
         * @param row the bytes of a row of numbers or factors
         * @param count how many numbers, whole vectors
         */
        void over(long factors, long numbers, long row, int count);
    }

    /** Replaces x by the rest, NaN where x is too large, and writes the quadrant, a number from -2 to 2. */
    private static void reduce(long factors, long xs, long row, int count) {
        long quadrants = xs + row;
        for (int i = 0; i < count; i += Lanes.DOUBLE.length()) {
            DoubleVector x = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, xs + 8L * i, ORDER);
            DoubleVector high = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, factors + 8L * i, ORDER);
            DoubleVector low = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, factors + row + 8L * i, ORDER);
            DoubleVector turns = x.mul(high);
            DoubleVector error = x.fma(high, turns.neg());
            DoubleVector whole = turns.add(TO_INTEGER).sub(TO_INTEGER);
            DoubleVector rest = turns.sub(whole).add(x.fma(low, error));
            DoubleVector circles = whole.mul(0.25).add(TO_INTEGER).sub(TO_INTEGER);
            VectorMask<Double> valid = turns.abs().compare(LT, LARGEST);
            NOT_A_NUMBER.blend(rest, valid).intoMemorySegment(ALL, xs + 8L * i, ORDER);
            whole.sub(circles.mul(4)).intoMemorySegment(ALL, quadrants + 8L * i, ORDER);
        }
    }

    private static void sinPolynomial(long factors, long rests, long row, int count) {
        long sines = rests + 2 * row;
        for (int i = 0; i < count; i += Lanes.DOUBLE.length()) {
            DoubleVector rest = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, rests + 8L * i, ORDER);
            DoubleVector z = rest.mul(rest);
            DoubleVector p = LANES_S5.fma(z, LANES_S4);
            p = p.fma(z, LANES_S3);
            p = p.fma(z, LANES_S2);
            p = p.fma(z, LANES_S1);
            p = p.fma(z, LANES_S0);
            p = p.fma(z, LANES_HALF_PI_LOW);
            rest.fma(LANES_HALF_PI_HIGH, rest.mul(p)).intoMemorySegment(ALL, sines + 8L * i, ORDER);
        }
    }

    private static void cosPolynomial(long factors, long rests, long row, int count) {
        for (int i = 0; i < count; i += Lanes.DOUBLE.length()) {
            DoubleVector rest = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, rests + 8L * i, ORDER);
            DoubleVector z = rest.mul(rest);
            DoubleVector p = LANES_C6.fma(z, LANES_C5);
            p = p.fma(z, LANES_C4);
            p = p.fma(z, LANES_C3);
            p = p.fma(z, LANES_C2);
            p = p.fma(z, LANES_C1);
            p = p.fma(z, LANES_C0);
            p.fma(z, LANES_ONE).intoMemorySegment(ALL, rests + 8L * i, ORDER);
        }
    }

    /**
     * Exchanges the two where the quadrant is odd, and sets their signs by it: minus for the cosine in -2, 1 and 2, for the
     * sine in -2, -1 and 2. Masks of doubles throughout: one cast from a mask of longs is boxed.
     */
    private static void place(long factors, long cosines, long row, int count) {
        long quadrants = cosines + row;
        long sines = quadrants + row;
        for (int i = 0; i < count; i += Lanes.DOUBLE.length()) {
            DoubleVector c = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, cosines + 8L * i, ORDER);
            DoubleVector s = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, sines + 8L * i, ORDER);
            DoubleVector quadrant = DoubleVector.fromMemorySegment(Lanes.DOUBLE, ALL, quadrants + 8L * i, ORDER);
            VectorMask<Double> odd = quadrant.abs().compare(EQ, 1);
            DoubleVector cosine = c.blend(s, odd);
            DoubleVector sine = s.blend(c, odd);
            VectorMask<Double> cosineFlips = quadrant.add(0.5).abs().compare(GT, 1);
            VectorMask<Double> sineFlips = quadrant.sub(0.5).abs().compare(GT, 1);
            cosine.blend(cosine.neg(), cosineFlips).intoMemorySegment(ALL, cosines + 8L * i, ORDER);
            sine.blend(sine.neg(), sineFlips).intoMemorySegment(ALL, quadrants + 8L * i, ORDER);
        }
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

    private static boolean valid(double x, double high) {
        return Math.abs(x * high) < LARGEST;
    }
}
