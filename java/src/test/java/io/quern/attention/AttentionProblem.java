package io.quern.attention;

import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.DoubleSupplier;
import java.util.function.DoubleUnaryOperator;

/** Attention with random inputs, and the same on a device. Arrays are row-major and hold what their type can. */
final class AttentionProblem {
    /** What attention may read beside queries, keys and values. */
    enum Extra {
        KEY_LENGTHS,
        MASK,
        BIAS,
        KEY_BIAS,
        HEAD_SCALE,
        SLOPES,
        SINKS
    }

    final Attention attention;
    final DType dtype;
    final int batches;
    final int heads;
    final int keyHeads;
    final int queries;
    final int keyCount;
    final double[] query;
    final double[] keys;
    final double[] values;
    final double[] keyLengths; // null where absent, as those below
    final double[] mask; // of all batches, heads, queries and keys
    final double[] bias; // of one batch and one query: broadcast
    final double[] keyBias; // of all batches and one head
    final double[] headScale;
    final double[] slopes;
    final double[] sinks;

    AttentionProblem(
            Attention attention,
            DType dtype,
            int batches,
            int heads,
            int keyHeads,
            int queries,
            int keyCount,
            Set<Extra> extras) {
        this.attention = attention;
        this.dtype = dtype;
        this.batches = batches;
        this.heads = heads;
        this.keyHeads = keyHeads;
        this.queries = queries;
        this.keyCount = keyCount;
        Random random = new Random(7 + queries + 31L * keyCount);
        DoubleUnaryOperator normal = _ -> random.nextGaussian();
        DoubleUnaryOperator share = _ -> 0.25 + random.nextDouble();
        query = array(dtype, batches * heads * queries * attention.headDim(), normal);
        keys = array(dtype, batches * keyHeads * keyCount * attention.headDim(), normal);
        values = array(dtype, batches * keyHeads * keyCount * attention.valueDim(), normal);
        for (int i = 0; i < query.length; i += 97) {
            query[i] = rounded(dtype, 20 * query[i]);
        }
        DType wide = dtype.accumulator();
        keyLengths = extras.contains(Extra.KEY_LENGTHS)
                ? array(DType.INT32, batches, b -> keyCount * (b + 1) / (batches + 1))
                : null;
        mask = extras.contains(Extra.MASK)
                ? array(
                        DType.INT32,
                        batches * heads * queries * keyCount,
                        i -> i < keyCount || random.nextInt(3) == 0 ? 0 : 1) // the first row is hidden whole
                : null;
        bias = extras.contains(Extra.BIAS)
                ? array(
                        dtype,
                        heads * keyCount,
                        _ -> random.nextInt(5) == 0 ? Double.NEGATIVE_INFINITY : random.nextGaussian())
                : null;
        keyBias = extras.contains(Extra.KEY_BIAS) ? array(dtype, batches * keyCount, normal) : null;
        headScale = extras.contains(Extra.HEAD_SCALE) ? array(wide, heads, share) : null;
        slopes = extras.contains(Extra.SLOPES) ? array(wide, heads, share) : null;
        sinks = extras.contains(Extra.SINKS) ? array(wide, heads, normal) : null;
    }

    static Set<Extra> extras(Extra... extras) {
        Set<Extra> set = EnumSet.noneOf(Extra.class);
        set.addAll(java.util.List.of(extras));
        return set;
    }

    private static double[] array(DType dtype, int length, DoubleUnaryOperator value) {
        double[] array = new double[length];
        for (int i = 0; i < length; i++) {
            array[i] = rounded(dtype, value.applyAsDouble(i));
        }
        return array;
    }

    private static double rounded(DType dtype, double value) {
        return switch (dtype) {
            case FP64 -> value;
            case FP32 -> (float) value;
            case FP16 -> Float.float16ToFloat(Float.floatToFloat16((float) value));
            case BF16 -> DType.bf16ToFloat(DType.floatToBf16((float) value));
            case INT32, INT64 -> (long) value;
        };
    }

