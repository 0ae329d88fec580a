package io.quern.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A {@code CUlaunchConfig} with its attributes, in native memory:
 * <pre>
 *   0  unsigned gridDimX, Y, Z, blockDimX, Y, Z, sharedMemBytes    7 x 4 bytes, 4 of padding
 *  32  CUstream hStream
 *  40  CUlaunchAttribute* attrs    each 72 bytes: unsigned id, 4 of padding, a union of 64
 *  48  unsigned numAttrs
 * </pre>
 */
final class LaunchConfiguration {
    private static final long STREAM = 32;
    private static final long ATTRIBUTES = 40;
    private static final long ATTRIBUTE_COUNT = 48;
    private static final long BYTES = 56;

    private static final long ATTRIBUTE_BYTES = 72;
    private static final long ATTRIBUTE_VALUE = 8;

    /** {@code CU_LAUNCH_ATTRIBUTE_COOPERATIVE}. */
    private static final int COOPERATIVE = 2;

    /** {@code CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION}. */
    private static final int CLUSTER = 4;

    private final MemorySegment configuration = Arena.ofAuto().allocate(BYTES + 2 * ATTRIBUTE_BYTES, Long.BYTES);

    private int attributes;

    LaunchConfiguration(LaunchShape shape) {
        int[] extents = {
            shape.gridX(),
            shape.gridY(),
            shape.gridZ(),
            shape.blockX(),
            shape.blockY(),
            shape.blockZ(),
            shape.sharedBytes()
        };
        MemorySegment.copy(extents, 0, configuration, JAVA_INT, 0, extents.length);
        configuration.set(JAVA_LONG, ATTRIBUTES, configuration.address() + BYTES);
        if (shape.cooperative()) {
            add(COOPERATIVE, 1);
        }
        if (shape.clustered()) {
            add(CLUSTER, shape.clusterX(), shape.clusterY(), shape.clusterZ());
        }
        configuration.set(JAVA_INT, ATTRIBUTE_COUNT, attributes);
    }

    private void add(int id, int... value) {
        long attribute = BYTES + attributes * ATTRIBUTE_BYTES;
        configuration.set(JAVA_INT, attribute, id);
        MemorySegment.copy(value, 0, configuration, JAVA_INT, attribute + ATTRIBUTE_VALUE, value.length);
        attributes++;
    }

    /** {@return its address, for a launch into a stream; valid while this object is reachable} */
    long address(long stream) {
        configuration.set(JAVA_LONG, STREAM, stream);
        return configuration.address();
    }
}
