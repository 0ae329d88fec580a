/** The first hour on a GPU: what the emulator says of kernels, set beside what the device and NVIDIA's tools say. */
package io.quern.bench.gpuday;