    /** What a forward pass gives. */
    record Result(double[] out, double[] logSumExp, double[] maxLogit, double[] entropy, double[] effectiveCount) {
        /** Arrays of the same sizes with other numbers; 0 for rows that see nothing. */
        Result with(DoubleSupplier number) {
            return new Result(
                    Arrays.stream(out).map(_ -> number.getAsDouble()).toArray(),
                    Arrays.stream(logSumExp)
                            .map(lse -> Double.isInfinite(lse) ? 0 : number.getAsDouble())
                            .toArray(),
                    maxLogit,
                    Arrays.stream(entropy).map(_ -> number.getAsDouble()).toArray(),
                    effectiveCount);
        }

        Result withoutEntropy() {
            return new Result(out, logSumExp, maxLogit, null, effectiveCount);
        }

        /** Of outputs, logSumExp and entropy with weights; what sees nothing does not count. */
        double dot(Result weights) {
            return dot(out, weights.out) + dot(logSumExp, weights.logSumExp) + dot(entropy, weights.entropy);
        }

        /** The same of magnitudes. */
        double dotMagnitude(Result weights) {
            return magnitude(this).dot(magnitude(weights));
        }

        private static Result magnitude(Result r) {
            return new Result(
                    Arrays.stream(r.out).map(Math::abs).toArray(),
                    Arrays.stream(r.logSumExp).map(Math::abs).toArray(),
                    r.maxLogit,
                    Arrays.stream(r.entropy).map(Math::abs).toArray(),
                    r.effectiveCount);
        }

        private static double dot(double[] values, double[] weights) {
            double sum = 0;
            for (int i = 0; i < values.length; i++) {
                sum += weights[i] == 0 ? 0 : values[i] * weights[i];
            }
            return sum;
        }

        Outcome sameBits(Result other) {
            return Outcome.sameBits(out, other.out)
                    .and(Outcome.sameBits(logSumExp, other.logSumExp))
                    .and(Outcome.sameBits(maxLogit, other.maxLogit))
                    .and(Outcome.sameBits(entropy, other.entropy))
                    .and(Outcome.sameBits(effectiveCount, other.effectiveCount));
        }
    }

    /** The inputs by which the loss is differentiated; changing an array changes the problem. */
    Map<String, double[]> differentiable() {
        Map<String, double[]> inputs = new LinkedHashMap<>();
        inputs.put("query", query);
        inputs.put("keys", keys);
        inputs.put("values", values);
        put(inputs, "bias", bias);
        put(inputs, "keyBias", keyBias);
        put(inputs, "sinks", sinks);
        return inputs;
    }

    private static void put(Map<String, double[]> inputs, String name, double[] values) {
        if (values != null) {
            inputs.put(name, values);
        }
    }

