package io.quern.bench.flow;

import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.BoundWorkload;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Traffic;
import io.quern.bench.measure.Workload;
import io.quern.flow.Flow;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Velocity and log density of points among unit-normal data. It does 4 FLOP for each pair of a point and a datum and each
 * channel, those of the two products, and moves points, data, velocities and densities once.
 */
public final class FlowBench {
    private static final int QUERIES = 1024;
    private static final int DATA = 16_384;
    private static final int CHANNELS = 64;
    private static final int WINDOW = 4; // queries

    /** A time at which many data share the weight. */
    private static final double TIME = 0.8;

    private FlowBench() {}

    /** {@return straight lines from Gaussian noise, by a product of matrices; Poisson flows, by differences} */
    public static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (DType dtype : List.of(DType.FP32, DType.FP64)) {
            subjects.add(subject("flow.rectified", Flow.rectified(), dtype));
            subjects.add(subject("flow.poisson", Flow.poisson(), dtype));
        }
        return subjects;
    }

    /**
     * In the L2 norm, of a velocity that is about as large as the data's distance from their mean. Scores, of some -170 where noise
     * is Student's, are off by 2e-7 of themselves (FP64: 4e-16), and a mean by as much of that distance.
     */
    static double tolerance(DType dtype) {
        return 170 * (dtype == DType.FP64 ? 4e-16 : 2e-7);
    }

    private static Subject subject(String name, Flow flow, DType dtype) {
        long bytes = ((2L * QUERIES + DATA) * CHANNELS + QUERIES) * dtype.bytes();
        long flops = 4L * QUERIES * DATA * CHANNELS;
        return new Subject(
                name,
                dtype.name().toLowerCase(Locale.ROOT),
                QUERIES + "x" + DATA + "x" + CHANNELS,
                new Subject.Work(Traffic.COPY, bytes, flops, bytes),
                dtype == DType.FP32,
                List.of(Peer.PYTORCH),
                null,
                device -> open(device, flow, dtype));
    }

    private static Workload open(Device device, Flow flow, DType dtype) {
        TensorArena arena = TensorArena.open(device);
        Stream stream = Stream.open(device);
        Tensor queries = Agreement.fill(arena.allocate(dtype, (long) QUERIES * CHANNELS), 1)
                .reshape(QUERIES, CHANNELS);
        Tensor data =
                Agreement.fill(arena.allocate(dtype, (long) DATA * CHANNELS), 2).reshape(DATA, CHANNELS);
        Tensor velocity = arena.allocate(dtype, QUERIES, CHANNELS);
        Tensor logDensity = arena.allocate(dtype, QUERIES);
        BoundCall call = flow.evaluate()
                .queries(queries)
                .data(data)
                .time(TIME)
                .velocity(velocity)
                .logDensity(logDensity)
                .bind(stream);
        List<Peer> peers = new ArrayList<>();
        if (device instanceof Device.Cpu cpu && Peer.available(Peer.PYTORCH)) {
            peers.add(FlowTorch.here().velocity(flow, TIME, queries, data, velocity, cpu.threads()));
        }
        return new BoundWorkload(
                arena, stream, List.of(call), () -> agree(call, flow, queries, data, velocity, logDensity), peers);
    }

    private static void agree(
            BoundCall call, Flow flow, Tensor queries, Tensor data, Tensor velocity, Tensor logDensity) {
        call.run();
        call.stream().synchronize();
        DType dtype = data.dtype();
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            Tensor all = Agreement.copy(arena, data);
            for (long from : Agreement.windows(QUERIES, WINDOW)) {
                Tensor expected = arena.allocate(dtype, WINDOW, CHANNELS);
                Tensor density = arena.allocate(dtype, WINDOW);
                flow.evaluate()
                        .queries(Agreement.copy(arena, queries.slice(0, from, from + WINDOW)))
                        .data(all)
                        .time(TIME)
                        .velocity(expected)
                        .logDensity(density)
                        .run(reference);
                Agreement.within(
                        "velocity of query " + from,
                        expected,
                        velocity.slice(0, from, from + WINDOW),
                        tolerance(dtype));
                Agreement.within(
                        "logDensity of query " + from,
                        density,
                        logDensity.slice(0, from, from + WINDOW),
                        tolerance(dtype));
            }
        }
    }
}
