package io.quern.flow;

import io.quern.DType;
import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import io.quern.cpu.HostMemory;
import io.quern.cpu.MicroKernel;
import io.quern.cpu.PanelMath;
import io.quern.cpu.RowParts;
import io.quern.cpu.Slots;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;

/**
 * Flows by the Vector API, in one pass over the data. Queries lie in the lanes: panels with a column a query, as
 * {@link MicroKernel} takes them.
 *
 * <p>Scores come from differences, x - alpha y component by component, or, for Gaussian noise, from a product of matrices: queries and
 * data less a centre, |x'|^2 - 2 alpha x'.y' + alpha^2 |y'|^2. The product is twice as fast, but what it rounds is in units of its
 * terms and not of the result: it serves a query only where {@code (1 + sqrt(d)/16) eps (|x'| + alpha max|y'|)^2 / (2 sigma^2)} is no
 * more than 1e-4 (FP64: 1e-12), and none where the divergence or a gradient is asked for. Each query is
 * judged by itself and by the data: its bits depend on no other query. Those that a product serves and the others are kept in
 * panels of their own.
 */
final class FlowVector implements Launch, WorkerPool.Task {
    static final Kernel<Evaluation> EVALUATE = new Kernel<>() {
        @Override
        public Launch bind(Evaluation a, Stream stream, Workspace workspace) {
            return fits(a.points())
                    ? new FlowVector(a, null, threads(stream), HostMemory.lines(workspace.address()))
                    : FlowReference.evaluate(a, stream, workspace);
        }

        /** A line more than is used: a caller's workspace need not begin at one. */
        @Override
        public long workspaceBytes(Evaluation a, Stream stream) {
            return fits(a.points()) ? HostMemory.ALIGNMENT + new FlowVector(a, null, threads(stream), 0).end : 0;
        }
    };

    static final Kernel<Gradient> GRADIENT = new Kernel<>() {
        @Override
        public Launch bind(Gradient a, Stream stream, Workspace workspace) {
            return fits(a.points())
                    ? new FlowVector(null, a, threads(stream), HostMemory.lines(workspace.address()))
                    : FlowReference.gradient(a, stream, workspace);
        }

        @Override
        public long workspaceBytes(Gradient a, Stream stream) {
            return fits(a.points()) ? HostMemory.ALIGNMENT + new FlowVector(null, a, threads(stream), 0).end : 0;
        }
    };

    /** Data of a block: with a panel's columns, scores fit the first-level cache. */
    static final int BLOCK = 128;

    /** Queries and data are counted in 32 bits; what is more is left to the reference. */
    private static final long MOST = 1L << 30;

    /** Of a part's queries and sums the bytes that are to stay in a second-level cache. */
    private static final long PART_BYTES = 256 << 10;

    private static final int MOST_PANELS = 8;

    /** Data whose mean is the centre, evenly spaced: it need not be exact. */
    private static final int CENTRE_DATA = 256;

    /**
     * The largest error of a squared distance by the product, in units of eps (|x'| + alpha max|y'|)^2, is no more than 1 + sqrt(d) / this:
     * of some thousand pairs 1.0 was seen for 784 channels, 2.4 for 3072.
     */
    private static final double PRODUCT_CHANNELS = 16;

    /** The error of a score that is taken for the product's speed: half of what 2e-4 allows FP32; a few thousand eps. */
    private static final double MOST_ERROR_FP32 = 1e-4;

    private static final double MOST_ERROR_FP64 = 1e-12;

    /** A block of data is looked at by a part of the preparation. */
    private static final long LEAST_WORK = 1 << 16;

    final Evaluation evaluation; // one of the two
    final Gradient gradient;
    final Flow flow;
    final Points points;
    final DType dtype;
    final MicroKernel kernel;
    final PanelMath math;
    final RadialPanels panels;
    final int count;
    final int dataCount;
    final int channels;
    final int bytes;
    final int panelsPerPart;
    final long end;

    // In the workspace.
    final long norms; // |y'|^2 of each datum
    final long logWeights; // log2 of each datum's
    final long centre;

    /** Queries in the order of panels: those that the product serves, then the others. */
    final int[] order;

    final double logConstant;
    double logTotalWeight;

    private final int threads;
    private final long queries;
    private final long queryStride;
    private final long data;
    private final long dataStride;
    private final long shifted;
    private final FlowPart[] slots;
    private final Slots free;
    private final RowParts normParts;
    private final WorkerPool.Task normTask = this::norm;
    private int byProduct;

