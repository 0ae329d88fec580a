package io.quern.rope;

import static io.quern.cuda.CudaParameter.FLOAT32;
import static io.quern.cuda.CudaParameter.FLOAT64;
import static io.quern.cuda.CudaParameter.INT32;
import static io.quern.cuda.CudaParameter.INT64;
import static io.quern.cuda.CudaParameter.POINTER;
import static java.util.Collections.nCopies;

import io.quern.DType;
import io.quern.Device;
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
import java.util.function.Function;
import java.util.stream.IntStream;

/** Grids, blocks and arguments of the kernels of {@code cuda/rope/rope.cu}. */
final class RopeCuda {
    static final Kernel<Rotation> APPLY = new Kernel<>() {
        @Override
        public Launch bind(Rotation arguments, Stream stream, Workspace workspace) {
            return arguments.table() == null
                    ? computed(arguments, stream, workspace, table -> apply(arguments.byRowsOf(table), stream.cuda()))
                    : apply(arguments, stream.cuda());
        }

        @Override
        public long workspaceBytes(Rotation arguments, Stream stream) {
            return arguments.table() == null ? 2 * computedPartBytes(arguments) : 0;
        }
    };

    static final Kernel<JointRotation> JOINT = new Kernel<>() {
        @Override
        public Launch bind(JointRotation arguments, Stream stream, Workspace workspace) {
            Rotation query = arguments.query();
            if (query.table() != null) {
                return joint(arguments, stream.cuda());
            }
            return computed(query, stream, workspace, table -> joint(arguments.byRowsOf(table), stream.cuda()));
        }

        @Override
        public long workspaceBytes(JointRotation arguments, Stream stream) {
            return APPLY.workspaceBytes(arguments.query(), stream);
        }
    };

    static final Kernel<Tabulation> ANGLES = (arguments, stream, workspace) ->
            angles(arguments.rope(), arguments.positionsLayout(), arguments.table(), stream.cuda());

    private static final String ROOM = "rope";

    /** Threads of a block, as the kernels' launch bounds say. */
    private static final int BLOCK = 256;

    private static final int MOST_BLOCKS_X = Integer.MAX_VALUE;
    private static final int MOST_BLOCKS_Y = 65_535;
    private static final int MOST_THREADS_Z = 64;

    /** The widest access of a thread, in bytes. */
    private static final int PACK = 16;

    private static final Launch NOTHING = () -> {};

    private RopeCuda() {}

    /** What the launches below declare, for the test that compares it with the PTX. */
    public static List<CudaSymbol> symbols() {
        return List.of(
                applySymbol(DType.FP64),
                applySymbol(DType.FP32),
                applySymbol(DType.FP16),
                applySymbol(DType.BF16),
                jointSymbol(DType.FP64),
                jointSymbol(DType.FP32),
                jointSymbol(DType.FP16),
                jointSymbol(DType.BF16),
                anglesSymbol(DType.FP64),
                anglesSymbol(DType.FP32));
    }

    private static CudaSymbol applySymbol(DType dtype) {
        List<CudaParameter> parameters = new ArrayList<>();
        parameters.addAll(nCopies(5, POINTER)); // x, out, cosine, sine, positions
        parameters.addAll(nCopies(6, INT64)); // x and out: strides of batch, token, head
        parameters.addAll(nCopies(5, INT64)); // cosine and sine: strides of batch, row; rows
        parameters.addAll(positionParameters());
        parameters.addAll(nCopies(6, INT64)); // batches, tokens, heads, pairs, copied, before
        parameters.add(dtype == DType.FP64 ? FLOAT64 : FLOAT32); // sign
        parameters.addAll(nCopies(2, INT32)); // pairing, packed
        return new CudaSymbol(ROOM, "rope_apply_" + suffix(dtype), parameters);
    }

