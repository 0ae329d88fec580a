/** What the machine, its JVM and its CUDA drivers are. */
package io.quern.bench.machine;
