package io.quern.cuda;

/** How many threads run a kernel and how they are grouped. A cluster of 0 blocks means that none is asked for. */
record LaunchShape(
        int gridX,
        int gridY,
        int gridZ,
        int blockX,
        int blockY,
        int blockZ,
        int sharedBytes,
        boolean cooperative,
        int clusterX,
        int clusterY,
        int clusterZ) {

    static final LaunchShape SINGLE = new LaunchShape(1, 1, 1, 1, 1, 1, 0, false, 0, 0, 0);

    /** The driver's limit on the second and third extent of a grid, on every architecture. */
    private static final int MOST_BLOCKS_Y_Z = 65_535;

    /** The driver's limit on the third extent of a block, on every architecture. */
    private static final int MOST_THREADS_Z = 64;

    LaunchShape withGrid(int x, int y, int z) {
        return new LaunchShape(x, y, z, blockX, blockY, blockZ, sharedBytes, cooperative, clusterX, clusterY, clusterZ);
    }

    LaunchShape withBlock(int x, int y, int z) {
        return new LaunchShape(gridX, gridY, gridZ, x, y, z, sharedBytes, cooperative, clusterX, clusterY, clusterZ);
    }

    LaunchShape withSharedBytes(int bytes) {
        return new LaunchShape(
                gridX, gridY, gridZ, blockX, blockY, blockZ, bytes, cooperative, clusterX, clusterY, clusterZ);
    }

    LaunchShape withCooperative() {
        return new LaunchShape(
                gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, true, clusterX, clusterY, clusterZ);
    }

    LaunchShape withCluster(int x, int y, int z) {
        return new LaunchShape(gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, cooperative, x, y, z);
    }

    /** {@return whether a launch needs no attributes} */
    boolean plain() {
        return !cooperative && !clustered();
    }

    boolean clustered() {
        return clusterX != 0;
    }

    /** Checks the shape against kernel and device, and asks for as much dynamic shared memory as it needs. */
    void check(CudaFunction function) {
        String kernel = function.symbol().name();
        if (gridX < 1 || gridY < 1 || gridZ < 1 || gridY > MOST_BLOCKS_Y_Z || gridZ > MOST_BLOCKS_Y_Z) {
            throw new IllegalArgumentException("the grid of "
                    + kernel
                    + " must be within 1..2147483647, 1..65535, 1..65535, "
                    + "but is "
                    + triple(gridX, gridY, gridZ));
        }
        long threads = (long) blockX * blockY * blockZ;
        if (blockX < 1 || blockY < 1 || blockZ < 1 || blockZ > MOST_THREADS_Z || threads > function.maxThreads()) {
            throw new IllegalArgumentException("a block of "
                    + kernel
                    + " has 1.."
                    + function.maxThreads()
                    + " threads, at most 64 of them along z, but "
                    + triple(blockX, blockY, blockZ)
                    + " was asked for");
        }
        CudaProperties device = function.context().properties();
        long shared = (long) function.sharedBytes() + sharedBytes;
        long most = Math.max(device.sharedPerBlock(), device.sharedPerBlockOptIn());
        if (sharedBytes < 0 || shared > most) {
            throw new IllegalArgumentException(kernel
                    + " has "
                    + function.sharedBytes()
                    + " bytes of shared memory and "
                    + "asks for "
                    + sharedBytes
                    + " more, but a block has at most "
                    + most
                    + " on "
                    + function.context());
        }
        if (shared > device.sharedPerBlock()) {
            function.allowDynamicShared(sharedBytes);
        }
        if (clustered() && !device.atLeast(9, 0)) {
            throw new IllegalArgumentException(kernel
                    + " asks for clusters, which begin with compute capability 9.0, but "
                    + function.context()
                    + " has "
                    + device.computeCapability());
        }
    }

    private static String triple(int x, int y, int z) {
        return "(" + x + ", " + y + ", " + z + ")";
    }

    @Override
    public String toString() {
        return "grid "
                + triple(gridX, gridY, gridZ)
                + " block "
                + triple(blockX, blockY, blockZ)
                + (sharedBytes == 0 ? "" : " shared " + sharedBytes);
    }
}
