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
 * <p>The workspace of a call holds its rates and, if it has many tensors, their table. Both are written when the call is
 * bound; the rates once more by a small kernel whenever they change.
 */
final class LionCuda implements Kernel<Lion.Step> {
    private static final String ROOM = "lion";

    /** Threads of a block, as the kernels' launch bounds say. */
    private static final int BLOCK = 256;

    /** Packs of a thread: enough that a block's start is little beside its work, few enough that blocks balance. */
    private static final int PACKS = 4;

    /** Bytes of a pack of the widest type. */
    private static final int PACK_BYTES = 16;

    /** Rates: learning rate and decay, FP32 or FP64. */
    private static final long RATES_BYTES = 2 * Double.BYTES;

    /** A row of the table: three addresses, element count, first chunk. */
    private static final long ENTRY_BYTES = 5 * Long.BYTES;

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
                // rates; beta1, rest1, beta2, rest2
                POINTER,
                c,
                c,
                c,
                c);
    }

    private static CudaSymbol stepManySymbol(Storage storage) {
        CudaParameter c = parameterOf(storage.compute());
        return CudaSymbol.of(
                ROOM,
                "lion_step_many_" + suffix(storage),
                // table, entries, chunks, chunkLength
                POINTER,
                INT32,
                INT64,
                INT64,
                // rates; beta1, rest1, beta2, rest2
                POINTER,
                c,
                c,
                c,
                c);
    }

    private static CudaSymbol ratesSymbol(DType compute) {
        CudaParameter c = parameterOf(compute);
        return CudaSymbol.of(ROOM, "lion_rates_" + compute.name().toLowerCase(Locale.ROOT), POINTER, c, c);
    }

    private static CudaParameter parameterOf(DType compute) {
        return compute == DType.FP64 ? FLOAT64 : FLOAT32;
    }

    private static String suffix(Storage storage) {
        return storage.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public long workspaceBytes(Lion.Step step, Stream stream) {
        return RATES_BYTES + (step.size() == 1 ? 0 : step.size() * ENTRY_BYTES);
    }

    @Override
    public Launch bind(Lion.Step step, Stream stream, Workspace workspace) {
        if (step.elementCount() == 0) {
            return () -> {};
        }
        long rates = workspace.address();
        keepRates(step.storage().compute(), stream.cuda(), rates);
        CudaLaunch launch = step.size() == 1
                ? stepOne(step, stream.cuda(), rates)
                : stepMany(step, stream.cuda(), rates, rates + RATES_BYTES);
        return launch::run;
    }

    private void keepRates(DType compute, CudaStream stream, long rates) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment values = arena.allocate(RATES_BYTES, Double.BYTES);
            compute.set(values, 0, coefficients.learningRate());
            compute.set(values, 1, coefficients.decay());
            stream.context().copyIn(rates, values);
        }
        CudaLaunch.Builder builder = CudaLaunch.of(stream.context().function(ratesSymbol(compute)), stream)
                .grid(1)
                .block(1)
                .pointer(rates);
        if (compute == DType.FP64) {
            CudaLaunch write = builder.float64(0).float64(0).build();
            coefficients.onChange(() -> {
                write.setFloat64(1, coefficients.learningRate());
                write.setFloat64(2, coefficients.decay());
                write.run();
            });
        } else {
            CudaLaunch write = builder.float32(0).float32(0).build();
            coefficients.onChange(() -> {
                write.setFloat32(1, (float) coefficients.learningRate());
                write.setFloat32(2, (float) coefficients.decay());
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

    private CudaLaunch stepMany(Lion.Step step, CudaStream stream, long rates, long table) {
        long chunks = writeTable(step, stream.context(), table);
        CudaLaunch.Builder builder = CudaLaunch.of(stream.context().function(stepManySymbol(step.storage())), stream)
                .grid(blocks(chunks))
                .block(BLOCK)
                .pointer(table)
                .int32(step.size())
                .int64(chunks)
                .int64(chunkLength(step.storage()))
                .pointer(rates);
        return withBetas(builder, step.storage()).build();
    }

    /** Writes the table to the device; {@return the chunks of all tensors} */
    private static long writeTable(Lion.Step step, CudaContext context, long table) {
        long chunkLength = chunkLength(step.storage());
        long chunks = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment rows = arena.allocate(step.size() * ENTRY_BYTES, Long.BYTES);
            for (int t = 0; t < step.size(); t++) {
                long count = step.parameters().get(t).elementCount();
                MemorySegment row = rows.asSlice(t * ENTRY_BYTES, ENTRY_BYTES);
                row.setAtIndex(
                        ValueLayout.JAVA_LONG, 0, step.parameters().get(t).address());
                row.setAtIndex(ValueLayout.JAVA_LONG, 1, step.momenta().get(t).address());
                row.setAtIndex(ValueLayout.JAVA_LONG, 2, step.gradients().get(t).address());
                row.setAtIndex(ValueLayout.JAVA_LONG, 3, count);
                row.setAtIndex(ValueLayout.JAVA_LONG, 4, chunks);
                chunks += Math.ceilDiv(count, chunkLength);
            }
            context.copyIn(table, rows);
        }
        return chunks;
    }

    private CudaLaunch.Builder withBetas(CudaLaunch.Builder builder, Storage storage) {
        if (storage.compute() == DType.FP64) {
            return builder.float64(coefficients.beta1)
                    .float64(coefficients.rest1)
                    .float64(coefficients.beta2)
                    .float64(coefficients.rest2);
        }
        return builder.float32((float) coefficients.beta1)
                .float32((float) coefficients.rest1)
                .float32((float) coefficients.beta2)
                .float32((float) coefficients.rest2);
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
