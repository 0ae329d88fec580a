/**
 * What CPU kernels stand on: the threads they share, the one vector width of the JVM, the host's memory. This layer knows
 * memory segments and bytes; tensors are above it, in {@link io.quern}.
 */
package io.quern.cpu;