    private static CudaSymbol jointSymbol(DType dtype) {
        List<CudaParameter> parameters = new ArrayList<>();
        parameters.addAll(nCopies(10, POINTER)); // query, key, value, each with out; cosine, sine, positions, slots
        parameters.addAll(nCopies(18, INT64)); // these six: strides of batch, token, head
        parameters.addAll(nCopies(5, INT64)); // cosine and sine: strides of batch, row; rows
        parameters.addAll(positionParameters());
        parameters.addAll(positionParameters()); // of slots
        parameters.addAll(nCopies(5, INT64)); // capacity, batches, tokens, pairs, before
        parameters.addAll(nCopies(6, INT64)); // of query and key: heads, copied; of value: heads, dim
        parameters.add(dtype == DType.FP64 ? FLOAT64 : FLOAT32); // sign
        parameters.addAll(nCopies(2, INT32)); // pairing, packed
        return new CudaSymbol(ROOM, "rope_joint_" + suffix(dtype), parameters);
    }

    private static CudaSymbol anglesSymbol(DType dtype) {
        List<CudaParameter> parameters = new ArrayList<>();
        parameters.addAll(nCopies(4, POINTER)); // cosine, sine, frequencies, positions
        parameters.addAll(nCopies(4, INT64)); // cosine and sine: strides of batch, row
        parameters.addAll(positionParameters());
        parameters.addAll(nCopies(3, INT64)); // batches, rows, pairs
        parameters.addAll(nCopies(2, INT32)); // axes, rounding
        parameters.add(FLOAT64); // attention factor
        return new CudaSymbol(ROOM, "rope_angles_" + suffix(dtype), parameters);
    }

    private static List<CudaParameter> positionParameters() {
        return List.of(INT32, INT64, INT64, INT64, INT64, INT64); // kind; strides of axis, batch, token; shift; starts
    }

    private static String suffix(DType dtype) {
        return dtype.name().toLowerCase(Locale.ROOT);
    }

    private static Launch apply(Rotation a, CudaStream stream) {
        if (a.x().elementCount() == 0) {
            return NOTHING;
        }
        HeadsLayout x = a.xLayout();
        RopeTable table = a.table();
        PositionsLayout positions = a.positionsLayout();
        int pairs = a.rope().pairs();
        int copied = copied(a.rope(), a.inPlace());
        int before = a.inPlace() ? 0 : a.rope().rotaryOffset();
        long rotatedAt = (long) a.rope().rotaryOffset() * a.x().dtype().bytes();
        boolean packed = packed(a) && aligned(a.x(), PACK) && aligned(a.out(), PACK);
        CudaLaunch.Builder launch = launch(a, x.heads(), packed, applySymbol(a.x().dtype()), stream)
                .pointer(a.x().address() + rotatedAt)
                .pointer(a.out().address() + rotatedAt)
                .pointer(table.cosine().address())
                .pointer(table.sine().address())
                .pointer(positions.address());
        headStrides(launch, a.x(), a.out());
        tableStrides(launch, table).int64(table.rows());
        positions(launch, positions)
                .int64(x.batches())
                .int64(x.tokens())
                .int64(x.heads())
                .int64(pairs)
                .int64(copied)
                .int64(before);
        way(launch, a, packed);
        return launch.build()::run;
    }

    private static Launch joint(JointRotation a, CudaStream stream) {
        Rotation query = a.query();
        HeadsLayout x = query.xLayout();
        if (x.batches() * x.tokens() == 0) {
            return NOTHING;
        }
        Rope rope = query.rope();
        RopeTable table = query.table();
        DType dtype = query.x().dtype();
        long rotatedAt = (long) rope.rotaryOffset() * dtype.bytes();
        boolean hasValues = a.value() != null;
        // Where there are no values, some tensors that are there; none of their heads is copied.
        Tensor value = hasValues ? a.value() : a.key();
        Tensor valueOut = hasValues ? a.valueOut() : a.keyOut();
        long valueDim = hasValues ? value.size(-1) : 0;
        boolean packed = packed(query) && valueDim * dtype.bytes() % PACK == 0;
        for (Tensor tensor : List.of(query.x(), query.out(), a.key(), a.keyOut(), value, valueOut)) {
            packed &= aligned(tensor, PACK);
        }
        CudaLaunch.Builder launch = launch(
                        query, Math.max(x.heads(), a.key().size(-2)), packed, jointSymbol(dtype), stream)
                .pointer(query.x().address() + rotatedAt)
                .pointer(query.out().address() + rotatedAt)
                .pointer(a.key().address() + rotatedAt)
                .pointer(a.keyOut().address() + rotatedAt)
                .pointer(value.address())
                .pointer(valueOut.address())
                .pointer(table.cosine().address())
                .pointer(table.sine().address())
                .pointer(query.positionsLayout().address())
                .pointer(a.slotsLayout().address());
        headStrides(launch, query.x(), query.out(), a.key(), a.keyOut(), value, valueOut);
        tableStrides(launch, table).int64(table.rows());
        positions(launch, query.positionsLayout());
        positions(launch, a.slotsLayout())
                .int64(a.capacity())
                .int64(x.batches())
                .int64(x.tokens())
                .int64(rope.pairs())
                .int64(rope.rotaryOffset())
                .int64(x.heads())
                .int64(copied(rope, query.inPlace()))
                .int64(a.key().size(-2))
                .int64(copied(rope, a.keyInPlace()))
                .int64(hasValues ? value.size(-2) : 0)
                .int64(valueDim);
        way(launch, query, packed);
        return launch.build()::run;
    }

