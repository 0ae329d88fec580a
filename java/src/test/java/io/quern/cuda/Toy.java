package io.quern.cuda;

import static io.quern.cuda.CudaParameter.FLOAT32;
import static io.quern.cuda.CudaParameter.FLOAT64;
import static io.quern.cuda.CudaParameter.INT32;
import static io.quern.cuda.CudaParameter.INT64;
import static io.quern.cuda.CudaParameter.POINTER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The kernels of {@code toy.ptx}, which exist to see what the launch path does. */
final class Toy {
    /** x[i] *= factor, i < n. */
    static final CudaSymbol SCALE = CudaSymbol.of("toy", "toy_scale_fp32", POINTER, INT64, FLOAT32);

    /** Writes every argument into memory as it came. */
    static final CudaSymbol ARGUMENTS = CudaSymbol.of(
            "toy", "toy_arguments", POINTER, INT32, INT64, FLOAT32, FLOAT64, CudaParameter.structure(16, 8));

    /** *where = value. */
    static final CudaSymbol STORE = CudaSymbol.of("toy", "toy_store", POINTER, INT32);

    private static final int BLOCK = 32;

    private Toy() {}

    static CudaLaunch scale(CudaStream stream, long address, int count, float factor) {
        return CudaLaunch.of(stream.context().function(SCALE), stream)
                .grid(Math.ceilDiv(count, BLOCK))
                .block(BLOCK)
                .pointer(address)
                .int64(count)
                .float32(factor)
                .build();
    }

    /** {@return device memory that holds the values} */
    static long upload(CudaContext context, float... values) {
        long address = context.allocate(4L * values.length);
        try (Arena arena = Arena.ofConfined()) {
            context.copyIn(address, arena.allocateFrom(JAVA_FLOAT, values));
        }
        return address;
    }

    /** {@return the values that device memory holds} */
    static float[] download(CudaContext context, long address, int count) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(JAVA_FLOAT, count);
            context.copyOut(host, address);
            return host.toArray(JAVA_FLOAT);
        }
    }
}
