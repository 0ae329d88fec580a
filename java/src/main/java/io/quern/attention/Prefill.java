package io.quern.attention;

/**
 * Attention of many queries, laid out for a kernel on the host; checked by whoever made it.
 *
 * @param query (batches, heads, queries, headDim)
 * @param keys (batches, keyHeads, keyCount, headDim)
 * @param values (batches, keyHeads, keyCount, valueDim)
 * @param out (batches, heads, queries, valueDim); written
 * @param logSumExp (batches, heads, queries, 1), written; null if nobody asked
 * @param keyHeads divides heads: head h attends to key head h / (heads / keyHeads)
 * @param scale of the dot products
 */
record Prefill(
        HeadRows query,
        HeadRows keys,
        HeadRows values,
        HeadRows out,
        HeadRows logSumExp,
        int batches,
        int heads,
        int keyHeads,
        int queries,
        int keyCount,
        int headDim,
        int valueDim,
        double scale,
        Visibility visibility) {

    /** {@return how many heads share a key head} */
    int group() {
        return heads / keyHeads;
    }
}
