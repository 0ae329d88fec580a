package io.quern.linear;

import io.quern.DType;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;

/** {@link Lora} as plain loops: sums in FP64; X A, dY B^T and what is written are rounded to the tensors' type. */
final class LoraReference {
    private LoraReference() {}

    static Launch forward(LoraForward p, Stream stream, Workspace workspace) {
        return () -> {
            HostMatrix x = HostMatrix.of(p.x());
            HostMatrix projected = x.times(HostMatrix.of(p.a())).roundedTo(p.x().dtype());
            if (p.projected() != null) {
                projected.copyTo(p.projected());
            }
            x.times(HostMatrix.of(p.weight()))
                    .plus(scale(p.lora(), p.x()), projected.times(HostMatrix.of(p.b())))
                    .copyTo(p.out());
        };
    }

    static Launch backward(LoraBackward p, Stream stream, Workspace workspace) {
        return () -> {
            double scale = scale(p.lora(), p.x());
            HostMatrix x = HostMatrix.of(p.x());
            HostMatrix a = HostMatrix.of(p.a());
            HostMatrix gradient = HostMatrix.of(p.outGradient());
            HostMatrix projectedGradient =
                    gradient.times(HostMatrix.of(p.b()).transposed()).roundedTo(p.x().dtype());
            if (p.xGradient() != null) {
                gradient.times(HostMatrix.of(p.weight()).transposed())
                        .plus(scale, projectedGradient.times(a.transposed()))
                        .copyTo(p.xGradient());
            }
            if (p.aGradient() != null) {
                x.transposed().times(projectedGradient).times(scale).copyTo(p.aGradient());
            }
            if (p.bGradient() != null) {
                HostMatrix projected = p.projected() != null
                        ? HostMatrix.of(p.projected())
                        : x.times(a).roundedTo(p.x().dtype());
                projected.transposed().times(gradient).times(scale).copyTo(p.bGradient());
            }
        };
    }

    private static double scale(Lora lora, Tensor x) {
        return x.dtype() == DType.FP64 ? lora.scale() : (float) lora.scale();
    }
}