    /** How many channels of a head go through unchanged. */
    private static int copied(Rope rope, boolean inPlace) {
        return inPlace ? 0 : rope.headDim() - rope.rotaryDim();
    }

    /** Threads along the pairs of a head, its token's heads and tokens; blocks along tokens and batches. */
    private static CudaLaunch.Builder launch(
            Rotation a, long heads, boolean packed, CudaSymbol symbol, CudaStream stream) {
        HeadsLayout x = a.xLayout();
        int packs = packed ? a.rope().pairs() / pairsOfPack(a) : a.rope().pairs();
        int blockX = Math.min(packs, BLOCK);
        int blockY = Math.clamp(heads, 1, BLOCK / blockX); // there may be values alone
        int blockZ = (int) Math.min(x.tokens(), Math.min(BLOCK / (blockX * blockY), MOST_THREADS_Z));
        return CudaLaunch.of(stream.context().function(symbol), stream)
                .grid(blocks(x.tokens(), blockZ, MOST_BLOCKS_X), blocks(x.batches(), 1, MOST_BLOCKS_Y))
                .block(blockX, blockY, blockZ);
    }

    private static void headStrides(CudaLaunch.Builder launch, Tensor... tensors) {
        for (Tensor tensor : tensors) {
            HeadsLayout layout = HeadsLayout.of(tensor);
            launch.int64(layout.batchStride()).int64(layout.tokenStride()).int64(layout.headStride());
        }
    }

    private static void way(CudaLaunch.Builder launch, Rotation a, boolean packed) {
        int sign = a.direction().sign();
        (a.x().dtype() == DType.FP64 ? launch.float64(sign) : launch.float32(sign))
                .int32(a.rope().pairing().ordinal())
                .int32(packed ? 1 : 0);
    }

    /** Fills a table of the call's own in its workspace, a row a token, then does what a launch with that table does. */
    private static Launch computed(
            Rotation a, Stream stream, Workspace workspace, Function<RopeTable, Launch> byTable) {
        if (a.x().size(-3) == 0 || a.xLayout().batches() == 0) {
            return NOTHING;
        }
        Device.Cuda device = (Device.Cuda) stream.device();
        DType dtype = a.x().dtype().accumulator();
        long[] shape = {a.angleBatches(), a.xLayout().tokens(), a.rope().pairs()};
        RopeTable table = new RopeTable(
                Tensor.borrow(device, workspace.address(), dtype, shape),
                Tensor.borrow(device, workspace.address() + computedPartBytes(a), dtype, shape),
                a.start());
        Launch angles = angles(a.rope(), a.positionsLayout(), table, stream.cuda());
        Launch apply = byTable.apply(table);
        return new Launch() {
            @Override
            public void run() {
                angles.run();
                apply.run();
            }

            @Override
            public void close() {
                angles.close();
            }
        };
    }

    /** Cosines, or sines, of a call that computes them; a multiple of a pack, so that the sines are aligned as well. */
    private static long computedPartBytes(Rotation a) {
        long entries = a.angleBatches() * a.xLayout().tokens() * a.rope().pairs();
        return Math.ceilDiv(entries * a.x().dtype().accumulator().bytes(), (long) PACK) * PACK;
    }

