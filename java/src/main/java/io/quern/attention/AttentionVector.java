package io.quern.attention;

import io.quern.Device;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Workspace;
import io.quern.cpu.HostMemory;

/** Attention by the Vector API: chooses the kernel by the shape. */
final class AttentionVector {
    /** Places and rows are counted in 32 bits; what is larger is left to the reference. */
    private static final long MOST = 1L << 30;

    static final Kernel<Forward> FORWARD = new Kernel<>() {
        @Override
        public Launch bind(Forward a, Stream stream, Workspace workspace) {
            if (!fits(a.inputs())) {
                return AttentionReference.forward(a, stream, workspace);
            }
            long scratch = HostMemory.lines(workspace.address());
            return DecodeVector.fits(a.inputs())
                    ? new DecodeVector(a, threads(stream), scratch)
                    : new PrefillVector(a, threads(stream), scratch);
        }

        /** A line more than is used: a caller's workspace need not begin at one. */
        @Override
        public long workspaceBytes(Forward a, Stream stream) {
            if (!fits(a.inputs())) {
                return 0;
            }
            return HostMemory.ALIGNMENT
                    + (DecodeVector.fits(a.inputs())
                            ? DecodeVector.workspaceBytes(a, threads(stream))
                            : PrefillVector.workspaceBytes(a, threads(stream)));
        }
    };

    static final Kernel<Backward> BACKWARD = new Kernel<>() {
        @Override
        public Launch bind(Backward a, Stream stream, Workspace workspace) {
            return fits(a.inputs())
                    ? new BackwardVector(a, threads(stream), HostMemory.lines(workspace.address()))
                    : BackwardReference.backward(a, stream, workspace);
        }

        @Override
        public long workspaceBytes(Backward a, Stream stream) {
            return fits(a.inputs()) ? HostMemory.ALIGNMENT + BackwardVector.workspaceBytes(a, threads(stream)) : 0;
        }
    };

    private AttentionVector() {}

    private static boolean fits(Inputs inputs) {
        long heads = inputs.heads() * inputs.query().size(0);
        return heads < MOST
                && inputs.query().size(2) < MOST / Math.max(1, heads)
                && inputs.keys().size(2) < MOST
                && inputs.sequences() < MOST;
    }

    static int threads(Stream stream) {
        return ((Device.Cpu) stream.device()).threads();
    }
}
