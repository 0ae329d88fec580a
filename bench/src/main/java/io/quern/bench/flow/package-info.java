/** Times flows. */
package io.quern.bench.flow;
