package io.quern.flow;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.STRIDE;
import static io.quern.cpu.Lanes.DOUBLE_VECTOR;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LE;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;

import io.quern.cpu.AddressSpace;
import io.quern.cpu.Lanes;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.SchedulingBarrier;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link RadialPanels} for FP64. As in {@link io.quern.cpu.PanelMath}, no helper takes or returns a vector, and bits change their
 * type by way of memory, in passes.
 */
final class Fp64RadialPanels implements RadialPanels {
    private static final VectorSpecies<Double> SPECIES = Lanes.DOUBLE;
    private static final VectorSpecies<Long> INTEGERS = Lanes.LONG;
    private static final long V = SPECIES.vectorByteSize();
    private static final long ROW = MicroKernel.VECTORS * V;
    private static final long BYTES = Double.BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfDouble ELEMENT = ValueLayout.JAVA_DOUBLE_UNALIGNED;
    private static final MemorySegment ALL = AddressSpace.ALL;

    private static final int FRACTION_BITS = 52;
    private static final DoubleVector NOWHERE = DoubleVector.broadcast(SPECIES, Double.NEGATIVE_INFINITY);
    /** Two lanes of doubles have no masks. */
    private static final boolean MASKS = SPECIES.length() > 2;

    /** Twice, it makes infinity of whatever is above 0. */
    private static final DoubleVector HUGE = DoubleVector.broadcast(SPECIES, Double.MAX_VALUE);

    private static final DoubleVector ZERO = DoubleVector.zero(SPECIES);
    private static final DoubleVector ONE = DoubleVector.broadcast(SPECIES, 1);
    private static final DoubleVector TWO = DoubleVector.broadcast(SPECIES, 2);
    private static final DoubleVector HALF = DoubleVector.broadcast(SPECIES, 0.5);
    private static final DoubleVector LOG2_E = DoubleVector.broadcast(SPECIES, (1 / Math.log(2)));

    // The series of ln(1 + f) = f - (f^2/2 - s (f^2/2 + R)), s = f / (2 + f), R = 2/3 s^2 + 2/5 s^4 + ...
    private static final DoubleVector C1 = DoubleVector.broadcast(SPECIES, 2.0 / 3);
    private static final DoubleVector C2 = DoubleVector.broadcast(SPECIES, 2.0 / 5);
    private static final DoubleVector C3 = DoubleVector.broadcast(SPECIES, 2.0 / 7);
    private static final DoubleVector C4 = DoubleVector.broadcast(SPECIES, 2.0 / 9);
    private static final DoubleVector C5 = DoubleVector.broadcast(SPECIES, 2.0 / 11);
    private static final DoubleVector C6 = DoubleVector.broadcast(SPECIES, 2.0 / 13);
    private static final DoubleVector C7 = DoubleVector.broadcast(SPECIES, 2.0 / 15);
    private static final DoubleVector C8 = DoubleVector.broadcast(SPECIES, 2.0 / 17);
    private static final DoubleVector C9 = DoubleVector.broadcast(SPECIES, 2.0 / 19);
    private static final DoubleVector C10 = DoubleVector.broadcast(SPECIES, 2.0 / 21);
    private static final DoubleVector C11 = DoubleVector.broadcast(SPECIES, 2.0 / 23);

    private static final int BIAS = 1023;

    /** A biased exponent, added to these bits, is the number 1.5 2^52 + exponent. */
    private static final LongVector TO_FLOATING =
            LongVector.broadcast(INTEGERS, Double.doubleToRawLongBits(0x1.8p52) - BIAS);

    private static final DoubleVector TO_INTEGER = DoubleVector.broadcast(SPECIES, 0x1.8p52);

    /** From the bits of sqrt(1/2) to those of 1: added, it makes the exponent that of the power of two that is nearest. */
    private static final LongVector TO_NEAREST = LongVector.broadcast(
            INTEGERS, Double.doubleToRawLongBits(1.0) - Double.doubleToRawLongBits(Math.sqrt(0.5)));

    private static final LongVector ONES_BITS = LongVector.broadcast(INTEGERS, Double.doubleToRawLongBits(1.0));