    private static Launch angles(Rope rope, PositionsLayout positions, RopeTable table, CudaStream stream) {
        if (table.cosine().elementCount() == 0) {
            return NOTHING;
        }
        int pairs = rope.pairs();
        int blockX = Math.min(pairs, BLOCK);
        int blockY = (int) Math.min(table.rows(), BLOCK / blockX);
        CudaContext context = stream.context();
        long frequencies = upload(rope, context);
        CudaLaunch.Builder launch = CudaLaunch.of(context.function(anglesSymbol(table.dtype())), stream)
                .grid(blocks(table.rows(), blockY, MOST_BLOCKS_X), blocks(table.batches(), 1, MOST_BLOCKS_Y))
                .block(blockX, blockY)
                .pointer(table.cosine().address())
                .pointer(table.sine().address())
                .pointer(frequencies)
                .pointer(positions.address());
        tableStrides(launch, table);
        positions(launch, positions)
                .int64(table.batches())
                .int64(table.rows())
                .int64(pairs)
                .int32(rope.frequencies().axes())
                .int32(rope.rounding().ordinal())
                .float64(rope.attentionFactor());
        CudaLaunch built = launch.build();
        return new Launch() {
            @Override
            public void run() {
                built.run();
            }

            @Override
            public void close() {
                try {
                    context.synchronize();
                } finally {
                    context.free(frequencies);
                }
            }
        };
    }

    /** FP64 (axes, 2, pairs): quarter turns a position in two doubles, or the frequency rounded to FP32 and nothing. */
    private static long upload(Rope rope, CudaContext context) {
        boolean exact = rope.rounding() == AngleRounding.EXACT;
        Frequencies w = rope.frequencies();
        int pairs = rope.pairs();
        double[] frequencies = new double[2 * w.axes() * pairs];
        for (int a = 0; a < w.axes(); a++) {
            for (int k = 0; k < pairs; k++) {
                int high = 2 * a * pairs + k;
                frequencies[high] = exact ? w.turnsHigh(a, k) : w.radians(a, k);
                frequencies[high + pairs] = exact ? w.turnsLow(a, k) : 0;
            }
        }
        try (Arena staging = Arena.ofConfined()) {
            MemorySegment staged = staging.allocateFrom(ValueLayout.JAVA_DOUBLE, frequencies);
            long address = context.allocate(staged.byteSize());
            context.copyIn(address, staged);
            return address;
        }
    }

    private static CudaLaunch.Builder tableStrides(CudaLaunch.Builder launch, RopeTable table) {
        for (Tensor part : List.of(table.cosine(), table.sine())) {
            launch.int64(table.batchStride(part)).int64(part.stride(-2));
        }
        return launch;
    }

    private static CudaLaunch.Builder positions(CudaLaunch.Builder launch, PositionsLayout positions) {
        return launch.int32(positions.kind().ordinal())
                .int64(positions.axisStride())
                .int64(positions.batchStride())
                .int64(positions.tokenStride())
                .int64(positions.shift())
                .int64(positions.starts());
    }

    /** How many pairs a thread takes at once: a pack of each half, or one pack of neighbours. */
    private static int pairsOfPack(Rotation a) {
        int elements = PACK / a.x().dtype().bytes();
        return a.rope().pairing() == Pairing.HALVES ? elements : elements / 2;
    }

    /** Whether rows cut into packs have each begin at a multiple of its size, if the tensors of data do. */
    private static boolean packed(Rotation a) {
        Rope rope = a.rope();
        int bytes = a.x().dtype().bytes();
        int turnBytes = Math.min(PACK, pairsOfPack(a) * a.table().dtype().bytes());
        return rope.pairs() % pairsOfPack(a) == 0
                && (rope.headDim() - rope.rotaryDim()) * bytes % PACK == 0
                && rope.rotaryOffset() * bytes % PACK == 0
                && aligned(a.table().cosine(), turnBytes)
                && aligned(a.table().sine(), turnBytes);
    }

    private static boolean aligned(Tensor tensor, int bytes) {
        return tensor.address() % bytes == 0
                && IntStream.range(0, tensor.rank() - 1)
                        .allMatch(axis -> tensor.size(axis) == 1
                                || tensor.stride(axis) * tensor.dtype().bytes() % bytes == 0);
    }

    private static int blocks(long items, int itemsOfBlock, int most) {
        return (int) Math.min(Math.ceilDiv(items, (long) itemsOfBlock), most);
    }
}
