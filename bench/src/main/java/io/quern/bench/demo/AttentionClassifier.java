package io.quern.bench.demo;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.attention.Attention;
import io.quern.bench.demo.SoftmaxRegression.Score;
import io.quern.linear.Gemm;
import io.quern.linear.Lora;
import io.quern.rope.Direction;
import io.quern.rope.Frequencies;
import io.quern.rope.Rope;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * One block of attention over the 16 patches of a digit, with its gradient. A patch is 4 by 4 pixels, and the next one begins two
 * pixels further on:
 *
 * <pre>
 *   h        =  x E                                    x (patches, 17): the pixels of each, and a 1
 *   q, k, v  =  h W1                                   q and k turned by the patch's row and column ({@link Rope})
 *   z        =  mean over patches of relu(h + attention(q, k, v) W2)
 *   loss     =  -log softmax(z / rms(z) W3)[label]
 * </pre>
 *
 * All is trained, or by a {@link Lora} the factors beside W1 and W2, and W3. The products, rotations and attention of a batch are one
 * call each; relu, means, norm and softmax are plain loops on the host.
 */
final class AttentionClassifier implements AutoCloseable {
    private static final int SIDE = 8; // pixels
    private static final int PATCH = 4; // pixels
    private static final int STRIDE = 2; // pixels
    private static final int GRID = SIDE / STRIDE; // patches; those at the edge reach one pixel beyond
    private static final int PATCHES = GRID * GRID;
    private static final int INPUTS = PATCH * PATCH + 1;

    /** Of the frequencies, lower than for texts: positions are 0 to 3. */
    private static final double BASE = 10;

    /** Added to the square of a norm: images that are all 0 fill a batch up. */
    private static final double EPSILON = 1e-6;

    private final Stream stream;
    private final int batch;
    private final int dim;

    private final Tensor patches; // (batch * PATCHES, INPUTS)
    private final Tensor hidden; // (batch * PATCHES, dim): h
    private final Tensor projected; // (batch * PATCHES, dim): attention(q, k, v) W2
    private final Tensor pooled; // (batch, dim): z / rms(z)
    private final Tensor logits; // (batch, CLASSES)
    private final Tensor pooledGradient;
    private final Tensor sumGradient; // by h + attention(q, k, v) W2
    private final Tensor logitsGradient;

    private final Tensor embedding; // (INPUTS, dim): E
    private final LinearLayer queriesKeysValues; // W1
    private final LinearLayer projection; // W2
    private final LinearLayer head; // W3
    private final List<Tensor> trained = new ArrayList<>();
    private final List<Tensor> gradients = new ArrayList<>();

    private final BoundCall embed;
    private final BoundCall rotate;
    private final BoundCall attend;
    private final BoundCall attendBackward;
    private final BoundCall rotateBackward;
    private final List<BoundCall> embedBackward; // none if E is frozen

