package io.quern.lion;

import static io.quern.cuda.CudaParameter.FLOAT32;
import static io.quern.cuda.CudaParameter.FLOAT64;
import static io.quern.cuda.CudaParameter.INT32;
import static io.quern.cuda.CudaParameter.INT64;
import static io.quern.cuda.CudaParameter.POINTER;

import io.quern.DType;
import io.quern.Kernel;
import io.quern.Launch;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.Workspace;
import io.quern.cuda.CudaContext;
import io.quern.cuda.CudaLaunch;
import io.quern.cuda.CudaParameter;
import io.quern.cuda.CudaStream;
import io.quern.cuda.CudaSymbol;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Grids, blocks and arguments of the kernels of {@code cuda/lion/lion.cu}.
 *
 * <p>The workspace of a call holds its rates and the number of its next step and, if it has many tensors, copies or stochastic
 * rounding, the table of its tensors. All are written when the call is bound; the rates once more by a small kernel whenever
 * they change, the step number by another one after each run that rounds stochastically.
 */
final class LionCuda implements Kernel<Lion.Step> {
    private static final String ROOM = "lion";

    /** Threads of a block, as the kernels' launch bounds say. */
    private static final int BLOCK = 256;

    /** Packs of a thread: enough that a block's start is little beside its work, few enough that blocks balance. */
    private static final int PACKS = 4;

    /** Bytes of a pack of the widest type. */
    private static final int PACK_BYTES = 16;

    /** Rates: learning rate, decay, rest1, rest2; FP32 or FP64. */
    private static final long RATES_BYTES = 4 * Double.BYTES;

    /** The step number, and what keeps the table aligned. */
    private static final long NUMBER_BYTES = 2 * Long.BYTES;

    /** A row of the table: four addresses, element count, first chunk, first element. */
    private static final long ENTRY_BYTES = 7 * Long.BYTES;

    /** Sets a step number to a value and {@code kept} times the old one. */
    private static final CudaSymbol NUMBER = CudaSymbol.of(ROOM, "lion_number", POINTER, INT64, INT64);

    private final Coefficients coefficients;

    LionCuda(Coefficients coefficients) {
        this.coefficients = coefficients;
    }

    /** What the launches below declare, for the test that compares it with the PTX. */
    public static List<CudaSymbol> symbols() {
        List<CudaSymbol> symbols = new ArrayList<>();
        for (Storage storage : Storage.values()) {
            symbols.add(stepSymbol(storage));
            symbols.add(stepManySymbol(storage));
        }
        symbols.add(ratesSymbol(DType.FP32));
        symbols.add(ratesSymbol(DType.FP64));
        symbols.add(NUMBER);
        return symbols;
    }

    private static CudaSymbol stepSymbol(Storage storage) {
        CudaParameter c = parameterOf(storage.compute());
        return CudaSymbol.of(
                ROOM,
                "lion_step_" + suffix(storage),
                // parameter, momentum, gradient, count
                POINTER,
                POINTER,
                POINTER,
                INT64,
                // rates; beta1, beta2
                POINTER,
                c,
                c);
    }

    private static CudaSymbol stepManySymbol(Storage storage) {
        CudaParameter c = parameterOf(storage.compute());
        return CudaSymbol.of(
                ROOM,
                "lion_step_many_" + suffix(storage),
                // table, entries, chunks, chunkLength, copyType
                POINTER,
                INT32,
                INT64,
                INT64,
                INT32,
                // stochastic, seed, step number
                INT32,
                INT64,
                POINTER,
                // skipsElements, zeroesGradients
                INT32,
                INT32,
                // rates; beta1, beta2
                POINTER,
                c,
                c);
    }

    private static CudaSymbol ratesSymbol(DType compute) {
        CudaParameter c = parameterOf(compute);
        return CudaSymbol.of(ROOM, "lion_rates_" + compute.name().toLowerCase(Locale.ROOT), POINTER, c, c, c, c);
    }