    /** The gradients of out . w.out + logSumExp . w.logSumExp + entropy . w.entropy, by input; without entropy where w has none. */
    Map<String, double[]> gradients(Device device, Result w) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            DType wide = dtype.accumulator();
            long[] rows = {batches, heads, queries};
            long[] outShape = {batches, heads, queries, attention.valueDim()};
            Tensor out = arena.allocate(dtype, outShape);
            Tensor logSumExp = arena.allocate(wide, rows);
            Tensor entropy = w.entropy == null ? null : arena.allocate(wide, rows);
            roles(arena, attention.forward())
                    .out(out)
                    .logSumExp(logSumExp)
                    .entropy(entropy)
                    .run(stream);
            Map<String, Fenced> gradients = new LinkedHashMap<>();
            gradients.put("query", Fenced.allocate(arena, dtype, batches, heads, queries, attention.headDim()));
            gradients.put("keys", Fenced.allocate(arena, dtype, batches, keyHeads, keyCount, attention.headDim()));
            gradients.put("values", Fenced.allocate(arena, dtype, batches, keyHeads, keyCount, attention.valueDim()));
            gradients.put("bias", bias == null ? null : Fenced.allocate(arena, dtype, 1, heads, 1, keyCount));
            gradients.put("keyBias", keyBias == null ? null : Fenced.allocate(arena, dtype, batches, 1, keyCount));
            gradients.put("sinks", sinks == null ? null : Fenced.allocate(arena, wide, heads));
            gradients.values().removeIf(java.util.Objects::isNull);
            roles(arena, attention.backward())
                    .out(out)
                    .logSumExp(logSumExp)
                    .entropy(entropy)
                    .outGradient(tensor(arena, dtype, w.out, outShape))
                    .logSumExpGradient(tensor(arena, wide, w.logSumExp, rows))
                    .entropyGradient(tensor(arena, wide, w.entropy, rows))
                    .queryGradient(gradients.get("query").tensor())
                    .keysGradient(gradients.get("keys").tensor())
                    .valuesGradient(gradients.get("values").tensor())
                    .biasGradient(inside(gradients.get("bias")))
                    .keyBiasGradient(inside(gradients.get("keyBias")))
                    .sinksGradient(inside(gradients.get("sinks")))
                    .run(stream);
            stream.synchronize();
            Map<String, double[]> arrays = new LinkedHashMap<>();
            gradients.forEach((name, fenced) -> {
                if (!fenced.fencesStand().passed()) {
                    throw new AssertionError(
                            name + "Gradient: " + fenced.fencesStand().message());
                }
                arrays.put(name, fenced.tensor().toDoubleArray());
            });
            return arrays;
        }
    }

    private static Tensor inside(Fenced fenced) {
        return fenced == null ? null : fenced.tensor();
    }

    /** Runs on a device; fails if anything beside the outputs was written. */
    Result on(Device device) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            DType wide = dtype.accumulator();
            Fenced out = Fenced.allocate(arena, dtype, batches, heads, queries, attention.valueDim());
            Fenced logSumExp = Fenced.allocate(arena, wide, batches, heads, queries);
            Fenced maxLogit = Fenced.allocate(arena, wide, batches, heads, queries);
            Fenced entropy = Fenced.allocate(arena, wide, batches, heads, queries);
            Fenced effectiveCount = Fenced.allocate(arena, wide, batches, heads, queries);
            roles(arena, attention.forward())
                    .out(out.tensor())
                    .logSumExp(logSumExp.tensor())
                    .maxLogit(maxLogit.tensor())
                    .entropy(entropy.tensor())
                    .effectiveCount(effectiveCount.tensor())
                    .run(stream);
            stream.synchronize();
            for (Fenced fenced : new Fenced[] {out, logSumExp, maxLogit, entropy, effectiveCount}) {
                Outcome fences = fenced.fencesStand();
                if (!fences.passed()) {
                    throw new AssertionError(fences.message());
                }
            }
            return new Result(
                    out.tensor().toDoubleArray(),
                    logSumExp.tensor().toDoubleArray(),
                    maxLogit.tensor().toDoubleArray(),
                    entropy.tensor().toDoubleArray(),
                    effectiveCount.tensor().toDoubleArray());
        }
    }

    private <R extends InputRoles<R>> R roles(TensorArena arena, R roles) {
        return roles.query(tensor(arena, dtype, query, batches, heads, queries, attention.headDim()))
                .keys(tensor(arena, dtype, keys, batches, keyHeads, keyCount, attention.headDim()))
                .values(tensor(arena, dtype, values, batches, keyHeads, keyCount, attention.valueDim()))
                .keyLengths(tensor(arena, DType.INT32, keyLengths, batches))
                .mask(tensor(arena, DType.INT32, mask, batches, heads, queries, keyCount))
                .bias(tensor(arena, dtype, bias, 1, heads, 1, keyCount))
                .keyBias(tensor(arena, dtype, keyBias, batches, 1, keyCount))
                .headScale(tensor(arena, dtype.accumulator(), headScale, heads))
                .slopes(tensor(arena, dtype.accumulator(), slopes, heads))
                .sinks(tensor(arena, dtype.accumulator(), sinks, heads));
    }

    private static Tensor tensor(TensorArena arena, DType dtype, double[] values, long... shape) {
        return values == null ? null : arena.allocate(dtype, shape).copyFrom(values);
    }
}
