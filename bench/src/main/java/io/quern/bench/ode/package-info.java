/** Benchmarks of {@link io.quern.ode}. */
package io.quern.bench.ode;
