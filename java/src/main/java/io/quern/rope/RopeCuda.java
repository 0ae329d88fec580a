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
import java.util.stream.IntStream;

/** Grids, blocks and arguments of the kernels of {@code cuda/rope/rope.cu}. */
final class RopeCuda {
    static final Kernel<Rotation> APPLY = new Kernel<>() {
        @Override
        public Launch bind(Rotation arguments, Stream stream, Workspace workspace) {
            return arguments.table() == null
                    ? computedApply(arguments, stream, workspace)
                    : apply(arguments, stream.cuda());
        }

        @Override
        public long workspaceBytes(Rotation arguments, Stream stream) {
            return arguments.table() == null ? 2 * computedPartBytes(arguments) : 0;
        }
    };

    static final Kernel<Tabulation> ANGLES = (arguments, stream, workspace) -> angles(arguments, stream.cuda());

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
                anglesSymbol(DType.FP64),
                anglesSymbol(DType.FP32));
    }

    private static CudaSymbol applySymbol(DType dtype) {
        List<CudaParameter> parameters = new ArrayList<>();
        parameters.addAll(nCopies(5, POINTER)); // x, out, cosine, sine, positions
        parameters.addAll(nCopies(6, INT64)); // x and out: strides of batch, token, head
        parameters.addAll(nCopies(5, INT64)); // cosine and sine: strides of batch, row; rows
        parameters.add(INT32); // positions: bytes of an element
        parameters.addAll(nCopies(3, INT64)); // positions: strides of batch, token; shift
        parameters.addAll(nCopies(5, INT64)); // batches, tokens, heads, pairs, copied
        parameters.add(dtype == DType.FP64 ? FLOAT64 : FLOAT32); // sign
        parameters.addAll(nCopies(2, INT32)); // pairing, packed
        return new CudaSymbol(ROOM, "rope_apply_" + suffix(dtype), parameters);
    }

    private static CudaSymbol anglesSymbol(DType dtype) {
        List<CudaParameter> parameters = new ArrayList<>();
        parameters.addAll(nCopies(4, POINTER)); // cosine, sine, frequencies, positions
        parameters.addAll(nCopies(4, INT64)); // cosine and sine: strides of batch, row
        parameters.add(INT32); // positions: bytes of an element
        parameters.addAll(nCopies(3, INT64)); // positions: strides of batch, token; shift
        parameters.addAll(nCopies(3, INT64)); // batches, rows, pairs
        parameters.add(INT32); // rounding
        parameters.add(FLOAT64); // attention factor
        return new CudaSymbol(ROOM, "rope_angles_" + suffix(dtype), parameters);
    }

    private static String suffix(DType dtype) {
        return dtype.name().toLowerCase(Locale.ROOT);
    }

    private static Launch apply(Rotation a, CudaStream stream) {
        if (a.x().elementCount() == 0) {
            return NOTHING;
        }
        HeadsLayout x = a.xLayout();
        HeadsLayout out = a.outLayout();
        RopeTable table = a.table();
        PositionsLayout positions = a.positionsLayout();
        int pairs = a.rope().pairs();
        int copied = a.inPlace() ? 0 : a.rope().headDim() - a.rope().rotaryDim();
        boolean packed = packed(a, copied);

        int packs = packed ? pairs / pairsOfPack(a) : pairs;
        int blockX = Math.min(packs, BLOCK);
        int blockY = (int) Math.min(x.heads(), BLOCK / blockX);
        int blockZ = (int) Math.min(x.tokens(), Math.min(BLOCK / (blockX * blockY), MOST_THREADS_Z));
        CudaLaunch.Builder launch = CudaLaunch.of(stream.context().function(applySymbol(a.x().dtype())), stream)
                .grid(blocks(x.tokens(), blockZ, MOST_BLOCKS_X), blocks(x.batches(), 1, MOST_BLOCKS_Y))
                .block(blockX, blockY, blockZ)
                .pointer(a.x().address())
                .pointer(a.out().address())
                .pointer(table.cosine().address())
                .pointer(table.sine().address())
                .pointer(positions.address());
        for (HeadsLayout layout : List.of(x, out)) {
            launch.int64(layout.batchStride()).int64(layout.tokenStride()).int64(layout.headStride());
        }
        tableStrides(launch, table).int64(table.rows());
        positions(launch, positions)
                .int64(x.batches())
                .int64(x.tokens())
                .int64(x.heads())
                .int64(pairs)
                .int64(copied);
        int sign = a.direction().sign();
        (a.x().dtype() == DType.FP64 ? launch.float64(sign) : launch.float32(sign))
                .int32(a.rope().pairing().ordinal())
                .int32(packed ? 1 : 0);
        return launch.build()::run;
    }

    /** Fills a table of the call's own in its workspace, a row a token, then rotates by it. */
    private static Launch computedApply(Rotation a, Stream stream, Workspace workspace) {
        if (a.x().elementCount() == 0) {
            return NOTHING;
        }
        Device.Cuda device = (Device.Cuda) stream.device();
        DType dtype = a.x().dtype().accumulator();
        long[] shape = {a.angleBatches(), a.xLayout().tokens(), a.rope().pairs()};
        RopeTable table = new RopeTable(
                Tensor.borrow(device, workspace.address(), dtype, shape),
                Tensor.borrow(device, workspace.address() + computedPartBytes(a), dtype, shape),
                a.start());
        Launch angles = angles(new Tabulation(a.rope(), a.positions(), table), stream.cuda());
        Launch apply =
                apply(new Rotation(a.rope(), a.direction(), a.x(), table, null, a.start(), a.out()), stream.cuda());
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

    private static Launch angles(Tabulation a, CudaStream stream) {
        RopeTable table = a.table();
        if (table.cosine().elementCount() == 0) {
            return NOTHING;
        }
        int pairs = a.rope().pairs();
        int blockX = Math.min(pairs, BLOCK);
        int blockY = (int) Math.min(table.rows(), BLOCK / blockX);
        CudaContext context = stream.context();
        long frequencies = upload(a.rope(), context);
        CudaLaunch.Builder launch = CudaLaunch.of(context.function(anglesSymbol(table.dtype())), stream)
                .grid(blocks(table.rows(), blockY, MOST_BLOCKS_X), blocks(table.batches(), 1, MOST_BLOCKS_Y))
                .block(blockX, blockY)
                .pointer(table.cosine().address())
                .pointer(table.sine().address())
                .pointer(frequencies)
                .pointer(a.positionsLayout().address());
        tableStrides(launch, table);
        positions(launch, a.positionsLayout())
                .int64(table.batches())
                .int64(table.rows())
                .int64(pairs)
                .int32(a.rope().rounding().ordinal())
                .float64(a.rope().attentionFactor());
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

    /** FP64 (2, pairs): quarter turns a position in two doubles, or the frequency rounded to FP32 and nothing. */
    private static long upload(Rope rope, CudaContext context) {
        boolean exact = rope.rounding() == AngleRounding.EXACT;
        int pairs = rope.pairs();
        double[] frequencies = new double[2 * pairs];
        for (int k = 0; k < pairs; k++) {
            frequencies[k] =
                    exact ? rope.frequencies().turnsHigh(k) : rope.frequencies().radians(k);
            frequencies[pairs + k] = exact ? rope.frequencies().turnsLow(k) : 0;
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
        return launch.int32(positions.elementBytes())
                .int64(positions.batchStride())
                .int64(positions.tokenStride())
                .int64(positions.shift());
    }

    /** How many pairs a thread takes at once: a pack of each half, or one pack of neighbours. */
    private static int pairsOfPack(Rotation a) {
        int elements = PACK / a.x().dtype().bytes();
        return a.rope().pairing() == Pairing.HALVES ? elements : elements / 2;
    }

    /** Whether every pack of every row begins at a multiple of its size. */
    private static boolean packed(Rotation a, int copied) {
        int pairs = a.rope().pairs();
        int turnBytes = Math.min(PACK, pairsOfPack(a) * a.table().dtype().bytes());
        return pairs % pairsOfPack(a) == 0
                && copied * a.x().dtype().bytes() % PACK == 0
                && aligned(a.x(), PACK)
                && aligned(a.out(), PACK)
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
