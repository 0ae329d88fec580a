/** The CUDA emulator: a {@code libcuda.so.1} that executes PTX on the CPU, and the class that loads it. */
package io.quern.emulator;