    /**
     * Binds it.
     *
     * @param arena of the stream's device
     * @param dtype FP64 or FP32
     * @param batch images at a time
     * @param dim channels of a patch, a multiple of 4 heads
     * @param lora null: all is trained
     */
    AttentionClassifier(Stream stream, TensorArena arena, DType dtype, int batch, int dim, int heads, Lora lora) {
        this.stream = stream;
        this.batch = batch;
        this.dim = dim;
        long tokens = (long) batch * PATCHES;
        patches = arena.allocate(dtype, tokens, INPUTS);
        hidden = arena.allocate(dtype, tokens, dim);
        projected = arena.allocate(dtype, tokens, dim);
        pooled = arena.allocate(dtype, batch, dim);
        logits = arena.allocate(dtype, batch, Digits.CLASSES);
        pooledGradient = arena.allocate(dtype, batch, dim);
        sumGradient = arena.allocate(dtype, tokens, dim);
        logitsGradient = arena.allocate(dtype, batch, Digits.CLASSES);
        Tensor packed = arena.allocate(dtype, tokens, 3 * dim);
        Tensor packedGradient = arena.allocate(dtype, tokens, 3 * dim);
        Tensor attended = arena.allocate(dtype, tokens, dim);
        Tensor attendedGradient = arena.allocate(dtype, tokens, dim);

        embedding = arena.allocate(dtype, INPUTS, dim);
        embed = Gemm.PRODUCT.bind(stream, patches, embedding, hidden);
        Tensor hiddenGradient = lora == null ? arena.allocate(dtype, tokens, dim) : null;
        if (lora == null) {
            Tensor gradient = arena.allocate(dtype, INPUTS, dim);
            Gemm product = Gemm.PRODUCT.transposeA();
            embedBackward = List.of( // h is an addend of the sum, and what W1 multiplies
                    product.bind(stream, patches, sumGradient, gradient),
                    product.beta(1).bind(stream, patches, hiddenGradient, gradient));
            trained.add(embedding);
            gradients.add(gradient);
        } else {
            embedBackward = List.of();
        }
        queriesKeysValues = new LinearLayer(stream, arena, lora, hidden, packed, packedGradient, hiddenGradient);
        projection = new LinearLayer(stream, arena, lora, attended, projected, sumGradient, attendedGradient);
        head = new LinearLayer(stream, arena, null, pooled, logits, logitsGradient, pooledGradient);
        for (LinearLayer layer : layers()) {
            trained.addAll(layer.trained());
            gradients.addAll(layer.gradients());
        }

        int headDim = dim / heads;
        Frequencies ofAxis = Frequencies.powers(BASE, headDim / 2);
        Rope rope = Rope.of(headDim).frequencies(Frequencies.axial(ofAxis, ofAxis));
        Tensor positions = arena.allocate(DType.INT32, 2, PATCHES).copyFrom(positions());
        Tensor turned = heads(packed, headDim).slice(2, 0, 2L * heads);
        Tensor turnedGradient = heads(packedGradient, headDim).slice(2, 0, 2L * heads);
        rotate = rope.bind(stream, turned, positions, turned);
        rotateBackward = rope.rotate()
                .direction(Direction.INVERSE)
                .x(turnedGradient)
                .positions(positions)
                .out(turnedGradient)
                .bind(stream);

        Attention attention = Attention.full(headDim);
        Tensor query = part(packed, 0, heads, headDim);
        Tensor keys = part(packed, 1, heads, headDim);
        Tensor values = part(packed, 2, heads, headDim);
        Tensor logSumExp = arena.allocate(dtype, batch, heads, PATCHES);
        Tensor out = heads(attended, headDim).transpose(1, 2);
        attend = attention
                .forward()
                .query(query)
                .keys(keys)
                .values(values)
                .out(out)
                .logSumExp(logSumExp)
                .bind(stream);
        attendBackward = attention
                .backward()
                .query(query)
                .keys(keys)
                .values(values)
                .out(out)
                .logSumExp(logSumExp)
                .outGradient(heads(attendedGradient, headDim).transpose(1, 2))
                .queryGradient(part(packedGradient, 0, heads, headDim))
                .keysGradient(part(packedGradient, 1, heads, headDim))
                .valuesGradient(part(packedGradient, 2, heads, headDim))
                .bind(stream);
    }

    /** {@return (batch, PATCHES, heads of this width, headDim)} */
    private Tensor heads(Tensor tokens, int headDim) {
        return tokens.reshape(batch, PATCHES, tokens.size(1) / headDim, headDim);
    }

    /** {@return queries, keys or values as attention takes them, (batch, heads, PATCHES, headDim)} */
    private Tensor part(Tensor packed, int which, int heads, int headDim) {
        return heads(packed, headDim)
                .slice(2, (long) which * heads, (which + 1L) * heads)
                .transpose(1, 2);
    }

    /** {@return the rows of all patches, then their columns} */
    private static int[] positions() {
        int[] positions = new int[2 * PATCHES];
        for (int i = 0; i < PATCHES; i++) {
            positions[i] = i / GRID;
            positions[PATCHES + i] = i % GRID;
        }
        return positions;
    }

    private List<LinearLayer> layers() {
        return List.of(queriesKeysValues, projection, head);
    }

    /** {@return E, W1, W2} */
    List<Tensor> body() {
        return List.of(embedding, queriesKeysValues.weight(), projection.weight());
    }

    /** {@return the parameters that are trained} */
    List<Tensor> trained() {
        return trained;
    }

    /** {@return the gradients of the loss by them, written by {@link #gradient}} */
    List<Tensor> gradients() {
        return gradients;
    }

    /** Draws all that is trained, but for the second factors of a {@link Lora}, which stay 0; W3 is the same with any of these. */
    void initialize(long seed) {
        Random random = new Random(seed);
        head.initialize(random);
        LinearLayer.drawn(embedding, random);
        queriesKeysValues.initialize(random);
        projection.initialize(random);
    }

    /** Takes the weights of a trained model, but W3; with factors of a {@link Lora} as drawn, z is that model's then. */
    void copyBody(AttentionClassifier other) {
        for (int i = 0; i < body().size(); i++) {
            body().get(i).copyFrom(other.body().get(i));
        }
    }

    /** {@return how good the model is} */
    Score score(Digits digits) {
        double loss = 0;
        int right = 0;
        for (int from = 0; from < digits.size(); from += batch) {
            int to = Math.min(from + batch, digits.size());
            double[] p = probabilities(digits, from, to);
            for (int i = from; i < to; i++) {
                int row = (i - from) * Digits.CLASSES;
                loss -= Math.log(p[row + digits.labels()[i]]);
                right += SoftmaxRegression.mostLikely(p, row) == digits.labels()[i] ? 1 : 0;
            }
        }
        return new Score(loss / digits.size(), (double) right / digits.size());
    }

