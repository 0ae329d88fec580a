package io.quern.flow;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import java.lang.foreign.MemorySegment;

/**
 * One thread's part of {@link FlowVector}, and its scratch memory: some panels of queries, and of each what a pass over the data sums
 * up, with s in units of log2 and h the slope:
 *
 * <pre>
 *   m = max s,  l = sum 2^(s - m),  M = sum 2^(s - m) y;  where they are needed sum 2^(s - m) {h, h q, h y}
 * </pre>
 *
 * A block of data is laid out anew, an odd number of cache lines from a row to the next, for the product less the centre.
 */
final class FlowPart {
    private static final MemorySegment ALL = AddressSpace.ALL;
    private static final int BLOCK = FlowVector.BLOCK;
    private static final int TILE = MicroKernel.ROWS;

    /** Channels whose squares are summed up before the sum is added to others. */
    private static final int CHUNK = 64;

    /** Channels of a product before it is added to others. */
    private static final int DEPTH = 512;

    private static final double LOG2_E = 1 / Math.log(2);

    private final FlowVector all;
    private final Noise noise;
    private final MicroKernel kernel;
    private final PanelMath math;
    private final RadialPanels panels;
    private final int channels;
    private final int columns;
    private final int bytes;
    private final long row;
    private final double lowest;
    private final boolean weighsSlopes;
    private final boolean sumsSquares;

    private final long numbers;
    private final long panelBytes;
    private final long vectorsBytes;
    private final long stride;

    // Of each panel.
    private final long queries; // x, or x' times -2 alpha times the factor of the score
    private final long means;
    private final long slopeMeans;
    private final long tangents; // of a gradient: b df + dm
    private final long crossMeans; // sum 2^(s - m) h c y, c = y . tangent
    private final long maxima;
    private final long sums;
    private final long slopeSums;
    private final long squareSums;
    private final long firstSums; // sum 2^(s - m) c
    private final long crossSums; // sum 2^(s - m) h c
    private final long minusAlphas;
    private final long factors;
    private final long normFactors;

    // Of the panel at hand.
    private final long scores;
    private final long squares;
    private final long slopes;
    private final long crosses;
    private final long lost;
    private final long first;
    private final long second;
    private final long before;
    private final long follow;
    private final long zeros;
    private final long unused;
    private final long logarithms;
    private final long staged;
    private final long mean;
    private final long rest;
    private final long slopeMean;
    private final long end;

    private boolean product;
    private int begin;
    private int count;

    FlowPart(FlowVector all, long scratch) {
        this.all = all;
        noise = all.flow.noise();
        kernel = all.kernel;
        math = all.math;
        panels = all.panels;
        channels = all.channels;
        columns = kernel.columns();
        bytes = all.bytes;
        row = kernel.rowBytes();
        // Finite: what is impossible is less than the maximum of no data, and 2^(-infinity - m) is 0 and not NaN.
        lowest = all.dtype == DType.FP64 ? -Double.MAX_VALUE : -Float.MAX_VALUE;
        weighsSlopes = all.gradient != null || all.evaluation.weighsSlopes();
        sumsSquares = all.evaluation != null && all.evaluation.fields().divergence() != null;

        numbers = HostMemory.lines(row);
        panelBytes = HostMemory.lines((BLOCK + TILE) * row) + HostMemory.ALIGNMENT;
        int tiled = Math.ceilDiv(channels, TILE) * TILE;
        vectorsBytes = HostMemory.lines(tiled * row) + HostMemory.ALIGNMENT;
        stride = HostMemory.lines(tiled * (long) bytes) | HostMemory.ALIGNMENT;
        long count = all.panelsPerPart;
        boolean slopesToo = weighsSlopes || sumsSquares;
        long vector = HostMemory.lines((long) channels * bytes);

        queries = scratch;
        means = queries + count * vectorsBytes;
        slopeMeans = means + count * vectorsBytes;
        tangents = slopeMeans + (weighsSlopes ? count * vectorsBytes : 0);
        crossMeans = tangents + (all.gradient != null ? count * vectorsBytes : 0);
        maxima = crossMeans + (all.gradient != null ? count * vectorsBytes : 0);
        sums = maxima + count * numbers;
        slopeSums = sums + count * numbers;
        squareSums = slopeSums + count * numbers;
        firstSums = squareSums + count * numbers;
        crossSums = firstSums + count * numbers;
        minusAlphas = crossSums + count * numbers;
        factors = minusAlphas + count * numbers;
        normFactors = factors + count * numbers;
        scores = normFactors + count * numbers;
        squares = scores + panelBytes;
        slopes = squares + panelBytes;
        crosses = slopes + (slopesToo ? panelBytes : 0);
        lost = crosses + (all.gradient != null ? panelBytes : 0);
        first = lost + panelBytes;
        second = first + panelBytes;
        before = second + panelBytes;
        follow = before + numbers;
        zeros = follow + numbers;
        unused = zeros + HostMemory.lines(Math.max(row, BLOCK * (long) bytes));
        logarithms = unused + numbers;
        staged = logarithms + HostMemory.lines(RadialPanels.scratchBytes(kernel));
        mean = staged + (BLOCK + TILE) * stride;
        rest = mean + vector;
        slopeMean = rest + vector;
        end = slopeMean + vector;
    }

