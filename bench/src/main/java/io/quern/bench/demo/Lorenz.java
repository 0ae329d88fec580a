package io.quern.bench.demo;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.measure.Ceiling;
import io.quern.bench.measure.Forks;
import io.quern.bench.measure.Pace;
import io.quern.bench.measure.Sample;
import io.quern.bench.report.ProgressLine;
import io.quern.bench.report.Units;
import io.quern.cpu.Philox;
import io.quern.ode.Method;
import io.quern.ode.Ode;
import io.quern.ode.OdeCatalogue;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;

/** Many trajectories of Lorenz' equations in FP32 by RK4, and where on the attractor they are how often. */
public final class Lorenz {
    /** The most trajectories whose states one array holds. */
    public static final int MOST_TRAJECTORIES = 100_000_000;

    private static final double STEP = 0.005;
    private static final int STEPS = 20; // of a call; then states are counted
    private static final int SETTLING = 50; // calls until all trajectories are on the attractor
    private static final int COUNTED = 100; // calls
    private static final long SEED = 1963;
    private static final int SAMPLERS = 3; // the stream of Philox

    private final Device device;
    private final int trajectories;

    /**
     * Prepares it.
     *
     * @param trajectories 1 to {@value #MOST_TRAJECTORIES}
     */
    public Lorenz(Device device, int trajectories) {
        if (trajectories < 1 || trajectories > MOST_TRAJECTORIES) {
            throw new IllegalArgumentException(
                    "--trajectories must be 1.." + MOST_TRAJECTORIES + ", but is " + trajectories);
        }
        this.device = device;
        this.trajectories = trajectories;
    }

    /** Runs it, and writes the picture. */
    public void run(Path file, PrintWriter out) throws IOException {
        Density density = new Density(-22, 22, 0, 50); // x across, z upwards
        double[] seconds = new double[COUNTED];
        long flops;
        try (Stream stream = Stream.open(device);
                TensorArena arena = TensorArena.open(device);
                ProgressLine bar = new ProgressLine("Lorenz", SETTLING + COUNTED)) {
            Tensor state = arena.allocate(DType.FP32, 3, trajectories).copyFrom(start());
            Tensor parameters = arena.allocate(DType.FP32, 3).copyFrom(new double[] {10, 28, 8.0 / 3});
            try (BoundCall call = Ode.of(OdeCatalogue.LORENZ, Method.RUNGE_KUTTA_4)
                    .fixed()
                    .state(state)
                    .parameters(parameters)
                    .size(STEP)
                    .steps(STEPS)
                    .out(state)
                    .bind(stream)) {
                flops = call.flops();
                for (int i = 0; i < SETTLING + COUNTED; i++) {
                    long begin = System.nanoTime();
                    call.run();
                    stream.synchronize();
                    if (i >= SETTLING) {
                        seconds[i - SETTLING] = (System.nanoTime() - begin) * 1e-9;
                        density.count(
                                state.select(0, 0).toFloatArray(),
                                state.select(0, 2).toFloatArray());
                    }
                    bar.step();
                }
            }
        }
        report(out, Sample.of(seconds).median(), flops);
        density.write(
                file,
                "Lorenz attractor: " + Units.count((long) COUNTED * trajectories) + " states of "
                        + Units.count(trajectories) + " trajectories",
                "x",
                "z");
        out.println("density        " + file);
        out.flush();
    }

    /** Around the middle, five units wide. */
    private float[] start() {
        float[] state = new float[3 * trajectories];
        for (int i = 0; i < trajectories; i++) {
            for (int j = 0; j < 3; j++) {
                state[j * trajectories + i] =
                        (float) (5 * Philox.normal(SEED, i, 0, 0, SAMPLERS, j) + (j == 2 ? 25 : 0));
            }
        }
        return state;
    }

    private void report(PrintWriter out, double seconds, long flops) {
        long steps = (long) trajectories * STEPS;
        out.println(Units.count(trajectories) + " trajectories of Lorenz on " + device.name()
                + ", RK4 in FP32, steps of " + STEP);
        out.println("throughput     " + Units.giga(steps / seconds) + " billion steps a second, "
                + Units.giga(flops / seconds) + " GFLOP/s");
        if (device instanceof Device.Cpu cpu) {
            double ceiling = Sample.of(Forks.measure(Ceiling.FMA_FP32, Ceiling.Level.MEMORY, cpu.threads(), Pace.QUICK))
                    .median();
            out.println("ceiling        " + Units.giga(ceiling) + " GFLOP/s of FMAs on " + cpu.threads()
                    + " thread(s), measured just now: " + Units.percent(flops / seconds / ceiling) + " of it");
        }
    }
}
