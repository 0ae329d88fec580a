package io.quern.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/**
 * A kernel with its grid and arguments, ready to be put into a stream again and again. Everything is checked and written to
 * native memory when it is built; {@link #run} hands the driver its address, allocates nothing and checks nothing but that
 * the stream is open.
 *
 * <p>Used by one thread at a time. The driver copies the arguments at {@code run}: changing one afterwards concerns the next.
 */
public final class CudaLaunch {
    private final CudaFunction function;
    private final CudaContext context;
    private final CudaStream stream;
    private final LaunchShape shape;
    private final ArgumentBlock arguments;

    // Copies, so that a run reads one object and not three.
    private final long functionHandle;
    private final int gridX;
    private final int gridY;
    private final int gridZ;
    private final int blockX;
    private final int blockY;
    private final int blockZ;
    private final int sharedBytes;
    private final long parameters;
    private final MemorySegment slot;

    /** Null unless the launch has attributes. */
    private final LaunchConfiguration configuration;

    CudaLaunch(CudaFunction function, CudaStream stream, LaunchShape shape, ArgumentBlock arguments) {
        this.function = function;
        this.context = function.context();
        this.stream = stream;
        this.shape = shape;
        this.arguments = arguments;
        this.functionHandle = function.handle();
        this.gridX = shape.gridX();
        this.gridY = shape.gridY();
        this.gridZ = shape.gridZ();
        this.blockX = shape.blockX();
        this.blockY = shape.blockY();
        this.blockZ = shape.blockZ();
        this.sharedBytes = shape.sharedBytes();
        this.parameters = arguments.address();
        this.slot = arguments.slot();
        this.configuration = shape.plain() ? null : new LaunchConfiguration(shape);
    }

    /** Begins a launch of a kernel into a stream of the same context. */
    public static Builder of(CudaFunction function, CudaStream stream) {
        return new Builder(function, stream);
    }

    /**
     * Puts the kernel into the stream.
     *
     * @throws io.quern.CudaException if the driver refuses the launch. What goes wrong in the kernel itself is found later,
     *     by {@link CudaStream#synchronize}
     */
    public void run() {
        long streamHandle = stream.handle();
        boolean pushed = context.enter(slot);
        int code = configuration == null
                ? DriverCalls.launch(
                        functionHandle,
                        gridX,
                        gridY,
                        gridZ,
                        blockX,
                        blockY,
                        blockZ,
                        sharedBytes,
                        streamHandle,
                        parameters)
                : DriverCalls.launchExtended(configuration.address(streamHandle), functionHandle, parameters);
        if (pushed) {
            context.leave(slot);
        }
        stream.launched(this);
        Reference.reachabilityFence(this); // the driver was given bare addresses of memory that this keeps
        if (code != DriverStatus.SUCCESS) {
            throw DriverStatus.failure(
                    code, "launching " + this, function.symbol().name());
        }
    }

    /** Replaces the address that is argument {@code index}, from 0. */
    public void setPointer(int index, long address) {
        arguments.setLong(index, CudaParameter.POINTER, address);
    }

    /** Replaces the integer that is argument {@code index}, from 0. */
    public void setInt32(int index, int value) {
        arguments.setInt(index, CudaParameter.INT32, value);
    }

    /** Replaces the integer that is argument {@code index}, from 0. */
    public void setInt64(int index, long value) {
        arguments.setLong(index, CudaParameter.INT64, value);
    }

    /** Replaces the number that is argument {@code index}, from 0. */
    public void setFloat32(int index, float value) {
        arguments.setInt(index, CudaParameter.FLOAT32, Float.floatToRawIntBits(value));
    }

    /** Replaces the number that is argument {@code index}, from 0. */
    public void setFloat64(int index, double value) {
        arguments.setLong(index, CudaParameter.FLOAT64, Double.doubleToRawLongBits(value));
    }

    /** Replaces the structure that is argument {@code index}, from 0, by a copy of a segment of its size. */
    public void setStructure(int index, MemorySegment value) {
        arguments.setBytes(index, value);
    }

    /** {@return the kernel} */
    public CudaFunction function() {
        return function;
    }

    /** {@return where it runs} */
    public CudaStream stream() {
        return stream;
    }

    @Override
    public String toString() {
        return function.symbol().name() + " " + shape;
    }

    /** Takes a launch's shape, and its arguments in the order of the kernel's parameters. */
    public static final class Builder {
        private final CudaFunction function;
        private final CudaStream stream;
        private final ArgumentBlock arguments;
        private LaunchShape shape = LaunchShape.SINGLE;

        private Builder(CudaFunction function, CudaStream stream) {
            if (function.context() != stream.context()) {
                throw new IllegalArgumentException(
                        function + " is loaded in another context than the stream's, " + stream.context());
            }
            this.function = function;
            this.stream = stream;
            this.arguments = new ArgumentBlock(function.symbol());
        }

        /** Blocks, in one dimension. */
        public Builder grid(int x) {
            return grid(x, 1, 1);
        }

        /** Blocks, in two dimensions. */
        public Builder grid(int x, int y) {
            return grid(x, y, 1);
        }

        /** Blocks, in three dimensions. */
        public Builder grid(int x, int y, int z) {
            shape = shape.withGrid(x, y, z);
            return this;
        }

        /** Threads of a block, in one dimension. */
        public Builder block(int x) {
            return block(x, 1, 1);
        }

        /** Threads of a block, in two dimensions. */
        public Builder block(int x, int y) {
            return block(x, y, 1);
        }

        /** Threads of a block, in three dimensions. */
        public Builder block(int x, int y, int z) {
            shape = shape.withBlock(x, y, z);
            return this;
        }

        /** Bytes of dynamic shared memory of a block; more than 48 KiB is asked for on its own account. */
        public Builder sharedBytes(int bytes) {
            shape = shape.withSharedBytes(bytes);
            return this;
        }

        /** All blocks run at the same time, so that they may wait for one another; the driver refuses what does not fit. */
        public Builder cooperative() {
            shape = shape.withCooperative();
            return this;
        }

        /** Blocks are placed in clusters of this many, which share their shared memory; from compute capability 9.0 on. */
        public Builder cluster(int x, int y, int z) {
            shape = shape.withCluster(x, y, z);
            return this;
        }

        /** The next argument, an address in device memory. */
        public Builder pointer(long address) {
            arguments.addLong(CudaParameter.POINTER, address);
            return this;
        }

        /** The next argument. */
        public Builder int32(int value) {
            arguments.addInt(CudaParameter.INT32, value);
            return this;
        }

        /** The next argument. */
        public Builder int64(long value) {
            arguments.addLong(CudaParameter.INT64, value);
            return this;
        }

        /** The next argument. */
        public Builder float32(float value) {
            arguments.addInt(CudaParameter.FLOAT32, Float.floatToRawIntBits(value));
            return this;
        }

        /** The next argument. */
        public Builder float64(double value) {
            arguments.addLong(CudaParameter.FLOAT64, Double.doubleToRawLongBits(value));
            return this;
        }

        /** The next argument, a structure by value: a copy of the segment. */
        public Builder structure(MemorySegment value) {
            arguments.addBytes(value);
            return this;
        }

        /**
         * Checks shape and arguments against the kernel and the device.
         *
         * @throws IllegalArgumentException naming the kernel, what was given and what it takes
         */
        public CudaLaunch build() {
            arguments.checkComplete();
            shape.check(function);
            return new CudaLaunch(function, stream, shape, arguments);
        }
    }
}