    static long scratchBytes(FlowVector all) {
        return new FlowPart(all, 0).end;
    }

    /**
     * Computes some queries.
     *
     * @param product whether their scores come from a product
     * @param begin the first's place in the order
     */
    void run(boolean product, int begin, int count) {
        this.product = product;
        this.begin = begin;
        this.count = count;
        int used = Math.ceilDiv(count, columns);
        panels.fill(Math.max(columns, BLOCK), zeros, 0);
        for (int p = 0; p < used; p++) {
            open(p);
        }
        for (int block = 0; block < all.dataCount; block += BLOCK) {
            int data = Math.min(BLOCK, all.dataCount - block);
            stage(block, data);
            for (int p = 0; p < used; p++) {
                attend(p, block, data);
            }
        }
        for (int p = 0; p < used; p++) {
            close(p);
        }
    }

    private int query(int panel, int column) {
        return all.order[begin + panel * columns + column];
    }

    private int columns(int panel) {
        return Math.min(columns, count - panel * columns);
    }

    private double alpha(int query) {
        return all.flow.schedule().alpha(all.points.time(query));
    }

    private double sigma(int query) {
        return all.flow.schedule().sigma(all.points.time(query));
    }

    /** Packs the panel's queries and what goes with their times, and clears its sums. */
    private void open(int panel) {
        long to = queries + panel * vectorsBytes;
        long own = panel * numbers;
        if (columns(panel) < columns) {
            HostMemory.clear(to, channels * row);
            panels.fill(columns, minusAlphas + own, 0);
            panels.fill(columns, factors + own, 0);
            panels.fill(columns, normFactors + own, 0);
        }
        for (int j = 0; j < columns(panel); j++) {
            int i = query(panel, j);
            double alpha = alpha(i);
            double sigma = sigma(i);
            double variance = sigma * sigma;
            math.set(minusAlphas + own, j, -alpha);
            switch (noise) {
                case Noise.Gaussian _ -> math.set(factors + own, j, -LOG2_E / 2 / variance);
                case Noise.Uniform u -> math.set(factors + own, j, sigma * u.halfWidth());
                case Noise.Student _, Noise.Tanh _, Noise.Exponential _ -> math.set(factors + own, j, 1 / variance);
            }
            if (product) {
                math.set(normFactors + own, j, -LOG2_E / 2 * alpha * alpha / variance);
                panels.blend(channels, 1, all.query(i), -alpha, all.centre, rest);
                math.packColumn(channels, rest, LOG2_E * alpha / variance, to, j);
            } else if (noise instanceof Noise.Uniform u) {
                panels.fill(channels, mean, 1);
                panels.blend(channels, 1, all.query(i), -sigma * u.centre(), mean, rest);
                math.packColumn(channels, rest, 1, to, j);
            } else {
                math.packColumn(channels, all.query(i), 1, to, j);
            }
        }
        HostMemory.clear(means + panel * vectorsBytes, vectorsBytes);
        if (weighsSlopes) {
            HostMemory.clear(slopeMeans + panel * vectorsBytes, vectorsBytes);
        }
        if (all.gradient != null) {
            HostMemory.clear(crossMeans + panel * vectorsBytes, vectorsBytes);
            packTangents(panel);
            panels.fill(columns, firstSums + own, 0);
            panels.fill(columns, crossSums + own, 0);
        }
        panels.fill(columns, maxima + own, lowest);
        panels.fill(columns, sums + own, 0);
        panels.fill(columns, slopeSums + own, 0);
        panels.fill(columns, squareSums + own, 0);
    }

