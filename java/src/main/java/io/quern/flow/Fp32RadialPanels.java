package io.quern.flow;

import static io.quern.cpu.AddressSpace.ADDRESS;
import static io.quern.cpu.AddressSpace.STRIDE;
import static io.quern.cpu.Lanes.FLOAT_VECTOR;
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
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link RadialPanels} for FP32. As in {@link io.quern.cpu.PanelMath}, no helper takes or returns a vector, and bits change their
 * type by way of memory, in passes.
 */
final class Fp32RadialPanels implements RadialPanels {
    private static final VectorSpecies<Float> SPECIES = Lanes.FLOAT;
    private static final VectorSpecies<Integer> INTEGERS = Lanes.INT;
    private static final long V = SPECIES.vectorByteSize();
    private static final long ROW = MicroKernel.VECTORS * V;
    private static final long BYTES = Float.BYTES;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat ELEMENT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final MemorySegment ALL = AddressSpace.ALL;

    private static final int FRACTION_BITS = 23;
    private static final FloatVector NOWHERE = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    private static final FloatVector ZERO = FloatVector.zero(SPECIES);
    private static final FloatVector ONE = FloatVector.broadcast(SPECIES, 1);
    private static final FloatVector TWO = FloatVector.broadcast(SPECIES, 2);
    private static final FloatVector HALF = FloatVector.broadcast(SPECIES, 0.5f);
    private static final FloatVector LOG2_E = FloatVector.broadcast(SPECIES, (float) (1 / Math.log(2)));

    // The series of ln(1 + f) = f - (f^2/2 - s (f^2/2 + R)), s = f / (2 + f), R = 2/3 s^2 + 2/5 s^4 + ...
    private static final FloatVector C1 = FloatVector.broadcast(SPECIES, (float) (2.0 / 3));
    private static final FloatVector C2 = FloatVector.broadcast(SPECIES, (float) (2.0 / 5));
    private static final FloatVector C3 = FloatVector.broadcast(SPECIES, (float) (2.0 / 7));
    private static final FloatVector C4 = FloatVector.broadcast(SPECIES, (float) (2.0 / 9));
    private static final FloatVector C5 = FloatVector.broadcast(SPECIES, (float) (2.0 / 11));

    private static final int BIAS = 127;

    /** A biased exponent, added to these bits, is the number 1.5 2^23 + exponent. */
    private static final IntVector TO_FLOATING =
            IntVector.broadcast(INTEGERS, Float.floatToRawIntBits(0x1.8p23f) - BIAS);

    private static final FloatVector TO_INTEGER = FloatVector.broadcast(SPECIES, 0x1.8p23f);

    /** From the bits of sqrt(1/2) to those of 1: added, it makes the exponent that of the power of two that is nearest. */
    private static final IntVector TO_NEAREST = IntVector.broadcast(
            INTEGERS, Float.floatToRawIntBits(1f) - Float.floatToRawIntBits((float) Math.sqrt(0.5)));

