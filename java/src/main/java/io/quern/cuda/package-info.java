/**
 * The CUDA path: driver probe, contexts, streams, events, memory, modules, launches and graphs, in addresses and handles;
 * tensors are known only above. The one package that imports {@code jcuda}, and no {@code jcuda} type leaves it.
 *
 * <p>JCuda makes what we own (contexts, modules, memory, events, graphs). Calls that take a stream or context handle, which
 * may be the caller's own and for which JCuda has no public constructor, and calls of the hot path, whose arguments JCuda
 * marshals in microseconds, go to the same library through {@code java.lang.foreign}: see {@code DriverCalls}.
 */
package io.quern.cuda;
