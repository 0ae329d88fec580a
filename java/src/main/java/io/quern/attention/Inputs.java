package io.quern.attention;

import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What attention reads, in both directions. All but the first four may be null.
 *
 * <p>Types: query, keys, values, bias and keyBias are of one type T, floating; headScale, slopes and sinks of the type in
 * which T accumulates, FP64 for FP64 and FP32 for all other; mask INT32; lengths and starts INT32 or INT64.
 *
 * <p>Lengths and starts are read by each run, and may change between runs; a value beyond the tensors is taken as the
 * nearest that is not. With starts the batches are one behind the other on the token axes: query, keys and values have one
 * batch, sequence b has the tokens from starts[b] to starts[b + 1], and i, j and b in formula and counters are those within
 * the sequence. Rows of out that belong to no sequence are not written.
 *
 * @param attention the settings
 * @param query (batch, heads, queries, headDim)
 * @param keys (batch, keyHeads, keys, headDim)
 * @param values (batch, keyHeads, keys, valueDim)
 * @param keyLengths (batch): how many keys there are; those after them are hidden, and alignment is to the last of them
 * @param queryStarts (sequences + 1), ascending; with keyStarts
 * @param keyStarts (sequences + 1), ascending; with queryStarts
 * @param mask (batch or 1, heads or 1, queries or 1, keys): 0 hides; not with starts
 * @param bias (batch or 1, heads or 1, queries or 1, keys), added to the scores; not with starts
 * @param keyBias (batch or 1, heads or 1, keys), added to the scores of a key
 * @param headScale (heads), multiplies the scale
 * @param slopes (heads) of ALiBi (arXiv:2108.12409)
 * @param sinks (heads), a logit more in the denominator
 */
