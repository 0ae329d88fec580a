/** Timing: the machine's ceilings, kernels in forks of their own and in one JVM with all others, peers in turn. */
package io.quern.bench.measure;
