package io.quern.bench.measure;

import io.quern.cpu.HostMemory;
import io.quern.cpu.Lanes;
import io.quern.cpu.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

/** Runs a ceiling's loop on one or more threads; each thread has its own part of the memory. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CeilingCall {
    private static final long FMA_ROUNDS = 1 << 20;
    private static final long MEMORY_BYTES = 256L << 20; // a stream; eight times a large last-level cache
    private static final long L2_BYTES = 96L << 10; // a stream of one thread; three of them are well inside 1 MiB
    private static final long L2_PASSES = 256; // so that waking a thread does not count

    /** Which ceiling. */
    @Param("READ")
    public Ceiling ceiling;

    /** Where the bytes come from. */
    @Param("MEMORY")
    public Ceiling.Level level;

    /** How many threads share the work. */
    @Param("1")
    public int threads;

    private final Arena arena = Arena.ofShared();
    private MemorySegment x;
    private MemorySegment y;
    private MemorySegment z;
    private WorkerPool.Task task;
    private volatile double sink;

    /** {@return what a call does: FLOP, or bytes read and written} */
    static double amount(Ceiling ceiling, Ceiling.Level level, int threads) {
        double streamed = level == Ceiling.Level.L2
                ? (double) L2_BYTES * L2_PASSES * threads
                : (double) partBytes(level, threads) * threads;
        return switch (ceiling) {
            case FMA_FP32 -> 2.0 * CeilingLoops.CHAINS * Lanes.FLOAT.length() * FMA_ROUNDS * threads;
            case FMA_FP64 -> 2.0 * CeilingLoops.CHAINS * Lanes.DOUBLE.length() * FMA_ROUNDS * threads;
            case READ -> streamed;
            case COPY, IN_PLACE -> 2 * streamed;
            case TRIAD -> 3 * streamed;
        };
    }

    private static long partBytes(Ceiling.Level level, int threads) {
        long bytes = level == Ceiling.Level.L2 ? L2_BYTES : MEMORY_BYTES / threads;
        return bytes / CeilingLoops.BLOCK * CeilingLoops.BLOCK;
    }

    /** Allocates and fills the streams. */
    @Setup(Level.Trial)
    public void open() {
        long part = partBytes(level, threads);
        long passes = level == Ceiling.Level.L2 ? L2_PASSES : 1;
        if (!ceiling.arithmetic()) {
            x = filled(part * threads);
            y = ceiling == Ceiling.COPY || ceiling == Ceiling.TRIAD ? filled(part * threads) : x;
            z = ceiling == Ceiling.TRIAD ? filled(part * threads) : x;
        }
        task = thread -> {
            for (long pass = 0; pass < passes; pass++) {
                pass(thread * part, (thread + 1) * part);
            }
        };
    }

    private MemorySegment filled(long bytes) {
        MemorySegment stream = HostMemory.allocate(arena, bytes);
        CeilingLoops.inPlace(stream, 0, bytes); // also makes the kernel give real pages
        return stream;
    }

    private void pass(long from, long to) {
        switch (ceiling) {
            case FMA_FP32 -> sink = CeilingLoops.fmaFp32(FMA_ROUNDS);
            case FMA_FP64 -> sink = CeilingLoops.fmaFp64(FMA_ROUNDS);
            case READ -> sink = CeilingLoops.read(x, from, to);
            case COPY -> CeilingLoops.copy(x, y, from, to);
            case TRIAD -> CeilingLoops.triad(x, y, z, from, to);
            case IN_PLACE -> CeilingLoops.inPlace(x, from, to);
        }
    }

    /** The timed call. */
    @Benchmark
    public void call() {
        WorkerPool.run(task, threads, threads);
    }

    /** Frees the streams. */
    @TearDown(Level.Trial)
    public void close() {
        arena.close();
    }
}