    private void packTangents(int panel) {
        long to = tangents + panel * vectorsBytes;
        if (columns(panel) < columns) {
            HostMemory.clear(to, channels * row);
        }
        Gradient g = all.gradient;
        for (int j = 0; j < columns(panel); j++) {
            int i = query(panel, j);
            double t = all.points.time(i);
            Schedule schedule = all.flow.schedule();
            double pull = schedule.alphaRate(t) - schedule.alpha(t) * schedule.logSigmaRate(t);
            panels.fill(channels, rest, 0);
            if (g.velocityGradient() != null) {
                panels.blend(channels, pull, at(g.velocityGradient(), i), 0, rest, rest);
            }
            if (g.meanGradient() != null) {
                math.addVector(channels, at(g.meanGradient(), i), rest);
            }
            math.packColumn(channels, rest, 1, to, j);
        }
    }

    private void stage(int block, int data) {
        for (int j = 0; j < data; j++) {
            long from = all.datum(block + j);
            if (product) {
                panels.subtract(channels, from, all.centre, staged + j * stride);
            } else {
                MemorySegment.copy(ALL, from, ALL, staged + j * stride, (long) channels * bytes);
            }
        }
    }

    /** One step of the online softmax: a panel and a block of data. */
    private void attend(int panel, int block, int data) {
        long own = panel * numbers;
        if (product) {
            multiply(queries + panel * vectorsBytes, data, scores);
            panels.addRows(
                    data,
                    scores,
                    normFactors + own,
                    all.norms + (long) block * bytes,
                    all.logWeights + (long) block * bytes);
        } else {
            distances(panel, data);
            score(panel, data, all.logWeights + (long) block * bytes);
        }
        step(panel, data);
        if (all.gradient != null) {
            cross(panel, data);
            return;
        }
        accumulate(means + panel * vectorsBytes, scores, data);
        if (weighsSlopes || sumsSquares) {
            panels.weigh(data, scores, slopes, squares, slopeSums + own, squareSums + own);
        }
        if (weighsSlopes) {
            accumulate(slopeMeans + panel * vectorsBytes, slopes, data);
        }
    }

    /** What a gradient needs of a block: sums of p c, p h c, p h, p h y and p h c y. */
    private void cross(int panel, int data) {
        long own = panel * numbers;
        multiply(tangents + panel * vectorsBytes, data, crosses);
        MemorySegment.copy(ALL, slopes, ALL, first, data * row);
        panels.weigh(data, scores, crosses, slopes, firstSums + own, crossSums + own);
        panels.weigh(data, crosses, first, crosses, unused, unused);
        panels.weigh(data, scores, slopes, scores, slopeSums + own, unused);
        accumulate(slopeMeans + panel * vectorsBytes, slopes, data);
        accumulate(crossMeans + panel * vectorsBytes, first, data);
    }

    /** In whole tiles: what is computed of rows that are not there is not looked at. */
    private void multiply(long query, int data, long products) {
        for (int k = 0; k < channels; k += DEPTH) {
            for (int j = 0; j < data; j += TILE) {
                long to = products + j * row;
                kernel.multiplyAdd(
                        Math.min(DEPTH, channels - k),
                        staged + j * stride + (long) k * bytes,
                        stride,
                        bytes,
                        query + k * row,
                        k == 0 ? MicroKernel.zeros() : to,
                        k == 0 ? 0 : row,
                        to,
                        row);
            }
        }
    }

    /** The squared distances as they are, or the largest components. */
    private void distances(int panel, int data) {
        long query = queries + panel * vectorsBytes;
        long alphas = minusAlphas + panel * numbers;
        if (noise instanceof Noise.Uniform) {
            for (int j = 0; j < data; j += RadialPanels.ROWS) {
                panels.largest(channels, staged + j * stride, stride, query, alphas, scores + j * row);
            }
            return;
        }
        if (channels > CHUNK) {
            HostMemory.clear(squares, data * row);
            HostMemory.clear(lost, data * row);
        }
        long to = channels > CHUNK ? first : squares;
        for (int k = 0; k < channels; k += CHUNK) {
            int depth = Math.min(CHUNK, channels - k);
            for (int j = 0; j < data; j += RadialPanels.ROWS) {
                long at = staged + j * stride + (long) k * bytes;
                panels.distances(depth, at, stride, query + k * row, alphas, to + j * row);
            }
            if (channels > CHUNK) {
                panels.addCompensated(data, to, squares, lost);
            }
        }
    }

