package io.quern.attention;

import io.quern.DType;
import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.attention.MergeReference.Rows;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.RowParts;
import io.quern.cpu.WorkerPool;

/**
 * {@link AttentionState}'s merge on the CPU. Rows are shared among the threads. Weights are FP64; outputs go by in blocks of
 * FP32, whatever their type, and are rounded once more when they are stored. FP64 takes the reference's loops.
 */
final class MergeVector {
    static final Kernel<Merge> FORWARD = (a, stream, workspace) -> forward(a, (Device.Cpu) stream.device());

    static final Kernel<MergeBackward> BACKWARD = (a, stream, workspace) -> backward(a, (Device.Cpu) stream.device());

    /** What a part has at the least, in elements. */
    private static final long PART = 1 << 13;

    private static final int LENGTH = Fp32Blocks.LENGTH;

    private MergeVector() {}

    /** A row's work, in memory that a part of the rows has for itself. */
    private interface RowTask {
        void run(long row, double[] sum);
    }

    private static Launch launch(RowTask task, long rows, long elements, int sumLength, Device.Cpu device) {
        RowParts parts = RowParts.of(rows, elements, PART);
        double[][] sums = new double[parts.count()][sumLength];
        WorkerPool.Task part = p -> {
            long end = parts.end(p);
            for (long row = parts.begin(p); row < end; row++) {
                task.run(row, sums[p]);
            }
        };
        return () -> WorkerPool.run(part, parts.count(), device.threads());
    }

    private static Launch forward(Merge a, Device.Cpu device) {
        Rows parts = Rows.of(a.parts());
        Rows whole = Rows.of(a.whole());
        DType dtype = a.whole().out().dtype();
        int count = Math.toIntExact(a.parts().out().size(0));
        int length = Math.toIntExact(whole.out().length());
        long elements = Math.max(1, length) * whole.count() * count;
        return dtype == DType.FP64
                ? launch(
                        (row, sum) -> MergeReference.forward(parts, count, whole, row, sum),
                        whole.count(),
                        elements,
                        length,
                        device)
                : launch((row, sum) -> forward(parts, count, whole, row, dtype), whole.count(), elements, 0, device);
    }

    private static void forward(Rows parts, int count, Rows whole, long row, DType dtype) {
        double logSumExp = MergeReference.logSumExp(parts, count, whole.count(), row);
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        for (long c = 0; c < whole.out().length(); c += LENGTH) {
            int channels = channels(whole, c);
            SoftmaxBlock.clear(blocks.address(0), channels);
            for (int a = 0; a < count; a++) {
                long part = a * whole.count() + row;
                double own = Rows.get(parts.logSumExp(), part);
                if (own != Double.NEGATIVE_INFINITY) { // otherwise its output may be anything
                    load(blocks, 1, parts, part, c, dtype);
                    SoftmaxBlock.addWeighted(
                            blocks.address(0), blocks.address(1), channels, (float) Math.exp(own - logSumExp));
                }
            }
            store(blocks, 0, whole, row, c, dtype);
        }
        Rows.set(whole.logSumExp(), row, logSumExp);
        if (whole.entropy() != null) {
            Rows.set(whole.entropy(), row, MergeReference.entropy(parts, count, whole.count(), row, logSumExp));
        }
    }

    private static Launch backward(MergeBackward a, Device.Cpu device) {
        Rows parts = Rows.of(a.parts());
        Rows whole = Rows.of(a.whole());
        Rows wholeGradient = Rows.of(a.wholeGradient());
        Rows partsGradient = Rows.of(a.partsGradient());
        DType dtype = a.whole().out().dtype();
        long rows = whole.count() * a.parts().out().size(0);
        RowTask task = dtype == DType.FP64
                ? (part, sum) ->
                        MergeReference.backward(parts, whole, wholeGradient, partsGradient, part, part % whole.count())
                : (part, sum) ->
                        backward(parts, whole, wholeGradient, partsGradient, part, part % whole.count(), dtype);
        return launch(task, rows, Math.max(1, whole.out().length()) * rows, 0, device);
    }

    private static void backward(
            Rows parts, Rows whole, Rows wholeGradient, Rows partsGradient, long part, long row, DType dtype) {
        double own = Rows.get(parts.logSumExp(), part);
        boolean none = own == Double.NEGATIVE_INFINITY;
        double weight = none ? 0 : Math.exp(own - Rows.get(whole.logSumExp(), row));
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        double dot = 0;
        for (long c = 0; c < whole.out().length(); c += LENGTH) {
            int channels = channels(whole, c);
            long gradient = blocks.address(0);
            if (none) {
                SoftmaxBlock.clear(gradient, channels);
            } else {
                load(blocks, 0, wholeGradient, row, c, dtype);
                load(blocks, 1, parts, part, c, dtype);
                load(blocks, 2, whole, row, c, dtype);
                SoftmaxBlock.subtractBlock(blocks.address(1), blocks.address(2), channels);
                dot += SoftmaxBlock.dot(gradient, blocks.address(1), channels);
                SoftmaxBlock.scale(gradient, channels, (float) weight);
            }
            store(blocks, 0, partsGradient, part, c, dtype);
        }
        MergeReference.statistics(parts, whole, wholeGradient, partsGradient, part, row, weight, dot);
    }

    private static int channels(Rows rows, long first) {
        return (int) Math.min(LENGTH, rows.out().length() - first);
    }

    private static void load(Fp32Blocks blocks, int block, Rows rows, long row, long channel, DType dtype) {
        long at = (rows.out().at(row) + channel) * dtype.bytes();
        blocks.load(block, dtype, rows.out().segment(), at, channels(rows, channel));
    }

    private static void store(Fp32Blocks blocks, int block, Rows rows, long row, long channel, DType dtype) {
        long at = (rows.out().at(row) + channel) * dtype.bytes();
        blocks.store(block, dtype, rows.out().segment(), at, channels(rows, channel));
    }
}
