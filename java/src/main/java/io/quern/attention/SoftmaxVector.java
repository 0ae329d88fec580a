package io.quern.attention;

import io.quern.DType;
import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.RowParts;
import io.quern.cpu.WorkerPool;

/**
 * {@link RowSoftmax} on the CPU. Rows are shared among the threads. A row goes by in blocks of FP32, whatever its type, once
 * for its maximum, once for its sum and once to be written; a row of one block is read once. FP64 takes the reference's
 * loops, row by row.
 */
final class SoftmaxVector {
    static final Kernel<SoftmaxForward> FORWARD =
            (a, stream, workspace) -> launch(new ForwardRows(a), new TensorRows(a.x()), (Device.Cpu) stream.device());

    static final Kernel<SoftmaxBackward> BACKWARD = (a, stream, workspace) ->
            launch(new BackwardRows(a), new TensorRows(a.out()), (Device.Cpu) stream.device());

    /** What a part has at the least, in elements. */
    private static final long PART = 1 << 13;

    private static final int LENGTH = Fp32Blocks.LENGTH;

    private SoftmaxVector() {}

    /** A row's work. */
    private interface RowTask {
        void run(long row);
    }

    private static Launch launch(RowTask task, TensorRows rows, Device.Cpu device) {
        RowParts parts = RowParts.of(rows.count(), rows.count() * rows.length(), PART);
        WorkerPool.Task part = p -> {
            long end = parts.end(p);
            for (long row = parts.begin(p); row < end; row++) {
                task.run(row);
            }
        };
        return () -> WorkerPool.run(part, parts.count(), device.threads());
    }

    private static final class ForwardRows implements RowTask {
        private final RowSoftmax kind;
        private final DType dtype;
        private final TensorRows x;
        private final TensorRows out;

        ForwardRows(SoftmaxForward a) {
            kind = a.kind();
            dtype = a.x().dtype();
            x = new TensorRows(a.x());
            out = new TensorRows(a.out());
        }

        @Override
        public void run(long row) {
            long xAt = x.at(row);
            long outAt = out.at(row);
            Fp32Blocks blocks = Fp32Blocks.ofThread();
            float max = dtype == DType.FP64 ? Float.NEGATIVE_INFINITY : maximum(blocks, xAt);
            if (max == Float.NEGATIVE_INFINITY) { // FP64, or nothing but -infinity and NaN
                SoftmaxReference.forward(kind, x, xAt, out, outAt);
                return;
            }
            if (kind == RowSoftmax.SOFTMAX) {
                writeProbabilities(blocks, xAt, outAt, max);
            } else {
                writeLogarithms(blocks, xAt, outAt, max);
            }
        }

        private int count(long i) {
            return (int) Math.min(LENGTH, x.length() - i);
        }

        /** Loads a block; the only one of a row is there already. */
        private void load(Fp32Blocks blocks, long xAt, long i) {
            if (x.length() > LENGTH) {
                blocks.load(0, dtype, x.segment(), (xAt + i) * dtype.bytes(), count(i));
            }
        }

        private float maximum(Fp32Blocks blocks, long xAt) {
            float max = Float.NEGATIVE_INFINITY;
            for (long i = 0; i < x.length(); i += LENGTH) {
                blocks.load(0, dtype, x.segment(), (xAt + i) * dtype.bytes(), count(i));
                max = Math.max(max, SoftmaxBlock.maximum(blocks.address(0), count(i)));
            }
            return max;
        }

        private void writeProbabilities(Fp32Blocks blocks, long xAt, long outAt, float max) {
            double sum = 0;
            for (long i = 0; i < x.length(); i += LENGTH) {
                load(blocks, xAt, i);
                sum += SoftmaxBlock.exponentials(blocks.address(0), count(i), max);
            }
            for (long i = 0; i < x.length(); i += LENGTH) {
                if (x.length() > LENGTH) {
                    load(blocks, xAt, i);
                    SoftmaxBlock.exponentials(blocks.address(0), count(i), max);
                }
                SoftmaxBlock.scale(blocks.address(0), count(i), (float) (1 / sum));
                blocks.store(0, dtype, out.segment(), (outAt + i) * dtype.bytes(), count(i));
            }
        }

        private void writeLogarithms(Fp32Blocks blocks, long xAt, long outAt, float max) {
            double sum = 0;
            for (long i = 0; i < x.length(); i += LENGTH) {
                blocks.load(0, dtype, x.segment(), (xAt + i) * dtype.bytes(), count(i));
                sum += SoftmaxBlock.exponentials(blocks.address(0), count(i), max);
            }
            float logarithm = (float) Math.log(sum);
            for (long i = 0; i < x.length(); i += LENGTH) {
                blocks.load(0, dtype, x.segment(), (xAt + i) * dtype.bytes(), count(i));
                SoftmaxBlock.subtract(blocks.address(0), count(i), max, logarithm);
                blocks.store(0, dtype, out.segment(), (outAt + i) * dtype.bytes(), count(i));
            }
        }
    }

    private static final class BackwardRows implements RowTask {
        private final RowSoftmax kind;
        private final DType dtype;
        private final TensorRows out;
        private final TensorRows outGradient;
        private final TensorRows xGradient;

        BackwardRows(SoftmaxBackward a) {
            kind = a.kind();
            dtype = a.out().dtype();
            out = new TensorRows(a.out());
            outGradient = new TensorRows(a.outGradient());
            xGradient = new TensorRows(a.xGradient());
        }

        @Override
        public void run(long row) {
            long outAt = out.at(row);
            long outGradientAt = outGradient.at(row);
            long xGradientAt = xGradient.at(row);
            if (dtype == DType.FP64) {
                SoftmaxReference.backward(kind, out, outAt, outGradient, outGradientAt, xGradient, xGradientAt);
                return;
            }
            Fp32Blocks blocks = Fp32Blocks.ofThread();
            double sum = 0;
            for (long i = 0; i < out.length(); i += LENGTH) {
                load(blocks, outAt, outGradientAt, i);
                sum += kind == RowSoftmax.SOFTMAX
                        ? SoftmaxBlock.dot(blocks.address(0), blocks.address(1), count(i))
                        : SoftmaxBlock.sum(blocks.address(1), count(i));
            }
            for (long i = 0; i < out.length(); i += LENGTH) {
                load(blocks, outAt, outGradientAt, i);
                if (kind == RowSoftmax.SOFTMAX) {
                    SoftmaxBlock.weigh(blocks.address(0), blocks.address(1), count(i), (float) sum);
                } else {
                    SoftmaxBlock.exponentials(blocks.address(0), count(i), 0);
                    SoftmaxBlock.subtractWeighted(blocks.address(0), blocks.address(1), count(i), (float) sum);
                }
                blocks.store(0, dtype, xGradient.segment(), (xGradientAt + i) * dtype.bytes(), count(i));
            }
        }

        private int count(long i) {
            return (int) Math.min(LENGTH, out.length() - i);
        }

        private void load(Fp32Blocks blocks, long outAt, long outGradientAt, long i) {
            blocks.load(0, dtype, out.segment(), (outAt + i) * dtype.bytes(), count(i));
            blocks.load(1, dtype, outGradient.segment(), (outGradientAt + i) * dtype.bytes(), count(i));
        }
    }
}