    /** Scores of distances; and slopes where they are needed. Squares become ones of |u|, but for Gaussian noise. */
    private void score(int panel, int data, long logWeights) {
        long factor = factors + panel * numbers;
        boolean slopesToo = weighsSlopes || sumsSquares;
        switch (noise) {
            case Noise.Gaussian _ -> {
                panels.scaleAdd(data, squares, factor, logWeights, scores);
                if (slopesToo) {
                    panels.fill((long) data * columns, slopes, -1);
                }
            }
            case Noise.Student s -> {
                double power = channels + s.dimensions();
                math.scale(data, squares, factor);
                panels.log2(data, squares, 1, first, logarithms);
                panels.combine(data, 0, logWeights, -power / 2, first, 0, first, 0, first, scores);
                if (slopesToo) {
                    panels.reciprocals(data, squares, -power, slopes);
                }
            }
            case Noise.Tanh _ -> {
                math.scale(data, squares, factor);
                radial(data, true, slopesToo, logWeights);
            }
            case Noise.Exponential _ -> {
                math.scale(data, squares, factor);
                radial(data, false, slopesToo, logWeights);
            }
            case Noise.Uniform _ -> {
                panels.within(data, scores, factor, logWeights);
                if (slopesToo) {
                    panels.fill((long) data * columns, slopes, 0);
                    panels.fill((long) data * columns, squares, 0);
                }
            }
        }
    }

    /** log2 of tanh' r or of e^-r, over r^(d-1): radii in first, log2 of them in second, of 1 + e^-2r in slopes or lost. */
    private void radial(int data, boolean tanh, boolean slopesToo, long logWeights) {
        panels.roots(data, squares, Noise.leastSquare(all.dtype == DType.FP64), first);
        panels.log2(data, squares, 0, second, logarithms);
        double pole = channels - 1;
        if (tanh) {
            panels.combine(data, 0, zeros, -2 * LOG2_E, first, 0, first, 0, first, scores);
            math.exponentials(data, scores, zeros, unused);
            panels.log2(data, scores, 1, lost, logarithms);
            panels.combine(data, 2, logWeights, -2 * LOG2_E, first, -2, lost, -pole / 2, second, scores);
        } else {
            panels.combine(data, 0, logWeights, -LOG2_E, first, -pole / 2, second, 0, first, scores);
        }
        if (slopesToo) {
            MemorySegment.copy(ALL, first, ALL, slopes, data * row);
            if (tanh) {
                math.tanh(data, slopes, 1, 1);
            }
            panels.radialSlopes(data, tanh ? 0 : 1, tanh ? 2 : 0, slopes, pole, first, slopes);
        }
    }

    /** Weights of a block, and sums that follow the maximum. */
    private void step(int panel, int data) {
        long own = panel * numbers;
        long max = maxima + own;
        MemorySegment.copy(ALL, max, ALL, before, row);
        math.maxima(data, scores, max);
        if (MemorySegment.mismatch(ALL, max, max + row, ALL, before, before + row) >= 0) {
            MemorySegment.copy(ALL, before, ALL, follow, row);
            math.exponentials(1, follow, max, unused);
            math.scale(1, sums + own, follow);
            math.scale(1, slopeSums + own, follow);
            math.scale(1, squareSums + own, follow);
            math.scale(channels, means + panel * vectorsBytes, follow);
            if (weighsSlopes) {
                math.scale(channels, slopeMeans + panel * vectorsBytes, follow);
            }
            if (all.gradient != null) {
                math.scale(1, firstSums + own, follow);
                math.scale(1, crossSums + own, follow);
                math.scale(channels, crossMeans + panel * vectorsBytes, follow);
            }
        }
        math.exponentials(data, scores, max, sums + own);
    }

    /** O^T += Y^T P, in tiles of channels; what lies beyond them is not looked at. */
    private void accumulate(long outs, long weights, int data) {
        for (int k = 0; k < channels; k += TILE) {
            long to = outs + k * row;
            kernel.multiplyAdd(data, staged + (long) k * bytes, bytes, stride, weights, to, row, to, row);
        }
    }

    /** Writes what is asked for of the panel's queries. */
    private void close(int panel) {
        for (int j = 0; j < columns(panel); j++) {
            if (all.gradient != null) {
                writeGradient(panel, j, query(panel, j));
            } else {
                write(panel, j, query(panel, j));
            }
        }
    }

