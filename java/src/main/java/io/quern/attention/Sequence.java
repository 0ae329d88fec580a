package io.quern.attention;

/**
 * The tokens of one sequence as a run finds them.
 *
 * @param row the batch that holds it in query, keys and values
 * @param firstQuery where its queries begin on the query axis
 * @param queries how many they are
 * @param firstKey where its keys begin on the key axis
 * @param keys how many they are
 */
record Sequence(long row, long firstQuery, long queries, long firstKey, long keys) {}
