package io.quern.bench;

import io.quern.Device;
import io.quern.bench.gpuday.DeviceBench;
import io.quern.bench.measure.Subject;
import io.quern.bench.report.Json;
import io.quern.cuda.CudaDriver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Times calls on the CUDA device, in a process of their own. */
@Command(name = "time", hidden = true, description = "Times each kernel on cuda:0, beside copies and cuBLAS.")
final class GpuDayTime implements Callable<Integer> {
    private static final int REPETITIONS = 21;
    private static final int SIZE = 2048;

    @Parameters(paramLabel = "FILTER", description = "as of ./quern emulate")
    private String filter;

    @Option(names = "--json", required = true, paramLabel = "FILE", description = "where the times go")
    private Path json;

    @Override
    public Integer call() throws IOException {
        List<Subject> found = Rooms.subjects(filter);
        Device.Cuda device = (Device.Cuda) Device.cuda(0);
        boolean emulated = CudaDriver.provider() == CudaDriver.Provider.EMULATOR;
        // Small shapes of an emulator, whose times say nothing; on a device all that the benchmarks have.
        DeviceBench bench = emulated ? new DeviceBench(device, 1, 64) : new DeviceBench(device, REPETITIONS, SIZE);
        Json.write(json, bench.run(emulated ? Rooms.smallest(found) : found, device));
        return 0;
    }
}
