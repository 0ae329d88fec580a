/**
 * The vocabulary of Quern: where kernels run ({@link io.quern.Device}, {@link io.quern.Stream}), what they work on ({@link
 * io.quern.Tensor}, {@link io.quern.TensorArena}), and how a call goes its way.
 *
 * <p>A settings record of a room checks its arguments once and binds them to a stream; the {@link io.quern.BoundCall} it
 * gives is run as often as one likes and allocates nothing. The stream carries the place: nothing else changes between the
 * reference, the CPU and CUDA.
 *
 * <p>Errors: bad arguments are {@link java.lang.IllegalArgumentException}, use after close is {@link
 * java.lang.IllegalStateException}, a device that is not to be had is {@link io.quern.DeviceUnavailableException}, a failed
 * CUDA call is {@link io.quern.CudaException}. After any refusal no output was touched.
 *
 * <p>Layers, one direction: {@code io.quern.cpu} and {@code io.quern.cuda} know memory and handles; this package stands on
 * them; the rooms stand on this.
 */
package io.quern;
