package io.quern.bench;

import io.quern.Device;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Workload;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Calls each kernel once on the CUDA device, for tools that look at a process from outside. */
@Command(
        name = "call",
        hidden = true,
        description =
                "Calls each kernel once on cuda:0 and compares it with its oracle: the process that NVIDIA's tools"
                        + " look at.")
final class GpuDayCall implements Callable<Integer> {
    @Parameters(paramLabel = "FILTER", description = "as of ./quern emulate")
    private String filter;

    @Override
    public Integer call() {
        for (Subject subject : Rooms.smallest(Rooms.subjects(filter))) {
            try (Workload workload = subject.opening().open(Device.cuda(0))) {
                workload.agree();
            }
        }
        return 0;
    }
}
