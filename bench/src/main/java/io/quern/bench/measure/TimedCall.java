package io.quern.bench.measure;

import io.quern.Device;
import io.quern.bench.Rooms;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * The one JMH benchmark of all kernels: follows a list of visits, and opens, compares with the oracle and runs their
 * subjects. Which iteration timed what is known to the caller, who wrote the visits.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class TimedCall {
    private static final long ROUND_NANOS = 100_000_000;
    private static final int QUIET_ROUNDS = 3;
    private static final long SETTLE_NANOS_AT_MOST = 10_000_000_000L;

    /** Between us and a peer: OpenMP's threads spin for some 5 ms after a loop, on cores that our workers need. */
    private static final long IDLE_MILLIS = 20;

    /** What to run when, as {@link Visit#write} writes it. */
    @Param("")
    public String visits;

    /** The device's name. */
    @Param("cpu")
    public String device;

    private List<Visit> plan;
    private int visit;
    private int iterationOfVisit;
    private Workload workload;
    private Runnable ours;
    private Runnable current;

    /** Reads the plan. */
    @Setup(Level.Trial)
    public void readPlan() {
        plan = Visit.read(visits);
        visit = 0;
        iterationOfVisit = 0;
    }

    /** Turns to the subject, or the peer, whose iteration this is. */
    @Setup(Level.Iteration)
    public void turn() throws InterruptedException {
        if (iterationOfVisit == plan.get(visit).iterations()) {
            closeSubject();
            visit++;
            iterationOfVisit = 0;
        }
        if (workload == null) {
            open(Rooms.subject(plan.get(visit).subject()));
        }
        String peer = plan.get(visit).peer();
        if (peer != null) {
            Thread.sleep(IDLE_MILLIS);
        }
        current = peer != null && iterationOfVisit % 2 == 1 ? call(peer) : ours;
        iterationOfVisit++;
    }

    private Runnable call(String name) {
        return workload.peers().stream()
                .filter(peer -> peer.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException(plan.get(visit).subject() + " offers no " + name))
                .call();
    }

    private void open(Subject subject) {
        workload = subject.opening().open(Device.named(device));
        if (workload.bytes() != subject.work().bytes()
                || workload.flops() != subject.work().flops()) {
            throw new Disagreement(subject
                    + " states "
                    + subject.work().bytes()
                    + " bytes and "
                    + subject.work().flops()
                    + " FLOP, its kernel "
                    + workload.bytes()
                    + " and "
                    + workload.flops());
        }
        workload.agree();
        ours = workload::run;
        settle(ours);
    }

    /** Runs until the compilers have had nothing to do for a while: how long that takes, a busy machine decides. */
    private static void settle(Runnable call) {
        CompilationMXBean compilers = ManagementFactory.getCompilationMXBean();
        long giveUp = System.nanoTime() + SETTLE_NANOS_AT_MOST;
        int quietRounds = 0;
        while (quietRounds < QUIET_ROUNDS && System.nanoTime() < giveUp) {
            long compiled = compilers.getTotalCompilationTime();
            long end = System.nanoTime() + ROUND_NANOS;
            do {
                call.run();
            } while (System.nanoTime() < end);
            quietRounds = compilers.getTotalCompilationTime() - compiled <= 1 ? quietRounds + 1 : 0;
        }
    }

    /** The timed call. */
    @Benchmark
    public void call() {
        current.run();
    }

    /** Frees the subject. */
    @TearDown(Level.Trial)
    public void closeSubject() {
        if (workload != null) {
            workload.close();
            workload = null;
        }
    }
}