    private FlowVector(Evaluation evaluation, Gradient gradient, int threads, long workspace) {
        this.evaluation = evaluation;
        this.gradient = gradient;
        this.threads = threads;
        flow = evaluation != null ? evaluation.flow() : gradient.flow();
        points = evaluation != null ? evaluation.points() : gradient.points();
        dtype = points.dtype();
        boolean fp64 = dtype == DType.FP64;
        kernel = fp64 ? MicroKernel.FP64 : MicroKernel.FP32;
        math = fp64 ? PanelMath.FP64 : PanelMath.FP32;
        panels = fp64 ? RadialPanels.FP64 : RadialPanels.FP32;
        count = (int) points.count();
        dataCount = (int) points.dataCount();
        channels = points.channels();
        bytes = dtype.bytes();
        logConstant = flow.noise().logConstant(channels);
        queries = points.queries().segment().address();
        queryStride = points.queries().stride(0) * bytes;
        data = points.data().segment().address();
        dataStride = points.data().stride(0) * bytes;
        order = new int[workspace == 0 ? 0 : count];

        long numbers = HostMemory.lines((long) (dataCount + BLOCK) * bytes);
        long vector = HostMemory.lines((long) channels * bytes);
        norms = workspace;
        logWeights = norms + (mayMultiply() ? numbers : 0);
        centre = logWeights + numbers;
        shifted = centre + vector;
        long ofParts = shifted + vector;
        long fitting = PART_BYTES / (2 * channels * kernel.rowBytes());
        panelsPerPart = Math.clamp(fitting, 1, MOST_PANELS);
        normParts = RowParts.of(dataCount, (long) dataCount * channels, LEAST_WORK);
        slots = new FlowPart[threads];
        free = new Slots(threads);
        long ofPart = FlowPart.scratchBytes(this);
        for (int i = 0; i < threads && workspace != 0; i++) {
            slots[i] = new FlowPart(this, ofParts + i * ofPart);
        }
        end = ofParts + threads * ofPart;
    }

    private static boolean fits(Points points) {
        return points.count() < MOST && points.dataCount() < MOST;
    }

    private static int threads(Stream stream) {
        return ((Device.Cpu) stream.device()).threads();
    }

    long query(int i) {
        return queries + i * queryStride;
    }

    long datum(int j) {
        return data + j * dataStride;
    }

    /** Whether the product may serve a query, if that is near enough. */
    boolean mayMultiply() {
        return flow.noise() instanceof Noise.Gaussian
                && evaluation != null
                && evaluation.fields().divergence() == null;
    }

    @Override
    public void run() {
        if (count == 0) {
            return;
        }
        takeWeights();
        judgeQueries();
        WorkerPool.run(this, parts(byProduct) + parts(count - byProduct), threads);
    }

    /** {@return the parts of so many queries: as many for each thread, where there are panels enough} */
    private int parts(int some) {
        int all = Math.ceilDiv(some, kernel.columns());
        return Math.min(all, Math.ceilDiv(Math.ceilDiv(all, panelsPerPart), threads) * threads);
    }

    @Override
    public void run(int part) {
        int slot = free.acquire();
        try {
            boolean product = part < parts(byProduct);
            int from = product ? 0 : byProduct;
            int some = product ? byProduct : count - byProduct;
            int own = product ? part : part - parts(byProduct);
            int first = firstQuery(own, some);
            slots[slot].run(product, from + first, firstQuery(own + 1, some) - first);
        } finally {
            free.release(slot);
        }
    }

    /** The first query of a part of some, or how many these are: parts are as equal as whole panels allow. */
    private int firstQuery(int part, int some) {
        long all = Math.ceilDiv(some, kernel.columns());
        return (int) Math.min(some, all * part / parts(some) * kernel.columns());
    }

    private void takeWeights() {
        Tensor weights = points.weights();
        if (weights == null) {
            panels.fill(dataCount, logWeights, 0);
            logTotalWeight = Math.log(dataCount);
            return;
        }
        MemorySegment from = weights.segment();
        double sum = 0;
        for (int j = 0; j < dataCount; j++) {
            double weight = dtype.get(from, j * weights.stride(0));
            sum += weight;
            math.set(logWeights, j, Math.log(weight) / Math.log(2));
        }
        logTotalWeight = Math.log(sum);
    }

    /** Puts the queries that the product serves before the others. */
    private void judgeQueries() {
        byProduct = 0;
        if (!mayMultiply()) {
            for (int i = 0; i < count; i++) {
                order[i] = i;
            }
            return;
        }
        takeCentre();
        WorkerPool.run(normTask, normParts.count(), threads);
        double largest = 0;
        for (int j = 0; j < dataCount; j++) {
            double norm = math.get(norms, j);
            largest = norm > largest || norm != norm ? norm : largest;
        }
        double radius = Math.sqrt(largest);
        double eps = dtype == DType.FP64 ? 0x1p-53 : 0x1p-24;
        double error = eps
                * (1 + Math.sqrt(channels) / PRODUCT_CHANNELS)
                / 2; // of a score, in units of the reach's square over sigma's
        double allowed = (dtype == DType.FP64 ? MOST_ERROR_FP64 : MOST_ERROR_FP32) / error;
        int others = 0;
        for (int i = 0; i < count; i++) {
            double t = points.time(i);
            double alpha = flow.schedule().alpha(t);
            double sigma = flow.schedule().sigma(t);
            panels.blend(channels, 1, query(i), -alpha, centre, shifted);
            double reach = Math.sqrt(panels.dot(channels, shifted, shifted)) + Math.abs(alpha) * radius;
            if (reach * reach <= allowed * sigma * sigma) {
                order[byProduct++] = i;
            } else {
                order[count - ++others] = i;
            }
        }
    }

    private void takeCentre() {
        int used = Math.min(dataCount, CENTRE_DATA);
        panels.fill(channels, centre, 0);
        for (int j = 0; j < used; j++) {
            math.addVector(channels, datum((int) ((long) j * dataCount / used)), centre);
        }
        math.scaleVector(channels, centre, 1.0 / used, centre);
    }

    private void norm(int part) {
        for (long j = normParts.begin(part); j < normParts.end(part); j++) {
            math.set(norms, (int) j, panels.squaredDistance(channels, datum((int) j), centre));
        }
    }
}
