package io.quern.bench.lion;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.measure.Agreement;
import io.quern.bench.measure.BoundWorkload;
import io.quern.bench.measure.Peer;
import io.quern.bench.measure.StreamPeer;
import io.quern.bench.measure.StreamPeer.LionStorage;
import io.quern.bench.measure.Subject;
import io.quern.bench.measure.Traffic;
import io.quern.bench.measure.Workload;
import io.quern.lion.Lion;
import io.quern.lion.LionCall;
import java.util.ArrayList;
import java.util.List;

/**
 * One step of Lion over one tensor of n parameters, or over many such tensors in one call. It moves parameter and momentum
 * twice, the gradient once and a copy once, and does three fma, two products and a difference for each parameter.
 */
public final class LionBench {
    private static final Lion LION = Lion.of(1e-4).withWeightDecay(0.1);
    private static final long FLOPS = 3 * 2 + 2 + 1;
    private static final long WINDOW = 4096;

    /** In the second-level cache, in the last, in memory. */
    private static final long[] SIZES = {4096, 1_000_000, 100_000_000};

    /** As many small tensors as a model has: what one call for all of them costs beside one large tensor. */
    private static final int MANY = 1000;

    /** Tensors that are no multiple of a vector, 10,000 of them beside one of as many elements. */
    private static final long SMALL = 1000;

    private static final long SMALL_IN_ALL = 10_000_000;

    private LionBench() {}

    /**
     * @param copy null: there is none
     * @param peer null: there is none
     */
    private record Storage(String name, DType parameter, DType momentum, DType gradient, DType copy, LionStorage peer) {
        Storage(String name, DType all, LionStorage peer) {
            this(name, all, all, all, null, peer);
        }

        long moved() {
            return 2L * parameter.bytes() + 2L * momentum.bytes() + gradient.bytes() + copied();
        }

        long kept() {
            return (long) parameter.bytes() + momentum.bytes() + gradient.bytes() + copied();
        }

        private int copied() {
            return copy == null ? 0 : copy.bytes();
        }
    }

    private static final List<Storage> STORAGES = List.of(
            new Storage("fp32", FP32, LionStorage.FP32),
            new Storage("bf16", BF16, LionStorage.BF16),
            new Storage("fp16", FP16, null),
            new Storage("fp64", FP64, null),
            new Storage("bf16+fp32m", BF16, FP32, BF16, null, LionStorage.BF16_FP32_BF16),
            new Storage("fp32+bf16g", FP32, FP32, BF16, null, null),
            new Storage("fp32+bf16mg", FP32, BF16, BF16, null, null),
            new Storage("fp32+bf16mg+copy", FP32, BF16, BF16, BF16, LionStorage.FP32_BF16_BF16_COPY),
            new Storage("fp32+copy", FP32, FP32, FP32, BF16, null));

    /** {@return every storage at every size} */
    public static List<Subject> subjects() {
        List<Subject> subjects = new ArrayList<>();
        for (Storage storage : STORAGES) {
            for (long n : SIZES) {
                subjects.add(subject(storage, 1, n));
            }
        }
        subjects.add(subject(STORAGES.getFirst(), MANY, SIZES[0]));
        subjects.add(subject(STORAGES.getFirst(), 1, SMALL_IN_ALL));
        subjects.add(subject(STORAGES.getFirst(), Math.toIntExact(SMALL_IN_ALL / SMALL), SMALL));
        return subjects;
    }

    private static Subject subject(Storage storage, int tensors, long each) {
        long n = tensors * each;
        boolean plain = storage.name().equals("fp32");
        boolean quick = each != 1_000_000 && (plain || storage.name().equals("bf16"));
        return new Subject(
                "lion.step",
                storage.name(),
                (tensors == 1 ? "" : tensors + "x") + "n=" + each,
                new Subject.Work(Traffic.IN_PLACE, n * storage.moved(), n * FLOPS, n * storage.kept()),
                quick,
                storage.peer() == null ? null : StreamPeer.LION,
                device -> open(device, storage, tensors, each));
    }

    /** The tensors lie one behind the other, so that their C peer and their oracle take them for one. */
    private static Workload open(Device device, Storage storage, int tensors, long each) {
        long n = tensors * each;
        TensorArena arena = TensorArena.open(device);
        Tensor parameter = Agreement.fill(arena.allocate(storage.parameter(), n), 1);
        Tensor momentum = Agreement.fill(arena.allocate(storage.momentum(), n), 2);
        Tensor gradient = Agreement.fill(arena.allocate(storage.gradient(), n), 3);
        Tensor copy = storage.copy() == null ? null : arena.allocate(storage.copy(), n);
        Stream stream = Stream.open(device);
        LionCall call = LION.bind(
                stream,
                parts(parameter, tensors),
                parts(momentum, tensors),
                parts(gradient, tensors),
                copy == null ? List.of() : parts(copy, tensors));
        Peer peer = device instanceof Device.Cpu cpu && storage.peer() != null
                ? StreamPeer.lion(
                        storage.peer(),
                        parameter.address(),
                        momentum.address(),
                        gradient.address(),
                        copy == null ? 0 : copy.address(),
                        n,
                        cpu.threads())
                : null;
        return new BoundWorkload(
                arena, stream, call.call(), () -> agree(call, stream, parameter, momentum, gradient, copy), peer);
    }

    private static List<Tensor> parts(Tensor flat, int count) {
        long each = flat.elementCount() / count;
        List<Tensor> parts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            parts.add(flat.slice(0, i * each, (i + 1) * each));
        }
        return parts;
    }

    private static void agree(
            LionCall call, Stream stream, Tensor parameter, Tensor momentum, Tensor gradient, Tensor copy) {
        long width = Math.min(WINDOW, parameter.elementCount());
        long[] windows = Agreement.windows(parameter.elementCount(), width);
        try (TensorArena arena = TensorArena.open(Device.reference());
                Stream reference = Stream.open(Device.reference())) {
            List<Tensor> parameters = copies(arena, parameter, windows, width);
            List<Tensor> momenta = copies(arena, momentum, windows, width);
            List<Tensor> copies = copy == null ? List.of() : copies(arena, copy, windows, width);
            try (LionCall expected =
                    LION.bind(reference, parameters, momenta, copies(arena, gradient, windows, width), copies)) {
                expected.run();
            }
            call.run();
            stream.synchronize();
            for (int i = 0; i < windows.length; i++) {
                String where = " from element " + windows[i];
                Agreement.sameBits("parameter" + where, parameters.get(i), window(parameter, windows[i], width));
                Agreement.sameBits("momentum" + where, momenta.get(i), window(momentum, windows[i], width));
                if (copy != null) {
                    Agreement.sameBits("copy" + where, copies.get(i), window(copy, windows[i], width));
                }
            }
        }
    }

    private static List<Tensor> copies(TensorArena arena, Tensor tensor, long[] windows, long width) {
        List<Tensor> copies = new ArrayList<>();
        for (long from : windows) {
            copies.add(Agreement.copy(arena, window(tensor, from, width)));
        }
        return copies;
    }

    private static Tensor window(Tensor tensor, long from, long width) {
        return tensor.slice(0, from, from + width);
    }
}
