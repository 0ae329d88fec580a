/** Small complete programs on real data. */
package io.quern.bench.demo;
