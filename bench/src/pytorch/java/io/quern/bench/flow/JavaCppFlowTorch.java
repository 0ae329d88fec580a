package io.quern.bench.flow;

import io.quern.bench.measure.Peer;
import io.quern.bench.measure.Torch;
import io.quern.bench.measure.Torch.Quickest;
import io.quern.bench.measure.Torch.Way;
import io.quern.flow.Flow;
import io.quern.flow.Noise;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** {@link FlowTorch} by JavaCPP's binding: by cdist, and Gaussian noise by a product of matrices as well. */
public final class JavaCppFlowTorch implements FlowTorch {
    @Override
    public Peer velocity(
            Flow flow,
            double time,
            io.quern.Tensor queries,
            io.quern.Tensor data,
            io.quern.Tensor velocity,
            int threads) {
        return new Peer(
                Peer.PYTORCH,
                new Quickest(
                        false,
                        threads,
                        () -> ways(flow, time, Torch.borrow(queries), Torch.borrow(data)),
                        result -> Torch.agree("velocity", FlowBench.tolerance(data.dtype()), velocity, result)));
    }

    private static List<Way> ways(Flow flow, double time, Tensor x, Tensor y) {
        Way distances = () -> {
            double alpha = flow.schedule().alpha(time);
            double variance = Math.pow(flow.schedule().sigma(time), 2);
            try (Scalar factor = new Scalar(alpha);
                    Tensor scaled = y.mul(factor);
                    Tensor distance = torch.cdist(x, scaled);
                    Tensor square = distance.square_();
                    Scalar dividend = new Scalar(1 / variance);
                    Tensor q = square.mul_(dividend);
                    Tensor scores = score(flow.noise(), q, x.size(1))) {
                return ofScores(flow, time, x, y, scores);
            }
        };
        Way products = () -> {
            double alpha = flow.schedule().alpha(time);
            double variance = Math.pow(flow.schedule().sigma(time), 2);
            try (Tensor norms = y.mul(y);
                    Tensor sums = norms.sum(1);
                    Scalar bias = new Scalar(-alpha * alpha / (2 * variance));
                    Tensor biases = sums.mul_(bias);
                    Tensor transposed = y.t();
                    Scalar one = new Scalar(1);
                    Scalar factor = new Scalar(alpha / variance);
                    Tensor scores = torch.addmm(biases, x, transposed, one, factor)) {
                return ofScores(flow, time, x, y, scores);
            }
        };
        return flow.noise() instanceof Noise.Gaussian ? List.of(distances, products) : List.of(distances);
    }

    private static Tensor score(Noise noise, Tensor q, long d) {
        double factor = noise instanceof Noise.Student s ? -(d + s.dimensions()) / 2 : -0.5;
        try (Scalar times = new Scalar(factor)) {
            return noise instanceof Noise.Student ? q.log1p_().mul_(times) : q.mul_(times);
        }
    }

    /** a (x - alpha mean) + alpha' mean. */
    private static Tensor ofScores(Flow flow, double time, Tensor x, Tensor y, Tensor scores) {
        double a = flow.schedule().logSigmaRate(time);
        double b = flow.schedule().alphaRate(time) - a * flow.schedule().alpha(time);
        try (Tensor weights = torch.softmax(scores, 1);
                Tensor mean = torch.matmul(weights, y);
                Scalar ofMean = new Scalar(b);
                Tensor pulled = mean.mul_(ofMean);
                Scalar ofX = new Scalar(a)) {
            return pulled.add(x, ofX);
        }
    }
}