public record Inputs(
        Attention attention,
        Tensor query,
        Tensor keys,
        Tensor values,
        Tensor keyLengths,
        Tensor queryStarts,
        Tensor keyStarts,
        Tensor mask,
        Tensor bias,
        Tensor keyBias,
        Tensor headScale,
        Tensor slopes,
        Tensor sinks) {
    /** Checks everything but the device. */
    public Inputs {
        Check.present("attention", attention);
        Check.dtype("query", query, DType.FP64, DType.FP32, DType.FP16, DType.BF16);
        Check.dtype("keys", keys, query.dtype());
        Check.dtype("values", values, query.dtype());
        Check.shape("query", query, -1, -1, -1, attention.headDim());
        Check.shape("keys", keys, query.size(0), -1, -1, attention.headDim());
        Check.shape("values", values, query.size(0), keys.size(1), keys.size(2), attention.valueDim());
        Check.that(
                keys.size(1) == 0 ? query.size(1) == 0 : query.size(1) % keys.size(1) == 0,
                "keys",
                "of a number of heads that divides the " + query.size(1) + " heads of query",
                keys);
        checkLengths(query, keyLengths, queryStarts, keyStarts);
        checkMasks(query, keys.size(2), queryStarts != null, mask, bias, keyBias);
        perHead("headScale", headScale, query);
        perHead("slopes", slopes, query);
        perHead("sinks", sinks, query);
    }

    private static void checkLengths(Tensor query, Tensor keyLengths, Tensor queryStarts, Tensor keyStarts) {
        if (keyLengths != null) {
            Check.that(queryStarts == null, "keyLengths", "absent where queryStarts are given", keyLengths);
            Check.dtype("keyLengths", keyLengths, DType.INT32, DType.INT64);
            Check.shape("keyLengths", keyLengths, query.size(0));
        }
        if (queryStarts != null || keyStarts != null) {
            Check.dtype("queryStarts", queryStarts, DType.INT32, DType.INT64);
            Check.dtype("keyStarts", keyStarts, DType.INT32, DType.INT64);
            Check.rank("queryStarts", queryStarts, 1);
            Check.that(queryStarts.size(0) >= 1, "queryStarts", "of one element at least", queryStarts);
            Check.shape("keyStarts", keyStarts, queryStarts.size(0));
            Check.that(query.size(0) == 1, "query", "of one batch where queryStarts are given", query);
        }
    }

    private static void checkMasks(
            Tensor query, long keyCount, boolean ragged, Tensor mask, Tensor bias, Tensor keyBias) {
        if (mask != null) {
            Check.dtype("mask", mask, DType.INT32);
            Check.that(!ragged, "mask", "absent where queryStarts are given", mask);
            broadcast("mask", mask, query.size(0), query.size(1), query.size(2), keyCount);
        }
        if (bias != null) {
            Check.dtype("bias", bias, query.dtype());
            Check.that(!ragged, "bias", "absent where queryStarts are given", bias);
            broadcast("bias", bias, query.size(0), query.size(1), query.size(2), keyCount);
        }
        if (keyBias != null) {
            Check.dtype("keyBias", keyBias, query.dtype());
            broadcast("keyBias", keyBias, query.size(0), query.size(1), keyCount);
        }
    }

    /** All axes but the last may be 1 instead. */
    private static void broadcast(String name, Tensor tensor, long... sizes) {
        Check.rank(name, tensor, sizes.length);
        for (int axis = 0; axis < sizes.length; axis++) {
            boolean last = axis == sizes.length - 1;
            Check.that(
                    tensor.size(axis) == sizes[axis] || !last && tensor.size(axis) == 1,
                    name,
                    "of size " + sizes[axis] + (last ? "" : " or 1") + " on axis " + axis,
                    tensor);
        }
    }

    private static void perHead(String name, Tensor tensor, Tensor query) {
        if (tensor != null) {
            Check.dtype(name, tensor, query.dtype().accumulator());
            Check.shape(name, tensor, query.size(1));
        }
    }

    /** {@return the number of query heads} */
    public long heads() {
        return query.size(1);
    }

    /** {@return how many sequences there are: batches, or with starts one fewer than these} */
    public long sequences() {
        return queryStarts == null ? query.size(0) : queryStarts.size(0) - 1;
    }

    /** The key head to which a head attends. */
    long keyHead(long head) {
        return head / (query.size(1) / keys.size(1));
    }

    /** A sequence as its lengths are now; on the host. */
    Sequence sequence(long b) {
        return new Sequence(
                queryStarts == null ? b : 0,
                firstQuery(b),
                endOfQueries(b) - firstQuery(b),
                firstKey(b),
                endOfKeys(b) - firstKey(b));
    }

    long firstQuery(long b) {
        return queryStarts == null ? 0 : Math.clamp(integer(queryStarts, b), 0, query.size(2));
    }

    long endOfQueries(long b) {
        return queryStarts == null
                ? query.size(2)
                : Math.clamp(integer(queryStarts, b + 1), firstQuery(b), query.size(2));
    }

    long firstKey(long b) {
        return keyStarts == null ? 0 : Math.clamp(integer(keyStarts, b), 0, keys.size(2));
    }

    long endOfKeys(long b) {
        if (keyStarts != null) {
            return Math.clamp(integer(keyStarts, b + 1), firstKey(b), keys.size(2));
        }
        return keyLengths == null ? keys.size(2) : Math.clamp(integer(keyLengths, b), 0, keys.size(2));
    }

    private static long integer(Tensor tensor, long index) {
        return (long) tensor.dtype().get(tensor.segment(), index);
    }

    /** The same of other tensors; null stays null. */
    Inputs map(UnaryOperator<Tensor> to) {
        return new Inputs(
                attention,
                to.apply(query),
                to.apply(keys),
                to.apply(values),
                to.apply(keyLengths),
                to.apply(queryStarts),
                to.apply(keyStarts),
                to.apply(mask),
                to.apply(bias),
                to.apply(keyBias),
                to.apply(headScale),
                to.apply(slopes),
                to.apply(sinks));
    }

    /** Roles of all that are there. */
    List<Role> roles() {
        List<Role> roles = new ArrayList<>();
        add(roles, "query", query);
        add(roles, "keys", keys);
        add(roles, "values", values);
        add(roles, "keyLengths", keyLengths);
        add(roles, "queryStarts", queryStarts);
        add(roles, "keyStarts", keyStarts);
        add(roles, "mask", mask);
        add(roles, "bias", bias);
        add(roles, "keyBias", keyBias);
        add(roles, "headScale", headScale);
        add(roles, "slopes", slopes);
        add(roles, "sinks", sinks);
        return roles;
    }

    static void add(List<Role> roles, String name, Tensor tensor) {
        if (tensor != null) {
            roles.add(Role.read(name, tensor));
        }
    }

    /** Pairs of a query and a key that the band leaves, of all heads, with every length at its most. */
    long pairs() {
        long queries = query.size(2);
        long count = keys.size(2);
        long pairs = 0;
        for (long i = 0; i < queries; i++) {
            pairs += attention.band().end(i, queries, count) - attention.band().begin(i, queries, count);
        }
        return query.size(0) * query.size(1) * pairs;
    }
}
