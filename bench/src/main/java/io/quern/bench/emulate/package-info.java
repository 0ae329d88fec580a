/** What kernels do on the emulator: counters of launches, and of each line of their PTX. */
package io.quern.bench.emulate;