    private static final IntVector ONES_BITS = IntVector.broadcast(INTEGERS, Float.floatToRawIntBits(1f));

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
        FloatVector alphaX = FloatVector.fromMemorySegment(SPECIES, ALL, minusAlphas, ORDER);
        FloatVector alphaY = FloatVector.fromMemorySegment(SPECIES, ALL, minusAlphas + V, ORDER);
        FloatVector alphaZ = FloatVector.fromMemorySegment(SPECIES, ALL, minusAlphas + 2 * V, ORDER);
        FloatVector x0 = FloatVector.zero(SPECIES);
        FloatVector y0 = x0;
        FloatVector z0 = x0;
        FloatVector x1 = x0;
        FloatVector y1 = x0;
        FloatVector z1 = x0;
        for (int k = 0; k < depth; k++) {
            x &= ADDRESS;
            y &= ADDRESS;
            FloatVector queryX = FloatVector.fromMemorySegment(SPECIES, ALL, x, ORDER);
            FloatVector queryY = FloatVector.fromMemorySegment(SPECIES, ALL, x + V, ORDER);
            FloatVector queryZ = FloatVector.fromMemorySegment(SPECIES, ALL, x + 2 * V, ORDER);
            FloatVector datum0 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, y));
            FloatVector u0X = alphaX.fma(datum0, queryX);
            x0 = u0X.fma(u0X, x0);
            FloatVector u0Y = alphaY.fma(datum0, queryY);
            y0 = u0Y.fma(u0Y, y0);
            FloatVector u0Z = alphaZ.fma(datum0, queryZ);
            z0 = u0Z.fma(u0Z, z0);
            if (k == never) {
                break;
            }
            FloatVector datum1 = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, y + yRow));
            FloatVector u1X = alphaX.fma(datum1, queryX);
            x1 = u1X.fma(u1X, x1);
            FloatVector u1Y = alphaY.fma(datum1, queryY);
            y1 = u1Y.fma(u1Y, y1);
            FloatVector u1Z = alphaZ.fma(datum1, queryZ);
            z1 = u1Z.fma(u1Z, z1);
            x += ROW;
            y += BYTES;
        }
        FLOAT_VECTOR.cast(x0).intoMemorySegment(ALL, to, ORDER);
        FLOAT_VECTOR.cast(y0).intoMemorySegment(ALL, to + V, ORDER);
        FLOAT_VECTOR.cast(z0).intoMemorySegment(ALL, to + 2 * V, ORDER);
        FLOAT_VECTOR.cast(x1).intoMemorySegment(ALL, to + ROW, ORDER);
        FLOAT_VECTOR.cast(y1).intoMemorySegment(ALL, to + ROW + V, ORDER);
        FLOAT_VECTOR.cast(z1).intoMemorySegment(ALL, to + ROW + 2 * V, ORDER);
    }

    @Override
    public void addCompensated(int rows, long panel, long total, long lost) {
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = i * V;
            FloatVector sum = FloatVector.fromMemorySegment(SPECIES, ALL, total + at, ORDER);
            FloatVector next = FloatVector.fromMemorySegment(SPECIES, ALL, panel + at, ORDER)
                    .sub(FloatVector.fromMemorySegment(SPECIES, ALL, lost + at, ORDER));
            FloatVector larger = sum.add(next);
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
        FloatVector alpha = FloatVector.fromMemorySegment(SPECIES, ALL, minusAlphas, ORDER);
        FloatVector most0 = FloatVector.zero(SPECIES);
        FloatVector most1 = most0;
        FloatVector most2 = most0;
        FloatVector most3 = most0;
        FloatVector spoilt0 = most0; // NaN where one is not finite
        FloatVector spoilt1 = most0;
        FloatVector spoilt2 = most0;
        FloatVector spoilt3 = most0;
        for (int k = 0; k < depth; k++) {
            x &= ADDRESS;
            y &= ADDRESS;
            FloatVector query = FloatVector.fromMemorySegment(SPECIES, ALL, x, ORDER);
            FloatVector u0 = alpha.fma(FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, y)), query)
                    .abs();
            spoilt0 = u0.fma(ZERO, spoilt0);
            most0 = FLOAT_VECTOR.cast(most0).blend(u0, u0.compare(GT, most0));
            FloatVector u1 = alpha.fma(FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, y + yRow)), query)
                    .abs();
            spoilt1 = u1.fma(ZERO, spoilt1);
            most1 = FLOAT_VECTOR.cast(most1).blend(u1, u1.compare(GT, most1));
            FloatVector u2 = alpha.fma(FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, y + 2 * yRow)), query)
                    .abs();
            spoilt2 = u2.fma(ZERO, spoilt2);
            most2 = FLOAT_VECTOR.cast(most2).blend(u2, u2.compare(GT, most2));
            FloatVector u3 = alpha.fma(FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, y + 3 * yRow)), query)
                    .abs();
            spoilt3 = u3.fma(ZERO, spoilt3);
            most3 = FLOAT_VECTOR.cast(most3).blend(u3, u3.compare(GT, most3));
            x += ROW;
            y += BYTES;
        }
        FLOAT_VECTOR.cast(most0).add(spoilt0).intoMemorySegment(ALL, to, ORDER);
        FLOAT_VECTOR.cast(most1).add(spoilt1).intoMemorySegment(ALL, to + ROW, ORDER);
        FLOAT_VECTOR.cast(most2).add(spoilt2).intoMemorySegment(ALL, to + 2 * ROW, ORDER);
        FLOAT_VECTOR.cast(most3).add(spoilt3).intoMemorySegment(ALL, to + 3 * ROW, ORDER);
    }

    @Override
    public void addRows(int rows, long panel, long factors, long norms, long numbers) {
        FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, factors, ORDER);
        FloatVector y = FloatVector.fromMemorySegment(SPECIES, ALL, factors + V, ORDER);
        FloatVector z = FloatVector.fromMemorySegment(SPECIES, ALL, factors + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            FloatVector norm = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, norms + r * BYTES));
            FloatVector number = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * BYTES));
            x.fma(norm, FloatVector.fromMemorySegment(SPECIES, ALL, row, ORDER))
                    .add(number)
                    .intoMemorySegment(ALL, row, ORDER);
            y.fma(norm, FloatVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER))
                    .add(number)
                    .intoMemorySegment(ALL, row + V, ORDER);
            z.fma(norm, FloatVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER))
                    .add(number)
                    .intoMemorySegment(ALL, row + 2 * V, ORDER);
        }
    }

    @Override
    public void scaleAdd(int rows, long panel, long factors, long numbers, long to) {
        FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, factors, ORDER);
        FloatVector y = FloatVector.fromMemorySegment(SPECIES, ALL, factors + V, ORDER);
        FloatVector z = FloatVector.fromMemorySegment(SPECIES, ALL, factors + 2 * V, ORDER);
        for (int r = 0; r < rows; r++) {
            long row = panel + r * ROW;
            long at = to + r * ROW;
            FloatVector number = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * BYTES));
            x.fma(FloatVector.fromMemorySegment(SPECIES, ALL, row, ORDER), number)
                    .intoMemorySegment(ALL, at, ORDER);
            y.fma(FloatVector.fromMemorySegment(SPECIES, ALL, row + V, ORDER), number)
                    .intoMemorySegment(ALL, at + V, ORDER);
            z.fma(FloatVector.fromMemorySegment(SPECIES, ALL, row + 2 * V, ORDER), number)
                    .intoMemorySegment(ALL, at + 2 * V, ORDER);
        }
    }

    @Override
    public void within(int rows, long panel, long bounds, long numbers) {
        for (int v = 0; v < MicroKernel.VECTORS; v++) {
            FloatVector bound = FloatVector.fromMemorySegment(SPECIES, ALL, bounds + v * V, ORDER);
            for (int r = 0; r < rows; r++) {
                long at = panel + r * ROW + v * V;
                FloatVector number = FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * BYTES));
                FloatVector far = FloatVector.fromMemorySegment(SPECIES, ALL, at, ORDER);
                far.fma(ZERO, NOWHERE.blend(number, far.compare(LE, bound))).intoMemorySegment(ALL, at, ORDER);
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

    private static void sums(int vectors, long from, float plus, long to) {
        FloatVector all = FloatVector.broadcast(SPECIES, plus);
        for (int i = 0; i < vectors; i++) {
            FloatVector.fromMemorySegment(SPECIES, ALL, from + i * V, ORDER)
                    .add(all)
                    .intoMemorySegment(ALL, to + i * V, ORDER);
        }
    }

    /** Replaces x = 2^n m, m within sqrt(1/2)..sqrt(2), by m, and writes 1.5 2^23 + n. */
    private static void split(int vectors, long numbers, long exponents) {
        for (int i = 0; i < vectors; i++) {
            IntVector bits = IntVector.fromMemorySegment(INTEGERS, ALL, numbers + i * V, ORDER);
            IntVector n = bits.add(TO_NEAREST).lanewise(LSHR, FRACTION_BITS);
            n.add(TO_FLOATING).intoMemorySegment(ALL, exponents + i * V, ORDER);
            bits.sub(n.lanewise(LSHL, FRACTION_BITS)).add(ONES_BITS).intoMemorySegment(ALL, numbers + i * V, ORDER);
        }
    }

    private static void logarithms(int vectors, long numbers, long exponents, long to) {
        for (int i = 0; i < vectors; i++) {
            FloatVector f = FloatVector.fromMemorySegment(SPECIES, ALL, numbers + i * V, ORDER)
                    .sub(ONE);
            FloatVector s = f.div(f.add(TWO));
            FloatVector z = s.mul(s);
            FloatVector p = C5.fma(z, C4);
            p = p.fma(z, C3);
            p = p.fma(z, C2);
            p = p.fma(z, C1);
            FloatVector h = f.mul(f).mul(HALF);
            FloatVector ln = f.sub(h.sub(s.mul(h.add(p.mul(z)))));
            ln.fma(
                            LOG2_E,
                            FloatVector.fromMemorySegment(SPECIES, ALL, exponents + i * V, ORDER)
                                    .sub(TO_INTEGER))
                    .intoMemorySegment(ALL, to + i * V, ORDER);
        }
    }

    /** Of a small x the sum 1 + x lost x - ((1 + x) - 1): its logarithm lacks that over 1 + x. */
    private static void addLost(int vectors, long from, long to) {
        for (int i = 0; i < vectors; i++) {
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, from + i * V, ORDER);
            FloatVector sum = x.add(ONE);
            x.sub(sum.sub(ONE))
                    .div(sum)
                    .fma(LOG2_E, FloatVector.fromMemorySegment(SPECIES, ALL, to + i * V, ORDER))
                    .intoMemorySegment(ALL, to + i * V, ORDER);
        }
    }

    @Override
    public void reciprocals(int rows, long panel, double factor, long to) {
        FloatVector dividend = FloatVector.broadcast(SPECIES, (float) factor);
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = i * V;
            dividend.div(FloatVector.fromMemorySegment(SPECIES, ALL, panel + at, ORDER)
                            .add(ONE))
                    .intoMemorySegment(ALL, to + at, ORDER);
        }
    }

    @Override
    public void roots(int rows, long panel, double least, long to) {
        FloatVector floor = FloatVector.broadcast(SPECIES, (float) least);
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = i * V;
            FloatVector x = FloatVector.fromMemorySegment(SPECIES, ALL, panel + at, ORDER);
            FloatVector raised = x.blend(floor, x.compare(LT, floor));
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
        FloatVector allA = FloatVector.broadcast(SPECIES, (float) a);
        FloatVector allB = FloatVector.broadcast(SPECIES, (float) b);
        FloatVector allC = FloatVector.broadcast(SPECIES, (float) c);
        for (int r = 0; r < rows; r++) {
            FloatVector number =
                    FloatVector.broadcast(SPECIES, ALL.get(ELEMENT, numbers + r * BYTES) + (float) constant);
            for (int v = 0; v < MicroKernel.VECTORS; v++) {
                long at = r * ROW + v * V;
                FloatVector s = allA.fma(FloatVector.fromMemorySegment(SPECIES, ALL, ofA + at, ORDER), number);
                s = allB.fma(FloatVector.fromMemorySegment(SPECIES, ALL, ofB + at, ORDER), s);
                allC.fma(FloatVector.fromMemorySegment(SPECIES, ALL, ofC + at, ORDER), s)
                        .intoMemorySegment(ALL, to + at, ORDER);
            }
        }
    }

    @Override
    public void radialSlopes(int rows, double constant, double t, long ofT, double pole, long ofR, long to) {
        FloatVector allT = FloatVector.broadcast(SPECIES, (float) t);
        FloatVector first = FloatVector.broadcast(SPECIES, (float) constant);
        FloatVector poles = FloatVector.broadcast(SPECIES, (float) pole);
        for (int i = 0; i < rows * MicroKernel.VECTORS; i++) {
            long at = i * V;
            FloatVector radius = FloatVector.fromMemorySegment(SPECIES, ALL, ofR + at, ORDER);
            allT.fma(FloatVector.fromMemorySegment(SPECIES, ALL, ofT + at, ORDER), first)
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
        FloatVector sum = FloatVector.zero(SPECIES);
        FloatVector squareSum = sum;
        for (int r = 0; r < rows; r++) {
            FloatVector weighted = FloatVector.fromMemorySegment(SPECIES, ALL, weights + r * ROW, ORDER)
                    .mul(FloatVector.fromMemorySegment(SPECIES, ALL, slopes + r * ROW, ORDER));
            weighted.intoMemorySegment(ALL, slopes + r * ROW, ORDER);
            sum = weighted.add(sum);
            squareSum = weighted.fma(FloatVector.fromMemorySegment(SPECIES, ALL, squares + r * ROW, ORDER), squareSum);
        }
        FLOAT_VECTOR
                .cast(sum)
                .add(FloatVector.fromMemorySegment(SPECIES, ALL, sums, ORDER))
                .intoMemorySegment(ALL, sums, ORDER);
        FLOAT_VECTOR
                .cast(squareSum)
                .add(FloatVector.fromMemorySegment(SPECIES, ALL, squareSums, ORDER))
                .intoMemorySegment(ALL, squareSums, ORDER);
    }

    /**
     * One number at a time: these are a query's channels, few beside its data, and as vectors they were boxed in callers that
     * have many loops (C2's node limit), in a JVM where other kernels had run.
     */
    @Override
    public void blend(int length, double a, long x, double b, long y, long to) {
        float timesX = (float) a;
        float timesY = (float) b;
        for (int i = 0; i < length; i++) {
            float product = ALL.get(ELEMENT, x + i * BYTES) * timesX;
            ALL.set(ELEMENT, to + i * BYTES, Math.fma(timesY, ALL.get(ELEMENT, y + i * BYTES), product));
        }
    }

    @Override
    public void subtract(int length, long x, long y, long to) {
        int vectorised = SPECIES.loopBound(length);
        for (int i = 0; i < vectorised; i += SPECIES.length()) {
            FloatVector.fromMemorySegment(SPECIES, ALL, x + i * BYTES, ORDER)
                    .sub(FloatVector.fromMemorySegment(SPECIES, ALL, y + i * BYTES, ORDER))
                    .intoMemorySegment(ALL, to + i * BYTES, ORDER);
        }
        for (int i = vectorised; i < length; i++) {
            ALL.set(ELEMENT, to + i * BYTES, ALL.get(ELEMENT, x + i * BYTES) - ALL.get(ELEMENT, y + i * BYTES));
        }
    }

    @Override
    public void combineVectors(int length, long[] from, double[] factors, long to) {
        for (int i = 0; i < length; i++) {
            float sum = ALL.get(ELEMENT, from[0] + i * BYTES) * (float) factors[0];
            for (int term = 1; term < from.length; term++) {
                sum = Math.fma((float) factors[term], ALL.get(ELEMENT, from[term] + i * BYTES), sum);
            }
            ALL.set(ELEMENT, to + i * BYTES, sum);
        }
    }

    @Override
    public double dot(int length, long x, long y) {
        double sum = 0;
        for (int i = 0; i < length; i++) {
            sum += (double) ALL.get(ELEMENT, x + i * BYTES) * ALL.get(ELEMENT, y + i * BYTES);
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
            double p = (double) ALL.get(ELEMENT, x + at) - ALL.get(ELEMENT, y + at);
            double q = (double) ALL.get(ELEMENT, x + at + BYTES) - ALL.get(ELEMENT, y + at + BYTES);
            double r = (double) ALL.get(ELEMENT, x + at + 2 * BYTES) - ALL.get(ELEMENT, y + at + 2 * BYTES);
            double s = (double) ALL.get(ELEMENT, x + at + 3 * BYTES) - ALL.get(ELEMENT, y + at + 3 * BYTES);
            a += p * p;
            b += q * q;
            c += r * r;
            d += s * s;
        }
        for (; i < length; i++) {
            double p = (double) ALL.get(ELEMENT, x + i * BYTES) - ALL.get(ELEMENT, y + i * BYTES);
            a += p * p;
        }
        return a + b + (c + d);
    }

    @Override
    public void fill(long count, long to, double value) {
        float all = (float) value;
        for (long i = 0; i < count; i++) {
            ALL.set(ELEMENT, to + i * BYTES, all);
        }
    }
}
