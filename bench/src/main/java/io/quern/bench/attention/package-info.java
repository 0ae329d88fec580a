/** Times attention. */
package io.quern.bench.attention;