    private static CudaParameter parameterOf(DType compute) {
        return compute == DType.FP64 ? FLOAT64 : FLOAT32;
    }

    private static String suffix(Storage storage) {
        return storage.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public long workspaceBytes(Lion.Step step, Stream stream) {
        return RATES_BYTES + NUMBER_BYTES + (plain(step) ? 0 : step.size() * ENTRY_BYTES);
    }

    /** One tensor and nothing besides its update: no table is needed. */
    private static boolean plain(Lion.Step step) {
        return step.size() == 1
                && step.copies().isEmpty()
                && !step.settings().rounding().isStochastic()
                && step.settings().nanPolicy() == NanPolicy.PROPAGATE
                && step.settings().gradients() == Lion.Gradients.KEPT;
    }

    @Override
    public Launch bind(Lion.Step step, Stream stream, Workspace workspace) {
        if (step.elementCount() == 0) {
            return () -> {};
        }
        long rates = workspace.address();
        keepRates(step.storage().compute(), stream.cuda(), rates);
        if (plain(step)) {
            return stepOne(step, stream.cuda(), rates)::run;
        }
        CudaLaunch launch = stepMany(step, stream.cuda(), rates);
        if (!step.settings().rounding().isStochastic()) {
            return launch::run;
        }
        CudaLaunch count = keepNumber(stream.cuda(), rates + RATES_BYTES);
        return () -> {
            launch.run();
            count.run();
        };
    }

    /** {@return what counts a run} */
    private CudaLaunch keepNumber(CudaStream stream, long number) {
        try (Arena arena = Arena.ofConfined()) {
            stream.context().copyIn(number, arena.allocate(NUMBER_BYTES, Long.BYTES)); // zeros
        }
        CudaLaunch set = number(stream, number, 0);
        coefficients.onStepSet(() -> {
            set.setInt64(1, coefficients.step());
            set.run();
        });
        CudaLaunch count = number(stream, number, 1);
        count.setInt64(1, 1);
        return count;
    }

    private static CudaLaunch number(CudaStream stream, long number, long kept) {
        return CudaLaunch.of(stream.context().function(NUMBER), stream)
                .grid(1)
                .block(1)
                .pointer(number)
                .int64(0)
                .int64(kept)
                .build();
    }

    private void keepRates(DType compute, CudaStream stream, long rates) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment values = arena.allocate(RATES_BYTES, Double.BYTES);
            compute.set(values, 0, coefficients.learningRate());
            compute.set(values, 1, coefficients.decay());
            compute.set(values, 2, coefficients.rest1());
            compute.set(values, 3, coefficients.rest2());
            stream.context().copyIn(rates, values);
        }
        CudaLaunch.Builder builder = CudaLaunch.of(stream.context().function(ratesSymbol(compute)), stream)
                .grid(1)
                .block(1)
                .pointer(rates);
        if (compute == DType.FP64) {
            CudaLaunch write =
                    builder.float64(0).float64(0).float64(0).float64(0).build();
            coefficients.onChange(() -> {
                write.setFloat64(1, coefficients.learningRate());
                write.setFloat64(2, coefficients.decay());
                write.setFloat64(3, coefficients.rest1());
                write.setFloat64(4, coefficients.rest2());
                write.run();
            });
        } else {
            CudaLaunch write =
                    builder.float32(0).float32(0).float32(0).float32(0).build();
            coefficients.onChange(() -> {
                write.setFloat32(1, (float) coefficients.learningRate());
                write.setFloat32(2, (float) coefficients.decay());
                write.setFloat32(3, (float) coefficients.rest1());
                write.setFloat32(4, (float) coefficients.rest2());
                write.run();
            });
        }
    }

    private CudaLaunch stepOne(Lion.Step step, CudaStream stream, long rates) {
        Tensor parameter = step.parameters().getFirst();
        long count = parameter.elementCount();
        CudaLaunch.Builder builder = CudaLaunch.of(stream.context().function(stepSymbol(step.storage())), stream)
                .grid(blocks(Math.ceilDiv(count, chunkLength(step.storage()))))
                .block(BLOCK)
                .pointer(parameter.address())
                .pointer(step.momenta().getFirst().address())
                .pointer(step.gradients().getFirst().address())
                .int64(count)
                .pointer(rates);
        return withBetas(builder, step.storage()).build();
    }

    private CudaLaunch stepMany(Lion.Step step, CudaStream stream, long rates) {
        long number = rates + RATES_BYTES;
        long table = number + NUMBER_BYTES;
        long chunks = writeTable(step, stream.context(), table);
        CudaLaunch.Builder builder = CudaLaunch.of(stream.context().function(stepManySymbol(step.storage())), stream)
                .grid(blocks(chunks))
                .block(BLOCK)
                .pointer(table)
                .int32(step.size())
                .int64(chunks)
                .int64(chunkLength(step.storage()))
                .int32(copyType(step.copyType()))
                .int32(step.settings().rounding().isStochastic() ? 1 : 0)
                .int64(step.settings().rounding().seed())
                .pointer(number)
                .int32(coefficients.skipsElements ? 1 : 0)
                .int32(coefficients.zeroesGradients ? 1 : 0)
                .pointer(rates);
        return withBetas(builder, step.storage()).build();
    }

    /** Writes the table to the device; {@return the chunks of all tensors} */
    private static long writeTable(Lion.Step step, CudaContext context, long table) {
        long chunkLength = chunkLength(step.storage());
        long chunks = 0;
        long elements = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment rows = arena.allocate(step.size() * ENTRY_BYTES, Long.BYTES);
            for (int t = 0; t < step.size(); t++) {
                long count = step.parameters().get(t).elementCount();
                MemorySegment row = rows.asSlice(t * ENTRY_BYTES, ENTRY_BYTES);
                row.setAtIndex(
                        ValueLayout.JAVA_LONG, 0, step.parameters().get(t).address());
                row.setAtIndex(ValueLayout.JAVA_LONG, 1, step.momenta().get(t).address());
                row.setAtIndex(ValueLayout.JAVA_LONG, 2, step.gradients().get(t).address());
                row.setAtIndex(
                        ValueLayout.JAVA_LONG,
                        3,
                        step.copies().isEmpty() ? 0 : step.copies().get(t).address());
                row.setAtIndex(ValueLayout.JAVA_LONG, 4, count);
                row.setAtIndex(ValueLayout.JAVA_LONG, 5, chunks);
                row.setAtIndex(ValueLayout.JAVA_LONG, 6, elements);
                elements += count;
                chunks += Math.ceilDiv(count, chunkLength);
            }
            context.copyIn(table, rows);
        }
        return chunks;
    }

    /** The kernels' {@code CopyType}. */
    private static int copyType(DType dtype) {
        if (dtype == null) {
            return 0;
        }
        return dtype == DType.FP16 ? 1 : 2;
    }

    private CudaLaunch.Builder withBetas(CudaLaunch.Builder builder, Storage storage) {
        if (storage.compute() == DType.FP64) {
            return builder.float64(coefficients.beta1).float64(coefficients.beta2);
        }
        return builder.float32((float) coefficients.beta1).float32((float) coefficients.beta2);
    }

    /** {@return the elements of a block: a few packs of the widest type for each thread} */
    private static long chunkLength(Storage storage) {
        int widest = Math.max(
                storage.parameter().bytes(),
                Math.max(storage.momentum().bytes(), storage.gradient().bytes()));
        return (long) BLOCK * PACKS * (PACK_BYTES / widest);
    }

    /** A grid has fewer blocks than 2^31; the kernels go on in strides of the grid. */
    private static int blocks(long chunks) {
        return (int) Math.min(chunks, Integer.MAX_VALUE);
    }
}
