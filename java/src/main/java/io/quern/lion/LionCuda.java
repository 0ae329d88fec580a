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
 * <p>The workspace of a call holds its rates and the number of its next step and, if there is more than one tensor and its update,
 * the table of its tensors. All are written when the call is bound; the rates once more by a small kernel whenever they change,
 * the step number by another one after each run that rounds stochastically. Where gradients are looked at first, it also
 * holds what comes of that, and each run consists of four launches; five with caution.
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

    /** What rates are made of by the kernel that decides: rest1, rest2, loss scale. */
    private static final long BASE_BYTES = 3 * Double.BYTES;

    /** A row of the table: four addresses, element count, first chunk, first element, first chunk of the look. */
    private static final long ENTRY_BYTES = 8 * Long.BYTES;

    private static final int WARP = 32;

    /** Sets a step number to a value and {@code kept} times the old one. */
    private static final CudaSymbol NUMBER = CudaSymbol.of(ROOM, "lion_number", POINTER, INT64, INT64);

    /** Sets counts to zero: address, how many. */
    private static final CudaSymbol CLEAR = CudaSymbol.of(ROOM, "lion_clear", POINTER, INT64);

    /** Writes what rates are made of. */
    private static final CudaSymbol BASE = CudaSymbol.of(ROOM, "lion_base", POINTER, FLOAT64, FLOAT64, FLOAT64);

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
        symbols.add(CLEAR);
        symbols.add(BASE);
        for (DType dtype : List.of(DType.FP64, DType.FP32, DType.FP16, DType.BF16)) {
            symbols.add(lookSymbol(dtype));
        }
        for (Storage storage : Storage.values()) {
            if (!symbols.contains(agreeSymbol(storage))) {
                symbols.add(agreeSymbol(storage));
            }
        }
        symbols.add(decideSymbol(DType.FP64));
        symbols.add(decideSymbol(DType.FP32));
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
                // policy, found, zeroesGradients, agreeing
                INT32,
                POINTER,
                INT32,
                POINTER,
                // rates; beta1, beta2
                POINTER,
                c,
                c);
    }

    private static CudaSymbol ratesSymbol(DType compute) {
        CudaParameter c = parameterOf(compute);
        return CudaSymbol.of(ROOM, "lion_rates_" + compute.name().toLowerCase(Locale.ROOT), POINTER, c, c, c, c);
    }

    private static CudaSymbol lookSymbol(DType gradient) {
        return CudaSymbol.of(
                ROOM,
                "lion_look_" + gradient.name().toLowerCase(Locale.ROOT),
                // table, entries, chunks; passesOver; sums, found
                POINTER,
                INT32,
                INT64,
                INT32,
                POINTER,
                POINTER);
    }

    private static CudaSymbol agreeSymbol(Storage storage) {
        String types = storage.momentum() + "_" + storage.gradient();
        return CudaSymbol.of(
                ROOM,
                "lion_agree_" + types.toLowerCase(Locale.ROOT),
                // table, entries, chunks
                POINTER,
                INT32,
                INT64,
                // rates, beta1; agreeing
                POINTER,
                parameterOf(storage.compute()),
                POINTER);
    }

    private static CudaSymbol decideSymbol(DType compute) {
        return CudaSymbol.of(
                ROOM,
                "lion_decide_" + compute.name().toLowerCase(Locale.ROOT),
                // sums, chunks; found, entries, where they are told (or null)
                POINTER,
                INT64,
                POINTER,
                INT32,
                POINTER,
                // maxNorm, base; rates
                FLOAT64,
                POINTER,
                POINTER);
    }

    private static CudaParameter parameterOf(DType compute) {
        return compute == DType.FP64 ? FLOAT64 : FLOAT32;
    }

    private static String suffix(Storage storage) {
        return storage.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public long workspaceBytes(Lion.Step step, Stream stream) {
        return Places.of(step, 0).end;
    }

    /** Where things lie in the workspace. */
    private record Places(
            long rates, long number, long table, long base, long found, long agreeing, long sums, long end) {
        static Places of(Lion.Step step, long address) {
            long number = address + RATES_BYTES;
            long table = number + NUMBER_BYTES;
            long base = table + (plain(step) ? 0 : step.size() * ENTRY_BYTES);
            if (!step.looksFirst() && !cautious(step)) {
                return new Places(address, number, table, 0, 0, 0, 0, base);
            }
            long found = base + BASE_BYTES;
            long agreeing = found + (step.size() + 1L) * Long.BYTES;
            long sums = agreeing + (long) step.size() * Long.BYTES;
            long end = sums + (long) new Chunks(step).count() * Double.BYTES;
            return new Places(address, number, table, base, found, agreeing, sums, end);
        }
    }

    /** One tensor and nothing besides its update: no table is needed. */
    private static boolean plain(Lion.Step step) {
        return step.size() == 1
                && step.copies().isEmpty()
                && !step.looksFirst()
                && !cautious(step)
                && !step.settings().rounding().isStochastic()
                && step.settings().nanPolicy() == NanPolicy.PROPAGATE
                && step.settings().gradients() == Lion.Gradients.KEPT;
    }

    private static boolean cautious(Lion.Step step) {
        return step.settings().caution() == Lion.Caution.CAUTIOUS;
    }

    @Override
    public Launch bind(Lion.Step step, Stream stream, Workspace workspace) {
        CudaStream on = stream.cuda();
        Places at = Places.of(step, workspace.address());
        List<CudaLaunch> launches = new ArrayList<>();
        keepRates(step, on, at);
        if (plain(step) && step.elementCount() > 0) {
            launches.add(stepOne(step, on, at));
        } else if (!plain(step)) {
            if (step.looksFirst() || cautious(step)) {
                launches.add(clear(step, on, at));
            }
            if (step.looksFirst()) {
                launches.addAll(look(step, on, at));
            }
            if (cautious(step) && step.elementCount() > 0) {
                launches.add(agree(step, on, at));
            }
            if (step.elementCount() > 0) {
                launches.add(stepMany(step, on, at));
            }
            if (step.settings().rounding().isStochastic()) {
                launches.add(keepNumber(on, at.number));
            }
        }
        CudaLaunch[] inOrder = launches.toArray(CudaLaunch[]::new);
        return () -> {
            for (CudaLaunch launch : inOrder) {
                launch.run();
            }
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

    /** Puts into the workspace what may change, and has it written there anew, in the stream's order, when it does. */
    private void keepRates(Lion.Step step, CudaStream stream, Places at) {
        DType compute = step.storage().compute();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment rates = arena.allocate(RATES_BYTES, Double.BYTES);
            compute.set(rates, 0, coefficients.learningRate());
            compute.set(rates, 1, coefficients.decay());
            compute.set(rates, 2, coefficients.rest1());
            compute.set(rates, 3, coefficients.rest2());
            stream.context().copyIn(at.rates, rates);
            if (step.looksFirst()) {
                MemorySegment base = arena.allocateFrom(
                        ValueLayout.JAVA_DOUBLE, coefficients.rest1(), coefficients.rest2(), coefficients.lossScale());
                stream.context().copyIn(at.base, base);
            }
        }
        Runnable writesRates = compute == DType.FP64 ? writesFp64(stream, at.rates) : writesFp32(stream, at.rates);
        if (!step.looksFirst()) {
            coefficients.onChange(writesRates);
            return;
        }
        CudaLaunch base = CudaLaunch.of(stream.context().function(BASE), stream)
                .grid(1)
                .block(1)
                .pointer(at.base)
                .float64(0)
                .float64(0)
                .float64(0)
                .build();
        coefficients.onChange(() -> {
            writesRates.run();
            base.setFloat64(1, coefficients.rest1());
            base.setFloat64(2, coefficients.rest2());
            base.setFloat64(3, coefficients.lossScale());
            base.run();
        });
    }

    private Runnable writesFp64(CudaStream stream, long rates) {
        CudaLaunch write = CudaLaunch.of(stream.context().function(ratesSymbol(DType.FP64)), stream)
                .grid(1)
                .block(1)
                .pointer(rates)
                .float64(0)
                .float64(0)
                .float64(0)
                .float64(0)
                .build();
        return () -> {
            write.setFloat64(1, coefficients.learningRate());
            write.setFloat64(2, coefficients.decay());
            write.setFloat64(3, coefficients.rest1());
            write.setFloat64(4, coefficients.rest2());
            write.run();
        };
    }

    private Runnable writesFp32(CudaStream stream, long rates) {
        CudaLaunch write = CudaLaunch.of(stream.context().function(ratesSymbol(DType.FP32)), stream)
                .grid(1)
                .block(1)
                .pointer(rates)
                .float32(0)
                .float32(0)
                .float32(0)
                .float32(0)
                .build();
        return () -> {
            write.setFloat32(1, (float) coefficients.learningRate());
            write.setFloat32(2, (float) coefficients.decay());
            write.setFloat32(3, (float) coefficients.rest1());
            write.setFloat32(4, (float) coefficients.rest2());
            write.run();
        };
    }

    /** Counts to zero: those of what was found, their sum, and those of what agrees. */
    private static CudaLaunch clear(Lion.Step step, CudaStream stream, Places at) {
        long counts = 2L * step.size() + 1;
        return CudaLaunch.of(stream.context().function(CLEAR), stream)
                .grid(blocks(Math.ceilDiv(counts, BLOCK)))
                .block(BLOCK)
                .pointer(at.found)
                .int64(counts)
                .build();
    }

    private CudaLaunch agree(Lion.Step step, CudaStream stream, Places at) {
        long chunks = new Chunks(step).count();
        CudaLaunch.Builder builder = CudaLaunch.of(stream.context().function(agreeSymbol(step.storage())), stream)
                .grid(blocks(Math.ceilDiv(chunks, BLOCK / WARP)))
                .block(BLOCK)
                .pointer(at.table)
                .int32(step.size())
                .int64(chunks)
                .pointer(at.rates);
        builder = step.storage().compute() == DType.FP64
                ? builder.float64(coefficients.beta1)
                : builder.float32((float) coefficients.beta1);
        return builder.pointer(at.agreeing).build();
    }

    /** The look itself, a warp for each chunk; then one block decides. */
    private static List<CudaLaunch> look(Lion.Step step, CudaStream stream, Places at) {
        CudaContext context = stream.context();
        long chunks = new Chunks(step).count();
        List<CudaLaunch> launches = new ArrayList<>();
        if (chunks > 0) {
            launches.add(
                    CudaLaunch.of(context.function(lookSymbol(step.storage().gradient())), stream)
                            .grid(blocks(Math.ceilDiv(chunks, BLOCK / WARP)))
                            .block(BLOCK)
                            .pointer(at.table)
                            .int32(step.size())
                            .int64(chunks)
                            .int32(step.settings().nanPolicy() == NanPolicy.PROPAGATE ? 0 : 1)
                            .pointer(at.sums)
                            .pointer(at.found)
                            .build());
        }
        launches.add(CudaLaunch.of(context.function(decideSymbol(step.storage().compute())), stream)
                .grid(1)
                .block(BLOCK)
                .pointer(at.sums)
                .int64(chunks)
                .pointer(at.found)
                .int32(step.size())
                .pointer(step.found() == null ? 0 : step.found().address())
                .float64(step.settings().maxNorm())
                .pointer(at.base)
                .pointer(at.rates)
                .build());
        return launches;
    }

    private CudaLaunch stepOne(Lion.Step step, CudaStream stream, Places at) {
        Tensor parameter = step.parameters().getFirst();
        long count = parameter.elementCount();
        CudaLaunch.Builder builder = CudaLaunch.of(stream.context().function(stepSymbol(step.storage())), stream)
                .grid(blocks(Math.ceilDiv(count, chunkLength(step.storage()))))
                .block(BLOCK)
                .pointer(parameter.address())
                .pointer(step.momenta().getFirst().address())
                .pointer(step.gradients().getFirst().address())
                .int64(count)
                .pointer(at.rates);
        return withBetas(builder, step.storage()).build();
    }

    private CudaLaunch stepMany(Lion.Step step, CudaStream stream, Places at) {
        long chunks = writeTable(step, stream.context(), at.table);
        CudaLaunch.Builder builder = CudaLaunch.of(stream.context().function(stepManySymbol(step.storage())), stream)
                .grid(blocks(chunks))
                .block(BLOCK)
                .pointer(at.table)
                .int32(step.size())
                .int64(chunks)
                .int64(chunkLength(step.storage()))
                .int32(copyType(step.copyType()))
                .int32(step.settings().rounding().isStochastic() ? 1 : 0)
                .int64(step.settings().rounding().seed())
                .pointer(at.number)
                .int32(step.settings().nanPolicy().ordinal())
                .pointer(at.found)
                .int32(coefficients.zeroesGradients ? 1 : 0)
                .pointer(coefficients.cautious ? at.agreeing : 0)
                .pointer(at.rates);
        return withBetas(builder, step.storage()).build();
    }

    /** Writes the table to the device; {@return the chunks of all tensors} */
    private static long writeTable(Lion.Step step, CudaContext context, long table) {
        long chunkLength = chunkLength(step.storage());
        long chunks = 0;
        long elements = 0;
        Chunks look = new Chunks(step);
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
                row.setAtIndex(ValueLayout.JAVA_LONG, 7, look.first(t));
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