    /**
     * Two data at a time: six sums, of which none waits for the one before it, and what they take are 14 registers, of the 16 that
     * AVX2 has.
     */
    @Override
    public void distances(int depth, long y, long yRow, long x, long minusAlphas, long to) {
        ofTwo(depth, y, yRow, x, minusAlphas, to);
        ofTwo(depth, y + 2 * yRow, yRow, x, minusAlphas, to + 2 * ROW);
    }

    private static void ofTwo(int depth, long y, long yRow, long x, long minusAlphas, long to) {
        yRow &= STRIDE;
        minusAlphas &= ADDRESS;
        to &= ADDRESS;
        int never = SchedulingBarrier.never();
        DoubleVector alphaX = DoubleVector.fromMemorySegment(SPECIES, ALL, minusAlphas, ORDER);
        DoubleVector alphaY = DoubleVector.fromMemorySegment(SPECIES, ALL, minusAlphas + V, ORDER);
        DoubleVector alphaZ = DoubleVector.fromMemorySegment(SPECIES, ALL, minusAlphas + 2 * V, ORDER);
        DoubleVector x0 = DoubleVector.zero(SPECIES);
        DoubleVector y0 = x0;
        DoubleVector z0 = x0;
        DoubleVector x1 = x0;
        DoubleVector y1 = x0;
        DoubleVector z1 = x0;
        for (int k = 0; k < depth; k++) {
            x &= ADDRESS;
            y &= ADDRESS;
            DoubleVector queryX = DoubleVector.fromMemorySegment(SPECIES, ALL, x, ORDER);
            DoubleVector queryY = DoubleVector.fromMemorySegment(SPECIES, ALL, x + V, ORDER);
            DoubleVector queryZ = DoubleVector.fromMemorySegment(SPECIES, ALL, x + 2 * V, ORDER);
            DoubleVector datum0 = DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, y));
            DoubleVector u0X = alphaX.fma(datum0, queryX);
            x0 = u0X.fma(u0X, x0);
            DoubleVector u0Y = alphaY.fma(datum0, queryY);
            y0 = u0Y.fma(u0Y, y0);
            DoubleVector u0Z = alphaZ.fma(datum0, queryZ);
            z0 = u0Z.fma(u0Z, z0);
            if (k == never) {
                break;
            }
            DoubleVector datum1 = DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, y + yRow));
            DoubleVector u1X = alphaX.fma(datum1, queryX);
            x1 = u1X.fma(u1X, x1);
            DoubleVector u1Y = alphaY.fma(datum1, queryY);
            y1 = u1Y.fma(u1Y, y1);
            DoubleVector u1Z = alphaZ.fma(datum1, queryZ);
            z1 = u1Z.fma(u1Z, z1);
            x += ROW;
            y += BYTES;
        }
        DOUBLE_VECTOR.cast(x0).intoMemorySegment(ALL, to, ORDER);
        DOUBLE_VECTOR.cast(y0).intoMemorySegment(ALL, to + V, ORDER);
        DOUBLE_VECTOR.cast(z0).intoMemorySegment(ALL, to + 2 * V, ORDER);
        DOUBLE_VECTOR.cast(x1).intoMemorySegment(ALL, to + ROW, ORDER);
        DOUBLE_VECTOR.cast(y1).intoMemorySegment(ALL, to + ROW + V, ORDER);
        DOUBLE_VECTOR.cast(z1).intoMemorySegment(ALL, to + ROW + 2 * V, ORDER);
    }

    @Override
    public void addCompensated(int rows, long panel, long total, long lost) {
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = i * V;
            DoubleVector sum = DoubleVector.fromMemorySegment(SPECIES, ALL, total + at, ORDER);
            DoubleVector next = DoubleVector.fromMemorySegment(SPECIES, ALL, panel + at, ORDER)
                    .sub(DoubleVector.fromMemorySegment(SPECIES, ALL, lost + at, ORDER));
            DoubleVector larger = sum.add(next);
            larger.sub(sum).sub(next).intoMemorySegment(ALL, lost + at, ORDER);
            larger.intoMemorySegment(ALL, total + at, ORDER);
        }
    }

    /** Four data at a time: of each, a maximum waits for the one before it. */
    @Override
    public void largest(int depth, long y, long yRow, long x, long minusAlphas, long to) {
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            largestOfFour(depth, y, yRow, x + v * V, minusAlphas + v * V, to + v * V);
        }
    }

    private static void largestOfFour(int depth, long y, long yRow, long x, long minusAlphas, long to) {
        yRow &= STRIDE;
        minusAlphas &= ADDRESS;
        to &= ADDRESS;
        DoubleVector alpha = DoubleVector.fromMemorySegment(SPECIES, ALL, minusAlphas, ORDER);
        DoubleVector most0 = DoubleVector.zero(SPECIES);
        DoubleVector most1 = most0;
        DoubleVector most2 = most0;
        DoubleVector most3 = most0;
        DoubleVector spoilt0 = most0; // NaN where one is not finite
        DoubleVector spoilt1 = most0;
        DoubleVector spoilt2 = most0;
        DoubleVector spoilt3 = most0;
        for (int k = 0; k < depth; k++) {
            x &= ADDRESS;
            y &= ADDRESS;
            DoubleVector query = DoubleVector.fromMemorySegment(SPECIES, ALL, x, ORDER);
            DoubleVector u0 = alpha.fma(DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, y)), query)
                    .abs();
            spoilt0 = u0.fma(ZERO, spoilt0);
            most0 = DOUBLE_VECTOR.cast(most0);
            most0 = MASKS ? most0.blend(u0, u0.compare(GT, most0)) : most0.max(u0);
            DoubleVector u1 = alpha.fma(DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, y + yRow)), query)
                    .abs();
            spoilt1 = u1.fma(ZERO, spoilt1);
            most1 = DOUBLE_VECTOR.cast(most1);
            most1 = MASKS ? most1.blend(u1, u1.compare(GT, most1)) : most1.max(u1);
            DoubleVector u2 = alpha.fma(DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, y + 2 * yRow)), query)
                    .abs();
            spoilt2 = u2.fma(ZERO, spoilt2);
            most2 = DOUBLE_VECTOR.cast(most2);
            most2 = MASKS ? most2.blend(u2, u2.compare(GT, most2)) : most2.max(u2);
            DoubleVector u3 = alpha.fma(DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, y + 3 * yRow)), query)
                    .abs();
            spoilt3 = u3.fma(ZERO, spoilt3);
            most3 = DOUBLE_VECTOR.cast(most3);
            most3 = MASKS ? most3.blend(u3, u3.compare(GT, most3)) : most3.max(u3);
            x += ROW;
            y += BYTES;
        }
        DOUBLE_VECTOR.cast(most0).add(spoilt0).intoMemorySegment(ALL, to, ORDER);
        DOUBLE_VECTOR.cast(most1).add(spoilt1).intoMemorySegment(ALL, to + ROW, ORDER);
        DOUBLE_VECTOR.cast(most2).add(spoilt2).intoMemorySegment(ALL, to + 2 * ROW, ORDER);
        DOUBLE_VECTOR.cast(most3).add(spoilt3).intoMemorySegment(ALL, to + 3 * ROW, ORDER);
    }

    @Override
    public void addRows(int rows, long panel, long factors, long norms, long numbers) {
        DoubleVector x = DoubleVector.fromMemorySegment(SPECIES, ALL, factors, ORDER);
        DoubleVector y = DoubleVector.fromMemorySegment(SPECIES, ALL, factors + V, ORDER);
        DoubleVector z = DoubleVector.fromMemorySegment(SPECIES, ALL, factors + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            DoubleVector norm = DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, norms + r * BYTES));
            DoubleVector number = DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * BYTES));
            x.fma(norm, DoubleVector.fromMemorySegment(SPECIES, ALL, row, ORDER))
                    .add(number)
                    .intoMemorySegment(ALL, row, ORDER);
            y.fma(norm, DoubleVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER))
                    .add(number)
                    .intoMemorySegment(ALL, row + V, ORDER);
            z.fma(norm, DoubleVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER))
                    .add(number)
                    .intoMemorySegment(ALL, row + 2 * V, ORDER);
        }
    }

    @Override
    public void scaleAdd(int rows, long panel, long factors, long numbers, long to) {
        DoubleVector x = DoubleVector.fromMemorySegment(SPECIES, ALL, factors, ORDER);
        DoubleVector y = DoubleVector.fromMemorySegment(SPECIES, ALL, factors + V, ORDER);
        DoubleVector z = DoubleVector.fromMemorySegment(SPECIES, ALL, factors + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            long at = to + r * ROW;
            DoubleVector number = DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * BYTES));
            x.fma(DoubleVector.fromMemorySegment(SPECIES, ALL, row, ORDER), number)
                    .intoMemorySegment(ALL, at, ORDER);
            y.fma(DoubleVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER), number)
                    .intoMemorySegment(ALL, at + V, ORDER);
            z.fma(DoubleVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER), number)
                    .intoMemorySegment(ALL, at + 2 * V, ORDER);
        }
    }

    @Override
    public void within(int rows, long panel, long bounds, long numbers) {
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            DoubleVector bound = DoubleVector.fromMemorySegment(SPECIES, ALL, bounds + v * V, ORDER);
            for (int r = 0; r < rows; r++) {
                long at = panel + r * ROW + v * V;
                DoubleVector number = DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * BYTES));
                DoubleVector far = DoubleVector.fromMemorySegment(SPECIES, ALL, at, ORDER);
                DoubleVector s = MASKS
                        ? NOWHERE.blend(number, far.compare(LE, bound))
                        : number.sub(far.sub(bound).max(ZERO).mul(HUGE).mul(HUGE));
                far.fma(ZERO, s).intoMemorySegment(ALL, at, ORDER);
            }
        }
    }

    @Override
    public void log2(int rows, long panel, int plus, long to, long scratch) {
        for (int r = 0; r < rows; r += CHUNK) {
            int vectors = Math.min(CHUNK, rows - r) * MicroKernel.VECTORS;
            long from = panel + r * ROW;
            long at = to + r * ROW;
            long exponents = scratch + CHUNK * ROW;
            sums(vectors, from, plus, scratch);
            split(vectors, scratch, exponents);
            logarithms(vectors, scratch, exponents, at);
            if (plus != 0) {
                addLost(vectors, from, at);
            }
        }
    }

    private static void sums(int vectors, long from, double plus, long to) {
        DoubleVector all = DoubleVector.broadcast(SPECIES, plus);
        for (int i = 0; i < vectors; i++) {
            DoubleVector.fromMemorySegment(SPECIES, ALL, from + i * V, ORDER)
                    .add(all)
                    .intoMemorySegment(ALL, to + i * V, ORDER);
        }
    }

    /** Replaces x = 2^n m, m within sqrt(1/2)..sqrt(2), by m, and writes 1.5 2^52 + n. */
    private static void split(int vectors, long numbers, long exponents) {
        for (int i = 0; i < vectors; i++) {
            LongVector bits = LongVector.fromMemorySegment(INTEGERS, ALL, numbers + i * V, ORDER);
            LongVector n = bits.add(TO_NEAREST).lanewise(LSHR, FRACTION_BITS);
            n.add(TO_FLOATING).intoMemorySegment(ALL, exponents + i * V, ORDER);
            bits.sub(n.lanewise(LSHL, FRACTION_BITS)).add(ONES_BITS).intoMemorySegment(ALL, numbers + i * V, ORDER);
        }
    }

    private static void logarithms(int vectors, long numbers, long exponents, long to) {
        for (int i = 0; i < vectors; i++) {
            DoubleVector f = DoubleVector.fromMemorySegment(SPECIES, ALL, numbers + i * V, ORDER)
                    .sub(ONE);
            DoubleVector s = f.div(f.add(TWO));
            DoubleVector z = s.mul(s);
            DoubleVector p = C11.fma(z, C10);
            p = p.fma(z, C9);
            p = p.fma(z, C8);
            p = p.fma(z, C7);
            p = p.fma(z, C6);
            p = p.fma(z, C5);
            p = p.fma(z, C4);
            p = p.fma(z, C3);
            p = p.fma(z, C2);
            p = p.fma(z, C1);
            DoubleVector h = f.mul(f).mul(HALF);
            DoubleVector ln = f.sub(h.sub(s.mul(h.add(p.mul(z)))));
            ln.fma(
                            LOG2_E,
                            DoubleVector.fromMemorySegment(SPECIES, ALL, exponents + i * V, ORDER)
                                    .sub(TO_INTEGER))
                    .intoMemorySegment(ALL, to + i * V, ORDER);
        }
    }

    /** Of a small x the sum 1 + x lost x - ((1 + x) - 1): its logarithm lacks that over 1 + x. */
    private static void addLost(int vectors, long from, long to) {
        for (int i = 0; i < vectors; i++) {
            DoubleVector x = DoubleVector.fromMemorySegment(SPECIES, ALL, from + i * V, ORDER);
            DoubleVector sum = x.add(ONE);
            x.sub(sum.sub(ONE))
                    .div(sum)
                    .fma(LOG2_E, DoubleVector.fromMemorySegment(SPECIES, ALL, to + i * V, ORDER))
                    .intoMemorySegment(ALL, to + i * V, ORDER);
        }
    }

    @Override
    public void reciprocals(int rows, long panel, double factor, long to) {
        DoubleVector dividend = DoubleVector.broadcast(SPECIES, factor);
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = i * V;
            dividend.div(DoubleVector.fromMemorySegment(SPECIES, ALL, panel + at, ORDER)
                            .add(ONE))
                    .intoMemorySegment(ALL, to + at, ORDER);
        }
    }

    @Override
    public void roots(int rows, long panel, double least, long to) {
        DoubleVector floor = DoubleVector.broadcast(SPECIES, least);
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = i * V;
            DoubleVector x = DoubleVector.fromMemorySegment(SPECIES, ALL, panel + at, ORDER);
            DoubleVector raised = MASKS ? x.blend(floor, x.compare(LT, floor)) : x.max(floor);
            raised.intoMemorySegment(ALL, panel + at, ORDER);
            raised.sqrt().intoMemorySegment(ALL, to + at, ORDER);
        }
    }

    @Override
    public void combine(
            int rows,
            double constant,
            long numbers,
            double a,
            long ofA,
            double b,
            long ofB,
            double c,
            long ofC,
            long to) {
        DoubleVector allA = DoubleVector.broadcast(SPECIES, a);
        DoubleVector allB = DoubleVector.broadcast(SPECIES, b);
        DoubleVector allC = DoubleVector.broadcast(SPECIES, c);
        for (int r = 0; r < rows; r++) {
            DoubleVector number = DoubleVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * BYTES) + constant);
            for (int v = 0; v < MicroKernel.VECTORS; v++) {
                long at = r * ROW + v * V;
                DoubleVector s = allA.fma(DoubleVector.fromMemorySegment(SPECIES, ALL, ofA + at, ORDER), number);
                s = allB.fma(DoubleVector.fromMemorySegment(SPECIES, ALL, ofB + at, ORDER), s);
                allC.fma(DoubleVector.fromMemorySegment(SPECIES, ALL, ofC + at, ORDER), s)
                        .intoMemorySegment(ALL, to + at, ORDER);
            }
        }
    }

    @Override
    public void radialSlopes(int rows, double constant, double t, long ofT, double pole, long ofR, long to) {
        DoubleVector allT = DoubleVector.broadcast(SPECIES, t);
        DoubleVector first = DoubleVector.broadcast(SPECIES, constant);
        DoubleVector poles = DoubleVector.broadcast(SPECIES, pole);
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = i * V;
            DoubleVector radius = DoubleVector.fromMemorySegment(SPECIES, ALL, ofR + at, ORDER);
            allT.fma(DoubleVector.fromMemorySegment(SPECIES, ALL, ofT + at, ORDER), first)
                    .add(poles.div(radius))
                    .div(radius)
                    .neg()
                    .intoMemorySegment(ALL, to + at, ORDER);
        }
    }

    @Override
    public void weigh(int rows, long weights, long slopes, long squares, long sums, long squareSums) {
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            weighColumn(rows, weights + v * V, slopes + v * V, squares + v * V, sums + v * V, squareSums + v * V);
        }
    }

    /** Sums begin at 0: the totals are rounded once a call. */
    private static void weighColumn(int rows, long weights, long slopes, long squares, long sums, long squareSums) {
        DoubleVector sum = DoubleVector.zero(SPECIES);
        DoubleVector squareSum = sum;
        for (int r = 0; r < rows; r++) {
            DoubleVector weighted = DoubleVector.fromMemorySegment(SPECIES, ALL, weights + r * ROW, ORDER)
                    .mul(DoubleVector.fromMemorySegment(SPECIES, ALL, slopes + r * ROW, ORDER));
            weighted.intoMemorySegment(ALL, slopes + r * ROW, ORDER);
            sum = weighted.add(sum);
            squareSum = weighted.fma(DoubleVector.fromMemorySegment(SPECIES, ALL, squares + r * ROW, ORDER), squareSum);
        }
        DOUBLE_VECTOR
                .cast(sum)
                .add(DoubleVector.fromMemorySegment(SPECIES, ALL, sums, ORDER))
                .intoMemorySegment(ALL, sums, ORDER);
        DOUBLE_VECTOR
                .cast(squareSum)
                .add(DoubleVector.fromMemorySegment(SPECIES, ALL, squareSums, ORDER))
                .intoMemorySegment(ALL, squareSums, ORDER);
    }

    /**
     * One number at a time: these are a query's channels, few beside its data, and as vectors they were boxed in callers that
     * have many loops (C2's node limit), in a JVM where other kernels had run.
     */
    @Override
    public void blend(int length, double a, long x, double b, long y, long to) {
        for (int i = 0; i < length; i++) {
            double product = ALL.get(ELEMENT, x + i * BYTES) * a;
            ALL.set(ELEMENT, to + i * BYTES, Math.fma(b, ALL.get(ELEMENT, y + i * BYTES), product));
        }
    }

    @Override
    public void subtract(int length, long x, long y, long to) {
        int vectorised = SPECIES.loopBound(length);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            DoubleVector.fromMemorySegment(SPECIES, ALL, x + i * BYTES, ORDER)
                    .sub(DoubleVector.fromMemorySegment(SPECIES, ALL, y + i * BYTES, ORDER))
                    .intoMemorySegment(ALL, to + i * BYTES, ORDER);
        }
        for (int i = vectorised; i < length; i++) {
            ALL.set(ELEMENT, to + i * BYTES, ALL.get(ELEMENT, x + i * BYTES) - ALL.get(ELEMENT, y + i * BYTES));
        }
    }

    @Override
    public void combineVectors(int length, long[] from, double[] factors, long to) {
        for (int i = 0; i < length; i++) {
            double sum = ALL.get(ELEMENT, from[0] + i * BYTES) * factors[0];
            for (int term = 1; term < from.length; term++) {
                sum = Math.fma(factors[term], ALL.get(ELEMENT, from[term] + i * BYTES), sum);
            }
            ALL.set(ELEMENT, to + i * BYTES, sum);
        }
    }

    @Override
    public double dot(int length, long x, long y) {
        double sum = 0;
        for (int i = 0; i < length; i++) {
            sum += ALL.get(ELEMENT, x + i * BYTES) * ALL.get(ELEMENT, y + i * BYTES);
        }
        return sum;
    }

    /** Four sums, none of which waits for the addition before it. */
    @Override
    public double squaredDistance(int length, long x, long y) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = 0;
        for (; i < length - 3; i += 4) {
            long at = i * BYTES;
            double p = ALL.get(ELEMENT, x + at) - ALL.get(ELEMENT, y + at);
            double q = ALL.get(ELEMENT, x + at + BYTES) - ALL.get(ELEMENT, y + at + BYTES);
            double r = ALL.get(ELEMENT, x + at + 2 * BYTES) - ALL.get(ELEMENT, y + at + 2 * BYTES);
            double s = ALL.get(ELEMENT, x + at + 3 * BYTES) - ALL.get(ELEMENT, y + at + 3 * BYTES);
            a += p * p;
            b += q * q;
            c += r * r;
            d += s * s;
        }
        for (; i < length; i++) {
            double p = ALL.get(ELEMENT, x + i * BYTES) - ALL.get(ELEMENT, y + i * BYTES);
            a += p * p;
        }
        return a + b + (c + d);
    }

    @Override
    public void fill(long count, long to, double value) {
        double all = value;
        for (long i = 0; i < count; i++) {
            ALL.set(ELEMENT, to + i * BYTES, all);
        }
    }
}
