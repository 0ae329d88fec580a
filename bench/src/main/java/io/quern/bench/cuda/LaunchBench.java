package io.quern.bench.cuda;

import static io.quern.cuda.CudaParameter.FLOAT32;
import static io.quern.cuda.CudaParameter.INT64;
import static io.quern.cuda.CudaParameter.POINTER;

import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.TensorArena;
import io.quern.bench.measure.JavaProcess;
import io.quern.bench.report.Table;
import io.quern.cuda.CudaLaunch;
import io.quern.cuda.CudaStream;
import io.quern.cuda.CudaSymbol;
import io.quern.lion.Lion;
import io.quern.lion.LionCall;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.concurrent.TimeUnit;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * What it costs to put Lion's FP32 step, seven arguments, into a stream of a driver that does nothing: ours, and through
 * JCuda's own {@code cuLaunchKernel} in the two forms its samples use.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class LaunchBench {
    /** Names the driver to the forks. */
    private static final String DRIVER = "io.quern.bench.driver";

    private static final CudaSymbol STEP =
            CudaSymbol.of("lion", "lion_step_fp32", POINTER, POINTER, POINTER, INT64, POINTER, FLOAT32, FLOAT32);

    private static final int GRID = 1024;
    private static final int BLOCK = 256;
    private static final long[] POINTERS = {4096, 8192, 12288, 16384};
    private static final long COUNT = 1 << 20;
    private static final float[] BETAS = {0.9f, 0.99f};

    private Stream stream;
    private TensorArena arena;
    private LionCall step;
    private CudaLaunch launch;
    private CUfunction function;
    private CUstream jcudaStream;
    private Pointer[] buffers;

    /** Opens a stream, and binds the kernel both ways. */
    @Setup
    public void open() {
        InstantDriver.load(System.getProperty(DRIVER));
        stream = Stream.open(Device.cuda(0));
        arena = TensorArena.open(Device.cuda(0));
        step = Lion.of(1e-4)
                .bind(
                        stream,
                        arena.allocate(DType.FP32, COUNT),
                        arena.allocate(DType.FP32, COUNT),
                        arena.allocate(DType.FP32, COUNT));
        CudaStream queue = stream.cuda();
        launch = CudaLaunch.of(queue.context().function(STEP), queue)
                .grid(GRID)
                .block(BLOCK)
                .pointer(POINTERS[0])
                .pointer(POINTERS[1])
                .pointer(POINTERS[2])
                .int64(COUNT)
                .pointer(POINTERS[3])
                .float32(BETAS[0])
                .float32(BETAS[1])
                .build();
        openJcuda();
    }

    private void openJcuda() {
        CUmodule module = new CUmodule();
        JCudaDriver.cuModuleLoadData(module, new byte[1]);
        function = new CUfunction();
        JCudaDriver.cuModuleGetFunction(function, module, STEP.name());
        jcudaStream = new CUstream();
        JCudaDriver.cuStreamCreate(jcudaStream, 0);
        buffers = new Pointer[7];
        for (int i = 0; i < buffers.length; i++) {
            buffers[i] = Pointer.to(ByteBuffer.allocateDirect(8).order(ByteOrder.nativeOrder()));
        }
    }

    /** A bound call as users make it. */
    @Benchmark
    public void boundCall() {
        step.run();
    }

    /** The launch in it. */
    @Benchmark
    public void cudaLaunch() {
        launch.run();
    }

    /** JCuda, arguments in Java arrays made for the call. */
    @Benchmark
    public int jcudaArrays() {
        return launch(Pointer.to(
                Pointer.to(new long[] {POINTERS[0]}),
                Pointer.to(new long[] {POINTERS[1]}),
                Pointer.to(new long[] {POINTERS[2]}),
                Pointer.to(new long[] {COUNT}),
                Pointer.to(new long[] {POINTERS[3]}),
                Pointer.to(new float[] {BETAS[0]}),
                Pointer.to(new float[] {BETAS[1]})));
    }

    /** JCuda, arguments in direct buffers written before. */
    @Benchmark
    public int jcudaBuffers() {
        return launch(Pointer.to(buffers));
    }

    private int launch(Pointer arguments) {
        return JCudaDriver.cuLaunchKernel(function, GRID, 1, 1, BLOCK, 1, 1, 0, jcudaStream, arguments, null);
    }

    /** Closes what {@link #open} opened. */
    @TearDown
    public void close() {
        step.close();
        arena.close();
        stream.close();
    }

    /**
     * {@return what each way costs, in time and in garbage}
     *
     * @throws IllegalStateException where the driver that does nothing cannot be built, and why
     */
    public static Table run() throws IOException, InterruptedException, RunnerException {
        System.setProperty("jmh.ignoreLock", "true");
        Path folder = Files.createTempDirectory("quern-launch");
        try {
            return table(measure(InstantDriver.build(folder)));
        } finally {
            for (String file : folder.toFile().list()) {
                Files.delete(folder.resolve(file));
            }
            Files.delete(folder);
        }
    }

    private static Collection<RunResult> measure(Path driver) throws RunnerException {
        return new Runner(new OptionsBuilder()
                        .include("^" + LaunchBench.class.getName().replace(".", "\\.") + "\\.")
                        .forks(1)
                        .warmupIterations(3)
                        .warmupTime(TimeValue.milliseconds(500))
                        .measurementIterations(5)
                        .measurementTime(TimeValue.milliseconds(500))
                        .addProfiler(GCProfiler.class)
                        .jvm(JavaProcess.executable())
                        .jvmArgs(JavaProcess.flags(DRIVER + "=" + driver, "io.quern.cuda=driver")
                                .toArray(String[]::new))
                        .verbosity(VerboseMode.SILENT)
                        .shouldFailOnError(true)
                        .build())
                .run();
    }

    private static Table table(Collection<RunResult> results) {
        Table table = new Table("launch, 9 arguments", ">ns", ">bytes allocated");
        for (RunResult result : results) {
            String name = result.getPrimaryResult().getLabel();
            double bytes =
                    result.getSecondaryResults().get("gc.alloc.rate.norm").getScore();
            table.row(name, String.format("%.1f", result.getPrimaryResult().getScore()), String.format("%.0f", bytes));
        }
        return table;
    }
}