    private void write(int panel, int column, int i) {
        long own = panel * numbers;
        double t = all.points.time(i);
        Schedule schedule = all.flow.schedule();
        double alpha = schedule.alpha(t);
        double sigma = schedule.sigma(t);
        double logSigmaRate = schedule.logSigmaRate(t);
        double sum = math.get(sums + own, column);
        boolean nowhere = sum == 0;
        double inverse = nowhere ? 0 : 1 / sum;
        math.unpackColumn(channels, means + panel * vectorsBytes, column, inverse, mean);
        if (product && !nowhere) {
            math.addVector(channels, all.centre, mean);
        }
        if (nowhere) {
            panels.fill(channels, rest, 0);
        } else {
            panels.blend(channels, 1, all.query(i), -alpha, mean, rest);
        }
        Evaluation.Fields to = all.evaluation.fields();
        copy(mean, to.mean(), i);
        if (to.velocity() != null) {
            panels.blend(channels, logSigmaRate, rest, schedule.alphaRate(t), mean, at(to.velocity(), i));
        }
        if (to.logDensity() != null) {
            double least = product ? squareOfShifted(i, alpha) / (2 * sigma * sigma) : 0;
            double most = math.get(maxima + own, column) / LOG2_E;
            double density =
                    most + Math.log(sum) - least - all.logTotalWeight - channels * Math.log(sigma) + all.logConstant;
            set(to.logDensity(), i, nowhere ? Double.NEGATIVE_INFINITY : density);
        }
        if (to.score() != null || to.divergence() != null) {
            double variance = sigma * sigma;
            scoreOf(panel, column, i, alpha, variance, inverse);
            copy(slopeMean, to.score(), i);
            if (to.divergence() != null) {
                // sum p (y - mean) . grad s by the distances alone; 0 where all data meet in one point
                double dot = panels.dot(channels, rest, slopeMean);
                double unit = noise instanceof Noise.Gaussian ? variance : 1; // of the squares
                double squares = math.get(squareSums + own, column) * inverse / unit;
                double spread = alpha == 0 ? 0 : (dot - squares) / alpha;
                double pull = schedule.alphaRate(t) - alpha * logSigmaRate;
                set(to.divergence(), i, nowhere ? 0 : logSigmaRate * channels + pull * spread);
            }
        }
    }

    /** a df + (x (C + e H) - alpha (Mc + e Mh)) / sigma^2, e = L' - B, of sums over their weights. */
    private void writeGradient(int panel, int column, int i) {
        Gradient g = all.gradient;
        long own = panel * numbers;
        long to = at(g.queriesGradient(), i);
        double sum = math.get(sums + own, column);
        if (sum == 0) {
            panels.fill(channels, to, 0);
            return;
        }
        double inverse = 1 / sum;
        double variance = sigma(i) * sigma(i);
        double ofLogDensity = g.logDensityGradient() == null
                ? 0
                : all.dtype.get(
                        g.logDensityGradient().segment(),
                        i * g.logDensityGradient().stride(0));
        double e = ofLogDensity - math.get(firstSums + own, column) * inverse;
        double ofQuery = (math.get(crossSums + own, column) + e * math.get(slopeSums + own, column)) * inverse;
        math.unpackColumn(channels, slopeMeans + panel * vectorsBytes, column, inverse, slopeMean);
        math.unpackColumn(channels, crossMeans + panel * vectorsBytes, column, inverse, rest);
        panels.blend(channels, 1, rest, e, slopeMean, rest);
        panels.blend(channels, ofQuery / variance, all.query(i), -alpha(i) / variance, rest, rest);
        if (g.velocityGradient() == null) {
            MemorySegment.copy(ALL, rest, ALL, to, (long) channels * bytes);
        } else {
            double rate = all.flow.schedule().logSigmaRate(all.points.time(i));
            panels.blend(channels, 1, rest, rate, at(g.velocityGradient(), i), to);
        }
    }

    /** Leaves the score of a query in slopeMean. */
    private void scoreOf(int panel, int column, int i, double alpha, double variance, double inverse) {
        if (weighsSlopes) {
            double slope = math.get(slopeSums + panel * numbers, column) * inverse;
            math.unpackColumn(channels, slopeMeans + panel * vectorsBytes, column, inverse, slopeMean);
            panels.blend(channels, slope / variance, all.query(i), -alpha / variance, slopeMean, slopeMean);
        } else {
            double slope = noise.slope(0, channels);
            panels.blend(channels, slope / variance, rest, 0, rest, slopeMean);
        }
    }

    private double squareOfShifted(int i, double alpha) {
        panels.blend(channels, 1, all.query(i), -alpha, all.centre, slopeMean);
        return panels.dot(channels, slopeMean, slopeMean);
    }

    private long at(Tensor tensor, int i) {
        return tensor.segment().address() + i * tensor.stride(0) * bytes;
    }

    private void copy(long from, Tensor to, int i) {
        if (to != null) {
            MemorySegment.copy(ALL, from, ALL, at(to, i), (long) channels * bytes);
        }
    }

    private void set(Tensor tensor, int i, double value) {
        all.dtype.set(tensor.segment(), i * tensor.stride(0), value);
    }
}