    /** Computes the gradient of the mean loss of some images, at most a batch. */
    void gradient(Digits digits, int from, int to) {
        double[] slopes = probabilities(digits, from, to);
        for (int i = from; i < to; i++) {
            slopes[(i - from) * Digits.CLASSES + digits.labels()[i]] -= 1;
        }
        for (int i = 0; i < slopes.length; i++) {
            boolean given = i < (to - from) * Digits.CLASSES; // the rest of the batch has no part in the loss
            slopes[i] = given ? slopes[i] / (to - from) : 0;
        }
        logitsGradient.copyFrom(slopes);
        head.backward();
        stream.synchronize();
        double[] sums = sums();
        sumGradient.copyFrom(spread(sums, normGradient(pool(sums), pooledGradient.toDoubleArray())));
        projection.backward();
        attendBackward.run();
        rotateBackward.run();
        queriesKeysValues.backward();
        embedBackward.forEach(BoundCall::run);
        stream.synchronize();
    }

    /** {@return the probabilities of classes, (batch, CLASSES)} */
    private double[] probabilities(Digits digits, int from, int to) {
        patches.copyFrom(inputs(digits, from, to));
        embed.run();
        queriesKeysValues.forward();
        rotate.run();
        attend.run();
        projection.forward();
        stream.synchronize();
        pooled.copyFrom(normalized(pool(sums())));
        head.forward();
        stream.synchronize();
        double[] p = logits.toDoubleArray();
        for (int row = 0; row < p.length; row += Digits.CLASSES) {
            SoftmaxRegression.softmax(p, row);
        }
        return p;
    }

    private double[] inputs(Digits digits, int from, int to) {
        double[] inputs = new double[batch * PATCHES * INPUTS];
        int at = 0;
        for (int i = from; i < to; i++) {
            for (int p = 0; p < PATCHES; p++) {
                int top = p / GRID * STRIDE - 1;
                int left = p % GRID * STRIDE - 1;
                for (int k = 0; k < PATCH * PATCH; k++) {
                    inputs[at++] = pixel(digits.pixels()[i], top + k / PATCH, left + k % PATCH);
                }
                inputs[at++] = 1;
            }
        }
        return inputs;
    }

    private static float pixel(float[] image, int row, int column) {
        boolean inside = Math.min(row, column) >= 0 && Math.max(row, column) < SIDE;
        return inside ? image[row * SIDE + column] : 0;
    }

    /** {@return h + attention(q, k, v) W2, (batch, PATCHES, dim)} */
    private double[] sums() {
        double[] sums = hidden.toDoubleArray();
        double[] addends = projected.toDoubleArray();
        for (int i = 0; i < sums.length; i++) {
            sums[i] += addends[i];
        }
        return sums;
    }

    /** {@return the means of relu over the patches, (batch, dim)} */
    private double[] pool(double[] sums) {
        double[] means = new double[batch * dim];
        for (int i = 0; i < sums.length; i++) {
            means[i / (PATCHES * dim) * dim + i % dim] += Math.max(sums[i], 0) / PATCHES;
        }
        return means;
    }

    private double[] normalized(double[] z) {
        double[] normalized = new double[z.length];
        for (int image = 0; image < batch; image++) {
            double rms = rms(z, image);
            for (int i = image * dim; i < (image + 1) * dim; i++) {
                normalized[i] = z[i] / rms;
            }
        }
        return normalized;
    }

    /** {@return the gradient by z, given that by z / rms(z)} */
    private double[] normGradient(double[] z, double[] ofNormalized) {
        double[] gradient = new double[z.length];
        for (int image = 0; image < batch; image++) {
            double rms = rms(z, image);
            double mean = 0;
            for (int i = image * dim; i < (image + 1) * dim; i++) {
                mean += ofNormalized[i] * z[i] / rms / dim;
            }
            for (int i = image * dim; i < (image + 1) * dim; i++) {
                gradient[i] = (ofNormalized[i] - mean * z[i] / rms) / rms;
            }
        }
        return gradient;
    }

    private double rms(double[] z, int image) {
        double square = 0;
        for (int i = image * dim; i < (image + 1) * dim; i++) {
            square += z[i] * z[i];
        }
        return Math.sqrt(square / dim + EPSILON);
    }

    /** {@return the gradient by the sums, given that by the means of their relu} */
    private double[] spread(double[] sums, double[] ofMeans) {
        double[] gradient = new double[sums.length];
        for (int i = 0; i < sums.length; i++) {
            gradient[i] = sums[i] > 0 ? ofMeans[i / (PATCHES * dim) * dim + i % dim] / PATCHES : 0;
        }
        return gradient;
    }

    @Override
    public void close() {
        layers().forEach(LinearLayer::close);
        List.of(embed, rotate, attend, attendBackward, rotateBackward).forEach(BoundCall::close);
        embedBackward.forEach(BoundCall::close);
    }
}
