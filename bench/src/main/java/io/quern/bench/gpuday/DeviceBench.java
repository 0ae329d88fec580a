package io.quern.bench.gpuday;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.quern.Device;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Workload;
import io.quern.cuda.CudaContext;
import java.util.Arrays;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;

/**
 * Times calls on a device by the clock of the host, each with the synchronization that makes its result usable, and two
 * ceilings in the same process: copying memory within the device, and cuBLAS.
 */
public final class DeviceBench {
    private static final int WARM_UP = 3;
    private static final String SGEMM = "ceiling: cublasSgemm";
    private static final double GIGA = 1e9;

    private final CudaContext context;
    private final int repetitions;
    private final int size;

    /**
     * Prepares to time.
     *
     * @param repetitions of each call; the median counts
     * @param size rows and columns of cuBLAS's matrices; copies move {@code 64 size^2} bytes
     */
    public DeviceBench(Device.Cuda device, int repetitions, int size) {
        this.context = CudaContext.of(device.ordinal());
        this.repetitions = repetitions;
        this.size = size;
    }

    /** {@return a row for each subject and each ceiling} */
    public JsonArray run(List<Subject> subjects, Device device) {
        JsonArray rows = new JsonArray();
        rows.add(copy());
        try {
            rows.add(sgemm());
        } catch (UnsatisfiedLinkError absent) {
            JsonObject row = new JsonObject();
            row.addProperty("name", SGEMM);
            row.addProperty("notHere", "cuBLAS 12 does not load: is its folder on LD_LIBRARY_PATH?");
            rows.add(row);
        }
        for (Subject subject : subjects) {
            try (Workload workload = subject.opening().open(device)) {
                workload.agree();
                rows.add(row(subject.id(), median(workload::run), workload.bytes(), workload.flops()));
            }
        }
        return rows;
    }

    private JsonObject copy() {
        long bytes = 64L * size * size;
        long from = context.allocate(bytes);
        long to = context.allocate(bytes);
        try {
            context.fill(from, (byte) 1, bytes);
            double seconds = median(() -> {
                context.copy(to, from, bytes);
                context.synchronize();
            });
            return row("ceiling: copy within the device", seconds, 2 * bytes, 0);
        } finally {
            context.free(to);
            context.free(from);
        }
    }

    private JsonObject sgemm() {
        long bytes = 4L * size * size;
        long[] matrices = {context.allocate(bytes), context.allocate(bytes), context.allocate(bytes)};
        cublasHandle handle = new cublasHandle();
        try {
            for (long matrix : matrices) {
                context.fill(matrix, (byte) 0, bytes);
            }
            check(JCublas2.cublasCreate(handle));
            Pointer one = Pointer.to(new float[] {1});
            Pointer zero = Pointer.to(new float[] {0});
            double seconds = median(() -> {
                check(JCublas2.cublasSgemm(
                        handle,
                        cublasOperation.CUBLAS_OP_N,
                        cublasOperation.CUBLAS_OP_N,
                        size,
                        size,
                        size,
                        one,
                        pointer(matrices[0]),
                        size,
                        pointer(matrices[1]),
                        size,
                        zero,
                        pointer(matrices[2]),
                        size));
                context.synchronize();
            });
            check(JCublas2.cublasDestroy(handle));
            return row(SGEMM + " of " + size, seconds, 3 * bytes, 2L * size * size * size);
        } finally {
            Arrays.stream(matrices).forEach(context::free);
        }
    }

    private static CUdeviceptr pointer(long address) {
        return new CUdeviceptr().withByteOffset(address);
    }

    private static void check(int status) {
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw new IllegalStateException("cuBLAS: " + cublasStatus.stringFor(status));
        }
    }

    private double median(Runnable call) {
        double[] seconds = new double[repetitions];
        for (int i = -WARM_UP; i < repetitions; i++) {
            long begin = System.nanoTime();
            call.run();
            if (i >= 0) {
                seconds[i] = (System.nanoTime() - begin) / GIGA;
            }
        }
        Arrays.sort(seconds);
        return seconds[repetitions / 2];
    }

    private static JsonObject row(String name, double seconds, long bytes, long flops) {
        JsonObject json = new JsonObject();
        json.addProperty("name", name);
        json.addProperty("seconds", seconds);
        json.addProperty("bytes", bytes);
        json.addProperty("flops", flops);
        json.addProperty("gigabytesPerSecond", bytes / seconds / GIGA);
        json.addProperty("gigaflopsPerSecond", flops / seconds / GIGA);
        return json;
    }
}
