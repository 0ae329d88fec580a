package io.quern.linear;

import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;

/** {@link Adapters} as plain loops, sums in FP64, rounded once. */
final class AdaptersReference {
    private AdaptersReference() {}

    static Launch bind(Adaptation p, Stream stream, Workspace workspace) {
        return () -> {
            for (long token = 0; token < p.tokens(); token++) {
                long adapter = p.adapterOf(token);
                if (adapter >= 0) {
                    add(p, token, adapter);
                }
            }
        };
    }

    private static void add(Adaptation p, long token, long adapter) {
        int rank = (int) p.rankOf(adapter);
        double[] projected = new double[rank];
        for (int r = 0; r < rank; r++) {
            for (long i = 0; i < p.x().size(1); i++) {
                projected[r] += get(p.x(), token * p.x().stride(0) + i)
                        * get(p.a(), adapter * p.a().stride(0) + i * p.a().stride(1) + r);
            }
        }
        for (long j = 0; j < p.out().size(1); j++) {
            double sum = 0;
            for (int r = 0; r < rank; r++) {
                sum += projected[r] * get(p.b(), adapter * p.b().stride(0) + r * p.b().stride(1) + j);
            }
            long at = token * p.out().stride(0) + j;
            p.out().dtype().set(p.out().segment(), at, get(p.out(), at) + p.roundedScale() * sum);
        }
    }

    private static double get(Tensor tensor, long index) {
        return tensor.dtype().get(tensor.segment(), index);
    }
}
