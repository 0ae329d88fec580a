package io.quern.bench.demo;

import io.quern.BoundCall;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.linear.Gemm;
import io.quern.linear.Lora;
import java.util.List;
import java.util.Random;

/** A layer Y = X W of a model. All of W is trained, or W stays and the factors of a {@link Lora} beside it are trained. */
final class LinearLayer implements AutoCloseable {
    private final Tensor weight; // (in, out)
    private final List<Tensor> trained;
    private final List<Tensor> gradients;
    private final BoundCall forward;
    private final List<BoundCall> backward;

    /**
     * Binds it.
     *
     * @param lora null: W is trained
     * @param x (tokens, in)
     * @param y (tokens, out), written by {@link #forward}
     * @param yGradient of the loss by y
     * @param xGradient of the loss by x, written by {@link #backward}; null: not asked for
     */
    LinearLayer(Stream stream, TensorArena arena, Lora lora, Tensor x, Tensor y, Tensor yGradient, Tensor xGradient) {
        long in = x.size(1);
        long out = y.size(1);
        weight = arena.allocate(x.dtype(), in, out);
        if (lora == null) {
            Tensor gradient = arena.allocate(x.dtype(), in, out);
            trained = List.of(weight);
            gradients = List.of(gradient);
            forward = Gemm.PRODUCT.bind(stream, x, weight, y);
            BoundCall byWeight = Gemm.PRODUCT.transposeA().bind(stream, x, yGradient, gradient);
            backward = xGradient == null
                    ? List.of(byWeight)
                    : List.of(byWeight, Gemm.PRODUCT.transposeB().bind(stream, yGradient, weight, xGradient));
        } else {
            Tensor a = arena.allocate(x.dtype(), in, lora.rank());
            Tensor b = arena.allocate(x.dtype(), lora.rank(), out);
            Tensor projected = arena.allocate(x.dtype(), x.size(0), lora.rank());
            trained = List.of(a, b);
            gradients = List.of(arena.allocate(x.dtype(), a.shape()), arena.allocate(x.dtype(), b.shape()));
            forward = lora.forward()
                    .x(x)
                    .weight(weight)
                    .a(a)
                    .b(b)
                    .projected(projected)
                    .out(y)
                    .bind(stream);
            backward = List.of(lora.backward()
                    .x(x)
                    .weight(weight)
                    .a(a)
                    .b(b)
                    .projected(projected)
                    .outGradient(yGradient)
                    .xGradient(xGradient)
                    .aGradient(gradients.get(0))
                    .bGradient(gradients.get(1))
                    .bind(stream));
        }
    }

    /** {@return W, trained or not} */
    Tensor weight() {
        return weight;
    }

    /** {@return what is trained: W, or A and B} */
    List<Tensor> trained() {
        return trained;
    }

    /** {@return the gradients of the loss by what is trained, written by {@link #backward}} */
    List<Tensor> gradients() {
        return gradients;
    }

    /** Draws W or A; B stays 0, so that an adapted layer begins as the layer that it adapts. */
    void initialize(Random random) {
        drawn(trained.getFirst(), random);
    }

    /** {@return a matrix (in, ...), filled with normal numbers of variance 1 / in} */
    static Tensor drawn(Tensor matrix, Random random) {
        double deviation = 1 / Math.sqrt(matrix.size(0));
        double[] numbers = new double[Math.toIntExact(matrix.elementCount())];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = deviation * random.nextGaussian();
        }
        return matrix.copyFrom(numbers);
    }

    void forward() {
        forward.run();
    }

    void backward() {
        backward.forEach(BoundCall::run);
    }

    @Override
    public void close() {
        forward.close();
        backward.forEach(BoundCall::close);
    }
}
