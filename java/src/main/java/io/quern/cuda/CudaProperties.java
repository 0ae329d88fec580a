package io.quern.cuda;

/**
 * What a CUDA device is and has. All of it is fixed while the process lives.
 *
 * @param name the maker's, as {@code "NVIDIA A100-SXM4-40GB"}
 * @param major of the compute capability, 8 in 8.6
 * @param minor of the compute capability, 6 in 8.6
 * @param multiprocessors how many SMs
 * @param memory bytes of global memory
 * @param sharedPerBlock bytes of shared memory a block may have without asking
 * @param sharedPerBlockOptIn bytes a block may have if its function asks; {@link CudaLaunch} does
 * @param sharedPerMultiprocessor bytes of shared memory of one SM
 * @param registersPerMultiprocessor 32-bit registers of one SM
 * @param threadsPerBlock the most threads of a block
 * @param threadsPerMultiprocessor the most threads resident on one SM
 * @param warpSize threads of a warp
 * @param l2Cache bytes of the second-level cache
 * @param clockKilohertz of the multiprocessors, 0 where the driver no longer says
 * @param memoryPools whether the driver allocates from pools
 */
public record CudaProperties(
        String name,
        int major,
        int minor,
        int multiprocessors,
        long memory,
        int sharedPerBlock,
        int sharedPerBlockOptIn,
        int sharedPerMultiprocessor,
        int registersPerMultiprocessor,
        int threadsPerBlock,
        int threadsPerMultiprocessor,
        int warpSize,
        int l2Cache,
        int clockKilohertz,
        boolean memoryPools) {

    /** {@return whether the device has at least this compute capability} */
    public boolean atLeast(int wantedMajor, int wantedMinor) {
        return major > wantedMajor || major == wantedMajor && minor >= wantedMinor;
    }

    /** {@return the compute capability as {@code "8.6"}} */
    public String computeCapability() {
        return major + "." + minor;
    }
}
